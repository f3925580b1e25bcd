// Package lake reads the lake: DuckDB over the committed files of one pinned
// snapshot, beside the catalog as it was at the same as-of.
//
// Invariant: a reading sees exactly the rows with known_at up to its as-of, of
// the files that the lake's log names, each checked against its SHA-256 when it
// is first used. Rows keep known_at through merges, so any later snapshot gives
// the same rows.
//
// It refuses to read a file that no entry names, to leave out one that is missing
// or damaged, and to let a statement reach outside of the lake's root.
package lake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/reports"
)

// Catalog gives the dimensions.
type Catalog interface {
	// Answered keeps the watermark before a report at it is given away: no later
	// revision may be known at or before it.
	Answered(ctx context.Context, watermarkUS int64) error
	// Revision names the catalog's state at an as-of; 0: the newest.
	Revision(ctx context.Context, asOfUS int64) (Revision, error)
	// Dimensions gives that state whole.
	Dimensions(ctx context.Context, asOfUS int64) (*Dimensions, error)
}

// Deps of the lake's reader.
type Deps struct {
	Dir     *lakelog.Dir
	View    *lakelog.View
	Catalog Catalog
	Clock   func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Lake is the reader. Safe for concurrent use.
type Lake struct {
	config  Config
	deps    Deps
	metrics *metrics
	turns   chan struct{} // one for each reading that may run
	byScan  bool          // no Arrow, also where it is built in: only tests set it

	mu       sync.Mutex // guards what is opened at the first reading
	closed   bool
	database *database // nil before the first reading, and after it failed for good
	verifier *verifier
	trusting bool // never looks whether the database still works: only tests set it
}

// New gives a reader that has opened nothing.
func New(config Config, deps Deps) (*Lake, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the lake's reader: %w", err)
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering the lake's metrics: %w", err)
	}
	return &Lake{config: config, deps: deps, metrics: m, turns: make(chan struct{}, config.Readers)}, nil
}

// Close ends the database and removes its temporary files. Readings that run
// must have ended.
func (l *Lake) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.database == nil {
		return nil
	}
	err := l.database.close()
	l.database = nil
	return err
}

// Read calls read with the rows known at or before asOfUS (0: the newest there
// is) and the catalog as it was then, and nothing else. All that read sees is of
// one snapshot. The error is a *FileError, wraps ErrLimit, ErrBroken or the
// context's, or is read's own.
func (l *Lake) Read(ctx context.Context, asOfUS int64, read func(context.Context, *reports.Reading) error) error {
	started := l.deps.Clock()
	ctx, taking := bounded(ctx, l.config, l.deps.Clock)
	defer taking.end()
	err := l.takeTurn(ctx, taking, asOfUS, read)
	if ctx.Err() != nil && err != nil {
		err = context.Cause(ctx)
	}
	err = limited(err)
	l.metrics.seconds.Observe(l.deps.Clock().Sub(started).Seconds())
	l.metrics.readings.WithLabelValues(resultOf(err)).Inc()
	return err
}

// Newest is the as-of that a reading of the newest has, microseconds since 1970:
// while it stays, so does every answer.
func (l *Lake) Newest(ctx context.Context) (int64, error) {
	if err := l.deps.View.Refresh(); err != nil {
		return 0, fmt.Errorf("reading the lake's log: %w", err)
	}
	revision, err := l.deps.Catalog.Revision(ctx, 0)
	if err != nil {
		return 0, fmt.Errorf("finding the catalog's revision: %w", err)
	}
	return max(l.deps.View.Snapshot().NewestUS, revision.KnownAtUS), nil
}

func (l *Lake) takeTurn(ctx context.Context, taking *taking, asOfUS int64, read func(context.Context, *reports.Reading) error) error {
	select {
	case l.turns <- struct{}{}:
		defer func() { <-l.turns }()
	case <-ctx.Done():
		return ctx.Err()
	}
	database, err := l.open(ctx)
	if err != nil {
		return err
	}
	return l.done(ctx, database, l.read(ctx, database, taking, asOfUS, read))
}

func (l *Lake) read(ctx context.Context, database *database, taking *taking, asOfUS int64, read func(context.Context, *reports.Reading) error) (err error) {
	if err := l.deps.View.Refresh(); err != nil {
		return fmt.Errorf("reading the lake's log: %w", err)
	}
	snapshot := l.deps.View.Snapshot()
	if err := l.deps.Catalog.Answered(ctx, snapshot.WatermarkUS); err != nil {
		return fmt.Errorf("keeping the watermark: %w", err)
	}
	revision, err := l.deps.Catalog.Revision(ctx, asOfUS)
	if err != nil {
		return fmt.Errorf("finding the catalog's revision: %w", err)
	}
	if asOfUS == 0 {
		asOfUS = max(snapshot.NewestUS, revision.KnownAtUS)
	}
	conn, err := database.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connecting to DuckDB: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	catalog, release, err := database.catalogs.attach(ctx, conn, revision, asOfUS)
	if err != nil {
		return err
	}
	defer release()
	var releases []func()
	defer func() {
		for _, release := range releases {
			release()
		}
	}()
	k := &keeping{kept: database.kept, conn: conn, catalog: catalog, visits: func(ctx context.Context, between [][2]int64) (string, error) {
		files := visitRows("", between).files(snapshot.Files, asOfUS)
		return rowsOf(files, asOfUS), l.verifier.verify(ctx, files)
	}}
	defer k.release(ctx)
	create := func(ctx context.Context, v view) error {
		files := v.files(snapshot.Files, asOfUS)
		if err := l.verifier.verify(ctx, files); err != nil {
			return err
		}
		k.look(v, files, asOfUS)
		pinned, release, err := database.warm.pin(ctx, conn, v, files, snapshot.Files, l.verifier.root)
		if err != nil {
			return err
		}
		releases = append(releases, release)
		return v.create(ctx, conn, pinned, l.verifier.root, asOfUS)
	}
	for _, v := range []view{orderRows(), refundRows()} {
		if err := create(ctx, v); err != nil {
			return err
		}
	}
	l.verifier.forget(snapshot.Files)
	q := &queries{conn: conn, byScan: l.byScan, taking: taking}
	defer func() { err = errors.Join(err, q.close()) }()
	return read(ctx, &reports.Reading{
		Conn: conn, Basis: basisOf(snapshot, revision, asOfUS),
		Visits: func(ctx context.Context, name string, between ...[2]int64) error {
			return create(ctx, visitRows(name, between))
		},
		Query: q.run, Keep: k.keep,
	})
}

func basisOf(s lakelog.Snapshot, revision Revision, asOfUS int64) reports.Basis {
	b := reports.Basis{
		AsOfUS: asOfUS, CatalogRevision: revision.Text,
		Freshness: reports.Freshness{WatermarkUS: s.WatermarkUS, CompleteMS: s.CompleteMS},
	}
	first := true
	for _, f := range s.Files {
		if f.Table == lake.TableCatalog { // its rows have no time of their own
			continue
		}
		if first {
			b.MinTimeMS, b.MaxTimeMS, first = f.MinTimeMS, f.MaxTimeMS, false
		}
		b.MinTimeMS, b.MaxTimeMS = min(b.MinTimeMS, f.MinTimeMS), max(b.MaxTimeMS, f.MaxTimeMS)
		if f.Table != lake.TableVisits {
			continue
		}
		if b.VisitRows == 0 {
			b.VisitMinMS, b.VisitMaxMS = f.MinTimeMS, f.MaxTimeMS
		}
		b.VisitRows += f.Rows
		b.VisitMinMS, b.VisitMaxMS = min(b.VisitMinMS, f.MinTimeMS), max(b.VisitMaxMS, f.MaxTimeMS)
	}
	return b
}

// open gives the database, to be given back to done; it is opened at the first
// reading, and where it failed for good.
func (l *Lake) open(ctx context.Context) (*database, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	if l.database != nil {
		l.database.users++
		return l.database, nil
	}
	// DuckDB compares resolved absolute paths with the folder it may read.
	root, err := filepath.Abs(l.deps.Dir.Root())
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return nil, fmt.Errorf("finding the lake: %w", err)
	}
	if l.verifier == nil {
		if err := emptyTemp(l.config); err != nil {
			return nil, err
		}
		l.verifier = &verifier{dir: l.deps.Dir, root: root, metrics: l.metrics, seen: map[string]fileStamp{}}
	}
	d, err := openDatabase(ctx, l.config, root)
	if err != nil {
		return nil, err
	}
	d.warm = newWarm(l.config.WarmRows, l.metrics)
	d.catalogs = &catalogs{db: d.db, source: l.deps.Catalog, most: l.config.CachedCatalog, metrics: l.metrics}
	d.kept = newKept(d.db, l.metrics)
	d.users, l.database = 1, d
	l.deps.Log.Debug("lake reader opened", "memory_mib", l.config.MemoryMiB, "threads", l.config.Threads)
	return d, nil
}

// limited names DuckDB's own limits as ours.
func limited(err error) error {
	var d *duckdb.Error
	if errors.As(err, &d) && d.Type == duckdb.ErrorTypeOutOfMemory {
		return fmt.Errorf("%w: memory_mib or temp_mib; ask for a shorter range or raise them", ErrLimit)
	}
	return err
}

func resultOf(err error) string {
	_, bad := errors.AsType[*FileError](err)
	switch {
	case err == nil:
		return resultOK
	case bad:
		return resultRefused
	case errors.Is(err, ErrLimit):
		return resultLimit
	case errors.Is(err, context.Canceled):
		return resultGivenUp
	default:
		return resultFailed
	}
}
