// Package edge answers links: it looks the event and the code up, appends the
// visit to the journal, and redirects the buyer with a click id.
//
// Invariant: the visit is appended before the redirect is written, and a
// redirect goes to a URL of the catalog or to the configured fallback, whatever
// the request says. The answer to a link allocates nothing, takes no lock
// beyond the journal's shard and does no other I/O.
//
// It refuses every method but GET and HEAD, requests with a body, ambiguous or
// oversized heads, and it never stores or logs a client's address. What a visit
// counts for is not decided here: the edge records facts.
package edge

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"footfall/internal/ops"
	"footfall/schemas/ids"
)

// recordVisit is the journal's kind of a visit.
const recordVisit = 1

// Journal is where visits go. Append is durable against a crash of the process
// when it returns, allocates nothing and is safe for concurrent use.
type Journal interface {
	Append(shard int, kind, version uint8, body []byte) (Position, error)
	Shards() int
}

// Position is where a record went. TimeMS is the record's own time,
// milliseconds UTC.
type Position struct {
	Epoch    ids.Epoch
	Shard    uint8
	Sequence uint64
	TimeMS   int64
}

// Routes gives the view of the catalog to answer one request with.
type Routes interface {
	View() View
}

// View is the catalog at one revision. The bytes it gives never change.
type View interface {
	Revision() ids.Revision
	Event(slug []byte) (Event, bool)
	// Code resolves a text: the event's own code first, then the organizer's.
	Code(event ids.EventID, organizer ids.OrganizerID, text []byte) (Code, bool)
}

// Event is where a link leads.
type Event struct {
	ID          ids.EventID
	Organizer   ids.OrganizerID
	Destination []byte // absolute URL, percent-encoded
	EndMS       int64  // 0: never
	Cookies     bool   // its organizer wants visitor cookies
}

// Code is a tracking code.
type Code struct {
	ID        ids.CodeID
	Canonical []byte
	Paused    bool
}

// Deps is what the edge needs.
type Deps struct {
	Journal Journal
	Routes  Routes
	Secrets func() *Secrets  // nil: there are none yet
	Clock   func() time.Time // of timeouts and of the log
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Edge is the click listener. New starts nothing; Listen takes the address and
// Run serves.
type Edge struct {
	config  Config
	deps    Deps
	metrics *metrics
	log     *ops.Limiter    // of whatever an outsider can cause
	hosts   map[string]bool // allowed; empty: any
	// cookieAttributes is what follows the value in Set-Cookie.
	cookieAttributes string
	server           *fasthttp.Server
	listener         *listener
	scratch          sync.Pool
	draining         atomic.Bool
	// uptime is how long the edge has been there: connections age by it, so that
	// a clock that is set cuts none and spares none.
	uptime func() time.Duration
}

// New checks the configuration and registers the metrics.
func New(config Config, deps Deps) (*Edge, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	e := &Edge{config: config, deps: deps, metrics: m, hosts: map[string]bool{}, cookieAttributes: cookieAttributes(config)}
	began := time.Now()                                          //nolint:forbidigo // for its monotonic reading alone
	e.uptime = func() time.Duration { return time.Since(began) } //nolint:forbidigo // likewise
	e.log = ops.Every(time.Minute, deps.Clock, deps.Log)
	for _, host := range config.Hosts {
		e.hosts[host] = true
	}
	e.scratch.New = func() any { return newScratch() }
	e.server = e.newServer()
	return e, nil
}

// Listen takes the configured address. After it Addr is known and connections
// wait in the kernel until Run.
func (e *Edge) Listen(ctx context.Context) error {
	l, err := listen(ctx, e.config.Listen)
	if err != nil {
		return fmt.Errorf("opening the click listener: %w", err)
	}
	e.listener = newListener(l, e)
	return nil
}

// Addr is the address that is listened on.
func (e *Edge) Addr() net.Addr { return e.listener.Addr() }

// Run serves until ctx ends, then drains: it takes the connections that wait,
// answers what is under way, closes idle connections without a reset, and after
// Config.DrainSeconds closes the rest. It listens first where Listen has not.
func (e *Edge) Run(ctx context.Context) error {
	if e.listener == nil {
		if err := e.Listen(ctx); err != nil {
			return err
		}
	}
	served := make(chan error, 1)
	go func() { served <- e.server.Serve(e.listener) }()
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-served:
			return fmt.Errorf("serving clicks: %w", err)
		case <-ticker.C:
			e.listener.sweep(e.uptime())
		case <-ctx.Done():
			return e.drain(served, ticker)
		}
	}
}

// drain ends the listener, then the connections.
func (e *Edge) drain(served chan error, ticker *time.Ticker) error {
	e.draining.Store(true)
	deadline := e.uptime() + time.Duration(e.config.DrainSeconds)*time.Second
	e.listener.stopAccepting()
	err := <-served
	if closeErr := e.listener.Close(); err == nil {
		err = closeErr
	}
	ticker.Reset(drainSweepEvery)
	for e.listener.open() > 0 {
		<-ticker.C
		now := e.uptime()
		if now > deadline {
			e.deps.Log.Warn("connections cut after the drain", "connections", e.listener.open())
			e.listener.closeAll()
			break
		}
		e.listener.release(now)
	}
	if err != nil {
		return fmt.Errorf("serving clicks: %w", err)
	}
	return nil
}
