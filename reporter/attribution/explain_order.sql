-- The order as it counts.
SELECT o.version, o.state, o.test, coalesce(e.slug, ''), o.ordered_ms, o.currency, o.tickets, o.sales
FROM orders o LEFT JOIN events e USING (event_id)
