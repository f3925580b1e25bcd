-- One row per received version of an order. Among equal versions the least
-- (known_at, collector, epoch, shard, sequence) wins; another fingerprint beside
-- it is a conflict, the same one is a repeat.
SELECT * EXCLUDE (nth, newest, winning_fingerprint, winning_normalization),
       CASE WHEN nth = 1 AND version = newest THEN 'counts'
            WHEN nth = 1 THEN 'superseded'
            WHEN fingerprint = winning_fingerprint AND normalization = winning_normalization THEN 'repeated'
            ELSE 'conflict' END AS status
FROM (
  SELECT order_id, version, state, ordered_ms, known_us, collector, epoch, shard, sequence, event_id, currency, test,
         click_id, click_status, click_epoch, click_shard, click_sequence, click_event_id, click_code_id,
         click_code_state, click_ended, click_test, clicked_ms, affiliate_text, coupon_text, fingerprint, normalization,
         row_number() OVER equal AS nth,
         first_value(fingerprint) OVER equal AS winning_fingerprint,
         first_value(normalization) OVER equal AS winning_normalization,
         max(version) OVER (PARTITION BY order_id) AS newest
  FROM order_rows
  WHERE organizer_id = getvariable('organizer') AND line_number = 0
    AND ({wanted})
  WINDOW equal AS (PARTITION BY order_id, version ORDER BY known_us, collector, epoch, shard, sequence)
)
