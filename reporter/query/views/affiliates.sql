-- Who is credited.
SELECT affiliate_id, name, nickname, paused FROM affiliates WHERE organizer_id = {organizer}
