// Package report answers what is asked of visits, orders and money: a statement
// is put together of the fragments in this folder's .sql files and of the
// expressions of typed dimensions and measures.
//
// Invariant: a report is a pure function of the query, the policy and the as-of;
// the same as-of gives the same table, row for row, whatever the lake has
// committed or merged since. The totals are the sums of the rows and the rest.
//
// It refuses to add amounts of different currencies, to show a rate without
// anything to divide by, and to put anything that a person typed into a statement:
// fields are looked up in an enumeration, values are parameters and variables.
package report

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

//go:embed *.sql
var statements embed.FS

// Lake gives connections on what is known at an as-of.
type Lake interface {
	Read(ctx context.Context, asOfUS int64, read func(context.Context, *reports.Reading) error) error
}

// Credits makes the tables that reports.Crediting names.
type Credits interface {
	Credit(ctx context.Context, r *reports.Reading, ask reports.Crediting) (reports.Credited, error)
}

// Deps of the engine.
type Deps struct {
	Lake    Lake
	Credits Credits
	Metrics prometheus.Registerer
}

// Engine makes reports. Safe for concurrent use.
type Engine struct {
	deps       Deps
	metrics    *metrics
	boundsRows int64
	manyRows   int64
}

// New gives an engine.
func New(deps Deps) (*Engine, error) {
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering the report's metrics: %w", err)
	}
	return &Engine{deps: deps, metrics: m, boundsRows: boundsRows, manyRows: manyRows}, nil
}

// Run makes one report and hands it to deliver, which takes its rows; the table is
// good until deliver returns. The error is an *admin.Refusal where the query is
// wrong, deliver's, or the lake's.
func (e *Engine) Run(ctx context.Context, q Query, deliver func(context.Context, *reports.Table) error) error {
	err := e.Together(ctx, []Query{q}, func(ctx context.Context, _ int, t *reports.Table) error { return deliver(ctx, t) })
	if one, ok := errors.AsType[*reports.AskError](err); ok {
		return one.Err
	}
	return err
}

// newestSettled is the newest as-of of which nothing can change any more: the
// watermark, which only rises.
func (e *Engine) newestSettled(ctx context.Context) (asOfUS int64, err error) {
	err = e.deps.Lake.Read(ctx, 0, func(_ context.Context, reading *reports.Reading) error {
		asOfUS = reading.Freshness.WatermarkUS
		if asOfUS == 0 {
			return admin.Refuse(admin.Invalid, "/settled", "nothing is settled yet: the lake has no open log")
		}
		return nil
	})
	return asOfUS, err
}

// chooseOffsets writes down the zone's offsets between the rows that there are.
func (p *plan) chooseOffsets(b reports.Basis) {
	from, to := max(p.periods[0][0], b.MinTimeMS), min(p.periods[0][1], b.MaxTimeMS+1)
	if len(p.periods) > 1 {
		from, to = min(p.periods[0][0], p.periods[1][0]), max(p.periods[0][1], p.periods[1][1])
	}
	p.offsets = offsetsOf(p.zone, from, to)
}

// conditionsOnSums prepares the conditions on measures.
func (p *plan) conditionsOnSums(ctx context.Context, conn *sql.Conn) (err error) {
	for _, t := range p.where {
		if _, ok := dimensionOf(t.Field); ok {
			continue
		}
		if p.currencies == nil {
			if p.currencies, err = texts(ctx, conn, "SELECT DISTINCT currency FROM "+p.figuresTable()+" ORDER BY currency"); err != nil {
				return err
			}
		}
		if err := p.condition(ctx, conn, t); err != nil {
			return err
		}
	}
	return p.conditions.set(ctx, conn)
}
