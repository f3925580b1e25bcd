-- What each refund takes from its order. Refunds are taken in the order in which
-- the lake learned of them. One that asks for more than a line has left, for a
-- line that the order hasn't, or in another currency is set aside whole; a whole
-- refund takes what is left of every line. One whose order isn't known or isn't
-- completed waits. Only refunds of wanted orders are here, and all of those.
WITH RECURSIVE
refunded AS (
  SELECT r.*, o.currency = r.currency AS same_currency,
         row_number() OVER (PARTITION BY r.order_id ORDER BY r.known_us, r.collector, r.epoch, r.shard, r.sequence) AS nth
  FROM refund_versions r JOIN orders o USING (order_id)
  WHERE r.status = 'counts' AND o.counts
),
asked AS (
  SELECT r.order_id, r.nth, l.line_id, sum(l.quantity)::BIGINT AS quantity, sum(l.amount)::BIGINT AS amount
  FROM refunded r
  JOIN refund_rows l USING (refund_id, collector, epoch, shard, sequence)
  WHERE NOT r.whole AND l.organizer_id = getvariable('organizer')
  GROUP BY ALL
),
strange AS (
  SELECT DISTINCT order_id, nth FROM asked ANTI JOIN order_lines USING (order_id, line_id)
),
-- For each line of a refunded order, after its nth refund: what is left, and what the refund took.
lines AS (
  SELECT order_id, line_id, quantity AS rest_quantity, amount AS rest_amount,
         0::BIGINT AS taken_quantity, 0::BIGINT AS taken_amount, 0::BIGINT AS nth, true AS taken
  FROM order_lines SEMI JOIN refunded USING (order_id)
  UNION ALL
  SELECT order_id, line_id,
         rest_quantity - CASE WHEN fits THEN ask_quantity ELSE 0 END, rest_amount - CASE WHEN fits THEN ask_amount ELSE 0 END,
         CASE WHEN fits THEN ask_quantity ELSE 0 END, CASE WHEN fits THEN ask_amount ELSE 0 END, nth, fits
  FROM (
    SELECT *, possible AND bool_and(ask_quantity <= rest_quantity AND ask_amount <= rest_amount) OVER whole_order
              AND bool_or(rest_quantity > 0 OR rest_amount > 0) OVER whole_order AS fits
    FROM (
      SELECT l.order_id, l.line_id, l.rest_quantity, l.rest_amount, r.nth,
             r.same_currency AND s.nth IS NULL AS possible,
             CASE WHEN r.whole THEN l.rest_quantity ELSE coalesce(a.quantity, 0) END AS ask_quantity,
             CASE WHEN r.whole THEN l.rest_amount ELSE coalesce(a.amount, 0) END AS ask_amount
      FROM lines l
      JOIN refunded r ON r.order_id = l.order_id AND r.nth = l.nth + 1
      LEFT JOIN asked a ON a.order_id = r.order_id AND a.nth = r.nth AND a.line_id = l.line_id
      LEFT JOIN strange s ON s.order_id = r.order_id AND s.nth = r.nth
    )
    WINDOW whole_order AS (PARTITION BY order_id)
  )
),
results AS (
  SELECT order_id, nth, bool_and(taken) AS taken, sum(taken_quantity)::BIGINT AS tickets, sum(taken_amount)::BIGINT AS amount
  FROM lines WHERE nth > 0 GROUP BY ALL
)
SELECT v.refund_id, v.order_id, v.refunded_ms, v.currency, v.known_us, v.collector, v.epoch, v.shard, v.sequence,
       CASE WHEN v.status <> 'counts' THEN v.status
            WHEN n.refund_id IS NULL THEN 'waiting'
            WHEN n.taken THEN 'taken'
            ELSE 'set_aside' END AS status,
       coalesce(n.tickets, 0) AS tickets, coalesce(n.amount, 0) AS amount
FROM refund_versions v
LEFT JOIN (SELECT r.refund_id, r.collector, r.epoch, r.shard, r.sequence, x.taken, x.tickets, x.amount
           FROM refunded r JOIN results x USING (order_id, nth)) n
  USING (refund_id, collector, epoch, shard, sequence)
WHERE {wanted}
