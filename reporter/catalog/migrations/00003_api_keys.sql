-- +goose Up
-- Keys of the API. They are in no versioned table: an as-of doesn't know them.
-- A key itself is nowhere: whoever has this file can't ask with it.
CREATE TABLE api_keys (
  id           INTEGER PRIMARY KEY,
  organizer    INTEGER NOT NULL,
  role         TEXT NOT NULL,
  affiliate    INTEGER NOT NULL, -- 0: of no affiliate
  label        TEXT NOT NULL,
  prefix       TEXT NOT NULL,
  hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256
  created_us   INTEGER NOT NULL,
  last_used_us INTEGER, -- right to the hour
  expires_us   INTEGER,
  ended_us     INTEGER
) STRICT;
CREATE INDEX api_keys_organizer ON api_keys (organizer);

INSERT INTO id_counters (kind, last) VALUES ('api_key', 0);
