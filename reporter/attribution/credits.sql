-- At most one credit an order: the strongest rule that has a valid candidate, and
-- within a rule the first or last visit, as the policy picks.
--
-- visited_ms, epoch, shard and sequence are the credited visit; null for a code
-- without one. row_found says whether the visit's row is in the lake, null where
-- nobody looked.
SELECT order_id, c.rule, c.code_id, c.affiliate_id, c.visited_ms, c.epoch, c.shard, c.sequence, c.row_found, c.policy_version
FROM (
  SELECT order_id, arg_min({'rule': rule, 'code_id': code_id, 'affiliate_id': affiliate_id, 'visited_ms': visited_ms, 'epoch': epoch,
    'shard': shard, 'sequence': sequence, 'row_found': row_found, 'policy_version': policy_version}, (rank, place)) AS c
  FROM candidates WHERE reason = 'valid' AND rank IS NOT NULL GROUP BY order_id
)
