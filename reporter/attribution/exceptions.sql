-- What a person should look at: of the range, one row each. An order stands at its
-- date, a refund at its own; the amount is what each comes to, or asks for.
WITH order_amounts AS (
  SELECT order_id, collector, epoch, shard, sequence, sum(quantity * unit_price)::BIGINT AS amount FROM order_facts GROUP BY ALL
), refund_amounts AS (
  SELECT refund_id, collector, epoch, shard, sequence, sum(amount)::BIGINT AS amount FROM refund_rows WHERE organizer_id = {organizer} GROUP BY ALL
)
SELECT * FROM (
  SELECT 'order_conflict' AS kind, v.first_ms AS own_ms, v.order_id, NULL::VARCHAR AS refund_id, v.version, l.amount, f.currency,
         v.known_us, v.collector, v.epoch, v.shard, v.sequence,
         format('the same version came before with other content, known {}, collector {}, fingerprint {}, and that one counts; this one has {}',
                strftime(make_timestamp(w.known_us), '%Y-%m-%dT%H:%M:%S.%fZ'), w.collector, left(w.fingerprint, 16), left(v.fingerprint, 16)) AS detail
  FROM order_versions v
  JOIN order_versions w ON w.fact = v.winner
  JOIN order_facts f ON f.rowid = v.fact
  JOIN order_amounts l ON l.order_id = v.order_id AND l.collector = v.collector AND l.epoch = v.epoch AND l.shard = v.shard AND l.sequence = v.sequence
  WHERE v.status = 'conflict'
  UNION ALL
  SELECT 'refund_' || CASE r.status WHEN 'conflict' THEN 'conflict' WHEN 'set_aside' THEN 'set_aside' ELSE 'waiting' END, r.refunded_ms, r.order_id, r.refund_id, NULL,
         a.amount, r.currency, r.known_us, r.collector, r.epoch, r.shard, r.sequence,
         CASE r.status WHEN 'conflict' THEN 'the same refund came before with other content, and that one counts'
                       WHEN 'waiting' THEN CASE WHEN o.order_id IS NULL THEN 'its order is not known yet' ELSE 'its order is not completed' END
                       ELSE CASE r.why WHEN 'other_currency' THEN 'it is in another currency than its order'
                                       WHEN 'unknown_line' THEN 'it is for a line that the order does not have'
                                       WHEN 'nothing_left' THEN 'nothing is left of the order'
                                       ELSE 'it asks for more than is left of a line' END END
  FROM refunds r
  LEFT JOIN orders o ON o.order_id = r.order_id
  LEFT JOIN refund_amounts a ON a.refund_id = r.refund_id AND a.collector = r.collector AND a.epoch = r.epoch AND a.shard = r.shard AND a.sequence = r.sequence
  WHERE r.status IN ('conflict', 'set_aside', 'waiting')
  UNION ALL
  SELECT 'order_ahead', v.first_ms, v.order_id, NULL, v.version, l.amount, f.currency, v.known_us, v.collector, v.epoch, v.shard, v.sequence,
         'it is dated more than 5 minutes ahead of the collector''s clock'
  FROM order_versions v
  JOIN order_facts f ON f.rowid = v.fact
  JOIN order_amounts l ON l.order_id = v.order_id AND l.collector = v.collector AND l.epoch = v.epoch AND l.shard = v.shard AND l.sequence = v.sequence
  WHERE v.status = 'counts' AND f.future
  UNION ALL
  SELECT 'refund_ahead', r.refunded_ms, r.order_id, r.refund_id, NULL, a.amount, r.currency, r.known_us, r.collector, r.epoch, r.shard, r.sequence,
         'it is dated more than 5 minutes ahead of the collector''s clock'
  FROM refund_versions r
  LEFT JOIN refund_amounts a ON a.refund_id = r.refund_id AND a.collector = r.collector AND a.epoch = r.epoch AND a.shard = r.shard AND a.sequence = r.sequence
  WHERE status = 'counts' AND future
)
WHERE own_ms >= {from_ms} AND own_ms < {to_ms}
