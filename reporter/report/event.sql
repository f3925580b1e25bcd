-- By event: the visit's, or the order's.
SELECT f.event_id, any_value(e.slug), any_value(e.name), f.currency,
       sum(f.visits)::BIGINT, sum(f.orders)::BIGINT, sum(f.credited)::BIGINT, sum(f.tickets)::BIGINT, sum(f.sales)::BIGINT, sum(f.refunds)::BIGINT
FROM figures f LEFT JOIN events e USING (event_id)
GROUP BY f.event_id, f.currency
