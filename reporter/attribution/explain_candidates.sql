-- The candidates of one order with what they are called, the strongest rule first.
SELECT c.rule, c.given, c.code_id, k.code_text, c.affiliate_id, a.name, c.visited_ms, c.epoch, c.shard, c.sequence,
       c.row_found, c.reason, w.rule IS NOT NULL AS wins
FROM candidates c
LEFT JOIN codes k USING (code_id)
LEFT JOIN affiliates a ON a.affiliate_id = c.affiliate_id
LEFT JOIN credits w ON w.order_id = c.order_id AND w.rule = c.rule
ORDER BY c.rank, c.epoch, c.shard, c.sequence
