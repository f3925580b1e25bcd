-- What each refund takes from each line of its order, in the order in which the
-- lake learned of them. One that asks for more than a line has left, for a line
-- that the order hasn't, or in another currency is set aside whole, for why; a
-- whole refund takes what is left of every line, and is set aside where nothing is.
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
  WHERE NOT r.whole AND l.organizer_id = {organizer}
  GROUP BY ALL
),
strange AS (
  SELECT DISTINCT order_id, nth FROM asked ANTI JOIN order_lines USING (order_id, line_id)
),
-- For each line of a refunded order, after its nth refund: what is left, and what the refund took.
lines AS (
  SELECT order_id, line_id, ticket_type, quantity AS rest_quantity, amount AS rest_amount,
         0::BIGINT AS taken_quantity, 0::BIGINT AS taken_amount, 0::BIGINT AS nth, '' AS why
  FROM order_lines SEMI JOIN refunded USING (order_id)
  UNION ALL
  SELECT order_id, line_id, ticket_type,
         rest_quantity - CASE why WHEN '' THEN ask_quantity ELSE 0 END, rest_amount - CASE why WHEN '' THEN ask_amount ELSE 0 END,
         CASE why WHEN '' THEN ask_quantity ELSE 0 END, CASE why WHEN '' THEN ask_amount ELSE 0 END, nth, why
  FROM (
    SELECT *, CASE WHEN impossible <> '' THEN impossible
                   WHEN {fits} THEN ''
                   WHEN NOT bool_or(rest_quantity > 0 OR rest_amount > 0) OVER whole_order THEN 'nothing_left'
                   WHEN NOT bool_and(ask_quantity <= rest_quantity AND ask_amount <= rest_amount) OVER whole_order THEN 'exceeds'
                   ELSE '' END AS why
    FROM (
      SELECT l.order_id, l.line_id, l.ticket_type, l.rest_quantity, l.rest_amount, r.nth,
             CASE WHEN NOT r.same_currency THEN 'other_currency' WHEN s.nth IS NOT NULL THEN 'unknown_line' ELSE '' END AS impossible,
             CASE WHEN r.whole THEN l.rest_quantity ELSE coalesce(a.quantity, 0) END AS ask_quantity,
             CASE WHEN r.whole THEN l.rest_amount ELSE coalesce(a.amount, 0) END AS ask_amount
      FROM lines l
      JOIN refunded r ON r.order_id = l.order_id AND r.nth = l.nth + 1
      LEFT JOIN asked a ON a.order_id = r.order_id AND a.nth = r.nth AND a.line_id = l.line_id
      LEFT JOIN strange s ON s.order_id = r.order_id AND s.nth = r.nth
    )
    WINDOW whole_order AS (PARTITION BY order_id)
  )
)
SELECT r.refund_id, r.refunded_ms, l.order_id, l.line_id, l.ticket_type, l.taken_quantity AS quantity, l.taken_amount AS amount, l.why
FROM lines l JOIN refunded r ON r.order_id = l.order_id AND r.nth = l.nth
