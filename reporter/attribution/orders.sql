-- One row per order: the version that counts, dated by its first version, with
-- the policy that credits it: the one in force at that date, or the one that was
-- asked for. What the consumer could not verify for want of a key, or verified
-- before it knew of the key's end, is taken from rechecked. A rank is null where the policy doesn't name the rule.
SELECT v.order_id, v.version, v.state, h.test, h.event_id, h.currency, v.first_ms AS ordered_ms,
       v.state = 'completed' AND NOT h.test AS counts,
       l.tickets, l.sales, h.affiliate_text, h.coupon_text, h.visitor_key, h.click_id,
       coalesce(k.click_status, h.click_status) AS click_status,
       coalesce(k.click_epoch, h.click_epoch) AS click_epoch,
       coalesce(k.click_shard, h.click_shard) AS click_shard,
       coalesce(k.click_sequence, h.click_sequence) AS click_sequence,
       coalesce(k.click_event_id, h.click_event_id) AS click_event_id,
       coalesce(k.click_code_id, h.click_code_id) AS click_code_id,
       coalesce(k.click_code_state, h.click_code_state) AS click_code_state,
       coalesce(k.click_ended, h.click_ended) AS click_ended,
       coalesce(k.click_test, h.click_test) AS click_test,
       coalesce(k.clicked_ms, h.clicked_ms) AS clicked_ms,
       e.end_ms, p.version AS policy_version, p.window_ms, p.cut, p.first,
       p.click_id_rank, p.affiliate_rank, p.coupon_rank, p.visitor_rank
FROM order_versions v
JOIN order_facts h ON h.rowid = v.fact
JOIN (
  SELECT order_id, sum(quantity)::BIGINT AS tickets, sum(amount)::BIGINT AS sales
  FROM order_lines GROUP BY order_id
) l ON l.order_id = v.order_id
LEFT JOIN {rechecked} k ON h.click_status IN ('unknown_key', 'valid') AND k.click_id = h.click_id
LEFT JOIN events e ON e.event_id = h.event_id
JOIN {policies} ON v.first_ms >= p.from_ms AND v.first_ms < p.until_ms
WHERE v.status = 'counts'
