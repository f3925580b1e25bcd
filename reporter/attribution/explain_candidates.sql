-- The candidates of one order with what they are called, the strongest rule first.
SELECT c.rule, c.given, c.code_id, k.code_text, c.affiliate_id, a.name, c.visited_ms, c.epoch, c.shard, c.sequence,
       c.row_found, c.reason, c.rank IS NOT NULL AS named,
       w.credited IS NOT NULL AS wins
FROM candidates c
LEFT JOIN codes k USING (code_id)
LEFT JOIN affiliates a ON a.affiliate_id = c.affiliate_id
LEFT JOIN (SELECT rule AS credited, epoch AS e, shard AS s, sequence AS n FROM credits) w
  ON w.credited = c.rule AND c.reason = 'valid'
  AND c.epoch IS NOT DISTINCT FROM w.e AND c.shard IS NOT DISTINCT FROM w.s AND c.sequence IS NOT DISTINCT FROM w.n
ORDER BY c.rank NULLS LAST, c.rule, c.place
