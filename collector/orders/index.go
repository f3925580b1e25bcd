package orders

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"sync/atomic"

	"modernc.org/sqlite"

	"footfall/schemas/order"
)

const (
	indexFile = "orders-index.db"
	// suspectSuffix marks an index that failed to be read: the next start sets
	// it aside and makes another.
	suspectSuffix = ".suspect"
	brokenSuffix  = ".broken"

	recordVersion = order.Version

	applicationID = 0x464f6f72 // "FOor"
	schemaVersion = 1
	// checkedBytes is the largest index that is read through at a start, in
	// about a second; faults of a larger one show when it is read.
	checkedBytes = 64 << 20

	codeCorrupt  = 11 // SQLITE_CORRUPT
	codeNotADB   = 26 // SQLITE_NOTADB
	codeFormat   = 24 // SQLITE_FORMAT
	primaryCodes = 0xff
)

const indexSchema = `
CREATE TABLE entry (
  organizer INTEGER NOT NULL, kind INTEGER NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
  fingerprint BLOB NOT NULL, normalization INTEGER NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
  PRIMARY KEY (organizer, kind, id, version)) WITHOUT ROWID, STRICT;
CREATE TABLE checkpoint (
  one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, sequence INTEGER NOT NULL) STRICT;
`

// index is what is known of every order for ever, in a SQLite file. Entries and
// checkpoint are committed together, and a commit is synced: the checkpoint
// never names more than the file has.
type index struct {
	path       string
	db         *sql.DB
	source     Source
	log        *slog.Logger
	metrics    *metrics
	checkpoint Position // by who writes: openIndex, then ledger.writing
	suspect    atomic.Bool

	// Prepared once: an import asks them for every order.
	lookup, others *sql.Stmt
}

// openIndex opens the file, or makes one where it is missing or corrupt, and
// adds what the journal has past the checkpoint.
func openIndex(ctx context.Context, path string, deps Deps, m *metrics) (*index, error) {
	x := &index{path: path, source: deps.Source, log: deps.Log, metrics: m}
	lost, err := x.open(ctx)
	if errors.Is(err, errCorrupt) {
		x.log.Error("index of orders can't be read, it is set aside", "path", path, "kept_as", path+brokenSuffix, "error", err)
		if err = x.setAside(); err == nil {
			_, err = x.open(ctx)
		}
		lost = "corrupt"
	}
	if err != nil {
		return nil, fmt.Errorf("opening the index of orders %s: %w", path, err)
	}
	deps.Journal.Hold(x.checkpoint)
	seen, err := x.catchUp(ctx)
	if errors.Is(err, errGone) {
		lost = "position"
		x.checkpoint = Position{}
		deps.Journal.Hold(x.checkpoint)
		seen, err = x.catchUp(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bringing the index of orders up to the journal: %w", err), x.db.Close())
	}
	if lost == "missing" && !seen.history {
		lost = "" // the first start there is
	}
	if lost != "" {
		m.rebuilds.WithLabelValues(lost).Inc()
		x.log.Error("index of orders was made again from the journal that is left; a repeat of an older order "+
			"will be stored once more and the lake decides", "reason", lost, "orders", seen.orders)
	}
	deps.Journal.Hold(x.checkpoint)
	return x, nil
}

// open opens or creates the file and reads its checkpoint. lost is "missing"
// where it was created.
func (x *index) open(ctx context.Context) (lost string, err error) {
	if _, err := os.Stat(x.path + suspectSuffix); err == nil {
		return "", fmt.Errorf("%w: it failed to be read before", errCorrupt)
	}
	info, err := os.Stat(x.path)
	if errors.Is(err, fs.ErrNotExist) {
		lost = "missing"
	} else if err != nil {
		return "", err
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: x.path}).EscapedPath(), RawQuery: "_txlock=immediate" +
		"&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"}
	if x.db, err = sql.Open("sqlite", dsn.String()); err != nil {
		return "", err
	}
	if err = x.prepare(ctx, lost == "" && info.Size() <= checkedBytes); err != nil {
		return "", errors.Join(x.classify(err), x.db.Close())
	}
	return lost, nil
}

// prepare makes the schema in an empty file, or checks it in another.
func (x *index) prepare(ctx context.Context, check bool) error {
	var application, version, tables int
	if err := x.db.QueryRowContext(ctx, "SELECT (SELECT application_id FROM pragma_application_id), "+
		"(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)").
		Scan(&application, &version, &tables); err != nil {
		return err
	}
	if application == 0 && version == 0 && tables == 0 {
		if err := x.create(ctx); err != nil {
			return err
		}
	} else if application != applicationID {
		return fmt.Errorf("%w: it is another program's database", errCorrupt)
	} else if version != schemaVersion {
		return fmt.Errorf("it has format %d and this release reads %d: run the release that wrote it", version, schemaVersion)
	}
	if check {
		var result string
		if err := x.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result); err != nil {
			return err
		}
		if result != "ok" {
			return fmt.Errorf("%w: %s", errCorrupt, result)
		}
	}
	var epoch, sequence int64
	err := x.db.QueryRowContext(ctx, "SELECT epoch, sequence FROM checkpoint").Scan(&epoch, &sequence)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	x.checkpoint = Position{Epoch: uint64(epoch), Sequence: uint64(sequence)}
	if x.lookup, err = x.db.PrepareContext(ctx, "SELECT fingerprint, normalization, epoch, sequence FROM entry "+
		"WHERE organizer = ? AND kind = ? AND id = ? AND version = ?"); err != nil {
		return err
	}
	x.others, err = x.db.PrepareContext(ctx, "SELECT EXISTS (SELECT 1 FROM entry WHERE organizer = ? AND kind = ? AND id = ? AND version <> ?)")
	return err
}

func (x *index) create(ctx context.Context) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, indexSchema+fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion))
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// setAside keeps what can't be read, in place of an earlier such file.
func (x *index) setAside() error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		err := os.Rename(x.path+suffix, x.path+brokenSuffix+suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Remove(x.path + suspectSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	x.suspect.Store(false)
	return nil
}

// replayed is what a replay saw.
type replayed struct {
	orders  int
	history bool // more than the beginning of a first epoch
}

// catchUp adds what the journal has past the checkpoint. The earliest record
// of a key stays, as it does in the lake.
func (x *index) catchUp(ctx context.Context) (replayed, error) {
	var seen replayed
	var batch []*entry
	last, first := x.checkpoint, uint64(0)
	err := replay(ctx, x.source, x.log, last, func(p Position, r Record) error {
		last = p
		if first == 0 {
			first = last.Epoch
		}
		seen.history = seen.history || last.Epoch != first
		if r.Kind != KindOrder && r.Kind != KindRefund {
			return nil
		}
		seen.history = true
		e, err := entryOf(p, r)
		if err != nil {
			x.metrics.badRecords.Inc()
			x.log.Error("record of the journal of orders can't be indexed", "epoch", fmt.Sprintf("%016x", last.Epoch),
				"sequence", last.Sequence, "error", err)
			return nil
		}
		seen.orders++
		if batch = append(batch, e); len(batch) < batchEntries {
			return nil
		}
		err = x.add(ctx, batch, last)
		batch = batch[:0]
		return err
	})
	if err != nil {
		return seen, err
	}
	if last == x.checkpoint {
		return seen, nil
	}
	return seen, x.add(ctx, batch, last)
}

func entryOf(p Position, r Record) (*entry, error) {
	if r.Version != recordVersion {
		return nil, fmt.Errorf("reading record: version %d is unknown", r.Version)
	}
	if r.Kind == KindRefund {
		var refund order.Refund
		if err := refund.Unmarshal(r.Body); err != nil {
			return nil, err
		}
		return refundEntry(&refund, p), nil
	}
	var o order.Order
	if err := o.Unmarshal(r.Body); err != nil {
		return nil, err
	}
	return orderEntry(&o, p), nil
}

func orderEntry(o *order.Order, p Position) *entry {
	return &entry{
		key:         key{organizer: o.Organizer, kind: KindOrder, id: o.ID, version: o.Version},
		fingerprint: o.Fingerprint, normalization: o.Normalization, position: p,
	}
}

func refundEntry(r *order.Refund, p Position) *entry {
	return &entry{
		key:         key{organizer: r.Organizer, kind: KindRefund, id: r.ID, version: 1},
		fingerprint: r.Fingerprint, normalization: r.Normalization, position: p,
	}
}

// add commits entries, whose records are synced, and the checkpoint.
func (x *index) add(ctx context.Context, batch []*entry, to Position) error {
	if err := x.write(ctx, batch, to); err != nil {
		return fmt.Errorf("writing %d entries to the index of orders: %w", len(batch), x.classify(err))
	}
	x.checkpoint = to
	x.metrics.checkpoints.Inc()
	return nil
}

func (x *index) write(ctx context.Context, batch []*entry, to Position) (err error) {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	insert, err := tx.PrepareContext(ctx, "INSERT OR IGNORE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, insert.Close()) }()
	for _, e := range batch {
		if _, err = insert.ExecContext(ctx, int64(e.key.organizer), int64(e.key.kind), e.key.id, int64(e.key.version),
			e.fingerprint[:], int64(e.normalization), int64(e.position.Epoch), int64(e.position.Sequence)); err != nil {
			return err
		}
	}
	if _, err = tx.ExecContext(ctx, "INSERT INTO checkpoint VALUES (1, ?, ?) "+
		"ON CONFLICT DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence",
		int64(to.Epoch), int64(to.Sequence)); err != nil {
		return err
	}
	return tx.Commit()
}

// find gives the entry of a key, nil where there is none.
func (x *index) find(ctx context.Context, k key) (*entry, error) {
	e := &entry{key: k, indexed: true}
	var fingerprint []byte
	var normalization, epoch, sequence int64
	err := x.lookup.QueryRowContext(ctx,
		int64(k.organizer), int64(k.kind), k.id, int64(k.version)).Scan(&fingerprint, &normalization, &epoch, &sequence)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil && len(fingerprint) != len(e.fingerprint) {
		err = fmt.Errorf("%w: a fingerprint of %d bytes", errCorrupt, len(fingerprint))
	}
	if err != nil {
		x.metrics.indexErrors.WithLabelValues("read").Inc()
		return nil, fmt.Errorf("reading the index of orders: %w", x.classify(err))
	}
	copy(e.fingerprint[:], fingerprint)
	e.normalization = uint32(normalization)
	e.position = Position{Epoch: uint64(epoch), Sequence: uint64(sequence)}
	return e, nil
}

// known says whether another version of the order is in the index.
func (x *index) known(ctx context.Context, k key) (bool, error) {
	var n int
	err := x.others.QueryRowContext(ctx, int64(k.organizer), int64(k.kind), k.id, int64(k.version)).Scan(&n)
	if err != nil {
		x.metrics.indexErrors.WithLabelValues("read").Inc()
		return false, fmt.Errorf("reading the index of orders: %w", x.classify(err))
	}
	return n > 0, nil
}

// classify marks what SQLite calls corrupt, here and for the next start.
func (x *index) classify(err error) error {
	if failure, ok := errors.AsType[*sqlite.Error](err); ok {
		switch failure.Code() & primaryCodes {
		case codeCorrupt, codeNotADB, codeFormat:
			err = fmt.Errorf("%w: %w", errCorrupt, err)
		}
	}
	if errors.Is(err, errCorrupt) && x.suspect.CompareAndSwap(false, true) {
		if f, markErr := os.Create(x.path + suspectSuffix); markErr != nil {
			err = errors.Join(err, markErr)
		} else {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

func (x *index) ready() error {
	if x.suspect.Load() {
		return fmt.Errorf("%w: %s; restart: it is then made again from the journal", errCorrupt, x.path)
	}
	return nil
}

func (x *index) close() error {
	if err := errors.Join(x.lookup.Close(), x.others.Close(), x.db.Close()); err != nil {
		return fmt.Errorf("closing the index of orders: %w", err)
	}
	return nil
}
