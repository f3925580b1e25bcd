-- What a reader of the figures should know, counted: of the range. Each row: what,
-- how many.
SELECT what, n::BIGINT FROM (
  SELECT 1 AS place, 'order_conflicts' AS what, count(*) AS n FROM order_versions v JOIN orders o USING (order_id)
  WHERE v.status = 'conflict' AND o.ordered_ms >= {from_ms} AND o.ordered_ms < {to_ms}
  UNION ALL
  SELECT 2, 'refund_conflicts', count(*) FROM refund_versions
  WHERE status = 'conflict' AND refunded_ms >= {from_ms} AND refunded_ms < {to_ms}
  UNION ALL
  SELECT 3, 'refunds_set_aside', count(*) FROM refunds
  WHERE status = 'set_aside' AND refunded_ms >= {from_ms} AND refunded_ms < {to_ms}
  UNION ALL
  SELECT 4, 'refunds_waiting', count(*) FROM refunds
  WHERE status = 'waiting' AND refunded_ms >= {from_ms} AND refunded_ms < {to_ms}
  UNION ALL
  SELECT 5, 'unknown_codes', count(DISTINCT f.code_key) FROM {figures} f ANTI JOIN codes c ON c.code_id = f.code_key WHERE f.code_key > 0
  UNION ALL
  SELECT 6, 'unknown_events', count(DISTINCT f.event_id) FROM {figures} f ANTI JOIN events e ON e.event_id = f.event_id
  UNION ALL
  SELECT 7, 'keyless_visits', coalesce(sum(f.keyless), 0) FROM {figures} f WHERE f.period = 0
  UNION ALL
  SELECT 8, 'outside_basis', count(*) FROM orders o LEFT JOIN credits c USING (order_id)
  WHERE {by_visit} AND o.counts AND o.ordered_ms >= {from_ms} AND o.ordered_ms < {to_ms} AND c.visited_ms IS NULL
  UNION ALL
  SELECT 9, 'bot_rules:' || bot_rules, 1 FROM ({rules})
)
WHERE n > 0 ORDER BY place, what
