-- Fingerprints of two normalizations can't be compared: what they are made of is.
UPDATE refund_versions SET status = CASE WHEN rowid IN (
  WITH contents AS (
    SELECT v.rowid AS fact, v.refund_id, v.status, any_value((l.order_id, l.refunded_ms, l.currency, l.whole, l.reason)) AS head,
           list((l.line_id, l.quantity, l.amount) ORDER BY l.line_number) AS lines
    FROM refund_versions v
    JOIN refund_rows l USING (refund_id, collector, epoch, shard, sequence)
    WHERE l.organizer_id = {organizer} AND v.refund_id IN (SELECT refund_id FROM refund_versions WHERE status = 'to_compare')
    GROUP BY v.rowid, v.refund_id, v.status
  )
  SELECT a.fact FROM contents a JOIN contents b ON b.refund_id = a.refund_id AND b.status = 'counts'
  WHERE a.status = 'to_compare' AND (a.head, a.lines) = (b.head, b.lines)
) THEN 'repeated' ELSE 'conflict' END
WHERE status = 'to_compare'
