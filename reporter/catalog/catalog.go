// Package catalog keeps what is sold and who is credited: organizers, events,
// affiliates, tracking codes and their dated owners, enrolled collectors, and
// the keys they work with; and it serves them to collectors.
//
// Invariant: one process writes. Every row is versioned by revision and never
// overwritten (names and emails apart), a revision's known_at is above every
// watermark ever answered, and an id is never used twice, also across a
// restore. No link ever has two possible owners.
//
// It refuses to open what is not its own: garbage, another program's database,
// a schema of a later version, a read-only file, a catalog that another process
// holds. It makes a new catalog only where none ever stood.
package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
)

// Logs opens and closes the lake's source logs; *lakelog.Dir is one. Both are
// idempotent.
type Logs interface {
	Open(log, kind string, collector ids.CollectorID, knownAtUS int64) error
	Close(log, reason string, clockUS int64) error
}

// Lake tells where each log stands; *lakelog.View is one.
type Lake interface {
	Refresh() error
	Snapshot() lakelog.Snapshot
}

// Deps are what a catalog works with. Logs and Lake may be nil: logs are then
// opened and closed by the next process that has them, and nothing counts as
// covered.
type Deps struct {
	Clock   func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Logs    Logs
	Lake    Lake
}

// Catalog is the open catalog. Safe for concurrent use.
type Catalog struct {
	config  Config
	deps    Deps
	metrics *metrics

	lock    *os.File // held while open
	closing sync.Once
	closed  error        // of the close, once it is done
	writer  *sql.DB      // one connection
	reader  *sql.DB      // query only
	control net.Listener // for collectors elsewhere; nil without an address

	writing     sync.Mutex // serializes writers, above SQLite's own lock
	watermarkUS int64      // guarded by writing: newest ever answered, as in the file
	dayKeys     sync.Mutex // serializes what changes the files of day keys
	takeover    sync.Mutex // serializes looks at takeovers
	takeovers   takeovers  // guarded by takeover

	hasher   *hasher
	guard    *guard
	sessions *sessions

	without      without
	oldestSQLite string // minSQLite; a test asks for one that isn't there yet

	mu         sync.Mutex
	changed    chan struct{} // guarded by mu: closed and replaced at every change
	names      uint64        // guarded by mu: rises when a name or email changes
	renames    []renamed     // guarded by mu: of the last changes of names, the newest last
	renamedIDs int           // guarded by mu: ids in renames
	// embedded is the collector that runs in this process, guarded by mu; 0: none.
	embedded ids.CollectorID
}

// without names defences that a test takes away, to see that their tests fail
// then. Nothing but a test sets it.
type without struct {
	scopeRule bool // of texts between common and event codes
	watermark bool // below what a revision is known
	overwrite bool // of a day key's bytes
}

// New checks config and dependencies; it opens and starts nothing.
func New(config Config, deps Deps) (*Catalog, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if deps.Clock == nil || deps.Log == nil || deps.Metrics == nil {
		return nil, errors.New("catalog: clock, log and metrics are needed")
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	return &Catalog{config: config, deps: deps, metrics: m, changed: make(chan struct{}), hasher: newHasher(), guard: newGuard(), sessions: newSessions(), oldestSQLite: minSQLite}, nil
}

// Open takes the lock and opens the catalog, making one where none ever stood.
// Errors are ErrLocked, ErrNotCatalog, ErrReadOnly, ErrNewerSchema, ErrLost,
// ErrSQLite, each with its remedy, or the system's.
func (c *Catalog) Open(ctx context.Context) (err error) {
	if err := os.MkdirAll(c.config.Dir, 0o750); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	if c.lock, err = takeLock(c.lockPath()); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := c.openFiles(ctx); err != nil {
		c.metrics.failure(stepOpen)
		return err
	}
	if c.watermarkUS, err = readWatermark(ctx, c.reader); err != nil {
		return err
	}
	if err := errors.Join(c.keepDayKeys(c.deps.Clock()), c.promoteClickKey(ctx), c.applyTakeovers(ctx)); err != nil {
		return err
	}
	c.settleLogsOrLater(ctx) // a lake that is away keeps nobody from the catalog
	return nil
}

// Run keeps the catalog until ctx ends: day keys are minted ahead and destroyed
// behind, a new click key is promoted, owners change at midnight, logs that an
// interrupted enrolment left are opened.
func (c *Catalog) Run(ctx context.Context) error {
	tick := time.NewTicker(upkeepInterval)
	defer tick.Stop()
	for last := ""; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := c.upkeep(ctx)
		if err == nil || ctx.Err() != nil {
			last = ""
			continue
		}
		c.metrics.failure(stepUpkeep)
		if text := err.Error(); text != last { // every second the same is counted only
			c.deps.Log.Error("keeping the catalog", "error", err)
			last = text
		}
	}
}

// upkeep does what the clock asks for; it is idempotent.
func (c *Catalog) upkeep(ctx context.Context) error {
	return errors.Join(
		c.keepDayKeys(c.deps.Clock()),
		c.promoteClickKey(ctx),
		c.applyTakeovers(ctx),
		c.settleLogs(ctx),
	)
}

// Close closes the files and gives the lock back. Closing twice does nothing.
func (c *Catalog) Close() error {
	c.closing.Do(func() {
		var problems []error
		for _, db := range []*sql.DB{c.reader, c.writer} {
			if db != nil {
				problems = append(problems, db.Close())
			}
		}
		if c.lock != nil {
			problems = append(problems, c.lock.Close())
		}
		if err := errors.Join(problems...); err != nil {
			c.closed = fmt.Errorf("closing the catalog: %w", err)
		}
	})
	return c.closed
}

// Revision is the newest revision.
func (c *Catalog) Revision(ctx context.Context) (ids.Revision, error) {
	return c.RevisionAt(ctx, newestUS)
}

// RevisionAt is the last revision with a known_at at or below asOfUS, the zero
// Revision when there was none.
func (c *Catalog) RevisionAt(ctx context.Context, asOfUS int64) (ids.Revision, error) {
	return revisionAt(ctx, c.reader, asOfUS)
}

// NoteWatermark keeps the newest watermark (microseconds) that a report is
// answered with. Call it before Dimensions and before answering: every revision
// and every log that comes later gets a known_at above it, so the answer stays
// true.
func (c *Catalog) NoteWatermark(ctx context.Context, watermarkUS int64) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if watermarkUS <= c.watermarkUS {
		return nil
	}
	if _, err := c.writer.ExecContext(ctx, `UPDATE meta SET value = ? WHERE key = 'watermark_us'`, formatInt(watermarkUS)); err != nil {
		c.metrics.failure(stepWatermark)
		return c.explain(fmt.Errorf("keeping the newest watermark: %w", err))
	}
	c.watermarkUS = watermarkUS
	return nil
}

// Changed is closed at the next change of anything the catalog serves.
func (c *Catalog) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

func (c *Catalog) broadcast(names renamed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if names.len() > 0 {
		c.noteRenamed(names)
	}
	close(c.changed)
	c.changed = make(chan struct{})
}
