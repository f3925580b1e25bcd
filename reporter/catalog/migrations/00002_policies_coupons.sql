-- +goose Up
-- Attribution policies and coupons of each organizer, dated ends of click keys,
-- and indexes that make a change cost what it touches.

-- A version is written once; version 1 is built in and has no row.
CREATE TABLE policies (
  organizer INTEGER NOT NULL,
  version   INTEGER NOT NULL CHECK (version > 1),
  revision  INTEGER NOT NULL REFERENCES revisions (number),
  from_ms   INTEGER NOT NULL, -- of the orders that it credits; 0: from the beginning
  policy    TEXT NOT NULL,    -- JSON
  PRIMARY KEY (organizer, version)
) STRICT, WITHOUT ROWID;

-- From from_ms to before until_ms the coupon's text leads to the code.
CREATE TABLE coupons (
  id        INTEGER NOT NULL,
  revision  INTEGER NOT NULL REFERENCES revisions (number),
  organizer INTEGER NOT NULL,
  folded    TEXT NOT NULL,
  text      TEXT NOT NULL, -- as typed
  code      INTEGER NOT NULL,
  from_ms   INTEGER NOT NULL,
  until_ms  INTEGER, -- null: no end
  PRIMARY KEY (id, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX coupons_text ON coupons (organizer, folded);
CREATE INDEX coupons_revision ON coupons (revision);

INSERT INTO id_counters (kind, last) VALUES ('coupon', 0);

-- Since known_us an as-of knows the key; of its ends the one that was known
-- last counts.
ALTER TABLE click_keys ADD COLUMN known_us INTEGER NOT NULL DEFAULT 0;
UPDATE click_keys SET known_us = created_us;

CREATE TABLE click_key_ends (
  key      INTEGER NOT NULL REFERENCES click_keys (id),
  known_us INTEGER NOT NULL,
  ends_ms  INTEGER NOT NULL,
  PRIMARY KEY (key, known_us)
) STRICT, WITHOUT ROWID;
INSERT INTO click_key_ends (key, known_us, ends_ms) SELECT id, created_us, ends_ms FROM click_keys WHERE ends_ms > 0;
ALTER TABLE click_keys DROP COLUMN ends_ms;

-- Who owns a code now, and whether that affiliate is paused, is asked of the
-- dated history alone.
DELETE FROM meta WHERE key = 'takeovers_ms';

CREATE INDEX affiliates_revision ON affiliates (revision);
CREATE INDEX code_owners_revision ON code_owners (revision);
CREATE INDEX code_texts_revision ON code_texts (revision);
CREATE INDEX code_claims_revision ON code_claims (revision);

-- +goose StatementBegin
CREATE TRIGGER policies_update BEFORE UPDATE ON policies BEGIN SELECT RAISE(ABORT, 'policies are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER policies_delete BEFORE DELETE ON policies BEGIN SELECT RAISE(ABORT, 'policies are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER coupons_update BEFORE UPDATE ON coupons BEGIN SELECT RAISE(ABORT, 'coupons are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER coupons_delete BEFORE DELETE ON coupons BEGIN SELECT RAISE(ABORT, 'coupons are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER click_key_ends_update BEFORE UPDATE ON click_key_ends BEGIN SELECT RAISE(ABORT, 'ends of click keys are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER click_key_ends_delete BEFORE DELETE ON click_key_ends BEGIN SELECT RAISE(ABORT, 'ends of click keys are append-only'); END;
-- +goose StatementEnd
