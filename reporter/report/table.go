package report

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"footfall/schemas/order"
	"footfall/schemas/reports"
)

// manyRows are taken through the disk, some at a time; fewer are in memory.
const manyRows = 20_000

// table sums the figures and opens the rows, of which there may be many.
func (p *plan) table(ctx context.Context, reading *reports.Reading, many bool, on *stands) (*reports.Table, error) {
	if err := p.conditionsOnSums(ctx, reading.Conn); err != nil {
		return nil, err
	}
	t := &reports.Table{Columns: p.columns(), Freshness: reading.Freshness, Facts: p.facts(reading.Basis, on)}
	if many {
		return t, p.many(ctx, reading, t)
	}
	return t, p.few(ctx, reading, t)
}

// few reads all rows into memory, by one statement: planning each costs more than
// the rows.
func (p *plan) few(ctx context.Context, reading *reports.Reading, t *reports.Table) error {
	lines, err := p.linesSQL()
	if err != nil {
		return err
	}
	batches, err := p.rows(ctx, reading, "("+lines+")", "", false)
	if err != nil {
		return err
	}
	all, err := gather(ctx, batches)
	if err != nil {
		return err
	}
	t.AllRows = int64(all.Rows)
	first, last := p.shownOf(t.AllRows)
	if t.Totals, err = p.totals(all, "total", 0, 0); err != nil {
		return err
	}
	if last-first < t.AllRows {
		t.Facts.Notes = append(t.Facts.Notes, shownText(first, last, t.AllRows))
		if t.Rest, err = p.totals(all, "rest", int(first), int(last)); err != nil {
			return err
		}
	}
	keys, _, _ := p.keyColumns()
	t.Batches = &derived{from: &once{cut(all, int(first), int(last))}, keys: len(keys), sums: p.sums(), figures: p.figureColumns()}
	return nil
}

// many keeps the rows where they can spill to disk, and sums and sorts them there.
func (p *plan) many(ctx context.Context, reading *reports.Reading, t *reports.Table) error {
	lines, err := p.linesSQL()
	if err != nil {
		return err
	}
	if _, err := reading.ExecContext(ctx, "CREATE TEMP TABLE "+p.lines()+" AS "+lines); err != nil {
		return fmt.Errorf("making the rows: %w", err)
	}
	if t.Totals, t.AllRows, err = p.totalsOf(ctx, reading, p.lines(), "total"); err != nil {
		return err
	}
	limit := ""
	if first, last := p.shownOf(t.AllRows); last-first < t.AllRows {
		limit = fmt.Sprintf(" LIMIT %d OFFSET %d", last-first, first)
		t.Facts.Notes = append(t.Facts.Notes, shownText(first, last, t.AllRows))
		rest := fmt.Sprintf("(FROM (SELECT *, row_number() OVER (ORDER BY %s) AS place FROM %s) WHERE place <= %d OR place > %d)",
			p.order(), p.named(p.lines()), first, last)
		if first == 0 { // without a number for each row
			rest = fmt.Sprintf("(FROM %s ORDER BY %s OFFSET %d)", p.named(p.lines()), p.order(), last)
		}
		if t.Rest, _, err = p.totalsOf(ctx, reading, rest, "rest"); err != nil {
			return err
		}
	}
	batches, err := p.rows(ctx, reading, p.lines(), limit, t.AllRows > manyRows && (p.query.Limit == 0 || p.query.Limit > manyRows))
	if err != nil {
		return err
	}
	keys, _, _ := p.keyColumns()
	t.Batches = &derived{from: batches, keys: len(keys), sums: p.sums(), figures: p.figureColumns()}
	return nil
}

// named are lines with what their keys are called.
func (p *plan) named(lines string) string {
	keys, joins, _ := p.keyColumns()
	expressions := make([]string, 0, len(keys))
	for _, c := range keys {
		expressions = append(expressions, c.sql+` AS "`+c.Name+`"`)
	}
	return fmt.Sprintf("(SELECT l.*, %s FROM %s l%s)", strings.Join(expressions, ", "), lines, joins)
}

// rows opens the lines in the report's order: keys, sums, and the currency.
func (p *plan) rows(ctx context.Context, reading *reports.Reading, lines, limit string, large bool) (reports.Batches, error) {
	var columns []reports.Column
	var names []string
	keys, _, _ := p.keyColumns()
	for _, c := range keys {
		columns = append(columns, c.Column)
		names = append(names, `"`+c.Name+`"`)
	}
	for _, name := range p.sums().names {
		columns = append(columns, reports.Column{Name: name, Kind: reports.KindCount})
		names = append(names, name)
	}
	columns, names = append(columns, currencyColumn()), append(names, currencyColumn().Name)
	_, batches, err := reading.Query(ctx, reports.Statement{
		Text:    fmt.Sprintf("SELECT %s FROM %s ORDER BY %s%s", strings.Join(names, ", "), p.named(lines), p.order(), limit),
		Columns: columns, Currency: currencyColumn().Name, Large: large,
	})
	if err != nil {
		return nil, fmt.Errorf("reading the rows: %w", err)
	}
	return batches, nil
}

// totalsOf gives one row a currency over all rows of a table or statement, and
// how many rows those are.
func (p *plan) totalsOf(ctx context.Context, reading *reports.Reading, from, called string) ([]reports.Row, int64, error) {
	columns := []reports.Column{{Name: "rows", Kind: reports.KindCount}}
	inner := []string{"count(*) AS rows"}
	for _, name := range p.sums().names {
		columns = append(columns, reports.Column{Name: name, Kind: reports.KindCount})
		if strings.HasSuffix(name, "_"+allSales) {
			inner = append(inner, fmt.Sprintf("max(%[1]s) AS %[1]s", name))
			continue
		}
		inner = append(inner, fmt.Sprintf("sum(%[1]s)::BIGINT AS %[1]s", name))
	}
	columns = append(columns, currencyColumn())
	_, batches, err := reading.Query(ctx, reports.Statement{
		Text:    fmt.Sprintf("SELECT %s, currency FROM %s GROUP BY currency ORDER BY currency", strings.Join(inner, ", "), from),
		Columns: columns, Currency: currencyColumn().Name,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("summing the rows: %w", err)
	}
	list, err := reports.Collect(ctx, &reports.Table{Columns: columns, Batches: batches})
	if err != nil {
		return nil, 0, fmt.Errorf("summing the rows: %w", err)
	}
	var count int64
	sums := make([]currencySums, 0, len(list))
	for _, row := range list {
		count += row.Cells[0].Number
		values := make([]int64, 0, len(columns))
		for _, c := range row.Cells[1 : len(row.Cells)-1] {
			values = append(values, c.Number)
		}
		sums = append(sums, currencySums{row.Currency, row.Decimals, values})
	}
	rows, err := p.totalRows(sums, called)
	return rows, count, err
}

// currencySums are the sums over rows of one currency.
type currencySums struct {
	currency string
	decimals int
	values   []int64
}

// totals gives one row a currency over the rows in memory but those from first to
// before last.
func (p *plan) totals(all *reports.Batch, called string, first, last int) ([]reports.Row, error) {
	names := p.sums().names
	keys := len(all.Columns) - 1 - len(names)
	var list []currencySums
	for i := range all.Rows {
		if i >= first && i < last {
			continue
		}
		at, found := slices.BinarySearchFunc(list, all.Currency.Text(i), func(s currencySums, text []byte) int { return strings.Compare(s.currency, string(text)) })
		if !found {
			list = slices.Insert(list, at, currencySums{string(all.Currency.Text(i)), int(all.Decimals[i]), make([]int64, len(names))})
		}
		for n, name := range names {
			v, to := all.Columns[keys+n].Numbers[i], &list[at].values[n]
			if strings.HasSuffix(name, "_"+allSales) { // is of all rows
				*to = v
				continue
			}
			var err error
			if *to, err = plus(*to, v); err != nil {
				return nil, fmt.Errorf("summing the rows: %w", err)
			}
		}
	}
	return p.totalRows(list, called)
}

// totalRows makes the rows of sums; without any, one of zeroes in the report's own
// currency.
func (p *plan) totalRows(list []currencySums, called string) ([]reports.Row, error) {
	keys, _, label := p.keyColumns()
	figures, sums := p.figureColumns(), p.sums()
	if len(list) == 0 {
		decimals, _ := order.Decimals(p.currency)
		list = []currencySums{{p.currency, decimals, make([]int64, len(sums.names))}}
	}
	rows := make([]reports.Row, 0, len(list))
	for _, s := range list {
		row := reports.Row{Currency: s.currency, Decimals: s.decimals, Cells: make([]reports.Cell, len(keys), len(keys)+len(figures)+1)}
		for i := range row.Cells {
			row.Cells[i].Empty = true
		}
		row.Cells[label] = reports.Cell{Text: called}
		for _, f := range figures {
			n, some, err := f.value(&sums, func(place int) int64 { return s.values[place] })
			if err != nil {
				return nil, fmt.Errorf("summing the rows: %s: %w", f.Name, err)
			}
			row.Cells = append(row.Cells, reports.Cell{Number: n, Empty: !some})
		}
		rows = append(rows, reports.Row{Currency: row.Currency, Decimals: row.Decimals, Cells: append(row.Cells, reports.Cell{Text: s.currency})})
	}
	return rows, nil
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
