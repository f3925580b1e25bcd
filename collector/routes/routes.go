// Package routes holds what a collector knows of the catalog: which event a
// link names, which tracking code a text resolves to, and the secrets that
// visits are signed and hashed with. It follows the reporter's feed and keeps
// the last good copy on disk, so that a collector starts and serves without the
// reporter.
//
// Invariant: a lookup sees one revision of the catalog, whole; a change costs
// what it touches; an update of another incarnation is only ever taken as a full
// snapshot. Lookups take no lock and allocate nothing.
//
// It refuses to open with neither a sound copy nor an answer of the feed, to go
// back to an older revision, and to keep a day's key longer than 48 hours after
// its day. It never logs a secret.
package routes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// Deps is what the table needs.
type Deps struct {
	Feed    routes.Feed
	Clock   func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// OnSecrets is told the secrets to use: at Open, at every change, and when a
	// day key has expired. An error refuses them, and the old ones stay.
	OnSecrets func(routes.Secrets) error
	// OnCovered is told what the lake has covered; nil where nobody asks.
	OnCovered func(routes.Covered)
}

// Table is the routes in use. Open reads the copy on disk, Run follows the feed.
type Table struct {
	config  Config
	deps    Deps
	metrics *metrics

	view  atomic.Pointer[View]
	heard atomic.Int64 // unix milliseconds of the feed's last answer, or of the copy on disk
	ready atomic.Bool

	mu       sync.Mutex // held while secrets are taken or a copy is written
	secrets  routes.Secrets
	saved    ids.Revision  // of the copy on disk
	changed  chan struct{} // holds a token while the copy is behind
	saveTime time.Duration // that the last save took
}

// New gives a table that knows nothing and has started nothing.
func New(config Config, deps Deps) (*Table, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	t := &Table{config: config, deps: deps, changed: make(chan struct{}, 1)}
	t.view.Store(emptyView())
	t.hear()
	m, err := newMetrics(deps.Metrics, t)
	if err != nil {
		return nil, err
	}
	t.metrics = m
	return t, nil
}

// View is the routes of this moment.
func (t *Table) View() *View { return t.view.Load() }

// Ready is nil once routes and secrets are there to serve with.
func (t *Table) Ready() error {
	if t.ready.Load() {
		return nil
	}
	return ErrNoRoutes
}

// ageSeconds counts from the last answer of the feed; before the first one,
// from when the copy on disk was written.
func (t *Table) ageSeconds() float64 {
	return max(0, float64(t.deps.Clock().UnixMilli()-t.heard.Load())/1000)
}

func (t *Table) routesPath() string  { return filepath.Join(t.config.Dir, "routes.snapshot") }
func (t *Table) secretsPath() string { return filepath.Join(t.config.Dir, "secrets.json") }

// Open makes the table ready: from the copy on disk, else from the feed, for
// which it waits Config.StartWaitSeconds. Neither: ErrNoRoutes with the reason.
func (t *Table) Open(ctx context.Context) error {
	if err := os.MkdirAll(t.config.Dir, 0o750); err != nil {
		return fmt.Errorf("making the directory of routes: %w", err)
	}
	routesErr, secretsErr := t.loadRoutes(), t.loadSecrets()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(t.config.StartWaitSeconds)*time.Second)
	defer cancel()
	if routesErr != nil {
		if err := t.insist(ctx, t.followRoutes); err != nil {
			return t.refusal("routes", t.routesPath(), routesErr, err)
		}
	}
	if secretsErr != nil {
		if err := t.insist(ctx, t.followSecrets); err != nil {
			return t.refusal("secrets", t.secretsPath(), secretsErr, err)
		}
	}
	t.ready.Store(true)
	return nil
}

func (t *Table) refusal(what, path string, onDisk, fed error) error {
	return fmt.Errorf("%w: %s on disk: %w; and from the reporter: %w. Start the reporter, or put a sound %s in place",
		ErrNoRoutes, what, onDisk, fed, path)
}

func (t *Table) loadRoutes() (err error) {
	f, err := os.Open(t.routesPath())
	if errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil {
		defer func() { err = errors.Join(err, f.Close()) }()
		var v *View
		if v, err = readView(f); err == nil {
			t.view.Store(v)
			t.saved = v.revision
			if info, err := f.Stat(); err == nil {
				t.heard.Store(info.ModTime().UnixMilli())
			}
			t.deps.Log.Info("routes read from disk", "revision", v.revision.String(), "codes", v.codes.n)
			return nil
		}
	}
	t.metrics.copyErrors.WithLabelValues("read_routes").Inc()
	t.deps.Log.Error("copy of the routes can't be used", "path", t.routesPath(), "error", err)
	return err
}

func (t *Table) loadSecrets() error {
	if err := errors.Join(t.wipeHalfWritten(), t.wipeExpired()); err != nil {
		t.metrics.copyErrors.WithLabelValues("read_secrets").Inc()
		t.deps.Log.Error("expired secrets can't be overwritten", "path", t.expiredPath(), "error", err)
	}
	s, err := routes.ReadSecrets(t.secretsPath())
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		err = t.useSecrets(s)
		if err == nil {
			return nil
		}
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.metrics.copyErrors.WithLabelValues("read_secrets").Inc()
		t.deps.Log.Error("copy of the secrets can't be used", "path", t.secretsPath(), "error", err)
	}
	return err
}

// Run follows the feed until ctx ends, then writes the copy once more. A feed
// that fails is asked again and never ends Run; an error is that of the last
// save.
func (t *Table) Run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { t.follow(ctx, t.followRoutes); return nil })
	group.Go(func() error { t.follow(ctx, t.followSecrets); return nil })
	group.Go(func() error { t.follow(ctx, t.followCovered); return nil })
	group.Go(func() error { t.expire(ctx); return nil })
	group.Go(func() error { return t.save(ctx) })
	return group.Wait()
}
