-- The lines of the version of each order that counts.
SELECT f.order_id, f.line_id, f.ticket_type, f.line_number, f.quantity, f.quantity * f.unit_price AS amount
FROM order_facts f
JOIN order_versions v USING (order_id, collector, epoch, shard, sequence)
WHERE v.status = 'counts'
