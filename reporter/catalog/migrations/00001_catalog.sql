-- +goose Up
-- Versioned tables hold one row per (id, revision) that changed it; the row of
-- an as-of is the newest at or below its revision. Triggers refuse UPDATE and
-- DELETE on them. Names of people and emails stand in side tables, so that they
-- can be erased.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE id_counters (
  kind TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO id_counters (kind, last) VALUES
  ('organizer', 0), ('event', 0), ('affiliate', 0), ('code', 0), ('collector', 0), ('webhook_secret', 0);

CREATE TABLE revisions (
  number      INTEGER PRIMARY KEY,
  incarnation TEXT NOT NULL,
  known_at_us INTEGER NOT NULL UNIQUE
) STRICT;

CREATE TABLE organizers (
  id       INTEGER NOT NULL,
  revision INTEGER NOT NULL REFERENCES revisions (number),
  slug     TEXT NOT NULL,
  zone     TEXT NOT NULL,
  currency TEXT NOT NULL,
  cookies  INTEGER NOT NULL,
  PRIMARY KEY (id, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX organizers_slug ON organizers (slug);
CREATE INDEX organizers_revision ON organizers (revision);

CREATE TABLE organizer_names (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL
) STRICT;

CREATE TABLE events (
  id          INTEGER NOT NULL,
  revision    INTEGER NOT NULL REFERENCES revisions (number),
  organizer   INTEGER NOT NULL,
  slug        TEXT NOT NULL,
  name        TEXT NOT NULL,
  destination TEXT NOT NULL,
  zone        TEXT NOT NULL,
  currency    TEXT NOT NULL,
  start_ms    INTEGER NOT NULL,
  end_ms      INTEGER NOT NULL,
  PRIMARY KEY (id, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_slug ON events (slug);
CREATE INDEX events_organizer ON events (organizer);
CREATE INDEX events_revision ON events (revision);

CREATE TABLE affiliates (
  id        INTEGER NOT NULL,
  revision  INTEGER NOT NULL REFERENCES revisions (number),
  organizer INTEGER NOT NULL,
  paused    INTEGER NOT NULL,
  PRIMARY KEY (id, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX affiliates_organizer ON affiliates (organizer);

CREATE TABLE affiliate_names (
  id       INTEGER PRIMARY KEY,
  name     TEXT NOT NULL,
  nickname TEXT NOT NULL,
  email    TEXT NOT NULL
) STRICT;
CREATE INDEX affiliate_names_email ON affiliate_names (email COLLATE NOCASE);

CREATE TABLE codes (
  id           INTEGER NOT NULL,
  revision     INTEGER NOT NULL REFERENCES revisions (number),
  organizer    INTEGER NOT NULL,
  event        INTEGER NOT NULL, -- 0: common
  text         TEXT NOT NULL,    -- of today, as typed
  paused       INTEGER NOT NULL, -- by itself
  owner_paused INTEGER NOT NULL, -- because its affiliate is
  PRIMARY KEY (id, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_organizer ON codes (organizer, id);
CREATE INDEX codes_revision ON codes (revision);

-- Every text that ever led to a code. The key is what keeps one text from
-- having two owners in one scope; the rule between the scopes is in Go.
CREATE TABLE code_texts (
  organizer INTEGER NOT NULL,
  folded    TEXT NOT NULL,
  event     INTEGER NOT NULL, -- 0: common
  text      TEXT NOT NULL,    -- as typed
  code      INTEGER NOT NULL,
  from_ms   INTEGER NOT NULL, -- when it began to resolve
  revision  INTEGER NOT NULL REFERENCES revisions (number),
  PRIMARY KEY (organizer, folded, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX code_texts_code ON code_texts (code);

-- A claim moves the start of a text back to a past midnight.
CREATE TABLE code_claims (
  code     INTEGER NOT NULL,
  folded   TEXT NOT NULL,
  from_ms  INTEGER NOT NULL,
  revision INTEGER NOT NULL REFERENCES revisions (number),
  PRIMARY KEY (code, folded, revision)
) STRICT, WITHOUT ROWID;

-- From from_ms on the code is the affiliate's, until the next row; a row takes
-- the place of all earlier revisions' rows at or after its from_ms.
CREATE TABLE code_owners (
  code      INTEGER NOT NULL,
  revision  INTEGER NOT NULL REFERENCES revisions (number),
  from_ms   INTEGER NOT NULL, -- 0: from the beginning
  affiliate INTEGER NOT NULL,
  PRIMARY KEY (code, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX code_owners_affiliate ON code_owners (affiliate, code);
CREATE INDEX code_owners_from ON code_owners (from_ms);

CREATE TABLE audit (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  at_us    INTEGER NOT NULL,
  actor    TEXT NOT NULL,
  action   TEXT NOT NULL,
  subject  TEXT NOT NULL,
  before   TEXT NOT NULL,
  after    TEXT NOT NULL,
  revision INTEGER -- null: the change touched no versioned row
) STRICT;

CREATE TABLE click_keys (
  id         INTEGER PRIMARY KEY,
  secret     BLOB NOT NULL CHECK (length(secret) = 32),
  created_us INTEGER NOT NULL,
  served_us  INTEGER, -- first handed to a collector, for verifying
  mint_us    INTEGER, -- first told to mint with
  ends_ms    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE visitor_keys (
  organizer  INTEGER PRIMARY KEY,
  key        BLOB NOT NULL CHECK (length(key) = 32),
  created_us INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook_secrets (
  id         INTEGER PRIMARY KEY,
  organizer  INTEGER NOT NULL,
  secret     TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  ended_us   INTEGER
) STRICT;
CREATE INDEX webhook_secrets_organizer ON webhook_secrets (organizer);

CREATE TABLE collectors (
  id          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL,
  orders      INTEGER NOT NULL,
  token_hash  BLOB NOT NULL, -- SHA-256
  enrolled_us INTEGER NOT NULL,
  opened_us   INTEGER, -- both its logs are open
  retired_us  INTEGER,
  closed_us   INTEGER  -- both its logs are closed
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER revisions_update BEFORE UPDATE ON revisions BEGIN SELECT RAISE(ABORT, 'revisions are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER revisions_delete BEFORE DELETE ON revisions BEGIN SELECT RAISE(ABORT, 'revisions are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER organizers_update BEFORE UPDATE ON organizers BEGIN SELECT RAISE(ABORT, 'organizers are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER organizers_delete BEFORE DELETE ON organizers BEGIN SELECT RAISE(ABORT, 'organizers are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER events_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER events_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER affiliates_update BEFORE UPDATE ON affiliates BEGIN SELECT RAISE(ABORT, 'affiliates are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER affiliates_delete BEFORE DELETE ON affiliates BEGIN SELECT RAISE(ABORT, 'affiliates are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER codes_update BEFORE UPDATE ON codes BEGIN SELECT RAISE(ABORT, 'codes are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER codes_delete BEFORE DELETE ON codes BEGIN SELECT RAISE(ABORT, 'codes are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER code_texts_update BEFORE UPDATE ON code_texts BEGIN SELECT RAISE(ABORT, 'texts of codes are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER code_texts_delete BEFORE DELETE ON code_texts BEGIN SELECT RAISE(ABORT, 'texts of codes are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER code_claims_update BEFORE UPDATE ON code_claims BEGIN SELECT RAISE(ABORT, 'claims are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER code_claims_delete BEFORE DELETE ON code_claims BEGIN SELECT RAISE(ABORT, 'claims are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER code_owners_update BEFORE UPDATE ON code_owners BEGIN SELECT RAISE(ABORT, 'owners of codes are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER code_owners_delete BEFORE DELETE ON code_owners BEGIN SELECT RAISE(ABORT, 'owners of codes are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- +goose StatementEnd
