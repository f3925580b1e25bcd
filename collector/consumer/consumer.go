// Package consumer turns a journal's records into the lake's rows.
//
// One Consumer fills one source log:
//
//	gather ──▶ classify ──▶ write ──▶ commit ──▶ merge
//	  ▲  tails of the    bots, click   Parquet,     entry n if    small files
//	  │  open epochs     ids, poison   synced,      absent        of the log
//	  │                  set aside     checked        │
//	  └──────── resume from the winner's state ◀── lost n
//
// Invariant: which records are in the lake is said by the log's entries alone,
// in the entry that adds their rows; a record is taken once, by its number in
// its epoch. Whatever dies between two commits is read again.
//
// It refuses to append to a log that is not open, to believe a file before it
// has read it back, and to wait for a record that it can't decode.
package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/clickid"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// Bots tells browsers from machines.
type Bots interface {
	// Classify gives the kind of a bot, "" for what is none.
	Classify(userAgent []byte) (kind string, bot bool)
	// Version names the rules.
	Version() string
}

// Deps is what a Consumer needs of others.
type Deps struct {
	Source  Source
	Bots    Bots
	Keys    func() *clickid.Keys // for verifying; nil while there are none yet
	Clock   func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Consumer fills one source log. Only Ready may be called from elsewhere.
type Consumer struct {
	config  Config
	deps    Deps
	metrics *metrics
	tables  []table

	dir       *lakelog.Dir
	log       *lakelog.Writer
	positions positions
	classify  *classifier

	tails    []*tailer
	ends     map[string]*End // of the epochs last listed
	listedAt time.Time
	named    map[string]bool // epochs whose trouble is in the log already

	batchBytes  int
	dirty       bool // the positions moved since the last commit
	urgent      bool // an epoch closed since
	committedAt time.Time
	merging     *merging
	unplanned   int // files added since merges were last planned
	plannedAt   time.Time
	mergeAfter  time.Time // a failed merge is not tried again before

	trouble  atomic.Pointer[string]
	loggedAt time.Time
	logged   string
}

// table is what commit and merge do with any sheet.
type table interface {
	name() string
	stage(d *lakelog.Dir, log string, number uint64, knownAtUS int64, step func(string) error) ([]staged, error)
	merge(ctx context.Context, d *lakelog.Dir, inputs []lakelog.File, name lake.FileName, step func(string) error) (staged, error)
}

// New gives a Consumer that has opened nothing yet.
func New(config Config, deps Deps) (*Consumer, error) {
	if config.pollMS == 0 {
		config.pollMS = Defaults().pollMS
	}
	if config.spawn == nil {
		config.spawn = func(work func()) { go work() }
	}
	if config.lake.Step == nil {
		config.lake.Step = func(string) error { return nil }
	}
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("configuring consumer: %w", err)
	}
	m, err := newMetrics(deps.Metrics, config.Log)
	if err != nil {
		return nil, fmt.Errorf("registering metrics of consumer: %w", err)
	}
	c := &Consumer{
		config: config, deps: deps, metrics: m, classify: newClassifier(config, deps), named: map[string]bool{},
	}
	c.tables = []table{c.classify.visits}
	if config.Kind == lakelog.KindOrders {
		c.tables = []table{c.classify.orders, c.classify.refunds}
	}
	c.tables = append(c.tables, c.classify.quarantine)
	return c, nil
}

// Run fills the log until ctx ends, then commits what it has read. The errors
// are those that waiting does not heal: lakelog.ErrClosed, ErrForeignJournal,
// or a failed last commit (then the journal still holds what it was about).
// Ready tells them too.
func (c *Consumer) Run(ctx context.Context) error {
	err := c.run(ctx)
	if err != nil {
		text := err.Error()
		c.trouble.Store(&text)
	}
	return err
}

func (c *Consumer) run(ctx context.Context) error {
	if err := c.start(ctx); err != nil || c.log == nil {
		return err
	}
	defer c.closeTails()
	defer c.dropMerge()
	for ctx.Err() == nil {
		more, err := c.gather()
		if err != nil {
			return err
		}
		switch {
		case c.due():
			if err := c.commitUntil(ctx); err != nil {
				return err
			}
			c.planMerge(ctx)
		case !more:
			sleep(ctx, time.Duration(c.config.pollMS)*time.Millisecond)
		}
	}
	return c.stop()
}

// Ready says why rows don't arrive in the lake; nil when they do.
func (c *Consumer) Ready() error {
	if text := c.trouble.Load(); text != nil {
		return errors.New(*text)
	}
	return nil
}

// start opens the log, waiting until the reporter has opened it.
func (c *Consumer) start(ctx context.Context) error {
	for ctx.Err() == nil {
		err := c.open()
		if err == nil {
			c.heal()
			return nil
		}
		if errors.Is(err, lakelog.ErrClosed) {
			return err
		}
		c.fail("open", err)
		sleep(ctx, time.Duration(c.config.RetrySeconds)*time.Second)
	}
	return nil
}

func (c *Consumer) open() error {
	dir, err := lakelog.OpenDirWith(c.config.LakeDir, c.config.lake)
	if err != nil {
		return err
	}
	w, err := dir.Writer(c.config.Log)
	if err != nil {
		return err
	}
	switch head := w.Head(); {
	case head.Closed:
		return fmt.Errorf("opening log %s: %w", c.config.Log, lakelog.ErrClosed)
	case !head.Open:
		return fmt.Errorf("opening log %s: %w", c.config.Log, lakelog.ErrNotOpen)
	case head.Kind != c.config.Kind || head.Collector != c.config.Collector:
		return fmt.Errorf("opening log %s: it is open for %s of collector %d", c.config.Log, head.Kind, head.Collector)
	}
	swept, err := w.Sweep()
	if err != nil {
		return err
	}
	c.metrics.deleted.WithLabelValues("left_behind").Add(float64(swept))
	c.dir, c.log = dir, w
	c.classify.rules = c.deps.Bots.Version()
	c.resume()
	return nil
}

// resume goes back to where the log stands: whatever was gathered is read again.
func (c *Consumer) resume() {
	c.closeTails()
	c.classify.reset()
	head := c.log.Head()
	state := head.State.Clone()
	if state == nil {
		state = &lakelog.State{}
	}
	c.positions = positions{state: state, follows: head.Number}
	c.batchBytes, c.dirty, c.urgent = 0, false, false
	c.listedAt = time.Time{}
	c.unplanned = mergeFanIn
	c.observe()
}

// due says whether it is time for a commit.
func (c *Consumer) due() bool {
	rows := c.classify.rows()
	if rows >= c.config.BatchRows || c.batchBytes >= c.config.BatchBytes {
		return true
	}
	since := c.deps.Clock().Sub(c.committedAt)
	if since < 0 || since >= time.Duration(c.config.IdleCommitSeconds)*time.Second {
		return true
	}
	return (rows > 0 || c.urgent || c.merging.ended()) && since >= time.Duration(c.config.CommitIntervalMS)*time.Millisecond
}

// stop commits what is left to read, up to a batch of it: the rest of a backlog
// is the next start's. A merge that has not ended is dropped: its files live on.
func (c *Consumer) stop() error {
	c.listedAt = time.Time{} // the journal may have ended its epoch meanwhile
	for more := true; more && !c.full(); {
		var err error
		if more, err = c.gather(); err != nil {
			return err
		}
	}
	if !c.dirty {
		return nil
	}
	if err := c.commit(); err != nil && !errors.Is(err, errTaken) {
		return fmt.Errorf("committing before the end: %w", err)
	}
	return nil
}

// commitUntil commits, trying again for as long as the trouble may pass.
func (c *Consumer) commitUntil(ctx context.Context) error {
	for {
		err := c.commit()
		switch {
		case err == nil, errors.Is(err, errTaken):
			c.heal()
			return nil
		case errors.Is(err, lakelog.ErrClosed), errors.Is(err, lakelog.ErrNotOpen):
			return err
		}
		c.fail("commit", err)
		sleep(ctx, time.Duration(c.config.RetrySeconds)*time.Second)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // counted and logged by fail; stop tries once more
		}
	}
}

// fail counts trouble that is tried again; the same words are logged once a minute.
func (c *Consumer) fail(step string, err error) {
	c.metrics.failures.WithLabelValues(step).Inc()
	text := err.Error()
	c.trouble.Store(&text)
	now := c.deps.Clock()
	if text == c.logged && now.Sub(c.loggedAt) < time.Minute && !now.Before(c.loggedAt) {
		return
	}
	c.logged, c.loggedAt = text, now
	c.deps.Log.Error("consumer step failed, trying again", "log", c.config.Log, "step", step, "error", text)
}

func (c *Consumer) heal() {
	c.trouble.Store(nil)
	c.logged = ""
}

// observe brings the gauges up to date.
func (c *Consumer) observe() {
	head := c.log.Head()
	c.metrics.knownAt.Set(float64(head.KnownAtUS) / 1e6)
	c.metrics.complete.Set(float64(head.CompleteMS()) / 1e3)
	c.metrics.gapRecords.Set(float64(c.positions.gapRecords()))
	open := 0
	for _, e := range c.positions.state.Epochs {
		if !e.Closed {
			open++
		}
	}
	c.metrics.openEpochs.Set(float64(open))
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
