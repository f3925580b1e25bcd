-- What a reader of the figures should know, counted: of the range. Each row: what,
-- how many.
SELECT what, n FROM (
  SELECT 1 AS place, 'order_conflicts' AS what, count(*) AS n FROM order_versions v JOIN orders o USING (order_id)
  WHERE v.status = 'conflict' AND o.ordered_ms >= getvariable('from_ms') AND o.ordered_ms < getvariable('to_ms')
  UNION ALL
  SELECT 2, 'refund_conflicts', count(*) FROM refund_versions
  WHERE status = 'conflict' AND refunded_ms >= getvariable('from_ms') AND refunded_ms < getvariable('to_ms')
  UNION ALL
  SELECT 3, 'refunds_set_aside', count(*) FROM refunds
  WHERE status = 'set_aside' AND refunded_ms >= getvariable('from_ms') AND refunded_ms < getvariable('to_ms')
  UNION ALL
  SELECT 4, 'refunds_waiting', count(*) FROM refunds
  WHERE status = 'waiting' AND refunded_ms >= getvariable('from_ms') AND refunded_ms < getvariable('to_ms')
  UNION ALL
  SELECT 5, 'unknown_codes', count(DISTINCT f.code_id) FROM figures f ANTI JOIN codes USING (code_id) WHERE f.code_id IS NOT NULL
  UNION ALL
  SELECT 6, 'unknown_events', count(DISTINCT f.event_id) FROM figures f ANTI JOIN events USING (event_id)
)
WHERE n > 0 ORDER BY place
