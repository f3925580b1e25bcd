-- Every request of a known event's link; verdict valid: it counts.
SELECT make_timestamp(v.visited_ms * 1000) AS visited_at, make_timestamp(v.known_us) AS known_at,
       ({verdict}) AS verdict, v.event_id, e.slug AS event, v.code_id, c.code_text AS code, v.typed, v.code_state,
       w.affiliate_id, v.ended, v.test, v.head, v.prefetch, v.bot, v.bot_rules, v.visitor_key, v.visitor_source, v.referrer,
       v.sub1, v.sub2, v.sub3, v.sub4, v.sub5, v.utm_source, v.utm_medium, v.utm_campaign, v.utm_term, v.utm_content,
       v.collector, v.epoch, v.shard, v.sequence
FROM (
  SELECT r.* EXCLUDE (code_id, code_state, code_text), r.code_text AS typed, coalesce(r.code_id, te.code_id, tc.code_id) AS code_id,
         CASE WHEN te.code_id IS NULL AND tc.code_id IS NULL THEN r.code_state ELSE 'resolved' END AS code_state
  FROM (SELECT *, CASE WHEN code_state = 'unknown' THEN {folded} END AS unknown_text FROM sql_visit_rows WHERE organizer_id = {organizer}) r
  LEFT JOIN code_texts te ON te.event_id = r.event_id AND te.folded = r.unknown_text AND te.from_ms <= r.visited_ms
  LEFT JOIN (FROM code_texts WHERE organizer_id = {organizer} AND event_id = 0) tc ON tc.folded = r.unknown_text AND tc.from_ms <= r.visited_ms
) v
LEFT JOIN events e ON e.event_id = v.event_id
LEFT JOIN codes c ON c.code_id = v.code_id
LEFT JOIN code_owners w ON w.code_id = v.code_id AND v.visited_ms >= w.from_ms AND v.visited_ms < w.until_ms
