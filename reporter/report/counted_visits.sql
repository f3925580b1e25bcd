-- The visits of the range, counted by their owner at their time and their verdict:
-- the one look at their rows. A visit of an unknown code whose text was claimed
-- for its time counts as one of that code.
SELECT v.event_id, v.code_id, w.affiliate_id, local_day(v.visited_ms) AS day, v.verdict, v.bot_rules, count(*) AS visits
FROM (
  SELECT *, ({verdict}) AS verdict
  FROM (
    SELECT r.* EXCLUDE (code_state, code_id),
           coalesce(r.code_id, te.code_id, tc.code_id) AS code_id,
           CASE WHEN te.code_id IS NULL AND tc.code_id IS NULL THEN r.code_state ELSE 'resolved' END AS code_state
    FROM (
      SELECT *, CASE WHEN code_state = 'unknown' THEN fold(code_text) END AS unknown_text
      FROM visit_rows
      WHERE organizer_id = getvariable('organizer') AND (getvariable('event') IS NULL OR event_id = getvariable('event'))
    ) r
    LEFT JOIN code_texts te ON te.event_id = r.event_id AND te.folded = r.unknown_text AND te.from_ms <= r.visited_ms
    LEFT JOIN (FROM code_texts WHERE organizer_id = getvariable('organizer') AND event_id = 0) tc
      ON tc.folded = r.unknown_text AND tc.from_ms <= r.visited_ms
  )
) v
LEFT JOIN code_owners w ON w.code_id = v.code_id AND v.visited_ms >= w.from_ms AND v.visited_ms < w.until_ms
GROUP BY ALL
