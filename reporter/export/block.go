package export

import (
	"context"
	"fmt"

	"footfall/schemas/reports"
)

// Where a block ends does not follow from how the rows came, so no byte that is
// written depends on it either.
const (
	blockRows    = 16_384  // about 1.5 MiB of CSV: so many that handing a block on costs nothing beside it
	blockBytes   = 4 << 20 // of texts: a block of long ones ends early
	blockGranule = 64      // rows between two looks at the bytes
)

// block is rows copied out of batches.
type block struct {
	reports.Batch
	first int64 // place of its first row among all rows, from 0

	out  []byte        // what became of it
	cut  int64         // cells that were too long for the format
	done chan struct{} // closed when out is there

	sheet int // of an XLSX file, from 0
	row   int // of that sheet, of its first row, from 1
}

// reader gives a table's rows in blocks.
type reader struct {
	table *reports.Table
	batch *reports.Batch // nil: take the next one
	taken int            // rows of batch that are in blocks
	given int64          // rows in blocks
	ended bool
}

// fill makes b the next at most most rows; without rows it was the end.
func (r *reader) fill(ctx context.Context, b *block, most int) error {
	b.reset(len(r.table.Columns))
	b.first = r.given
	for b.Rows < most && !r.ended && !b.full() {
		if r.batch == nil || r.taken == r.batch.Rows {
			if err := r.next(ctx); err != nil {
				return err
			}
			continue
		}
		n := min(most-b.Rows, r.batch.Rows-r.taken, blockGranule-b.Rows%blockGranule)
		b.take(r.table.Columns, r.batch, r.taken, r.taken+n)
		r.taken += n
	}
	r.given += int64(b.Rows)
	return nil
}

func (r *reader) next(ctx context.Context) error {
	r.taken = 0
	if r.table.Batches == nil {
		r.ended = true
		return nil
	}
	batch, err := r.table.Batches.Next(ctx)
	if err != nil {
		return fmt.Errorf("taking rows: %w", err)
	}
	r.batch, r.ended = batch, batch == nil
	return nil
}

func (b *block) reset(columns int) {
	if len(b.Columns) != columns {
		b.Columns = make([]reports.Vector, columns)
	}
	for i := range b.Columns {
		clearVector(&b.Columns[i])
	}
	b.Rows, b.out, b.cut = 0, b.out[:0], 0
	b.Decimals = b.Decimals[:0]
	if b.Currency != nil {
		clearVector(b.Currency)
	}
}

func clearVector(v *reports.Vector) {
	v.Numbers, v.Floats, v.Bytes, v.Ends, v.Null = v.Numbers[:0], v.Floats[:0], v.Bytes[:0], v.Ends[:0], v.Null[:0]
}

// full looks at the bytes where a granule ends.
func (b *block) full() bool {
	if b.Rows == 0 || b.Rows%blockGranule != 0 {
		return false
	}
	bytes := 0
	for i := range b.Columns {
		bytes += len(b.Columns[i].Bytes)
	}
	return bytes >= blockBytes
}

// take appends rows of a batch.
func (b *block) take(columns []reports.Column, from *reports.Batch, start, end int) {
	for i, c := range columns {
		takeVector(&b.Columns[i], &from.Columns[i], c.Kind, b.Rows, start, end)
	}
	if from.Currency == nil {
		b.Currency = nil
	} else {
		if b.Currency == nil {
			b.Currency = &reports.Vector{}
		}
		takeVector(b.Currency, from.Currency, reports.KindText, b.Rows, start, end)
		b.Decimals = append(b.Decimals, from.Decimals[start:end]...)
	}
	b.Rows += end - start
}

// takeVector appends values of a vector to one that has so many.
func takeVector(v, from *reports.Vector, kind reports.Kind, have, start, end int) {
	switch {
	case kind.Textual():
		if len(v.Ends) == 0 {
			v.Ends = append(v.Ends, 0)
		}
		shift := v.Ends[len(v.Ends)-1] - from.Ends[start]
		for _, e := range from.Ends[start+1 : end+1] {
			v.Ends = append(v.Ends, e+shift)
		}
		v.Bytes = append(v.Bytes, from.Bytes[from.Ends[start]:from.Ends[end]]...)
	case kind == reports.KindFloat:
		v.Floats = append(v.Floats, from.Floats[start:end]...)
	default:
		v.Numbers = append(v.Numbers, from.Numbers[start:end]...)
	}
	if from.Null == nil && len(v.Null) == 0 {
		return // none is missing so far
	}
	for len(v.Null) < have {
		v.Null = append(v.Null, false)
	}
	if from.Null != nil {
		v.Null = append(v.Null, from.Null[start:end]...)
		return
	}
	for range end - start {
		v.Null = append(v.Null, false)
	}
}

// missing says whether the i-th value of a block's vector is missing: it has no
// marks where none is.
func missing(v *reports.Vector, i int) bool { return len(v.Null) != 0 && v.Null[i] }

// decimals of the i-th row's money.
func (b *block) decimals(i int) int {
	if len(b.Decimals) == 0 {
		return 0
	}
	return int(b.Decimals[i])
}

// blockOf makes one block of a few rows in memory, such as totals.
func blockOf(ctx context.Context, columns []reports.Column, rows []reports.Row) (*block, error) {
	b := &block{}
	r := &reader{table: &reports.Table{Columns: columns, Batches: reports.FixedBatches(columns, rows, len(rows))}}
	if err := r.fill(ctx, b, len(rows)); err != nil {
		return nil, err
	}
	return b, nil
}
