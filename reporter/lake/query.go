package lake

import (
	"context"
	"database/sql"
	"fmt"

	"footfall/schemas/order"
	"footfall/schemas/reports"
)

// pageRows of a large answer are in memory at one time: six row groups of DuckDB
// hold twelve pages, and a page of 20 columns is some 10 MiB.
const pageRows = 61_440

// queries runs the statements of one reading.
type queries struct {
	conn   *sql.Conn
	byScan bool // through database/sql, row by row, also where Arrow is built in
	taking *taking
	made   int // tables of large answers
	open   []func() error
}

// reader gives the rows of one result, some at a time; nil after the last ones.
type reader interface {
	columns() []reports.Column
	next(ctx context.Context) (*reports.Batch, error)
	close() error
}

// run is Reading.Query.
func (q *queries) run(ctx context.Context, s reports.Statement) ([]reports.Column, reports.Batches, error) {
	b := &batches{queries: q, statement: s}
	if err := b.begin(ctx); err != nil {
		return nil, nil, err
	}
	q.open = append(q.open, b.close)
	b.columns = b.page.columns()
	b.currencyAt = -1
	for i, c := range b.columns {
		if s.Currency != "" && c.Name == s.Currency {
			b.currencyAt = i
		}
	}
	if s.Currency != "" && b.currencyAt < 0 {
		return nil, nil, fmt.Errorf("running a statement: it has no column %s for the currency", s.Currency)
	}
	return b.columns, b, nil
}

// close ends every result that was not taken to its end.
func (q *queries) close() error {
	var first error
	for _, end := range q.open {
		if err := end(); err != nil && first == nil {
			first = fmt.Errorf("ending a result: %w", err)
		}
	}
	return first
}

// batches are one statement's rows.
type batches struct {
	queries    *queries
	statement  reports.Statement
	columns    []reports.Column
	currencyAt int
	page       reader // nil after the last row
	table      string // of a large answer
	rows, from int64  // of the table: all of them, and where the next page begins

	decimals []int8
	digits   map[string]int8 // decimals of the currencies so far
}

// begin opens the result: a large one as a stream, or else by pages of a
// temporary table.
func (b *batches) begin(ctx context.Context) error {
	if !b.statement.Large {
		return b.openNext(ctx)
	}
	page, ok, err := b.queries.stream(ctx, b.statement)
	if err != nil {
		return fmt.Errorf("running a statement: %w", err)
	}
	if ok {
		b.page = page
		return nil
	}
	if err := b.keep(ctx); err != nil {
		return err
	}
	return b.openNext(ctx)
}

// keep runs the statement into a temporary table, from which pages are read.
func (b *batches) keep(ctx context.Context) error {
	b.queries.made++
	b.table = fmt.Sprintf("kept_answer_%d", b.queries.made)
	if _, err := b.queries.conn.ExecContext(ctx, "CREATE TEMP TABLE "+b.table+" AS "+b.statement.Text, b.statement.Args...); err != nil {
		return fmt.Errorf("running a statement: %w", err)
	}
	if err := b.queries.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+b.table).Scan(&b.rows); err != nil {
		return fmt.Errorf("counting the rows of an answer: %w", err)
	}
	return nil
}

// openNext opens the result, or the next page of a large one.
func (b *batches) openNext(ctx context.Context) error {
	text, args := b.statement.Text, b.statement.Args
	if b.table != "" {
		text = fmt.Sprintf("SELECT * FROM %s WHERE rowid >= %d AND rowid < %d ORDER BY rowid", b.table, b.from, b.from+pageRows)
		args = nil
		b.from += pageRows
	}
	page, err := b.queries.read(ctx, text, args, b.statement.Columns)
	if err != nil {
		return fmt.Errorf("running a statement: %w", err)
	}
	b.page = page
	return nil
}

// Next gives the next rows. What it takes counts as the query's time, what
// passes until it is called again as the taker's.
func (b *batches) Next(ctx context.Context) (*reports.Batch, error) {
	b.queries.taking.work()
	defer b.queries.taking.give()
	for b.page != nil {
		batch, err := b.page.next(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading rows: %w", err)
		}
		if batch != nil {
			b.queries.taking.gave(batch.Rows)
			b.money(batch)
			return batch, nil
		}
		if err := b.close(); err != nil {
			return nil, fmt.Errorf("reading rows: %w", err)
		}
		if b.from < b.rows {
			if err := b.openNext(ctx); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil //nolint:nilnil // the end, as reports.Batches has it
}

func (b *batches) close() error {
	if b.page == nil {
		return nil
	}
	page := b.page
	b.page = nil
	return page.close()
}

// money gives a batch the currency of its rows.
func (b *batches) money(batch *reports.Batch) {
	if b.currencyAt < 0 {
		return
	}
	batch.Currency = &batch.Columns[b.currencyAt]
	if b.digits == nil {
		b.digits = map[string]int8{}
	}
	b.decimals = b.decimals[:0]
	for i := range batch.Rows {
		text := batch.Currency.Text(i)
		digits, ok := b.digits[string(text)]
		if !ok {
			n, _ := order.Decimals(string(text)) // an event that the catalog lacks has none
			digits = int8(n)                     //nolint:gosec // at most 4
			b.digits[string(text)] = digits
		}
		b.decimals = append(b.decimals, digits)
	}
	batch.Decimals = b.decimals
}

// kindOf is the kind of a column whose statement didn't say it, by DuckDB's name
// of its type; false where no kind holds it.
func kindOf(databaseType string) (reports.Kind, bool) {
	switch databaseType {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER":
		return reports.KindCount, true
	case "UBIGINT", "HUGEINT", "UHUGEINT", "DECIMAL":
		return reports.KindDecimal, true
	case "FLOAT", "DOUBLE":
		return reports.KindFloat, true
	case "BOOLEAN":
		return reports.KindBool, true
	case "VARCHAR":
		return reports.KindText, true
	case "DATE":
		return reports.KindDate, true
	case "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ":
		return reports.KindTime, true
	}
	return "", false
}

// columnsOf gives a result's columns: those that the statement named, else by
// their types.
func columnsOf(given []reports.Column, names, types []string) ([]reports.Column, error) {
	if len(given) > 0 {
		if len(given) != len(names) {
			return nil, fmt.Errorf("%w: it gives %d columns, named are %d", ErrColumn, len(names), len(given))
		}
		return given, nil
	}
	out := make([]reports.Column, len(names))
	for i, name := range names {
		kind, ok := kindOf(types[i])
		if !ok {
			return nil, fmt.Errorf("%w: column %s is %s: cast it to VARCHAR", ErrColumn, name, types[i])
		}
		out[i] = reports.Column{Name: name, Title: name, Kind: kind}
	}
	return out, nil
}
