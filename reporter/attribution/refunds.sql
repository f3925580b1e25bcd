-- Every received refund of the orders of the scope with what it took. One whose
-- order isn't known or is pending waits; those of cancelled and of test orders
-- are in no figure, as their orders are.
SELECT v.refund_id, v.order_id, v.refunded_ms, v.currency, v.known_us, v.collector, v.epoch, v.shard, v.sequence,
       CASE WHEN v.status <> 'counts' THEN v.status
            WHEN o.test THEN 'test'
            WHEN o.state = 'cancelled' THEN 'cancelled'
            WHEN s.why IS NULL THEN 'waiting'
            WHEN s.why = '' THEN 'taken'
            ELSE 'set_aside' END AS status,
       CASE WHEN v.status = 'counts' THEN coalesce(s.why, '') ELSE '' END AS why,
       CASE WHEN v.status = 'counts' THEN coalesce(s.tickets, 0) ELSE 0 END AS tickets,
       CASE WHEN v.status = 'counts' THEN coalesce(s.amount, 0) ELSE 0 END AS amount
FROM refund_versions v
LEFT JOIN orders o USING (order_id)
LEFT JOIN (
  SELECT refund_id, any_value(why) AS why, sum(quantity)::BIGINT AS tickets, sum(amount)::BIGINT AS amount
  FROM refund_steps GROUP BY refund_id
) s USING (refund_id)
WHERE {wanted}
