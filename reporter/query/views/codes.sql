-- Tracking codes, as they are spelled today.
SELECT code_id, code_text AS code, nullif(event_id, 0) AS event_id, paused FROM codes WHERE organizer_id = {organizer}
