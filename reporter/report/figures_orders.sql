-- From orders that count. An order without credit is direct.
SELECT o.event_id, CASE WHEN c.order_id IS NULL THEN 0 ELSE c.code_id END AS code_key,
       CASE WHEN c.order_id IS NULL THEN 0 ELSE c.affiliate_id END AS affiliate_key, o.currency, {dimensions} {raws}
FROM orders o
LEFT JOIN credits c ON c.order_id = o.order_id
{lines} {visits}
WHERE o.counts AND {time} >= {from_ms} AND {time} < {to_ms}
