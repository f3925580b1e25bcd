-- One row per order: the version that counts, dated by its first version. What
-- the consumer could not verify for want of a key is taken from rechecked.
SELECT v.order_id, v.version, v.state, v.test, v.event_id, v.currency, f.ordered_ms,
       v.state = 'completed' AND NOT v.test AS counts,
       l.tickets, l.sales, v.affiliate_text, v.coupon_text, v.click_id,
       coalesce(k.click_status, v.click_status) AS click_status,
       coalesce(k.click_epoch, v.click_epoch) AS click_epoch,
       coalesce(k.click_shard, v.click_shard) AS click_shard,
       coalesce(k.click_sequence, v.click_sequence) AS click_sequence,
       coalesce(k.click_event_id, v.click_event_id) AS click_event_id,
       coalesce(k.click_code_id, v.click_code_id) AS click_code_id,
       coalesce(k.click_code_state, v.click_code_state) AS click_code_state,
       coalesce(k.click_ended, v.click_ended) AS click_ended,
       coalesce(k.click_test, v.click_test) AS click_test,
       coalesce(k.clicked_ms, v.clicked_ms) AS clicked_ms
FROM order_versions v
JOIN (
  SELECT order_id, arg_min(ordered_ms, version) AS ordered_ms
  FROM order_versions WHERE status IN ('counts', 'superseded') GROUP BY order_id
) f USING (order_id)
JOIN (
  SELECT order_id, sum(quantity)::BIGINT AS tickets, sum(amount)::BIGINT AS sales
  FROM order_lines GROUP BY order_id
) l USING (order_id)
LEFT JOIN rechecked k ON v.click_status = 'unknown_key' AND k.click_id = v.click_id
WHERE v.status = 'counts'
