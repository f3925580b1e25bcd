-- The visits of each range, counted by all that the report tells apart: the one
-- look at their rows. A first visit is the earliest valid one of its visitor key
-- and code in a UTC day, over all of the organizer's visits of the day, in the
-- range or not; {firsts} and {keyless} are asked for only where they are needed.
SELECT p.period, v.event_id, v.code_key, v.affiliate_key, coalesce(e.currency, '') AS currency, v.verdict, v.bot_rules, {dimensions}
       count(*) AS n, {firsts} AS firsts, {keyless} AS keyless
FROM ({visits}) v
JOIN {periods} ON v.visited_ms >= p.from_ms AND v.visited_ms < p.to_ms
LEFT JOIN events e ON e.event_id = v.event_id
GROUP BY ALL
