-- Everything that the report sums, of each range: visits on their time, orders on
-- theirs and refunds on theirs, or both on that of the credited visit. A visit is
-- in its event's currency, an order and its refunds in the order's.
SELECT period, event_id, code_key, affiliate_key, {keys} currency, {raws}
FROM ({sources})
WHERE {filters}
