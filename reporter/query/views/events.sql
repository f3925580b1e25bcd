-- What is on sale.
SELECT event_id, slug AS event, name, zone, currency, make_timestamp(start_ms * 1000) AS starts_at, make_timestamp(end_ms * 1000) AS ends_at
FROM events WHERE organizer_id = {organizer}
