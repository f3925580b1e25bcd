-- +goose Up
-- Who may sign in, and what they keep. Nothing of it is versioned: an as-of
-- doesn't know it, and a person can be erased. Whatever opens something (a
-- session, a one-time link, a share link) is here as a SHA-256 alone, a password
-- as argon2id.

CREATE TABLE people (
  id         INTEGER PRIMARY KEY,
  email      TEXT NOT NULL, -- empty once erased
  name       TEXT NOT NULL,
  password   TEXT NOT NULL, -- $argon2id$…; empty: none opens
  created_us INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX people_email ON people (email COLLATE NOCASE) WHERE email <> '';

CREATE TABLE members (
  person    INTEGER NOT NULL REFERENCES people (id),
  organizer INTEGER NOT NULL,
  role      TEXT NOT NULL,
  PRIMARY KEY (person, organizer)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_organizer ON members (organizer);

CREATE TABLE one_time_links (
  id         INTEGER PRIMARY KEY,
  kind       TEXT NOT NULL, -- setup, invitation, reset
  hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  organizer  INTEGER NOT NULL, -- 0: of setup and reset
  person     INTEGER NOT NULL, -- of reset
  email      TEXT NOT NULL,
  name       TEXT NOT NULL,
  role       TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  expires_us INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
  id         INTEGER PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  person     INTEGER NOT NULL REFERENCES people (id),
  label      TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  used_us    INTEGER NOT NULL -- right to five minutes
) STRICT;
CREATE INDEX sessions_person ON sessions (person);

CREATE TABLE saved_views (
  id         INTEGER PRIMARY KEY,
  organizer  INTEGER NOT NULL,
  person     INTEGER NOT NULL,
  name       TEXT NOT NULL,
  query      TEXT NOT NULL,
  shared     INTEGER NOT NULL,
  created_us INTEGER NOT NULL
) STRICT;
CREATE INDEX saved_views_organizer ON saved_views (organizer);

CREATE TABLE share_links (
  id         INTEGER PRIMARY KEY,
  organizer  INTEGER NOT NULL,
  hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  label      TEXT NOT NULL,
  query      TEXT NOT NULL, -- the fixed question
  created_us INTEGER NOT NULL,
  expires_us INTEGER NOT NULL,
  used_us    INTEGER, -- right to the hour
  ended_us   INTEGER
) STRICT;
CREATE INDEX share_links_organizer ON share_links (organizer);

INSERT INTO id_counters (kind, last) VALUES ('person', 0), ('one_time_link', 0), ('session', 0), ('saved_view', 0), ('share_link', 0);
