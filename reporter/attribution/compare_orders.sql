-- Fingerprints of two normalizations can't be compared: what they are made of is.
UPDATE order_versions SET status = CASE WHEN fact IN (
  WITH contents AS (
    SELECT v.fact, any_value((f.state, f.ordered_ms, f.event_id, f.currency, f.test, f.visitor_key, f.click_id, f.affiliate_text, f.coupon_text)) AS head,
           list((f.line_id, f.ticket_type, f.quantity, f.unit_price) ORDER BY f.line_number) AS lines
    FROM order_versions v
    JOIN order_facts f USING (order_id, collector, epoch, shard, sequence)
    WHERE v.fact IN (SELECT fact FROM order_versions WHERE status = 'to_compare' UNION ALL SELECT winner FROM order_versions WHERE status = 'to_compare')
    GROUP BY v.fact
  )
  SELECT v.fact FROM order_versions v JOIN contents a ON a.fact = v.fact JOIN contents b ON b.fact = v.winner
  WHERE v.status = 'to_compare' AND (a.head, a.lines) = (b.head, b.lines)
) THEN 'repeated' ELSE 'conflict' END
WHERE status = 'to_compare'
