package reports

import (
	"context"
	"fmt"
	"strconv"
)

// Collect takes all rows of a table into memory: for tests, and for answers that
// are known to be small.
func Collect(ctx context.Context, t *Table) ([]Row, error) {
	var rows []Row
	for {
		b, err := t.Batches.Next(ctx)
		if err != nil {
			return nil, fmt.Errorf("taking rows: %w", err)
		}
		if b == nil {
			return rows, nil
		}
		for i := range b.Rows {
			rows = append(rows, b.Row(t.Columns, i))
		}
	}
}

// Row copies the i-th row. A float becomes its shortest text that reads back as
// the same number.
func (b *Batch) Row(columns []Column, i int) Row {
	row := Row{Cells: make([]Cell, len(columns))}
	for at, c := range columns {
		row.Cells[at] = b.Columns[at].cell(c.Kind, i)
	}
	if b.Currency != nil {
		row.Currency, row.Decimals = string(b.Currency.Text(i)), int(b.Decimals[i])
	}
	return row
}

func (v *Vector) cell(kind Kind, i int) Cell {
	switch {
	case v.Empty(i):
		return Cell{Empty: true}
	case kind.Textual():
		return Cell{Text: string(v.Text(i))}
	case kind == KindFloat:
		return Cell{Text: strconv.FormatFloat(v.Floats[i], 'g', -1, 64)}
	default:
		return Cell{Number: v.Numbers[i]}
	}
}

// Textual says whether a column of the kind holds texts, else numbers or floats.
func (k Kind) Textual() bool { return k == KindText || k == KindDay || k == KindDecimal }

// FixedBatches gives rows that are in memory, size at a time.
func FixedBatches(columns []Column, rows []Row, size int) Batches {
	return &fixed{columns: columns, rows: rows, size: size}
}

type fixed struct {
	columns []Column
	rows    []Row
	size    int
}

// Next gives the next rows.
func (f *fixed) Next(ctx context.Context) (*Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := min(f.size, len(f.rows))
	if n == 0 {
		return nil, nil //nolint:nilnil // the end, as Batches has it
	}
	b := &Batch{Rows: n, Columns: make([]Vector, len(f.columns)), Currency: &Vector{Ends: []int32{0}}}
	for at, c := range f.columns {
		b.Columns[at] = vectorOf(c.Kind, f.rows[:n], at)
	}
	for _, row := range f.rows[:n] {
		b.Currency.AppendText([]byte(row.Currency))
		b.Decimals = append(b.Decimals, int8(row.Decimals)) //nolint:gosec // no currency has more than 4
	}
	f.rows = f.rows[n:]
	return b, nil
}

func vectorOf(kind Kind, rows []Row, at int) Vector {
	v := Vector{Null: make([]bool, len(rows))}
	if kind.Textual() {
		v.Ends = []int32{0}
	}
	for i, row := range rows {
		c := row.Cells[at]
		v.Null[i] = c.Empty
		switch {
		case kind.Textual():
			v.AppendText([]byte(c.Text))
		case kind == KindFloat:
			n, _ := strconv.ParseFloat(c.Text, 64) // a cell without a number is empty or 0
			v.Floats = append(v.Floats, n)
		default:
			v.Numbers = append(v.Numbers, c.Number)
		}
	}
	return v
}

// AppendText adds a text to a vector of texts, whose Ends begin with a 0.
func (v *Vector) AppendText(text []byte) {
	v.Bytes = append(v.Bytes, text...)
	v.Ends = append(v.Ends, int32(len(v.Bytes))) //nolint:gosec // a batch is thousands of short texts
}
