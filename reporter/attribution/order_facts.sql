-- The one look at the wide rows of orders: every line of every received version
-- of the orders of the scope.
SELECT order_id, version, state, ordered_ms, known_us, collector, epoch, shard, sequence, event_id, currency, test, future, visitor_key,
       click_id, click_status, click_epoch, click_shard, click_sequence, click_event_id, click_code_id, click_code_state, click_ended, click_test,
       clicked_ms, affiliate_text, coupon_text, fingerprint, normalization, line_number, line_id, ticket_type, quantity, unit_price
FROM order_rows
WHERE organizer_id = {organizer} AND ({wanted})
