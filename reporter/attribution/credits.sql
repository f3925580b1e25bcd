-- At most one credit an order: the first rule that has a valid candidate, and
-- within a rule the last or first visit by the policy.
SELECT order_id, rule, code_id, affiliate_id
FROM candidates
WHERE reason = 'valid'
QUALIFY row_number() OVER (
  PARTITION BY order_id
  ORDER BY rank, CASE getvariable('pick') WHEN 'last' THEN -visited_ms ELSE visited_ms END, epoch, shard, sequence
) = 1
