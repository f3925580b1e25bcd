-- Every received refund of the order, in the order in which they are taken.
SELECT refund_id, refunded_ms, currency, status, tickets, amount
FROM refunds
WHERE order_id = getvariable('order_id')
ORDER BY known_us, collector, epoch, shard, sequence
