-- The versions of the rules that told browsers from machines.
SELECT DISTINCT bot_rules FROM visit_rows
WHERE organizer_id = getvariable('organizer') AND (getvariable('event') IS NULL OR event_id = getvariable('event'))
ORDER BY bot_rules
