-- One row per received refund; unique by its id as orders are by version.
WITH received AS (
  SELECT refund_id, order_id, refunded_ms, known_us, collector, epoch, shard, sequence, currency, whole, fingerprint, normalization,
         row_number() OVER equal AS nth,
         first_value(fingerprint) OVER equal AS winning_fingerprint,
         first_value(normalization) OVER equal AS winning_normalization
  FROM refund_rows
  WHERE organizer_id = {organizer} AND line_number = 0
  WINDOW equal AS (PARTITION BY refund_id ORDER BY known_us, collector, epoch, shard, sequence)
),
contents AS (
  SELECT r.refund_id, r.nth, any_value((l.order_id, l.refunded_ms, l.currency, l.whole, l.reason)) AS head,
         list((l.line_id, l.quantity, l.amount) ORDER BY l.line_number) AS lines
  FROM received r
  JOIN refund_rows l USING (refund_id, collector, epoch, shard, sequence)
  WHERE l.organizer_id = {organizer} AND r.refund_id IN (SELECT refund_id FROM received WHERE normalization <> winning_normalization)
  GROUP BY r.refund_id, r.nth
)
SELECT r.* EXCLUDE (nth, winning_fingerprint, winning_normalization),
       CASE WHEN r.nth = 1 THEN 'counts'
            WHEN normalization = winning_normalization AND fingerprint = winning_fingerprint THEN 'repeated'
            WHEN normalization <> winning_normalization AND (c.head, c.lines) = (w.head, w.lines) THEN 'repeated'
            ELSE 'conflict' END AS status
FROM received r
LEFT JOIN contents c ON c.refund_id = r.refund_id AND c.nth = r.nth
LEFT JOIN contents w ON w.refund_id = r.refund_id AND w.nth = 1
