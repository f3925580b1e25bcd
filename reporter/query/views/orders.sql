-- One row an order, as it counts.
SELECT o.order_id, make_timestamp(o.ordered_ms * 1000) AS ordered_at, o.state, o.test, o.counts, o.event_id, e.slug AS event,
       o.tickets, o.sales, o.currency, o.policy_version
FROM orders o LEFT JOIN events e USING (event_id)
