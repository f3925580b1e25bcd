-- The first received refunds of the order, in the order in which they are taken:
-- with what each took, or, where it is in no figure, with what it asks for; and how
-- many there are.
SELECT r.refund_id, r.refunded_ms, r.currency, r.status, r.why,
       CASE r.status WHEN 'taken' THEN r.tickets ELSE coalesce(a.quantity, 0) END,
       CASE r.status WHEN 'taken' THEN r.amount ELSE coalesce(a.amount, 0) END, count(*) OVER ()
FROM refunds r
LEFT JOIN (
  SELECT refund_id, collector, epoch, shard, sequence, sum(quantity)::BIGINT AS quantity, sum(amount)::BIGINT AS amount
  FROM refund_rows WHERE organizer_id = {organizer} GROUP BY ALL
) a USING (refund_id, collector, epoch, shard, sequence)
WHERE r.order_id = getvariable('order_id')
ORDER BY r.known_us, r.collector, r.epoch, r.shard, r.sequence
LIMIT {most}
