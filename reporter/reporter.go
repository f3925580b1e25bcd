// Package reporter is the read path, Parquet to answer: it wires the parts below
// it into one role and runs it.
//
// Invariant: the parts know nothing of each other; what one needs of another is
// an interface of its own, joined here. What a report needs to be true tomorrow
// (the watermark that it was answered with) is kept before it is answered.
package reporter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/internal/ops"
	"footfall/reporter/api"
	"footfall/reporter/attribution"
	"footfall/reporter/catalog"
	"footfall/reporter/lake"
	"footfall/reporter/publish"
	"footfall/reporter/query"
	"footfall/reporter/report"
	"footfall/reporter/web"
	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/routes"
)

// The reporter role:
//
//	commands ──unix socket──▶ api ──▶ catalog (SQLite) ──feed──▶ collectors, in process
//	                           │         ▲ dimensions  │   └───▶ control listener ──▶ collectors elsewhere
//	                           │         │             └──publish──▶ lake, log catalog
//	                           ▼         │
//	                    report, query ──▶ lake (DuckDB) ──▶ files that the log names
//	                           │
//	                       attribution

// actor is who the audit log names for what the program does by itself.
const actor = "footfall"

// Deps is what the role works with.
type Deps struct {
	Clock   func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Reporter is the reporter role.
type Reporter struct {
	config  Config
	deps    Deps
	catalog *catalog.Catalog
	lake    *lake.Lake
	publish *publish.Publisher
	api     *api.API
	web     *web.Web

	links, orders func() string // where buyers click and orders are sent, once PointAt has said so
}

// New builds the role. It makes the lake's folders where they are missing and
// starts nothing.
func New(config Config, deps Deps) (*Reporter, error) {
	dir, err := lakelog.OpenDir(LakeDir(config.Dir))
	if err != nil {
		return nil, fmt.Errorf("opening the lake: %w", err)
	}
	view := lakelog.NewView(dir)
	nowhere := func() string { return "" }
	r := &Reporter{config: config, deps: deps, links: nowhere, orders: nowhere}
	r.catalog, err = catalog.New(config.Catalog, catalog.Deps{
		Clock: deps.Clock, Log: deps.Log, Metrics: deps.Metrics, Logs: dir, Lake: view,
	})
	if err != nil {
		return nil, fmt.Errorf("building the catalog: %w", err)
	}
	r.lake, err = lake.New(config.Lake, lake.Deps{
		Dir: dir, View: view, Catalog: dimensions{r.catalog}, Clock: deps.Clock, Log: deps.Log, Metrics: deps.Metrics,
	})
	if err != nil {
		return nil, fmt.Errorf("building the lake's reader: %w", err)
	}
	r.publish, err = publish.New(config.Publish, publish.Deps{
		Dir: dir, Catalog: published{r.catalog}, Clock: deps.Clock, Log: deps.Log, Metrics: deps.Metrics,
	})
	if err != nil {
		return nil, fmt.Errorf("building the publication of the catalog: %w", err)
	}
	return r, r.buildReports()
}

func (r *Reporter) buildReports() error {
	credits := attribution.New(r.catalog.VerifyingKeys)
	engine, err := report.New(report.Deps{Lake: r.lake, Credits: credits, Metrics: r.deps.Metrics})
	if err != nil {
		return fmt.Errorf("building the reports: %w", err)
	}
	statements, err := query.New(query.Deps{Lake: r.lake, Credits: credits, Metrics: r.deps.Metrics})
	if err != nil {
		return fmt.Errorf("building the statements of analysts: %w", err)
	}
	given := answers{lake: r.lake, engine: engine, credits: credits, statements: statements}
	r.api, err = api.New(r.config.API, api.Deps{
		Catalog: r.catalog, Reports: given, SQL: given, Clock: r.deps.Clock, Log: r.deps.Log, Metrics: r.deps.Metrics,
		Dashboard: func() string { return cmp.Or(r.web.URL(), r.config.Web.URL) },
	})
	if err != nil {
		return fmt.Errorf("building the API: %w", err)
	}
	r.web, err = web.New(r.config.Web, web.Deps{
		Catalog: r.catalog, People: r.catalog, Reports: given, Clock: r.deps.Clock, Log: r.deps.Log, Metrics: r.deps.Metrics,
		Links: func() string { return r.links() }, Orders: func() string { return r.orders() },
	})
	if err != nil {
		return fmt.Errorf("building the dashboard: %w", err)
	}
	return nil
}

// PointAt tells the dashboard where this process's listeners are, for links and
// samples; both are asked when they are shown. Call it before the parts run.
func (r *Reporter) PointAt(links, orders func() string) { r.links, r.orders = links, orders }

// Open opens the catalog, which one process at a time can have.
func (r *Reporter) Open(ctx context.Context) error { return r.catalog.Open(ctx) }

// Close gives back what Open took. Parts do it too.
func (r *Reporter) Close() error { return errors.Join(r.lake.Close(), r.catalog.Close()) }

// Parts are what runs, in the order of their start. The reporter must be open.
func (r *Reporter) Parts() []ops.Part {
	return []ops.Part{
		{Name: "catalog", Run: func(ctx context.Context) error {
			err := r.catalog.Run(ctx)
			return errors.Join(err, r.Close())
		}},
		{Name: "publication", Run: r.publish.Run},
		{Name: "control listener", Open: r.catalog.OpenControl, Run: r.catalog.RunControl},
		{Name: "api", Open: func(ctx context.Context) error { return r.api.Open(ctx, SocketPath(r.config.Dir)) }, Run: r.api.Run},
		{Name: "api listener", Open: r.api.OpenTCP, Run: r.api.RunTCP},
		{Name: "dashboard", Open: r.web.Open, Run: r.web.Run},
	}
}

// Handler is the API without a socket, for a command that found no server. Who
// asks it is an operator.
func (r *Reporter) Handler() http.Handler { return r.api.Local() }

// APIURL is where the API is asked over TCP once it is open; empty without.
func (r *Reporter) APIURL() string { return r.api.URL() }

// WebURL is where people open the dashboard once it is open; empty without.
func (r *Reporter) WebURL() string { return r.web.URL() }

// SetupURL is a one-time link with which the first person signs up; empty once
// somebody can sign in, or without a dashboard.
func (r *Reporter) SetupURL(ctx context.Context) (string, error) {
	if r.web.URL() == "" {
		return "", nil
	}
	token, err := r.catalog.SetupLink(ctx)
	if err != nil || token == "" {
		return "", err
	}
	return r.web.URL() + "/setup/" + token, nil
}

// Feed is what a collector in this process follows.
func (r *Reporter) Feed(collector ids.CollectorID) routes.Feed { return r.catalog.Feed(collector) }

// Embedded is the collector of the one-process product, enrolled at its first
// start. It runs in this process from now on.
func (r *Reporter) Embedded(ctx context.Context) (ids.CollectorID, error) {
	return r.catalog.Embedded(ctx, actor)
}
