-- The visitors of those orders: the key that the order carries, and that of the
-- visit of its verified click id where the key is of a cookie.
SELECT order_id, visitor_key FROM needy WHERE visitor_key IS NOT NULL
UNION
SELECT n.order_id, r.visitor_key
FROM needy n
JOIN visitor_clicks r ON r.epoch = n.click_epoch AND r.shard = n.click_shard AND r.sequence = n.click_sequence
WHERE n.clicked_ms IS NOT NULL AND r.organizer_id = {organizer} AND r.visitor_source = 'cookie' AND r.visitor_key IS NOT NULL
