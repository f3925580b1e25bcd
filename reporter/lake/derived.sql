-- Dated histories as half-open spans, so that a join is on equality and a span.
-- The first span of a code reaches back to the beginning: a visit that a
-- collector's slow clock dates before the code has its owner all the same.
CREATE TABLE {schema}.code_owners AS
SELECT code_id, affiliate_id,
       CASE WHEN row_number() OVER of_owner = 1 THEN -9223372036854775808 ELSE from_ms END::BIGINT AS from_ms,
       coalesce(lead(from_ms) OVER of_owner, 9223372036854775807)::BIGINT AS until_ms
FROM {schema}.owners
WINDOW of_owner AS (PARTITION BY code_id ORDER BY from_ms);

CREATE TABLE {schema}.code_states AS
SELECT code_id, paused,
       CASE WHEN row_number() OVER of_state = 1 THEN -9223372036854775808 ELSE from_ms END::BIGINT AS from_ms,
       coalesce(lead(from_ms) OVER of_state, 9223372036854775807)::BIGINT AS until_ms
FROM {schema}.states
WINDOW of_state AS (PARTITION BY code_id ORDER BY from_ms);

-- Every text with its scope: event_id 0 is a common code's.
CREATE TABLE {schema}.code_texts AS
SELECT c.organizer_id, c.event_id, t.folded, t.code_id, t.from_ms
FROM {schema}.texts t JOIN {schema}.codes c USING (code_id);

DROP TABLE {schema}.texts;
DROP TABLE {schema}.owners;
DROP TABLE {schema}.states;
