// Package report answers what is asked of visits, orders and money: one report is
// one statement and one typed row.
//
// Invariant: a report is a pure function of the query, the policy and the as-of;
// the same as-of gives the same table, row for row, whatever the lake has
// committed or merged since. The totals are the sums of the rows.
//
// It refuses to add amounts of different currencies, to show a rate without
// visits, and to put anything that a person typed into a statement.
package report

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/admin"
	"footfall/schemas/lake"
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
	deps    Deps
	metrics *metrics
}

// New gives an engine.
func New(deps Deps) (*Engine, error) {
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering the report's metrics: %w", err)
	}
	return &Engine{deps: deps, metrics: m}, nil
}

// Run makes one report and hands it to deliver, which takes its rows; the table is
// good until deliver returns. The error is an *admin.Refusal where the query is
// wrong, deliver's, or the lake's.
func (e *Engine) Run(ctx context.Context, q Query, deliver func(context.Context, *reports.Table) error) error {
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

// run reads once: first what the query names, in the catalog of the as-of, then
// the rows of the range, of which only the files that can hold them are opened.
func (e *Engine) run(ctx context.Context, q Query, deliver func(context.Context, *reports.Table) error) error {
	k, err := q.check()
	if err != nil {
		return err
	}
	return e.deps.Lake.Read(ctx, q.AsOfUS, func(ctx context.Context, reading *reports.Reading) error {
		r, err := q.resolve(ctx, reading.Conn, k)
		if err != nil {
			return err
		}
		table, err := e.answer(ctx, reading, q, r)
		if err != nil {
			return err
		}
		return deliver(ctx, table)
	})
}

// answer makes the table from the rows of the range.
func (e *Engine) answer(ctx context.Context, reading *reports.Reading, q Query, r *resolved) (*reports.Table, error) {
	conn, b := reading.Conn, reading.Basis
	credited, err := e.deps.Credits.Credit(ctx, reading, reports.Crediting{Organizer: r.organizer, Between: r.between})
	if err != nil {
		return nil, err
	}
	if err := reading.Visits(ctx, "visit_rows", r.between); err != nil {
		return nil, err
	}
	if err := r.prepare(ctx, conn, b); err != nil {
		return nil, err
	}
	lines, err := r.lines(ctx, conn)
	if err != nil {
		return nil, err
	}
	sortLines(lines, r.kind, q.Sort)
	table := &reports.Table{
		Columns: r.kind.columns(), AllRows: int64(len(lines)), Totals: totals(lines, r.kind, r.currency), Freshness: b.Freshness,
		Facts: reports.Facts{
			By: r.kind.by, Organizer: r.slug, Event: strings.ToLower(q.Event), Affiliate: q.Affiliate, Code: q.Code, Basis: "order date",
			Sort: q.Sort, Zone: r.zone.String(), FromMS: r.between[0], ToMS: r.between[1],
			AsOfUS: b.AsOfUS, PolicyVersion: credited.PolicyVersions[len(credited.PolicyVersions)-1], CatalogRevision: b.CatalogRevision,
		},
	}
	if table.Facts.BotRules, err = r.botRules(ctx, conn); err != nil {
		return nil, err
	}
	if table.Facts.Notes, err = e.notes(ctx, conn); err != nil {
		return nil, err
	}
	if q.Limit > 0 && len(lines) > q.Limit {
		table.Rest = totals(lines[q.Limit:], r.kind, r.currency)
		lines = lines[:q.Limit]
		table.Facts.Notes = append(table.Facts.Notes,
			fmt.Sprintf("the first %d of %d rows are shown; the totals are of all", q.Limit, table.AllRows))
	}
	rows := make([]reports.Row, 0, len(lines))
	for _, l := range lines {
		rows = append(rows, l.row())
	}
	table.Batches = reports.FixedBatches(table.Columns, rows, batchRows)
	return table, nil
}

// batchRows are given at one time.
const batchRows = 2048

// prepare sets what the statements read, and makes the tables that they share.
func (r *resolved) prepare(ctx context.Context, conn *sql.Conn, b reports.Basis) error {
	codes := any(nil)
	if r.codes != nil {
		codes = "[" + joined(r.codes) + "]"
	}
	setup := []struct {
		text string
		args []any
	}{
		{"SET VARIABLE event = ?::BIGINT", []any{r.event}},
		{"SET VARIABLE affiliate = ?::BIGINT", []any{r.affiliate}},
		{"SET VARIABLE codes = CAST(?::VARCHAR AS BIGINT[])", []any{codes}},
		{"SET VARIABLE direct = ?::BOOLEAN", []any{r.direct}},
		{"SET VARIABLE from_ms = ?::BIGINT", []any{r.between[0]}},
		{"SET VARIABLE to_ms = ?::BIGINT", []any{r.between[1]}},
		{dayMacro(r.zone, max(r.between[0], b.MinTimeMS), min(r.between[1], b.MaxTimeMS+1)), nil},
	}
	for _, s := range setup {
		if _, err := conn.ExecContext(ctx, s.text, s.args...); err != nil {
			return fmt.Errorf("setting up the report: %w", err)
		}
	}
	for _, name := range []string{"counted_visits", "figures"} {
		text, err := statement(name)
		if err != nil {
			return err
		}
		text = strings.ReplaceAll(text, "{verdict}", lake.VerdictSQL)
		if _, err := conn.ExecContext(ctx, "CREATE TEMP TABLE "+name+" AS "+text); err != nil {
			return fmt.Errorf("making table %s: %w", name, err)
		}
	}
	return nil
}

func statement(name string) (string, error) {
	text, err := statements.ReadFile(name + ".sql")
	if err != nil {
		return "", fmt.Errorf("finding statement %s: %w", name, err)
	}
	return string(text), nil
}

// lines runs the report's statement.
func (r *resolved) lines(ctx context.Context, conn *sql.Conn) (lines []line, err error) {
	text, err := statement(r.kind.by)
	if err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("counting by %s: %w", r.kind.by, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		l, err := r.kind.scan(rows)
		if err != nil {
			return nil, fmt.Errorf("reading a row by %s: %w", r.kind.by, err)
		}
		lines = append(lines, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("counting by %s: %w", r.kind.by, err)
	}
	return lines, nil
}

func (r *resolved) botRules(ctx context.Context, conn *sql.Conn) ([]string, error) {
	text, err := statement("bot_rules")
	if err != nil {
		return nil, err
	}
	return texts(ctx, conn, text)
}

// notes are what a reader of the figures should know.
func (e *Engine) notes(ctx context.Context, conn *sql.Conn) (notes []string, err error) {
	text, err := statement("notes")
	if err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("counting what to note: %w", err)
	}
	defer func() { _ = rows.Close() }()
	counts := map[string]int64{}
	for rows.Next() {
		var what string
		var n int64
		if err := rows.Scan(&what, &n); err != nil {
			return nil, fmt.Errorf("counting what to note: %w", err)
		}
		counts[what] = n
		notes = append(notes, fmt.Sprintf(sentence(what), n))
	}
	e.metrics.conflicts.Set(float64(counts["order_conflicts"] + counts["refund_conflicts"]))
	e.metrics.setAside.Set(float64(counts["refunds_set_aside"]))
	return notes, rows.Err()
}

func sentence(what string) string {
	switch what {
	case "order_conflicts":
		return "conflicting orders: %d; the same id and version came with other content, and the first one counts"
	case "refund_conflicts":
		return "conflicting refunds: %d; the same id came with other content, and the first one counts"
	case "refunds_set_aside":
		return "refunds set aside: %d; they exceed what is left of their order and are in no figure"
	case "refunds_waiting":
		return "refunds waiting: %d; their order is not known or not completed, and they are in no figure"
	case "unknown_codes":
		return "tracking codes that the catalog doesn't know: %d; their figures stand under unknown"
	default:
		return "events that the catalog doesn't know: %d; their figures stand under unknown"
	}
}
