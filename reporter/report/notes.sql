-- What a reader of the figures should know, counted: of the range. Each row: what,
-- how many.
SELECT 'figures' AS what, count(*) AS n FROM {all}
UNION ALL
SELECT 'order_conflicts', count(*) FROM order_versions WHERE status = 'conflict' AND first_ms >= {from_ms} AND first_ms < {to_ms}
UNION ALL
SELECT 'refund_conflicts', count(*) FROM refund_versions WHERE status = 'conflict' AND refunded_ms >= {from_ms} AND refunded_ms < {to_ms}
UNION ALL
SELECT 'refunds_' || status, count(*) FROM refunds
WHERE status IN ('set_aside', 'waiting') AND refunded_ms >= {from_ms} AND refunded_ms < {to_ms} GROUP BY status
UNION ALL
SELECT 'unknown_codes', count(DISTINCT code_key) FROM {figures} f ANTI JOIN codes c ON c.code_id = f.code_key WHERE code_key > 0
UNION ALL
SELECT 'unknown_events', count(DISTINCT event_id) FROM {figures} f ANTI JOIN events e ON e.event_id = f.event_id
{more}
