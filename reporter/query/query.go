// Package query runs what an analyst types: one SELECT over documented views of
// one organizer's rows, at one as-of.
//
//	text ──parse──▶ tree ──check, rename──▶ tree ──print──▶ text ──parse, check──▶ run
//	     (DuckDB's own parser)                    (what runs is what was checked)
//
// Invariant: a statement that runs names no table but the views, which are made
// under names that nobody can type, and its own; and no function that is not on
// the list, which reach neither files, settings, other rows nor the clock. So the
// same as-of gives the same rows, whatever else the database holds.
//
// It refuses everything that it does not know.
package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

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

// Engine runs statements. Safe for concurrent use.
type Engine struct {
	deps    Deps
	metrics *metrics
	// unchecked runs what is typed: a test alone sets it, to see what is refused.
	unchecked bool
}

// New gives an engine.
func New(deps Deps) (*Engine, error) {
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering the metrics of statements: %w", err)
	}
	return &Engine{deps: deps, metrics: m}, nil
}

// Question is what is asked.
type Question struct {
	Organizer string // slug; may be empty where there is one organizer only
	Text      string
	AsOfUS    int64 // microseconds since 1970; 0: the newest
}

// Run runs the statement and hands its rows to deliver; the table is good until
// deliver returns. The error is an *admin.Refusal where the statement is not
// allowed or wrong, deliver's, or the lake's.
func (e *Engine) Run(ctx context.Context, q Question, deliver func(context.Context, *reports.Table) error) error {
	err := e.run(ctx, q, deliver)
	result := resultOK
	if err != nil {
		result = resultFailed
		if _, ok := admin.AsRefusal(err); ok {
			result = resultRefused
		}
	}
	e.metrics.runs.WithLabelValues(result).Inc()
	return err
}

func (e *Engine) run(ctx context.Context, q Question, deliver func(context.Context, *reports.Table) error) error {
	if len(q.Text) > maxText {
		return refuse("the statement has %d bytes: want at most %d", len(q.Text), maxText)
	}
	return e.deps.Lake.Read(ctx, q.AsOfUS, func(ctx context.Context, r *reports.Reading) error {
		text, used, err := checked(ctx, r.Conn, q.Text)
		if e.unchecked {
			text, used, err = q.Text, []string{"visits"}, nil
		}
		if err != nil {
			return err
		}
		id, slug, err := organizer(ctx, r.Conn, q.Organizer)
		if err != nil {
			return err
		}
		s := source{Reading: r, credits: e.deps.Credits, organizer: id}
		if err := s.prepare(ctx, used); err != nil {
			return err
		}
		columns, text, err := described(ctx, r.Conn, text)
		if err != nil {
			return err
		}
		table := &reports.Table{
			Columns: columns, AllRows: -1, Freshness: r.Freshness,
			Facts: reports.Facts{
				By: "sql", Organizer: slug, Zone: "UTC", FromMS: reports.RangeFrom, ToMS: reports.RangeTo,
				AsOfUS: r.AsOfUS, PolicyVersion: s.policyVersion, CatalogRevision: r.CatalogRevision,
			},
		}
		_, rows, err := r.Query(ctx, reports.Statement{Text: text, Columns: columns, Large: true})
		if err != nil {
			return mistake(ctx, err)
		}
		table.Batches = batches{rows}
		return deliver(ctx, table)
	})
}

// organizer takes the one that is named, or the only one.
func organizer(ctx context.Context, conn *sql.Conn, slug string) (id int64, found string, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT organizer_id, slug FROM organizers ORDER BY slug")
	if err != nil {
		return 0, "", fmt.Errorf("finding the organizer: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []string
	for rows.Next() {
		var one int64
		var name string
		if err := rows.Scan(&one, &name); err != nil {
			return 0, "", fmt.Errorf("finding the organizer: %w", err)
		}
		all = append(all, name)
		if slug == "" || strings.EqualFold(name, slug) {
			id, found = one, name
		}
	}
	if err := rows.Err(); err != nil {
		return 0, "", fmt.Errorf("finding the organizer: %w", err)
	}
	switch {
	case slug == "" && len(all) > 1:
		return 0, "", admin.Refuse(admin.Invalid, "/organizer", "no organizer is given: want one of %s", strings.Join(all, ", "))
	case found == "":
		return 0, "", admin.Refuse(admin.Invalid, "/organizer", "organizer %s is not known", shown(slug))
	}
	return id, found, nil
}
