-- One row per received version of an order. Among equal versions the least
-- (known_at, collector, epoch, shard, sequence) wins; other content beside it is a
-- conflict, the same one is a repeat. Fingerprints of one normalization say which
-- it is; of two, what they are made of does. fact is the row of order_facts.
WITH received AS (
  SELECT rowid AS fact, order_id, version, state, ordered_ms, known_us, collector, epoch, shard, sequence, fingerprint, normalization,
         row_number() OVER equal AS nth,
         first_value(rowid) OVER equal AS winner,
         first_value(fingerprint) OVER equal AS winning_fingerprint,
         first_value(normalization) OVER equal AS winning_normalization,
         max(version) OVER (PARTITION BY order_id) AS newest
  FROM order_facts
  WHERE line_number = 0
  WINDOW equal AS (PARTITION BY order_id, version ORDER BY known_us, collector, epoch, shard, sequence)
),
contents AS (
  SELECT r.fact, any_value((f.state, f.ordered_ms, f.event_id, f.currency, f.test, f.visitor_key, f.click_id, f.affiliate_text, f.coupon_text)) AS head,
         list((f.line_id, f.ticket_type, f.quantity, f.unit_price) ORDER BY f.line_number) AS lines
  FROM received r
  JOIN order_facts f ON f.order_id = r.order_id AND f.collector = r.collector AND f.epoch = r.epoch AND f.shard = r.shard AND f.sequence = r.sequence
  WHERE (r.order_id, r.version) IN (SELECT (order_id, version) FROM received WHERE normalization <> winning_normalization)
  GROUP BY r.fact
)
SELECT r.fact, r.order_id, r.version, r.state, r.ordered_ms, r.known_us, r.collector, r.epoch, r.shard, r.sequence, r.fingerprint, r.normalization,
       CASE WHEN nth = 1 AND version = newest THEN 'counts'
            WHEN nth = 1 THEN 'superseded'
            WHEN normalization = winning_normalization AND fingerprint = winning_fingerprint THEN 'repeated'
            WHEN normalization <> winning_normalization AND (c.head, c.lines) = (w.head, w.lines) THEN 'repeated'
            ELSE 'conflict' END AS status
FROM received r
LEFT JOIN contents c ON c.fact = r.fact
LEFT JOIN contents w ON w.fact = r.winner
