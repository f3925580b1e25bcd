-- By affiliate: who owned the code at the visit's time, or, for a code given on
-- the order, at the order's.
SELECT f.direct, f.affiliate_id, any_value(a.name), any_value(a.nickname), f.currency,
       sum(f.visits)::BIGINT, sum(f.orders)::BIGINT, sum(f.credited)::BIGINT, sum(f.tickets)::BIGINT, sum(f.sales)::BIGINT, sum(f.refunds)::BIGINT
FROM figures f LEFT JOIN affiliates a USING (affiliate_id)
GROUP BY f.direct, f.affiliate_id, f.currency
