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
	"slices"
	"strings"

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
}

// New gives an engine.
func New(deps Deps) (*Engine, error) {
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering the report's metrics: %w", err)
	}
	return &Engine{deps: deps, metrics: m, boundsRows: boundsRows}, nil
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

// table sums the figures and opens the rows.
func (p *plan) table(ctx context.Context, reading *reports.Reading, on *stands) (*reports.Table, error) {
	if err := p.conditionsOnSums(ctx, reading.Conn); err != nil {
		return nil, err
	}
	if err := p.makeLines(ctx, reading.Conn); err != nil {
		return nil, err
	}
	keys, joins, label := p.keyColumns()
	figures := p.figureColumns()
	columns := append(slices.Clone(keys), figures...)
	t := &reports.Table{Columns: columnsOf(columns), Freshness: reading.Freshness, Facts: p.facts(reading.Basis, on)}
	var err error
	if t.Totals, t.AllRows, err = p.sums(ctx, reading, p.lines(), "total", len(keys), label); err != nil {
		return nil, err
	}
	expressions := make([]string, 0, len(columns))
	for _, c := range columns {
		expressions = append(expressions, c.sql+` AS "`+c.Name+`"`)
	}
	rows := fmt.Sprintf("(SELECT l.*, %s FROM %s l%s)", strings.Join(expressions, ", "), p.lines(), joins)
	limit := ""
	if first, last := p.shownOf(t.AllRows); last-first < t.AllRows {
		limit = fmt.Sprintf(" LIMIT %d OFFSET %d", last-first, first)
		t.Facts.Notes = append(t.Facts.Notes, shownText(first, last, t.AllRows))
		rest := fmt.Sprintf("(FROM (SELECT *, row_number() OVER (ORDER BY %s) AS place FROM %s) WHERE place <= %d OR place > %d)", p.order(), rows, first, last)
		if first == 0 { // without a number for each row
			rest = fmt.Sprintf("(FROM %s ORDER BY %s OFFSET %d)", rows, p.order(), last)
		}
		if t.Rest, _, err = p.sums(ctx, reading, rest, "rest", len(keys), label); err != nil {
			return nil, err
		}
	}
	names := make([]string, 0, len(columns)+1)
	for _, c := range t.Columns {
		names = append(names, `"`+c.Name+`"`)
	}
	_, t.Batches, err = reading.Query(ctx, reports.Statement{
		Text:    fmt.Sprintf("SELECT %s FROM %s ORDER BY %s%s", strings.Join(names, ", "), rows, p.order(), limit),
		Columns: t.Columns, Currency: currencyColumn().Name, Large: t.AllRows > manyRows && (p.query.Limit == 0 || p.query.Limit > manyRows),
	})
	return t, err
}

// shownOf says which rows of all are shown, from first to before last.
func (p *plan) shownOf(all int64) (first, last int64) {
	first, last = min(int64(p.query.Offset), all), all
	if n := int64(p.query.Limit); n > 0 {
		last = min(first+n, all)
	}
	return first, last
}

func shownText(first, last, all int64) string {
	const rest = "; the totals are of all, and rest is what is not shown"
	switch first {
	case 0:
		return fmt.Sprintf("the first %d of %d rows are shown%s", last, all, rest)
	case last:
		return fmt.Sprintf("none of %d rows is shown: they end before row %d%s", all, first+1, rest)
	default:
		return fmt.Sprintf("rows %d to %d of %d are shown%s", first+1, last, all, rest)
	}
}

// manyRows are taken through the disk, some at a time; fewer are in memory.
const manyRows = 20_000

// sums gives one row a currency over all rows of a table or statement, and how
// many rows those are; without rows one of zeroes in the report's own currency.
func (p *plan) sums(ctx context.Context, reading *reports.Reading, from, called string, keys, label int) ([]reports.Row, int64, error) {
	figures := p.figureColumns()
	inner, outer := []string{"count(*) AS rows"}, []string{"rows"}
	for _, prefix := range []string{"raw_", "was_"} {
		if prefix == "was_" && p.query.Compare == "" {
			continue
		}
		for _, s := range p.raws {
			inner = append(inner, fmt.Sprintf("sum(%[1]s)::BIGINT AS %[1]s", prefix+s.name))
		}
		if p.wantsShare() {
			inner = append(inner, fmt.Sprintf("max(%[1]s) AS %[1]s", prefix+"all_sales"))
		}
	}
	for _, c := range figures {
		outer = append(outer, c.sql)
	}
	columns := append([]reports.Column{{Name: "rows", Kind: reports.KindCount}}, columnsOf(figures)...)
	_, batches, err := reading.Query(ctx, reports.Statement{
		Text: fmt.Sprintf("SELECT %s, currency FROM (SELECT currency, %s FROM %s GROUP BY currency) ORDER BY currency",
			strings.Join(outer, ", "), strings.Join(inner, ", "), from),
		Columns: columns, Currency: currencyColumn().Name,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("summing the rows: %w", err)
	}
	list, err := reports.Collect(ctx, &reports.Table{Columns: columns, Batches: batches})
	if err != nil {
		return nil, 0, fmt.Errorf("summing the rows: %w", err)
	}
	if len(list) == 0 {
		list = []reports.Row{p.zeroes(figures)}
	}
	var count int64
	for i, row := range list {
		count += row.Cells[0].Number
		cells := make([]reports.Cell, keys, keys+len(row.Cells))
		for k := range cells {
			cells[k].Empty = true
		}
		cells[label] = reports.Cell{Text: called}
		list[i].Cells = append(cells, row.Cells[1:]...)
	}
	return list, count, nil
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
