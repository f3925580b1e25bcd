-- The orders whose credited visit may be in a range: those with a click in it or
-- with one that the consumer could not read, and those dated no more than the
-- longest window after it.
SELECT order_id FROM order_rows
WHERE organizer_id = {organizer} AND line_number = 0
  AND (clicked_ms >= {from_ms} AND clicked_ms < {to_ms} OR click_status = 'unknown_key'
       OR ordered_ms >= {from_ms} AND ordered_ms < {to_ms} + {longest_window_ms})
