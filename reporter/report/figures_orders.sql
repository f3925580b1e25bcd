-- From orders that count. An order without credit is direct.
SELECT p.period, o.event_id, CASE WHEN c.order_id IS NULL THEN 0 ELSE c.code_id END AS code_key,
       CASE WHEN c.order_id IS NULL THEN 0 ELSE c.affiliate_id END AS affiliate_key, o.currency, {dimensions} {raws}
FROM orders o
LEFT JOIN credits c ON c.order_id = o.order_id
{lines} {visits}
JOIN {periods} ON {time} >= p.from_ms AND {time} < p.to_ms
WHERE o.counts
