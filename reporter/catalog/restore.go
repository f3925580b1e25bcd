package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// Seen is what the lake knows of ids and of time, beside the backup.
type Seen struct {
	Organizer ids.OrganizerID // the largest ids in the lake's rows and logs
	Event     ids.EventID
	Affiliate ids.AffiliateID // of the published catalog
	Code      ids.CodeID
	Collector ids.CollectorID
	// NewestUS is the newest known_at of any source log, microseconds.
	NewestUS int64
	// Open are the collectors whose logs are open. One that the backup doesn't
	// know gets its row back, without a token.
	Open []ids.CollectorID
	// Recognized names those of Open whose journals stand beside the catalog: they
	// need no token, and take orders.
	Recognized map[ids.CollectorID]string
}

// Restored says what a restore did.
type Restored struct {
	Revision ids.Revision
	// Aside is where the catalog that stood before was put, empty for none.
	Aside string
	// Recovered are collectors that the backup didn't know but whose logs are
	// open: each needs a new token, or to be retired.
	Recovered []ids.CollectorID
	// LostFrom and LostTo are when the backup was last changed and when the catalog
	// before was; both zero where that knew no more. The changes between are gone,
	// and a report as of an instant between stands on the backup.
	LostFrom, LostTo time.Time
}

// Restore puts the backup in the place of the catalog, as a new incarnation
// whose ids lie beyond all that backup, lake and the catalog before could have
// given out. No other process may have the catalog open.
func Restore(ctx context.Context, config Config, clock func() time.Time, actor, backup string, seen Seen) (out Restored, err error) {
	if err := os.MkdirAll(config.Dir, 0o750); err != nil {
		return out, fmt.Errorf("making the data directory: %w", err)
	}
	c := &Catalog{config: config, deps: Deps{Clock: clock}}
	if err := checkSQLite(ctx, minSQLite); err != nil {
		return out, err
	}
	lock, err := takeLock(c.lockPath())
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := checkFile(backup); err != nil && !errors.Is(err, ErrReadOnly) {
		return out, fmt.Errorf("looking at the backup: %w", err)
	}
	temp := c.path() + ".restoring"
	if err := errors.Join(removeDatabase(temp), copyFile(backup, temp)); err != nil {
		return out, err
	}
	before, err := c.counters(ctx)
	if err != nil {
		return out, err
	}
	if out, err = c.begin(ctx, temp, actor, seen, before); err != nil {
		return out, errors.Join(err, removeDatabase(temp))
	}
	if out.Aside, err = c.putAside(); err != nil {
		return out, err
	}
	return out, moveInto(temp, c.path())
}

// standing is what the catalog that a restore replaces had given out.
type standing struct {
	last        map[string]uint64 // by kind of id
	watermarkUS int64
	knownUS     int64 // of its last revision
	// Collectors and click keys are not of the catalog's history but of the world:
	// journals are bound to the ones, links that are out to the others.
	collectors []collectorRow
	clickKeys  []clickKeyRow
	endedKeys  []apiKeyRow // a backup from before their end would open them again
	secretEnds []secretRow // likewise, so that a leaked one signs no order again
	keyEnds    []clickKeyEnd
	people     []standingPerson // likewise of who was erased, or is no member any more
}

// counters reads the catalog that is replaced; one that can't be read, as it is
// garbage or gone, counts nothing: idGap is for it.
func (c *Catalog) counters(ctx context.Context) (standing, error) {
	s := standing{last: map[string]uint64{}}
	if err := checkFile(c.path()); errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotCatalog) {
		return s, nil
	} else if err != nil {
		return s, err
	}
	db, err := openWriter(ctx, c.path()) // a writer, as its log must be folded in
	if err != nil {
		return s, nilForDamage(err)
	}
	if err := migrate(ctx, db, c.path()); err != nil {
		return s, errors.Join(nilForDamage(err), db.Close())
	}
	rows, err := db.QueryContext(ctx, `SELECT kind, last FROM id_counters`)
	_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
		var kind string
		var last uint64
		err := r.Scan(&kind, &last)
		s.last[kind] = last
		return struct{}{}, err
	})
	if err == nil {
		s.watermarkUS, err = readWatermark(ctx, db)
	}
	if err == nil {
		_, s.knownUS, err = lastRevision(ctx, db)
	}
	if err == nil {
		s.collectors, err = collectors(ctx, db, ``)
	}
	if err == nil {
		s.endedKeys, err = endedAPIKeys(ctx, db)
	}
	if err == nil {
		s.people, err = standingPeople(ctx, db)
	}
	if err == nil {
		s.secretEnds, err = webhookSecrets(ctx, db, `WHERE ended_us IS NOT NULL`)
	}
	if err == nil {
		s.clickKeys, err = clickKeys(ctx, db)
	}
	if err == nil {
		s.keyEnds, err = clickKeyEnds(ctx, db)
	}
	return s, errors.Join(nilForDamage(explainAt(c.path(), err)), db.Close())
}

func nilForDamage(err error) error {
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotCatalog) {
		return nil
	}
	return err
}

// begin makes the copy of the backup a new incarnation.
func (c *Catalog) begin(ctx context.Context, temp, actor string, seen Seen, before standing) (out Restored, err error) {
	db, err := openWriter(ctx, temp)
	if err != nil {
		return out, fmt.Errorf("opening the backup: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := errFirst(checkIntegrity(ctx, db, temp), migrate(ctx, db, temp)); err != nil {
		return out, fmt.Errorf("opening the backup: %w", err)
	}
	watermarkUS, err := readWatermark(ctx, db)
	if err != nil {
		return out, fmt.Errorf("opening the backup: %w", err)
	}
	watermarkUS = max(watermarkUS, before.watermarkUS, seen.NewestUS)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return out, fmt.Errorf("beginning the restore: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	last, lastUS, err := lastRevision(ctx, tx)
	if err != nil {
		return out, err
	}
	ch := &change{Tx: tx, actor: actor, now: c.deps.Clock(), number: last.Number + 1, versioned: true}
	ch.knownUS = max(ch.now.UnixMicro(), lastUS+1, watermarkUS+1, before.knownUS+1)
	if ch.inc, err = newIncarnation(); err != nil {
		return out, err
	}
	out.Revision = ids.Revision{Incarnation: ch.inc, Number: ch.number}
	if before.knownUS > lastUS {
		out.LostFrom, out.LostTo = time.UnixMicro(lastUS).UTC(), time.UnixMicro(before.knownUS).UTC()
	}
	if out.Recovered, err = ch.restore(ctx, seen, before, watermarkUS); err != nil {
		return out, fmt.Errorf("restoring: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return out, fmt.Errorf("committing the restore: %w", err)
	}
	if _, err := db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return out, fmt.Errorf("finishing the restore: %w", err)
	}
	return out, nil
}

func (ch *change) restore(ctx context.Context, seen Seen, before standing, watermarkUS int64) (recovered []ids.CollectorID, err error) {
	if err := ch.carry(ctx, before); err != nil {
		return nil, err
	}
	known, err := collectors(ctx, ch, ``)
	if err != nil {
		return nil, err
	}
	have := map[ids.CollectorID]bool{}
	for _, k := range known {
		have[k.id] = true
	}
	largest := map[string]uint64{
		kindOrganizer: uint64(seen.Organizer), kindEvent: uint64(seen.Event), kindAffiliate: uint64(seen.Affiliate), kindCode: uint64(seen.Code), kindCollector: uint64(seen.Collector),
	}
	for _, id := range seen.Open {
		largest[kindCollector] = max(largest[kindCollector], uint64(id))
		if have[id] {
			continue
		}
		name, recognized := seen.Recognized[id]
		if !recognized {
			name = fmt.Sprintf("recovered %d", id)
			recovered = append(recovered, id)
		}
		if err := ch.exec(ctx, `INSERT INTO collectors (id, name, orders, token_hash, enrolled_us, opened_us) VALUES (?1, ?2, ?4, x'', ?3, ?3)`, id, name, ch.now.UnixMicro(), recognized); err != nil {
			return nil, err
		}
	}
	for _, kind := range idKinds() {
		var last uint64
		if err := ch.QueryRowContext(ctx, `UPDATE id_counters SET last = max(last, ?, ?) + ? WHERE kind = ? RETURNING last`, int64(largest[kind]), int64(before.last[kind]), idGap, kind).Scan(&last); err != nil {
			return nil, fmt.Errorf("moving the ids of %s on: %w", kind, err)
		}
		if last > maxID(kind) {
			return nil, fmt.Errorf("%w for %s after this restore", ErrIDsExhausted, kind)
		}
	}
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`UPDATE meta SET value = ? WHERE key = 'incarnation'`, []any{ch.inc.String()}},
		{`UPDATE meta SET value = ? WHERE key = 'watermark_us'`, []any{formatInt(watermarkUS)}},
		{`INSERT INTO revisions (number, incarnation, known_at_us) VALUES (?, ?, ?)`, []any{ch.number, ch.inc.String(), ch.knownUS}},
	} {
		if err := ch.exec(ctx, step.sql, step.args...); err != nil {
			return nil, err
		}
	}
	return recovered, ch.audit(ctx, "catalog restore", "catalog", nil, fields{"incarnation": ch.inc.String(), "recovered": len(recovered)})
}

// carry takes over what the catalog that stood knows better than the backup: a
// collector with its token, retired or not, and every click key. Without them
// the journals of a later collector would have no reader, and the clicks of a
// later key no credit.
func (ch *change) carry(ctx context.Context, before standing) error {
	if err := ch.carryPeople(ctx, before.people); err != nil {
		return err
	}
	for _, k := range before.collectors {
		if err := ch.exec(ctx, `INSERT OR REPLACE INTO collectors (id, name, orders, token_hash, enrolled_us, opened_us, retired_us, closed_us) VALUES (?, ?, ?, coalesce(?, x''), ?, ?, ?, ?)`,
			k.id, k.name, k.orders, k.hash, k.enrolledUS, k.openedUS, k.retiredUS, k.closeUS); err != nil {
			return err
		}
	}
	for _, k := range before.endedKeys {
		if err := ch.exec(ctx, `UPDATE api_keys SET ended_us = coalesce(ended_us, ?) WHERE hash = ?`, k.end.Int64, k.hash); err != nil {
			return err
		}
	}
	for _, e := range before.secretEnds { // of an ended one only the last characters are kept
		if err := ch.exec(ctx, `UPDATE webhook_secrets SET ended_us = ?, secret = substr(secret, -4) WHERE id = ? AND organizer = ? AND ended_us IS NULL AND substr(secret, -4) = ?`,
			e.endedUS.Int64, e.id, e.organizer, e.secret); err != nil {
			return err
		}
	}
	for _, k := range before.clickKeys {
		if err := ch.exec(ctx, `INSERT OR REPLACE INTO click_keys (id, secret, known_us, created_us, served_us, mint_us) VALUES (?, ?, ?, ?, ?, ?)`,
			k.id, k.secret, k.knownUS, k.createdUS, k.servedUS, k.mintUS); err != nil {
			return err
		}
	}
	for _, e := range before.keyEnds {
		if err := ch.exec(ctx, `INSERT OR IGNORE INTO click_key_ends (key, known_us, ends_ms) VALUES (?, ?, ?)`, e.key, e.knownUS, e.endsMS); err != nil {
			return err
		}
	}
	return nil
}

// putAside keeps the catalog that stood before under another name. Its log was
// folded in when counters closed it; one that stays belongs to garbage.
func (c *Catalog) putAside() (string, error) {
	if _, err := os.Lstat(c.path()); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	aside := c.path() + ".before-" + c.deps.Clock().UTC().Format("20060102T150405.000000Z")
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Rename(c.path()+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("putting the catalog aside: %w", err)
		}
	}
	// A second name, so that at no moment there is no catalog at all.
	if err := os.Link(c.path(), aside); err != nil {
		return "", fmt.Errorf("putting the catalog aside: %w", err)
	}
	return aside, routes.SyncDir(filepath.Dir(aside))
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("opening the backup: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("copying the backup: %w", err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("copying the backup: %w", err)
	}
	return nil
}
