-- Rule visitor: the visits of the order's event by its visitor, at or before the
-- order: some of each order, those that would do first, and of them the one that
-- the policy picks: visits stand in the order of (visited, collector, epoch, shard,
-- sequence), and the last one is its end.
SELECT order_id, 'visitor' AS rule, rank, given, code_id, visited_ms, collector, epoch, shard, sequence, row_found, policy_version, reason, affiliate_id,
       row_number() OVER (PARTITION BY order_id ORDER BY CASE reason WHEN 'valid' THEN 0 ELSE 1 END,
         CASE WHEN first THEN visited_ms ELSE -visited_ms END, CASE WHEN first THEN collector ELSE -collector END,
         CASE WHEN first THEN epoch END, CASE WHEN NOT first THEN epoch END DESC,
         CASE WHEN first THEN shard ELSE -shard END, CASE WHEN first THEN sequence ELSE -sequence END) AS place
FROM (
  SELECT f.*, w.affiliate_id,
         CASE WHEN f.test THEN 'test'
              WHEN f.ended THEN 'ended'
              WHEN f.code_state = 'none' THEN 'no_code'
              WHEN f.code_id IS NULL THEN 'unknown_code'
              WHEN f.code_state = 'paused' THEN 'paused'
              WHEN f.ordered_ms >= f.visited_ms + f.window_ms THEN 'outside_window'
              WHEN f.cut AND f.ordered_ms >= f.end_ms THEN 'after_event'
              ELSE 'valid' END AS reason
  FROM (
    SELECT n.order_id, n.visitor_rank AS rank, n.ordered_ms, n.window_ms, n.cut, n.end_ms, n.first, n.policy_version, true AS row_found,
           coalesce(v.code_text, '') AS given, v.visited_ms, v.collector, v.epoch, v.shard, v.sequence, v.test, v.ended, v.code_state,
           CASE WHEN v.code_state <> 'unknown' THEN v.code_id
                WHEN te.from_ms <= v.visited_ms THEN te.code_id
                WHEN tc.from_ms <= v.visited_ms THEN tc.code_id END AS code_id
    FROM visitor_keys k
    JOIN needy n USING (order_id)
    JOIN visitor_visits v ON v.visitor_key = k.visitor_key AND v.event_id = n.event_id AND v.visited_ms <= n.ordered_ms
    LEFT JOIN code_texts te ON te.event_id = v.event_id AND te.folded = fold(v.code_text)
    LEFT JOIN code_texts tc ON tc.event_id = 0 AND tc.organizer_id = {organizer} AND tc.folded = fold(v.code_text)
    WHERE v.organizer_id = {organizer} AND v.visitor_source = 'cookie'
  ) f
  LEFT JOIN code_owners w ON w.code_id = f.code_id AND f.visited_ms >= w.from_ms AND f.visited_ms < w.until_ms
) c
QUALIFY place <= {limit}
