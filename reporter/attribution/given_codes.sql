-- Rule affiliate: a tracking code given on the order, active at the order's
-- time, even without a visit. A verified click id that was refused rules out its
-- own code here too.
WITH found AS (
  SELECT o.order_id, o.affiliate_text, o.ordered_ms,
         coalesce(te.code_id, tc.code_id) AS code_id, coalesce(te.from_ms, tc.from_ms) AS from_ms
  FROM orders o
  LEFT JOIN code_texts te ON te.event_id = o.event_id AND te.folded = fold(o.affiliate_text)
  LEFT JOIN code_texts tc ON tc.event_id = 0 AND tc.organizer_id = getvariable('organizer') AND tc.folded = fold(o.affiliate_text)
  WHERE o.affiliate_text IS NOT NULL
)
SELECT f.order_id, 'affiliate' AS rule, f.affiliate_text AS given, f.code_id, w.affiliate_id, NULL::BIGINT AS visited_ms,
       NULL::VARCHAR AS epoch, NULL::BIGINT AS shard, NULL::BIGINT AS sequence, NULL::BOOLEAN AS row_found,
       NULL::BOOLEAN AS verified,
       CASE
         WHEN f.code_id IS NULL THEN 'unknown_code'
         WHEN f.ordered_ms < f.from_ms THEN 'not_active_yet'
         WHEN s.paused THEN 'paused'
         WHEN c.verified AND c.reason <> 'valid' AND c.code_id = f.code_id THEN 'ruled_out'
         ELSE 'valid'
       END AS reason
FROM found f
LEFT JOIN code_states s ON s.code_id = f.code_id AND f.ordered_ms >= s.from_ms AND f.ordered_ms < s.until_ms
LEFT JOIN code_owners w ON w.code_id = f.code_id AND f.ordered_ms >= w.from_ms AND f.ordered_ms < w.until_ms
LEFT JOIN clicks c ON c.order_id = f.order_id
