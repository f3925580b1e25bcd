package collector

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"footfall/collector/consumer"
	"footfall/collector/consumer/bots"
	"footfall/collector/journal"
	"footfall/internal/ops"
	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/routes"
)

// The consumer role: both journals of one collector into the lake.
//
//	journal(visits) ──tail──▶ consumer ──commit──▶ lake, log c<ID>-visits
//	                             ▲ bots
//	journal(orders) ──tail──▶ consumer ──commit──▶ lake, log c<ID>-orders
//	                             ▲ click-id keys
//	reporter ──secrets──▶ keys ──┘
//
// It is stopped after the collector has closed its journals, so that a clean
// stop leaves nothing unread.

// ConsumerConfig is the consumer role's.
type ConsumerConfig struct {
	Collector            ids.CollectorID
	VisitsDir, OrdersDir string // the journals
	LakeDir              string
	Consumer             consumer.Config // of both; the role names their logs
	// WithCollector: the collector is in the same process. A consumer that can't go
	// on then stays, unready, until the process stops: its end would close the
	// click listener, and visits and orders are safe in the journals meanwhile.
	WithCollector bool
}

// DefaultConsumer is the consumers' defaults, with stand-ins for what the role
// decides, so that they are whole.
func DefaultConsumer() consumer.Config {
	c := consumer.Defaults()
	c.Log, c.Kind, c.Collector, c.LakeDir = lakelog.VisitsLog(standInID), lakelog.KindVisits, standInID, "lake"
	return c
}

// ConsumerDeps is what the role works with.
type ConsumerDeps struct {
	Feed    routes.Feed
	Clock   func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Consumer is the consumer role.
type Consumer struct {
	stays   bool
	log     *slog.Logger
	lakeDir string
	keys    *keys
	visits  *consumer.Consumer
	orders  *consumer.Consumer
}

// NewConsumer builds the role and starts nothing.
func NewConsumer(config ConsumerConfig, deps ConsumerDeps) (*Consumer, error) {
	classifier, err := bots.New()
	if err != nil {
		return nil, fmt.Errorf("building the bot rules: %w", err)
	}
	c := &Consumer{stays: config.WithCollector, log: deps.Log, lakeDir: config.LakeDir, keys: &keys{feed: deps.Feed, log: deps.Log}}
	build := func(kind, log, dir string) (*consumer.Consumer, error) {
		reader, err := journal.OpenReader(dir)
		if err != nil {
			return nil, fmt.Errorf("opening the journal of %s: %w", kind, err)
		}
		part := config.Consumer
		part.Log, part.Kind, part.Collector, part.LakeDir = log, kind, config.Collector, config.LakeDir
		return consumer.New(part, consumer.Deps{
			Source: source{reader}, Bots: classifier, Keys: c.keys.current, Clock: deps.Clock,
			Log:     deps.Log.With("journal", kind),
			Metrics: prometheus.WrapRegistererWith(prometheus.Labels{"journal": kind}, deps.Metrics),
		})
	}
	if c.visits, err = build(lakelog.KindVisits, lakelog.VisitsLog(config.Collector), config.VisitsDir); err != nil {
		return nil, err
	}
	if c.orders, err = build(lakelog.KindOrders, lakelog.OrdersLog(config.Collector), config.OrdersDir); err != nil {
		return nil, err
	}
	return c, nil
}

// Parts are what runs, in the order of their start.
func (c *Consumer) Parts() []ops.Part {
	return []ops.Part{
		{Name: "lake", Open: inert(c.checkLake), Run: func(ctx context.Context) error { <-ctx.Done(); return nil }},
		{Name: "click-id keys", Open: c.keys.open, Run: c.keys.run},
		{Name: "consumer of visits", Run: c.staying(lakelog.KindVisits, c.visits.Run)},
		{Name: "consumer of orders", Run: c.staying(lakelog.KindOrders, c.orders.Run)},
	}
}

// checkLake refuses a lake that can't be written at the start already: later it
// would be trouble that is waited for.
func (c *Consumer) checkLake() error {
	if _, err := lakelog.OpenDir(c.lakeDir); err != nil {
		return err
	}
	if err := unix.Access(c.lakeDir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("writing to the lake %s: %w", c.lakeDir, err)
	}
	return nil
}

// staying keeps a consumer that ended by itself among the parts that run, where
// the configuration says so. Its error is that of the stop.
func (c *Consumer) staying(kind string, run func(context.Context) error) func(context.Context) error {
	if !c.stays {
		return run
	}
	return func(ctx context.Context) error {
		err := run(ctx)
		if err != nil && ctx.Err() == nil {
			c.log.Error("consumer can't go on, nothing more comes into the lake; the journals keep everything", "journal", kind, "error", err)
			<-ctx.Done()
		}
		return err
	}
}

// Checks are the conditions of the role's readiness.
func (c *Consumer) Checks() []ops.Check {
	return []ops.Check{
		{Name: "consumer_visits", Check: ready(c.visits.Ready)},
		{Name: "consumer_orders", Check: ready(c.orders.Ready)},
	}
}

// keys follows the click-id keys, which tell an order's click id from a forged
// one.
type keys struct {
	feed    routes.Feed
	log     *slog.Logger
	version string
	set     atomic.Pointer[clickid.Keys]
}

func (k *keys) current() *clickid.Keys { return k.set.Load() }

// open waits for the first keys: without them every click id would stand in the
// lake as one of an unknown key.
func (k *keys) open(ctx context.Context) error {
	for failed := false; ; failed = true {
		err := k.next(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for the click-id keys: %w", err)
		}
		if !failed {
			k.log.Warn("click-id keys are not to be had yet", "error", err)
		}
		pause(ctx)
	}
}

func (k *keys) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := k.next(ctx); err != nil && ctx.Err() == nil {
			k.log.Warn("click-id keys may be old", "error", err)
			pause(ctx)
		}
	}
	return nil
}

// next waits for keys newer than those in use.
func (k *keys) next(ctx context.Context) error {
	secrets, err := k.feed.Secrets(ctx, k.version)
	if err != nil {
		return fmt.Errorf("asking for the click-id keys: %w", err)
	}
	list := make([]clickid.Key, len(secrets.ClickKeys))
	for i, key := range secrets.ClickKeys {
		list[i] = clickid.Key{ID: key.ID, Secret: key.Secret, EndsMS: key.EndsMS}
	}
	set, err := clickid.NewKeys(0, list)
	if err != nil {
		return fmt.Errorf("reading the click-id keys: %w", err)
	}
	k.set.Store(set)
	k.version = secrets.Version
	return nil
}

// pause is the time between two tries at a feed that fails, with jitter so that
// many roles don't ask at once.
func pause(ctx context.Context) {
	timer := time.NewTimer(time.Second + rand.N(time.Second))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
