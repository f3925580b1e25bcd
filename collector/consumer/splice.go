package consumer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// spliceValues are copied at a time.
const spliceValues = 1024

// merge writes the rows of the inputs into one file, in their order: column by
// column, holding a page of each side. Each input is compared with its commit
// first, since a flipped bit must not get a fresh hash.
func (s *sheet[T]) merge(
	ctx context.Context, d *lakelog.Dir, inputs []lakelog.File, name lake.FileName, step func(string) error,
) (staged, error) {
	var w writer[T] // its own: the sheet's is the next batch's
	out, err := w.write(d, s.traits, stagedName(name), step, func(pw *parquet.GenericWriter[T], want *tally) error {
		for _, input := range inputs {
			if err := d.Verify(input); err != nil {
				return err
			}
		}
		return splice(ctx, d, inputs, pw, want)
	})
	if err != nil {
		return staged{}, err
	}
	for _, input := range inputs {
		out.file.Tier = max(out.file.Tier, input.Tier+1)
	}
	return out, nil
}

// splice joins the row groups of the inputs into groups of up to lake.RowGroupRows.
func splice[T any](
	ctx context.Context, d *lakelog.Dir, inputs []lakelog.File, pw *parquet.GenericWriter[T], want *tally,
) (err error) {
	var groups []parquet.RowGroup
	rows := int64(0)
	var open []*os.File // the groups read them until they are flushed
	defer func() {
		for _, f := range open {
			err = errors.Join(err, f.Close())
		}
	}()
	flush := func() error {
		if rows == 0 {
			return nil
		}
		sum, err := spliceGroup(ctx, groups, pw)
		want.sequences += sum
		groups, rows = groups[:0], 0
		return err
	}
	for _, input := range inputs {
		want.rows += input.Rows
		want.minTime, want.maxTime = min(want.minTime, input.MinTimeMS), max(want.maxTime, input.MaxTimeMS)
		want.minKnownAt, want.maxKnownAt = min(want.minKnownAt, input.MinKnownAtUS), max(want.maxKnownAt, input.MaxKnownAtUS)
		f, err := os.Open(d.Abs(input.Path))
		if err != nil {
			return fmt.Errorf("merging %s: %w", input.Path, err)
		}
		open = append(open, f)
		file, err := parquet.OpenFile(f, input.Bytes)
		if err != nil {
			return fmt.Errorf("merging %s: %w", input.Path, err)
		}
		if err := known(file, pw); err != nil {
			return fmt.Errorf("merging %s: %w", input.Path, err)
		}
		for _, group := range file.RowGroups() {
			if rows+group.NumRows() > lake.RowGroupRows {
				if err := flush(); err != nil {
					return err
				}
			}
			groups, rows = append(groups, group), rows+group.NumRows()
		}
	}
	return flush()
}

// known refuses a file of a later release, whose columns would be lost.
func known[T any](file *parquet.File, pw *parquet.GenericWriter[T]) error {
	for _, column := range file.Schema().Columns() {
		if _, found := pw.Schema().Lookup(column...); !found {
			return fmt.Errorf("%w: %s", errUnknownColumn, column[0])
		}
	}
	return nil
}

// chunkOf is the group's chunk of a column, nil where its file is of before the
// column was there.
func chunkOf(group parquet.RowGroup, name string) parquet.ColumnChunk {
	leaf, found := group.Schema().Lookup(name)
	if !found {
		return nil
	}
	return group.ColumnChunks()[leaf.ColumnIndex]
}

// nulls writes as many nulls into an optional column.
func nulls(out *parquet.ColumnWriter, rows int64) error {
	values := make([]parquet.Value, min(rows, spliceValues))
	for rows > 0 {
		n, err := out.WriteRowValues(values[:min(rows, spliceValues)])
		if err != nil {
			return err
		}
		rows -= int64(n)
	}
	return nil
}

// spliceGroup makes one row group of several, and gives the sum of their sequences.
func spliceGroup[T any](ctx context.Context, groups []parquet.RowGroup, pw *parquet.GenericWriter[T]) (sequences uint64, err error) {
	names := pw.Schema().Columns()
	for i, out := range pw.ColumnWriters() {
		for _, group := range groups {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			chunk := chunkOf(group, names[i][0])
			if chunk == nil {
				if err := nulls(out, group.NumRows()); err != nil {
					return 0, fmt.Errorf("merging without column %s: %w", names[i][0], err)
				}
				continue
			}
			err := eachBatch(chunk, func(values []parquet.Value) error {
				if names[i][0] == "sequence" {
					for _, v := range values {
						sequences += uint64(v.Int64())
					}
				}
				_, err := out.WriteRowValues(values)
				return err
			})
			if err != nil {
				return 0, fmt.Errorf("merging column %s: %w", names[i][0], err)
			}
		}
	}
	if err := pw.Flush(); err != nil {
		return 0, fmt.Errorf("flushing a row group: %w", err)
	}
	return sequences, nil
}

// eachBatch reads a column chunk page by page; the values are valid until visit returns.
func eachBatch(chunk parquet.ColumnChunk, visit func([]parquet.Value) error) (err error) {
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	values := make([]parquet.Value, min(spliceValues, chunk.NumValues()))
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnsound, err)
		}
		err = eachOfPage(page, values, visit)
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
}

func eachOfPage(page parquet.Page, values []parquet.Value, visit func([]parquet.Value) error) error {
	reader := page.Values()
	for {
		n, err := reader.ReadValues(values)
		if n > 0 {
			if err := visit(values[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnsound, err)
		}
	}
}
