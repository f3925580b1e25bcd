-- Rule click_id: the order's click id, where it verifies, its event is the
-- order's and it is within the window. A visit of an unknown code is looked up,
-- for the text that was typed may have been claimed since.
WITH looked AS (
  SELECT o.*, greatest(o.ordered_ms, o.clicked_ms) AS credit_ms, r.sequence IS NOT NULL AS row_found,
         CASE WHEN o.click_code_state <> 'unknown' THEN o.click_code_id
              WHEN te.from_ms <= o.clicked_ms THEN te.code_id
              WHEN tc.from_ms <= o.clicked_ms THEN tc.code_id END AS code_id
  FROM orders o
  LEFT JOIN clicked_rows r ON r.epoch = o.click_epoch AND r.shard = o.click_shard AND r.sequence = o.click_sequence
  LEFT JOIN code_texts te ON te.event_id = o.click_event_id AND te.folded = fold(r.code_text)
  LEFT JOIN code_texts tc ON tc.event_id = 0 AND tc.organizer_id = getvariable('organizer') AND tc.folded = fold(r.code_text)
  WHERE o.click_id IS NOT NULL
)
SELECT l.order_id, 'click_id' AS rule, l.click_id AS given, l.code_id, w.affiliate_id, l.clicked_ms AS visited_ms,
       l.click_epoch AS epoch, l.click_shard AS shard, l.click_sequence AS sequence, l.row_found,
       l.click_status = 'valid' AS verified,
       CASE
         WHEN l.click_status <> 'valid' THEN l.click_status
         WHEN ce.organizer_id <> getvariable('organizer') THEN 'other_organizer'
         WHEN l.click_event_id <> l.event_id THEN 'other_event'
         WHEN l.click_test THEN 'test'
         WHEN l.click_ended THEN 'ended'
         WHEN l.click_code_state = 'none' THEN 'no_code'
         WHEN l.click_code_state = 'unknown' AND NOT l.row_found THEN 'visit_lost'
         WHEN l.code_id IS NULL THEN 'unknown_code'
         WHEN l.click_code_state = 'paused' THEN 'paused'
         WHEN l.credit_ms >= l.clicked_ms + getvariable('window_ms') THEN 'outside_window'
         WHEN getvariable('cut_at_event_end') AND l.credit_ms >= e.end_ms THEN 'after_event'
         ELSE 'valid'
       END AS reason
FROM looked l
LEFT JOIN events e ON e.event_id = l.event_id
LEFT JOIN events ce ON ce.event_id = l.click_event_id
LEFT JOIN code_owners w ON w.code_id = l.code_id AND l.clicked_ms >= w.from_ms AND l.clicked_ms < w.until_ms
