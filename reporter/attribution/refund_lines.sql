-- What taken refunds took, by line.
SELECT refund_id, order_id, refunded_ms, line_id, ticket_type, quantity, amount
FROM refund_steps
WHERE why = '' AND (quantity > 0 OR amount > 0)
