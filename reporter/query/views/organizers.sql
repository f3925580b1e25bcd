-- The one organizer whose rows these are.
SELECT organizer_id, slug AS organizer, name, zone, currency FROM organizers WHERE organizer_id = {organizer}
