-- The lines of the version of each order that counts.
SELECT order_id, r.line_id, r.ticket_type, r.line_number, r.quantity, r.quantity * r.unit_price AS amount
FROM order_rows r
JOIN order_versions v USING (order_id, collector, epoch, shard, sequence)
WHERE r.organizer_id = getvariable('organizer') AND v.status = 'counts' AND ({wanted})
