package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/routes"
)

// clickKeyRow is a key of click ids. Verification keys are never deleted.
type clickKeyRow struct {
	id        uint8
	secret    []byte
	knownUS   int64 // since when an as-of sees it
	createdUS int64
	servedUS  sql.NullInt64
	mintUS    sql.NullInt64
	endsMS    int64 // 0: no end
}

func clickKeys(ctx context.Context, q querier) ([]clickKeyRow, error) {
	return clickKeysAt(ctx, q, newestUS)
}

// clickKeysAt are the keys with their ends as they were known at asOfUS.
func clickKeysAt(ctx context.Context, q querier, asOfUS int64) ([]clickKeyRow, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, secret, known_us, created_us, served_us, mint_us,
	    coalesce((SELECT ends_ms FROM click_key_ends WHERE key = id AND known_us <= ?1 ORDER BY known_us DESC LIMIT 1), 0)
	  FROM click_keys WHERE known_us <= ?1 ORDER BY id`, asOfUS)
	return collect(rows, err, func(r *sql.Rows) (k clickKeyRow, err error) {
		err = r.Scan(&k.id, &k.secret, &k.knownUS, &k.createdUS, &k.servedUS, &k.mintUS, &k.endsMS)
		return k, err
	})
}

// clickKeyEnd is one end of a key's dated history.
type clickKeyEnd struct {
	key     uint8
	knownUS int64
	endsMS  int64
}

func clickKeyEnds(ctx context.Context, q querier) ([]clickKeyEnd, error) {
	rows, err := q.QueryContext(ctx, `SELECT key, known_us, ends_ms FROM click_key_ends ORDER BY key, known_us`)
	return collect(rows, err, func(r *sql.Rows) (e clickKeyEnd, err error) {
		err = r.Scan(&e.key, &e.knownUS, &e.endsMS)
		return e, err
	})
}

// mintingKey is the key that edges mint with: the newest that was told to,
// before one that ends.
func mintingKey(keys []clickKeyRow) uint8 {
	best := -1
	for i, k := range keys {
		if !k.mintUS.Valid {
			continue
		}
		if best < 0 || (k.endsMS == 0) == (keys[best].endsMS == 0) || k.endsMS == 0 {
			best = i
		}
	}
	if best < 0 {
		return 0
	}
	return keys[best].id
}

// RotateClickKey adds a key. Collectors get it for verifying at once and mint
// with it a minute after it was first served (Run sees to that), so that no
// click id is minted that another collector's consumer can't verify yet.
func (c *Catalog) RotateClickKey(ctx context.Context, actor string) (key admin.ClickKey, err error) {
	err = c.change(ctx, actor, func(ch *change) error {
		row, err := ch.addClickKey(ctx)
		if err != nil {
			return err
		}
		key = publicClickKey(row, 0)
		return ch.audit(ctx, "key rotate", fmt.Sprintf("click key %d", row.id), nil, fields{"id": row.id})
	})
	return key, err
}

func (ch *change) addClickKey(ctx context.Context) (clickKeyRow, error) {
	keys, err := clickKeys(ctx, ch)
	if err != nil {
		return clickKeyRow{}, err
	}
	var last uint8
	if len(keys) > 0 {
		last = keys[len(keys)-1].id
	}
	if last == 255 {
		return clickKeyRow{}, fmt.Errorf("%w for a new click key: a click id holds 255", ErrIDsExhausted)
	}
	secret, err := randomBytes(len(routes.Key{}))
	if err != nil {
		return clickKeyRow{}, err
	}
	row := clickKeyRow{id: last + 1, secret: secret, knownUS: ch.knownUS, createdUS: ch.now.UnixMicro()}
	return row, ch.version(ctx, `INSERT INTO click_keys (id, secret, known_us, created_us) VALUES (?, ?, ?, ?)`, row.id, row.secret, row.knownUS, row.createdUS)
}

// EndClickKey ends a compromised key: click ids of a time at or after ends earn
// nothing, in reports of an as-of that knows of the end. Where no other key mints, a new one does so at once: a consumer that
// doesn't know it for a moment checks its clicks again at read.
func (c *Catalog) EndClickKey(ctx context.Context, actor string, id uint8, ends time.Time) (key admin.ClickKey, err error) {
	err = c.change(ctx, actor, func(ch *change) error {
		keys, err := clickKeys(ctx, ch)
		if err != nil {
			return err
		}
		var row *clickKeyRow
		other := false
		for i, k := range keys {
			if k.id == id {
				row = &keys[i]
			} else if k.mintUS.Valid && k.endsMS == 0 {
				other = true
			}
		}
		if row == nil {
			return admin.Refuse(admin.NotFound, "/id", "there is no click key %d", id)
		}
		was := row.endsMS
		if row.endsMS = ends.UnixMilli(); row.endsMS <= 0 {
			return admin.Refuse(admin.Invalid, "/ends", "the end %s is before 1970", ends.Format(time.RFC3339))
		}
		if was == row.endsMS {
			key = publicClickKey(*row, 0)
			return nil
		}
		if err := ch.version(ctx, `INSERT INTO click_key_ends (key, known_us, ends_ms) VALUES (?, ?, ?)`, id, ch.knownUS, row.endsMS); err != nil {
			return err
		}
		if !other {
			fresh, err := ch.addClickKey(ctx)
			if err != nil {
				return err
			}
			if err := ch.exec(ctx, `UPDATE click_keys SET mint_us = ?1, served_us = ?1 WHERE id = ?2`, ch.now.UnixMicro(), fresh.id); err != nil {
				return err
			}
		}
		key = publicClickKey(*row, 0)
		return ch.audit(ctx, "key end", fmt.Sprintf("click key %d", id), fields{"ends_ms": was}, fields{"ends_ms": row.endsMS})
	})
	return key, err
}

func servedClickKeys(rows []clickKeyRow) []routes.ClickKey {
	keys := make([]routes.ClickKey, len(rows))
	for i, k := range rows {
		keys[i] = routes.ClickKey{ID: k.id, Secret: routes.Key(k.secret), EndsMS: k.endsMS}
	}
	return keys
}

// ClickKeys lists the keys without their secrets.
func (c *Catalog) ClickKeys(ctx context.Context) ([]admin.ClickKey, error) {
	rows, err := clickKeys(ctx, c.reader)
	keys := make([]admin.ClickKey, len(rows))
	for i, row := range rows {
		keys[i] = publicClickKey(row, mintingKey(rows))
	}
	return keys, err
}

func publicClickKey(row clickKeyRow, minting uint8) admin.ClickKey {
	key := admin.ClickKey{ID: row.id, Created: time.UnixMicro(row.createdUS).UTC(), Minting: row.id == minting}
	if row.endsMS > 0 {
		ends := time.UnixMilli(row.endsMS).UTC()
		key.Ends = &ends
	}
	return key
}

const ripeToMint = `mint_us IS NULL AND served_us <= ? AND id NOT IN (SELECT key FROM click_key_ends)`

// promoteClickKey lets edges mint with a key that has been served for
// verifying long enough.
func (c *Catalog) promoteClickKey(ctx context.Context) error {
	ripeUS := c.deps.Clock().Add(-promoteAfter).UnixMicro()
	var ripe int
	if err := c.reader.QueryRowContext(ctx, `SELECT count(*) FROM click_keys WHERE `+ripeToMint, ripeUS).Scan(&ripe); err != nil {
		return fmt.Errorf("looking for a click key to mint with: %w", err)
	}
	if ripe == 0 {
		return nil
	}
	return c.change(ctx, "footfall", func(ch *change) error {
		ch.wake = true
		if err := ch.exec(ctx, `UPDATE click_keys SET mint_us = ? WHERE `+ripeToMint, ch.now.UnixMicro(), ripeUS); err != nil {
			return err
		}
		keys, err := clickKeys(ctx, ch)
		if err != nil {
			return err
		}
		id := mintingKey(keys)
		return ch.audit(ctx, "key mint", fmt.Sprintf("click key %d", id), nil, fields{"id": id})
	})
}

// noteServed keeps when keys were first handed to a collector.
func (c *Catalog) noteServed(ctx context.Context, keys []clickKeyRow) error {
	for _, k := range keys {
		if k.servedUS.Valid {
			continue
		}
		return c.change(ctx, "footfall", func(ch *change) error {
			return ch.exec(ctx, `UPDATE click_keys SET served_us = ? WHERE served_us IS NULL AND id <= ?`, ch.now.UnixMicro(), keys[len(keys)-1].id)
		})
	}
	return nil
}
