-- How orders are credited: the versions, and the dates of the orders that each is for.
SELECT version, {from} AS from_at, {until} AS until_at, window_ms // 86400000 AS window_days, cut AS cut_at_event_end, pick,
       (SELECT list(r.rule ORDER BY r.rank) FROM policy_rules r WHERE r.organizer_id = p.organizer_id AND r.version = p.version) AS rules
FROM policies p WHERE organizer_id = {organizer}
