-- One row per received refund; unique by its id as orders are by version.
SELECT * EXCLUDE (nth, winning_fingerprint, winning_normalization),
       CASE WHEN nth = 1 THEN 'counts'
            WHEN fingerprint = winning_fingerprint AND normalization = winning_normalization THEN 'repeated'
            ELSE 'conflict' END AS status
FROM (
  SELECT refund_id, order_id, refunded_ms, known_us, collector, epoch, shard, sequence, currency, whole, fingerprint, normalization,
         row_number() OVER equal AS nth,
         first_value(fingerprint) OVER equal AS winning_fingerprint,
         first_value(normalization) OVER equal AS winning_normalization
  FROM refund_rows
  WHERE organizer_id = getvariable('organizer') AND line_number = 0
  WINDOW equal AS (PARTITION BY refund_id ORDER BY known_us, collector, epoch, shard, sequence)
)
