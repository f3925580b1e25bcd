-- At most one credit an order: the strongest rule that has a valid candidate, and
-- within a rule the last or first visit by the policy. Visits stand in the order
-- of (visited, collector, epoch, shard, sequence); the last one is its end.
--
-- visited_ms, epoch, shard and sequence are the credited visit; null for a code
-- without one. row_found says whether the visit's row is in the lake, null where
-- nobody looked.
SELECT order_id, rule, code_id, affiliate_id, visited_ms, epoch, shard, sequence, row_found, policy_version
FROM candidates
WHERE reason = 'valid' AND rank IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY rank, {picked}) = 1
