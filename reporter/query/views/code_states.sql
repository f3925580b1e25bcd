-- Whether a code was paused when, by itself or with its affiliate.
SELECT s.code_id, s.paused, {from} AS from_at, {until} AS until_at
FROM code_states s JOIN codes c USING (code_id) WHERE c.organizer_id = {organizer}
