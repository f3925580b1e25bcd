package consumer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// writeChunk is how many rows go to the writer at a time: it looks at the size
// of its pages between chunks.
const writeChunk = 4096

// staged is a data file that is written, synced and checked, and not yet placed.
type staged struct {
	place string // on disk
	file  lakelog.File
}

// writer writes a table's files; its buffers are used again.
type writer[T any] struct {
	parquet *parquet.GenericWriter[T]
}

func (w *writer[T]) open(t traits[T], out io.Writer) *parquet.GenericWriter[T] {
	if w.parquet != nil {
		w.parquet.Reset(out)
		return w.parquet
	}
	options := []parquet.WriterOption{
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		parquet.MaxRowsPerRowGroup(lake.RowGroupRows),
		parquet.WriteBufferSize(256 << 10),
		parquet.DataPageStatistics(false), // the column index has them
		parquet.CreatedBy("footfall", "1", ""),
		parquet.NewSchema(t.table, parquet.SchemaOf(new(T))),
	}
	for _, column := range t.unbounded {
		options = append(options, parquet.SkipPageBounds(column))
	}
	w.parquet = parquet.NewGenericWriter[T](out, options...)
	return w.parquet
}

// tally is what a file must read back as.
type tally struct {
	rows                   int64
	sequences              uint64 // their sum, wrapping
	minTime, maxTime       int64
	minKnownAt, maxKnownAt int64
}

func newTally() tally {
	return tally{minTime: math.MaxInt64, maxTime: math.MinInt64, minKnownAt: math.MaxInt64, maxKnownAt: math.MinInt64}
}

// count adds rows to the tally.
func count[T any](t *tally, traits *traits[T], rows []T) {
	for i := range rows {
		own, known := traits.own(&rows[i]), *traits.knownAt(&rows[i])
		t.minTime, t.maxTime = min(t.minTime, own), max(t.maxTime, own)
		t.minKnownAt, t.maxKnownAt = min(t.minKnownAt, known), max(t.maxKnownAt, known)
		t.sequences += uint64(traits.position(&rows[i]).sequence)
	}
	t.rows += int64(len(rows))
}

// writeRows appends rows to the file and to the tally.
func writeRows[T any](pw *parquet.GenericWriter[T], want *tally, traits *traits[T], rows []T) error {
	for len(rows) > 0 {
		n := writable(traits.nullable, rows[:min(writeChunk, len(rows))])
		count(want, traits, rows[:n])
		if _, err := pw.Write(rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// produce writes a file's rows and says what it wrote.
type produce[T any] func(pw *parquet.GenericWriter[T], want *tally) error

// output is a staged file that is being written, and its hash.
type output struct {
	file *os.File
	hash hash.Hash
	size int64
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	o.hash.Write(p[:n])
	o.size += int64(n)
	return n, err
}

// write stages a file. It is synced, opened again and compared with the tally
// before it is believed. On an error nothing is left behind.
func (w *writer[T]) write(
	lakeDir *lakelog.Dir, t traits[T], name string, step func(string) error, rows produce[T],
) (staged, error) {
	f, err := lakeDir.Stage(name)
	if err != nil {
		return staged{}, err
	}
	s, err := w.fill(lakeDir, t, f, step, rows)
	if err = errors.Join(err, f.Close()); err == nil {
		err = lakeDir.Verify(lakelog.File{Path: stagingPath(name), Bytes: s.file.Bytes, SHA256: s.file.SHA256})
	}
	if err == nil {
		err = step("file_checked")
	}
	if err != nil {
		w.parquet = nil // it may be half way through a row group
		return staged{}, errors.Join(fmt.Errorf("writing %s: %w", t.table, err), os.Remove(f.Name()))
	}
	return s, nil
}

func stagingPath(name string) string { return "_staging/" + name }

func (w *writer[T]) fill(
	lakeDir *lakelog.Dir, t traits[T], f *os.File, step func(string) error, rows produce[T],
) (staged, error) {
	if err := step("file_created"); err != nil {
		return staged{}, err
	}
	out, want := &output{file: f, hash: sha256.New()}, newTally()
	pw := w.open(t, out)
	if err := rows(pw, &want); err != nil {
		return staged{}, err
	}
	if err := pw.Close(); err != nil {
		return staged{}, err
	}
	if err := step("file_written"); err != nil {
		return staged{}, err
	}
	if err := lakeDir.SyncFile(f); err != nil {
		return staged{}, err
	}
	if err := step("file_synced"); err != nil {
		return staged{}, err
	}
	if err := check(f, out.size, want); err != nil {
		return staged{}, err
	}
	return staged{place: f.Name(), file: lakelog.File{
		Table: t.table, Rows: want.rows, Bytes: out.size, SHA256: hex.EncodeToString(out.hash.Sum(nil)),
		MinTimeMS: want.minTime, MaxTimeMS: want.maxTime, MinKnownAtUS: want.minKnownAt, MaxKnownAtUS: want.maxKnownAt,
	}}, nil
}

// check opens a written file as a stranger would: footer, number of rows, of
// values in every column of every row group, and the values of sequence and
// known_at against what was meant.
func check(r io.ReaderAt, size int64, want tally) error {
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsound, err)
	}
	if f.NumRows() != want.rows {
		return fmt.Errorf("%w: %d rows, wrote %d", ErrUnsound, f.NumRows(), want.rows)
	}
	var rows int64
	var sequences uint64
	for _, group := range f.RowGroups() {
		rows += group.NumRows()
		for _, chunk := range group.ColumnChunks() {
			if chunk.NumValues() != group.NumRows() {
				return fmt.Errorf("%w: column %s has %d values in a group of %d rows",
					ErrUnsound, columnName(f, chunk), chunk.NumValues(), group.NumRows())
			}
			err := error(nil)
			switch columnName(f, chunk) {
			case "sequence":
				err = eachInt64(chunk, func(v int64) error { sequences += uint64(v); return nil })
			case "known_at":
				err = eachInt64(chunk, func(v int64) error {
					if v < want.minKnownAt || v > want.maxKnownAt {
						return fmt.Errorf("%w: known_at %d is not between %d and %d", ErrUnsound, v, want.minKnownAt, want.maxKnownAt)
					}
					return nil
				})
			}
			if err != nil {
				return err
			}
		}
	}
	if rows != want.rows || sequences != want.sequences {
		return fmt.Errorf("%w: %d rows whose sequences add up to %d, wrote %d and %d",
			ErrUnsound, rows, sequences, want.rows, want.sequences)
	}
	return nil
}

func columnName(f *parquet.File, chunk parquet.ColumnChunk) string {
	return f.Schema().Columns()[chunk.Column()][0]
}

// eachInt64 reads a required column of integers.
func eachInt64(chunk parquet.ColumnChunk, visit func(int64) error) error {
	return eachBatch(chunk, func(values []parquet.Value) error {
		for _, v := range values {
			if err := visit(v.Int64()); err != nil {
				return err
			}
		}
		return nil
	})
}

// stage writes the sheet's rows into files, one for each day received, all
// known at one instant.
func (s *sheet[T]) stage(
	lakeDir *lakelog.Dir, log string, number uint64, knownAtUS int64, step func(string) error,
) (out []staged, err error) {
	days, runs := s.days()
	for _, day := range days {
		name := lake.FileName{Table: s.table, Date: lake.Date(day), Log: log, Commit: number, Random: randomNumber()}
		file, err := s.write(lakeDir, s.traits, stagedName(name), step, func(pw *parquet.GenericWriter[T], want *tally) error {
			for _, run := range runs[day] {
				for i := range run {
					*s.knownAt(&run[i]) = knownAtUS
				}
				if err := writeRows(pw, want, &s.traits, run); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return out, err
		}
		file.file.Path = name.Path()
		out = append(out, file)
	}
	return out, nil
}
