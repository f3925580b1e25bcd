-- By tracking code, in its spelling of today. The scope is its event, or common.
SELECT f.direct, f.code_id, any_value(c.code_text), any_value(CASE c.event_id WHEN 0 THEN 'common' ELSE e.slug END), f.currency,
       sum(f.visits)::BIGINT, sum(f.orders)::BIGINT, sum(f.credited)::BIGINT, sum(f.tickets)::BIGINT, sum(f.sales)::BIGINT, sum(f.refunds)::BIGINT
FROM figures f LEFT JOIN codes c USING (code_id) LEFT JOIN events e ON e.event_id = c.event_id
GROUP BY f.direct, f.code_id, f.currency
