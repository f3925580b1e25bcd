-- The rows of clicked visits, with the code that an unknown text of theirs was
-- claimed for at their time. Another organizer's visit is none of ours: its text
-- names no code here.
SELECT o.order_id, true AS found,
       CASE WHEN te.from_ms <= o.clicked_ms THEN te.code_id WHEN tc.from_ms <= o.clicked_ms THEN tc.code_id END AS claimed
FROM orders o
JOIN clicked_rows r ON r.epoch = o.click_epoch AND r.shard = o.click_shard AND r.sequence = o.click_sequence
  AND r.organizer_id = {organizer}
LEFT JOIN code_texts te ON te.event_id = o.click_event_id AND te.folded = fold(r.code_text)
LEFT JOIN code_texts tc ON tc.event_id = 0 AND tc.organizer_id = {organizer} AND tc.folded = fold(r.code_text)
