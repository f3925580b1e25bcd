// Package collector is the write path, click to Parquet: it wires the parts
// below it into two roles, the edge and the consumer, and runs them.
//
// Invariant: the parts know nothing of each other; what one needs of another is
// an interface of its own, joined here. It never reaches DuckDB or anything of
// the reporter, which it meets only in schemas.
package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/collector/edge"
	"footfall/collector/journal"
	"footfall/collector/orders"
	"footfall/collector/routes"
	"footfall/internal/ops"
	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
	format "footfall/schemas/routes"
)

// The edge role:
//
//	             reporter
//	                │ routes, secrets, covered marks
//	                ▼
//	buyer ──GET──▶ edge ◀─view── table ──covered──▶ journals
//	                │               │ organizers, events, webhook secrets
//	                │ append        ▼
//	                │   site ──▶ orders ──append + sync──▶ journal(orders)
//	                └──────────────────────append────────▶ journal(visits)
//
// Started from the journals up to the listeners and stopped the other way
// round: a listener is closed before what it writes to.

// Config is the edge role's.
type Config struct {
	// ID is the collector's, as enrolled.
	ID uint32 `koanf:"id" doc:"id that enrolling this collector printed; the embedded product has its own"`

	Feed          routes.HTTPFeedConfig `koanf:"feed"`
	Edge          edge.Config           `koanf:"edge"`
	Orders        orders.Config         `koanf:"orders"`
	Routes        routes.Config         `koanf:"routes"`
	VisitsJournal journal.Config        `koanf:"visits_journal"`
	OrdersJournal journal.Config        `koanf:"orders_journal"`
}

// DefaultConfig is the role's defaults without its id and place.
func DefaultConfig() Config {
	c := Config{
		Edge: edge.DefaultConfig(), Orders: orders.DefaultConfig(), Routes: routes.DefaultConfig(),
		VisitsJournal: journal.DefaultVisits(), OrdersJournal: journal.DefaultOrders(),
	}
	c.bind(standInID)
	c.ID = 0
	return c
}

// standInID makes a configuration whole before its collector is known.
const standInID = 1

// Place puts everything below a data directory. Configuration may move a part
// elsewhere afterwards.
func (c *Config) Place(dir string) {
	c.Routes.Dir = filepath.Join(dir, "collector")
	c.Orders.Dir = filepath.Join(dir, "collector")
	c.VisitsJournal.Dir = filepath.Join(dir, "journal", lakelog.KindVisits)
	c.OrdersJournal.Dir = filepath.Join(dir, "journal", lakelog.KindOrders)
}

// ErrNotEnrolled refuses a collector that no reporter knows.
var ErrNotEnrolled = errors.New("the collector is not enrolled: set collector.id, collector.feed.url and collector.feed.token, " +
	"which \"footfall collector enrol NAME\" beside the reporter prints")

// CheckEnrolled says whether a collector apart from the reporter knows who it is.
func (c *Config) CheckEnrolled() error {
	if c.ID == 0 || c.Feed.URL == "" || c.Feed.Token == "" {
		return ErrNotEnrolled
	}
	return nil
}

// bind names the collector and the logs that the journals' epochs are bound to.
func (c *Config) bind(id ids.CollectorID) {
	c.ID = uint32(id)
	c.VisitsJournal.Collector, c.VisitsJournal.Log = c.ID, lakelog.VisitsLog(id)
	c.OrdersJournal.Collector, c.OrdersJournal.Log = c.ID, lakelog.OrdersLog(id)
	c.OrdersJournal.HeldByIndex = true
}

// Deps is what the role works with.
type Deps struct {
	Feed    format.Feed
	Clock   func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Collector is the edge role.
type Collector struct {
	log               *slog.Logger
	visits, ordersLog *journal.Journal
	table             *routes.Table
	edge              *edge.Edge
	orders            *orders.Orders

	edgeSecrets  atomic.Pointer[edge.Secrets]
	orderSecrets atomic.Pointer[orders.Secrets]
}

// New builds the role and starts nothing.
func New(config Config, deps Deps) (*Collector, error) {
	c := &Collector{log: deps.Log}
	config.bind(ids.CollectorID(config.ID))
	var err error
	if c.visits, err = newJournal(config.VisitsJournal, lakelog.KindVisits, deps); err != nil {
		return nil, err
	}
	if c.ordersLog, err = newJournal(config.OrdersJournal, lakelog.KindOrders, deps); err != nil {
		return nil, err
	}
	c.table, err = routes.New(config.Routes, routes.Deps{
		Feed: deps.Feed, Clock: deps.Clock, Log: deps.Log, Metrics: deps.Metrics,
		OnSecrets: c.takeSecrets, OnCovered: c.cover,
	})
	if err != nil {
		return nil, fmt.Errorf("building the routes: %w", err)
	}
	c.edge, err = edge.New(config.Edge, edge.Deps{
		Journal: visitLog{c.visits}, Routes: links{c.table}, Secrets: c.edgeSecrets.Load,
		Clock: deps.Clock, Log: deps.Log, Metrics: deps.Metrics,
	})
	if err != nil {
		return nil, fmt.Errorf("building the edge: %w", err)
	}
	c.orders, err = orders.New(config.Orders, orders.Deps{
		Journal: orderLog{c.ordersLog}, Source: orderSource{config.OrdersJournal.Dir}, Catalog: sellers{c.table},
		Secrets: c.orderSecrets.Load, Clock: deps.Clock, Log: deps.Log, Metrics: deps.Metrics,
	})
	if err != nil {
		return nil, fmt.Errorf("building the order listener: %w", err)
	}
	return c, nil
}

func newJournal(config journal.Config, kind string, deps Deps) (*journal.Journal, error) {
	j, err := journal.New(config, journal.Deps{
		Clock: deps.Clock, Log: deps.Log,
		Metrics: prometheus.WrapRegistererWith(prometheus.Labels{"journal": kind}, deps.Metrics),
	})
	if err != nil {
		return nil, fmt.Errorf("building the journal of %s: %w", kind, err)
	}
	return j, nil
}

// Parts are what runs, in the order of their start.
func (c *Collector) Parts() []ops.Part {
	return []ops.Part{
		{Name: "journal of visits", Open: inert(c.visits.Open), Run: c.visits.Run},
		{Name: "journal of orders", Open: inert(c.ordersLog.Open), Run: c.ordersLog.Run},
		{Name: "routes", Open: c.table.Open, Run: c.table.Run},
		{Name: "order listener", Open: c.orders.Open, Run: c.orders.Run},
		{Name: "click listener", Open: c.edge.Listen, Run: c.edge.Run},
	}
}

func inert(open func() error) func(context.Context) error {
	return func(context.Context) error { return open() }
}

// Checks are the conditions of the role's readiness.
func (c *Collector) Checks() []ops.Check {
	return []ops.Check{
		{Name: "journal_visits", Check: ready(c.visits.Ready)},
		{Name: "journal_orders", Check: ready(c.ordersLog.Ready)},
		{Name: "routes", Check: ready(c.table.Ready)},
		{Name: "orders", Check: ready(c.orders.Ready)},
	}
}

func ready(check func() error) func(context.Context) error {
	return func(context.Context) error { return check() }
}

// ClickAddr is where clicks are taken; valid once the parts are open.
func (c *Collector) ClickAddr() string { return c.edge.Addr().String() }

// OrderAddr is where orders are taken; valid once the parts are open.
func (c *Collector) OrderAddr() string { return c.orders.Addr().String() }

// cover passes the lake's marks on to the journals, which delete what they no
// longer need.
func (c *Collector) cover(covered format.Covered) {
	for _, marks := range covered.Journals {
		j := c.visits
		if marks.Journal == lakelog.KindOrders {
			j = c.ordersLog
		}
		for _, epoch := range marks.Epochs {
			j.Cover(uint64(epoch.Epoch), epoch.Closed, epoch.Shards)
		}
	}
}
