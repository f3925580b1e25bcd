-- The orders that rule visitor looks visits up for: those that no stronger rule
-- credits and whose visitor can be known; for an explanation, whose can be known.
SELECT o.order_id, o.event_id, o.ordered_ms, o.visitor_key, o.window_ms, o.cut, o.end_ms, o.first, o.visitor_rank, o.policy_version,
       CASE WHEN o.click_status = 'valid' THEN o.clicked_ms END AS clicked_ms, o.click_epoch, o.click_shard, o.click_sequence
FROM orders o
LEFT JOIN (SELECT order_id, min(rank) AS rank FROM candidates WHERE reason = 'valid' GROUP BY order_id) c USING (order_id)
WHERE (o.visitor_key IS NOT NULL OR o.click_status = 'valid') AND ({all_looked_up} OR coalesce(c.rank, 99) > o.visitor_rank)
