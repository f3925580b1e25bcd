-- From refunds that are taken, each credited as its order is.
SELECT p.period, o.event_id, CASE WHEN c.order_id IS NULL THEN 0 ELSE c.code_id END AS code_key,
       CASE WHEN c.order_id IS NULL THEN 0 ELSE c.affiliate_id END AS affiliate_key, o.currency, {dimensions} {raws}
FROM {refunds} r
JOIN orders o ON o.order_id = r.order_id
LEFT JOIN credits c ON c.order_id = o.order_id
{visits}
JOIN {periods} ON {time} >= p.from_ms AND {time} < p.to_ms
WHERE {taken}
