-- The visits of a view with what is resolved at read: the code that each counts
-- for (a claim of an unknown text included), its owner at the visit's time, and the
-- verdict. Keys that are no id: 0 is direct (no code), -1 an unknown code that
-- nobody claimed; null is a code without an owner that the catalog knows.
SELECT v.*,
       CASE WHEN v.code_id IS NOT NULL THEN v.code_id
            WHEN v.code_state = 'unknown' THEN -1
            WHEN v.code_state = 'none' THEN 0 END AS code_key,
       CASE WHEN v.code_id IS NOT NULL THEN w.affiliate_id
            WHEN v.code_state = 'unknown' THEN -1
            WHEN v.code_state = 'none' THEN 0 END AS affiliate_key
FROM (
  SELECT *, ({verdict}) AS verdict
  FROM (
    SELECT r.* EXCLUDE (code_state, code_id),
           coalesce(r.code_id, te.code_id, tc.code_id) AS code_id,
           CASE WHEN te.code_id IS NULL AND tc.code_id IS NULL THEN r.code_state ELSE 'resolved' END AS code_state
    FROM (
      SELECT *, CASE WHEN code_state = 'unknown' THEN fold(code_text) END AS unknown_text
      FROM {view}
      WHERE organizer_id = {organizer} AND {scope}
    ) r
    LEFT JOIN code_texts te ON te.event_id = r.event_id AND te.folded = r.unknown_text AND te.from_ms <= r.visited_ms
    LEFT JOIN (FROM code_texts WHERE organizer_id = {organizer} AND event_id = 0) tc
      ON tc.folded = r.unknown_text AND tc.from_ms <= r.visited_ms
  )
) v
LEFT JOIN code_owners w ON w.code_id = v.code_id AND v.visited_ms >= w.from_ms AND v.visited_ms < w.until_ms
