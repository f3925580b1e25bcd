-- One row per received refund; unique by its id as orders are by version.
WITH received AS (
  SELECT refund_id, order_id, refunded_ms, known_us, collector, epoch, shard, sequence, currency, whole, future, reason, fingerprint, normalization
  FROM refund_rows WHERE organizer_id = {organizer} AND line_number = 0
),
winners AS (
  SELECT refund_id, min((known_us, collector, epoch, shard, sequence)) AS position,
         arg_min({'fingerprint': fingerprint, 'normalization': normalization}, (known_us, collector, epoch, shard, sequence)) AS w
  FROM received GROUP BY refund_id
)
SELECT r.*,
       CASE WHEN (r.known_us, r.collector, r.epoch, r.shard, r.sequence) = w.position THEN 'counts'
            WHEN r.normalization <> w.w.normalization THEN 'to_compare'
            WHEN r.fingerprint = w.w.fingerprint THEN 'repeated'
            ELSE 'conflict' END AS status
FROM received r JOIN winners w USING (refund_id)
