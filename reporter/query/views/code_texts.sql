-- Every text that leads to a code, aliases too, and since when.
SELECT code_id, folded AS text, nullif(event_id, 0) AS event_id, {from} AS from_at FROM code_texts WHERE organizer_id = {organizer}
