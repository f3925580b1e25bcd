-- By day of the report's zone, as the number of days since 1970.
SELECT f.day, f.currency,
       sum(f.visits)::BIGINT, sum(f.orders)::BIGINT, sum(f.credited)::BIGINT, sum(f.tickets)::BIGINT, sum(f.sales)::BIGINT, sum(f.refunds)::BIGINT
FROM figures f
GROUP BY f.day, f.currency
