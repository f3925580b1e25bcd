-- The orders that a range needs: each with any version dated in it, as one of them
-- is the first, and each with a refund in it. All of their rows are looked at.
SELECT order_id FROM order_rows
WHERE organizer_id = {organizer} AND line_number = 0 AND ordered_ms >= {from_ms} AND ordered_ms < {to_ms}
UNION
SELECT order_id FROM refund_versions
WHERE refunded_ms >= {from_ms} AND refunded_ms < {to_ms}
