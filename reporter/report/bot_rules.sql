-- The versions of the rules that told browsers from machines.
SELECT DISTINCT bot_rules FROM counted_visits ORDER BY bot_rules
