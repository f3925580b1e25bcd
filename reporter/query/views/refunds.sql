-- One row a received refund; only what is taken is in figures.
SELECT refund_id, order_id, make_timestamp(refunded_ms * 1000) AS refunded_at, status, tickets, amount, currency FROM refunds
