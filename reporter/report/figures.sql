-- Everything that a report sums: visits that count, orders on their date, refunds
-- on theirs. A visit is in its event's currency, an order and its refunds in the
-- order's.
SELECT *
FROM (
  SELECT v.event_id, v.code_id, v.affiliate_id, false AS direct, coalesce(e.currency, '') AS currency,
         v.day, v.visits, 0::BIGINT AS orders, 0::BIGINT AS credited, 0::BIGINT AS tickets, 0::BIGINT AS sales, 0::BIGINT AS refunds
  FROM counted_visits v LEFT JOIN events e USING (event_id)
  WHERE v.verdict = 'valid'
  UNION ALL
  SELECT o.event_id, c.code_id, c.affiliate_id, c.order_id IS NULL, o.currency, local_day(o.ordered_ms),
         0, 1, CASE WHEN c.order_id IS NULL THEN 0 ELSE 1 END, o.tickets, o.sales, 0
  FROM orders o LEFT JOIN credits c USING (order_id)
  WHERE o.counts AND o.ordered_ms >= getvariable('from_ms') AND o.ordered_ms < getvariable('to_ms')
  UNION ALL
  SELECT o.event_id, c.code_id, c.affiliate_id, c.order_id IS NULL, o.currency, local_day(r.refunded_ms),
         0, 0, 0, -r.tickets, 0, r.amount
  FROM refunds r JOIN orders o USING (order_id) LEFT JOIN credits c USING (order_id)
  WHERE r.status = 'taken' AND r.refunded_ms >= getvariable('from_ms') AND r.refunded_ms < getvariable('to_ms')
)
WHERE (getvariable('event') IS NULL OR event_id = getvariable('event'))
  AND (getvariable('codes') IS NULL OR list_contains(getvariable('codes'), code_id))
  AND (getvariable('affiliate') IS NULL OR affiliate_id = getvariable('affiliate'))
  AND (NOT getvariable('direct') OR direct)
