-- Fingerprints of two normalizations can't be compared: what they are made of is,
-- by the winner's rules, as one collector answers. Those of number 1 know no
-- visitor key: an order that came again with one is a repeat.
UPDATE order_versions SET status = CASE WHEN fact IN (
  WITH contents AS (
    SELECT v.fact, v.normalization, any_value(f.visitor_key) AS visitor_key,
           any_value((f.state, f.ordered_ms, f.event_id, f.currency, f.test, f.click_id, f.affiliate_text, f.coupon_text)) AS head,
           list((f.line_id, f.ticket_type, f.quantity, f.unit_price) ORDER BY f.line_number) AS lines
    FROM order_versions v
    JOIN order_facts f USING (order_id, collector, epoch, shard, sequence)
    WHERE v.fact IN (SELECT fact FROM order_versions WHERE status = 'to_compare' UNION ALL SELECT winner FROM order_versions WHERE status = 'to_compare')
    GROUP BY v.fact, v.normalization
  )
  SELECT v.fact FROM order_versions v JOIN contents a ON a.fact = v.fact JOIN contents b ON b.fact = v.winner
  WHERE v.status = 'to_compare' AND (a.head, a.lines) = (b.head, b.lines) AND (b.normalization = 1 OR a.visitor_key IS NOT DISTINCT FROM b.visitor_key)
) THEN 'repeated' ELSE 'conflict' END
WHERE status = 'to_compare'
