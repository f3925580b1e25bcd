package report

import (
	"context"

	"footfall/schemas/reports"
)

// gather copies all rows into one batch.
func gather(ctx context.Context, from reports.Batches) (*reports.Batch, error) {
	all := &reports.Batch{Currency: &reports.Vector{Ends: []int32{0}}}
	for {
		b, err := from.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			if len(all.Columns) > 0 {
				all.Currency = &all.Columns[len(all.Columns)-1]
			}
			return all, nil
		}
		if all.Columns == nil {
			all.Columns = make([]reports.Vector, len(b.Columns))
		}
		for i := range b.Columns {
			appendRows(&all.Columns[i], &b.Columns[i], all.Rows, 0, b.Rows)
		}
		all.Decimals = append(all.Decimals, b.Decimals...)
		all.Rows += b.Rows
	}
}

// cut copies the rows from first to before last.
func cut(all *reports.Batch, first, last int) *reports.Batch {
	out := &reports.Batch{Rows: last - first, Columns: make([]reports.Vector, len(all.Columns))}
	if out.Rows == all.Rows {
		return all
	}
	for i := range all.Columns {
		appendRows(&out.Columns[i], &all.Columns[i], 0, first, last)
	}
	if out.Rows > 0 {
		out.Currency, out.Decimals = &out.Columns[len(out.Columns)-1], all.Decimals[first:last]
	}
	return out
}

// appendRows adds some rows of a column to one that has so many.
func appendRows(to, from *reports.Vector, have, first, last int) {
	if from.Null != nil || to.Null != nil {
		for len(to.Null) < have {
			to.Null = append(to.Null, false)
		}
		for i := first; i < last; i++ {
			to.Null = append(to.Null, from.Empty(i))
		}
	}
	if len(from.Ends) == 0 {
		to.Numbers = append(to.Numbers, from.Numbers[first:last]...)
		return
	}
	if len(to.Ends) == 0 {
		to.Ends = append(to.Ends, 0)
	}
	for i := first; i < last; i++ {
		to.AppendText(from.Text(i))
	}
}

// once gives one batch.
type once struct{ batch *reports.Batch }

// Next gives the batch, where it has rows, and then no more.
func (o *once) Next(ctx context.Context) (*reports.Batch, error) {
	b := o.batch
	o.batch = nil
	if b == nil || b.Rows == 0 {
		return nil, ctx.Err()
	}
	return b, ctx.Err()
}
