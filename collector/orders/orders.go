// Package orders is the listener that takes signed orders and refunds from
// ticketing sites into the journal of orders.
//
//	POST /v1/orders  ─▶ signature ─▶ strict JSON ─▶ known before? ──yes──▶ wait for its sync ─▶ 200 or 409
//	POST /v1/refunds                                  │  ▲    └────no──▶ append ─▶ wait for sync ─▶ 201
//	                                                  ▼  │                  │
//	                                    not yet indexed (memory) ◀──────────┘
//	                                                  │ synced, in batches
//	                                                  ▼
//	                                       index (SQLite) with its checkpoint ─▶ hold the journal's segments past it
//
// Imports come the same way in batches, over a unix socket instead of a
// signature.
//
// Its invariants: an order or refund is answered with 200 or 201 only when its
// record is synced; of one (organizer, kind, id, version) at most one record is
// appended while the index is whole; the index never holds an entry whose
// record isn't synced; every record past the index's checkpoint is in the
// journal. It refuses what neither the organizer signed nor this user imports, what is not exactly
// the documented JSON, and to answer from memory alone. It credits nothing and
// looks at no click id.
package orders

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"golang.org/x/sync/errgroup"

	"footfall/internal/ops"
	"footfall/schemas/ids"
)

// Kinds of records of the journal of orders.
const (
	KindOrder  = 2
	KindRefund = 3
)

// Position of a record in the journal of orders, which has one shard.
type Position struct {
	Epoch    uint64
	Sequence uint64 // from 1; 0 is the epoch's beginning
}

// Journal is what this part needs of the journal of orders.
type Journal interface {
	// Append gives the record the next sequence. It wraps ErrFull where there
	// is no room.
	Append(kind, version uint8, body []byte) (Position, error)
	// Sync returns when the record and all before it are durable. It wraps
	// ErrLost where the record, of which it was not yet said, never will be.
	Sync(ctx context.Context, p Position) error
	// Hold keeps the segments with records after p, and lets go of the others.
	// After the zero Position everything comes.
	Hold(p Position)
}

// Catalog is what this part needs of the routes. Safe for concurrent use.
type Catalog interface {
	// Organizer finds an organizer by its slug.
	Organizer(slug string) (ids.OrganizerID, bool)
	// OnlyOrganizer is the organizer where there is one and no other.
	OnlyOrganizer() (ids.OrganizerID, bool)
	// Event finds an event of the organizer by its slug.
	Event(organizer ids.OrganizerID, slug string) (ids.EventID, bool)
}

// Deps of the order listener.
type Deps struct {
	Journal Journal
	Source  Source // of the same journal
	Catalog Catalog
	Secrets func() *Secrets // the newest; nil: none yet, nobody can sign and there is no visitor key
	Clock   func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Orders is the order listener.
type Orders struct {
	config  Config
	deps    Deps
	metrics *metrics
	verify  verifier
	lines   *limiter // of the log
	index   *index
	ledger  *ledger
	ln      net.Listener
	server  *fasthttp.Server
	imports *importing

	// afterAppend is called between append and sync, afterSync between sync and
	// answer; the tests hold it up or end it all there.
	afterAppend, afterSync func()
}

// New makes the listener; it opens nothing.
func New(config Config, deps Deps) (*Orders, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	o := &Orders{config: config, deps: deps, verify: newVerifier(), lines: newLimiter(deps.Clock)}
	o.afterAppend, o.afterSync = func() {}, func() {}
	var err error
	if o.metrics, err = newMetrics(deps.Metrics, o.unindexed); err != nil {
		return nil, fmt.Errorf("registering metrics of orders: %w", err)
	}
	o.server = &fasthttp.Server{
		Handler:            o.handle,
		ErrorHandler:       o.handleBroken("other", MaxRequestBytes),
		Name:               "footfall",
		Logger:             silence{}, // it would log client addresses
		Concurrency:        maxConnections,
		MaxRequestBodySize: MaxRequestBytes,
		ReadBufferSize:     maxHeadBytes,
		ReadTimeout:        readTimeout,
		WriteTimeout:       writeTimeout,
		IdleTimeout:        idleTimeout,
		CloseOnShutdown:    true,
		// A body is what was signed, whatever its type says.
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
	}
	o.imports = o.newImporting()
	return o, nil
}

// Open opens the index, brings it up to the journal and starts to listen,
// without answering yet. The journal must be open, and its retention must not
// run before Open returns: until then nobody holds its segments.
func (o *Orders) Open(ctx context.Context) error {
	idx, err := openIndex(ctx, filepath.Join(o.config.Dir, indexFile), o.deps, o.metrics)
	if err != nil {
		return err
	}
	ln, err := ops.Listen(ctx, "collector.orders.listen", o.config.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("opening the order listener: %w", err), idx.close())
	}
	o.imports.ln, err = ops.ListenSocket(ctx, o.imports.path)
	if err != nil {
		return errors.Join(fmt.Errorf("opening the socket of imports: %w", err), ln.Close(), idx.close())
	}
	o.imports.ln = newPatient(o.imports.ln, o.metrics.acceptErrors)
	o.index, o.ln = idx, newPatient(ln, o.metrics.acceptErrors)
	o.ledger = newLedger(o.deps, idx)
	return nil
}

// Addr is the address listened on, after Open.
func (o *Orders) Addr() net.Addr { return o.ln.Addr() }

// Ready says why orders can't be taken now, with the remedy.
func (o *Orders) Ready() error {
	if o.ledger == nil {
		return errors.New("the index of orders is not open yet")
	}
	return o.ledger.ready()
}

// Run answers until ctx ends; then it lets the requests under way finish,
// writes the index and closes it. Open must have succeeded.
func (o *Orders) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var group errgroup.Group
	group.Go(func() error {
		o.indexing(work)
		return nil
	})
	group.Go(func() error {
		defer stop()
		listeners, both := errgroup.WithContext(ctx)
		listeners.Go(func() error { return serveUntil(both, o.server, o.ln) })
		listeners.Go(func() error { return o.serveImports(both) })
		return listeners.Wait()
	})
	err := group.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if flushErr := o.ledger.flush(last); flushErr != nil {
		err = errors.Join(err, flushErr)
	}
	return errors.Join(err, o.index.close())
}

// serveUntil answers until ctx ends, and then lets the requests under way finish.
func serveUntil(ctx context.Context, server *fasthttp.Server, ln net.Listener) error {
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving orders: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.ShutdownWithContext(drain); err != nil {
		return fmt.Errorf("draining the order listener: %w", err)
	}
	// Shutdown closes only what Serve has come to know by now.
	if err := ln.Close(); err != nil {
		return fmt.Errorf("closing the order listener: %w", err)
	}
	return <-done
}

// indexing moves what is synced into the index, batch by batch.
func (o *Orders) indexing(ctx context.Context) {
	idle := time.NewTicker(idleCheckpoint)
	defer idle.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-o.ledger.wake:
			err = o.ledger.flush(ctx)
		case <-idle.C:
			err = o.ledger.checkpointIdle(ctx)
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		o.metrics.indexErrors.WithLabelValues("write").Inc()
		if o.lines.allow("index") {
			o.deps.Log.Error("writing the index of orders failed, orders stay in the journal and it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(indexRetry):
			o.ledger.rouse()
		}
	}
}

func (o *Orders) unindexed() float64 {
	if o.ledger == nil {
		return 0
	}
	return float64(o.ledger.waiting())
}

// silence is a logger that drops everything.
type silence struct{}

// Printf drops the line.
func (silence) Printf(string, ...any) {}

// limiter lets the log have one line of each kind in ten seconds.
type limiter struct {
	clock func() time.Time
	mu    sync.Mutex
	last  map[string]time.Time // by mu; its keys are constants of this package
}

func newLimiter(clock func() time.Time) *limiter {
	return &limiter{clock: clock, last: make(map[string]time.Time)}
}

func (l *limiter) allow(kind string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	if last, ok := l.last[kind]; ok && now.Sub(last) < 10*time.Second {
		return false
	}
	l.last[kind] = now
	return true
}
