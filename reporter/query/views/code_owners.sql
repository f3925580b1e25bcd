-- Whose a code was when; null: from the beginning, without an end.
SELECT o.code_id, o.affiliate_id, {from} AS from_at, {until} AS until_at
FROM code_owners o JOIN codes c USING (code_id) WHERE c.organizer_id = {organizer}
