-- One row per received version of an order. Among equal versions the least
-- (known_at, collector, epoch, shard, sequence) wins; other content beside it is a
-- conflict, the same one is a repeat. fact is its row of order_facts, winner that
-- of the one that wins; first_ms is the date of the order's first version.
-- Aggregates, for windows cost several times as much.
WITH winners AS (
  SELECT order_id, version,
         arg_min({'fact': rowid, 'fingerprint': fingerprint, 'normalization': normalization, 'ordered_ms': ordered_ms},
                 (known_us, collector, epoch, shard, sequence)) AS w
  FROM order_facts WHERE line_number = 0 GROUP BY order_id, version
),
newest AS (
  SELECT order_id, max(version) AS version, arg_min(w.ordered_ms, version) AS first_ms FROM winners GROUP BY order_id
)
SELECT f.rowid AS fact, w.w.fact AS winner, f.order_id, f.version, f.state, f.ordered_ms, f.known_us, f.collector, f.epoch, f.shard, f.sequence,
       f.fingerprint, f.normalization, n.first_ms,
       CASE WHEN f.rowid = w.w.fact THEN CASE WHEN f.version = n.version THEN 'counts' ELSE 'superseded' END
            WHEN f.normalization <> w.w.normalization THEN 'to_compare'
            WHEN f.fingerprint = w.w.fingerprint THEN 'repeated'
            ELSE 'conflict' END AS status
FROM order_facts f
JOIN winners w ON w.order_id = f.order_id AND w.version = f.version
JOIN newest n ON n.order_id = f.order_id
WHERE f.line_number = 0
