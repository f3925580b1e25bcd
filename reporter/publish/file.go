package publish

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

const (
	// chunkRows go to the Parquet writer, and come from a reader, at a time.
	chunkRows = 1024
	// mergeFanIn files of one tier become one of the next, as a source's: there
	// are at most nine of each tier.
	mergeFanIn = 10
)

// staged is a file that is written, synced and checked, and not yet placed.
type staged struct {
	lakelog.File
	name string
}

// staged is its place relative to the lake's root.
func (s staged) staged() string { return "_staging/" + s.name }

// ordered gives files in the order of the revisions that they hold.
func ordered(files []lakelog.File) []lakelog.File {
	slices.SortFunc(files, func(a, b lakelog.File) int {
		return cmp.Or(cmp.Compare(a.MaxKnownAtUS, b.MaxKnownAtUS), cmp.Compare(a.Commit, b.Commit))
	})
	return files
}

// stage writes the file of an entry's number. On an error nothing is left of it.
func (p *Publisher) stage(number uint64, tier int, rows func(write func(*lake.CatalogRow) error) error) (staged, error) {
	name := lake.FileName{
		Table: lake.TableCatalog, Date: p.deps.Clock().UTC().Format(time.DateOnly), Log: lakelog.CatalogLog, Commit: number, Random: randomNumber(),
	}
	s := staged{name: filepath.Base(name.Path())}
	s.Path, s.Table, s.Tier = name.Path(), lake.TableCatalog, tier
	f, err := p.deps.Dir.Stage(s.name)
	if err != nil {
		return s, err
	}
	err = p.fill(f, &s, rows)
	if err = errors.Join(err, f.Close()); err == nil {
		onDisk := s.File
		onDisk.Path = s.staged()
		err = p.deps.Dir.Verify(onDisk)
	}
	if err != nil {
		return s, errors.Join(fmt.Errorf("writing the catalog's rows: %w", err), os.Remove(f.Name()))
	}
	return s, nil
}

func (p *Publisher) fill(f *os.File, s *staged, rows func(write func(*lake.CatalogRow) error) error) error {
	hash := sha256.New()
	pw := parquet.NewGenericWriter[lake.CatalogRow](io.MultiWriter(f, hash),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}), parquet.MaxRowsPerRowGroup(lake.RowGroupRows),
		parquet.CreatedBy("footfall", "1", ""), parquet.NewSchema(lake.TableCatalog, parquet.SchemaOf(lake.CatalogRow{})))
	chunk := make([]lake.CatalogRow, 0, chunkRows)
	flush := func() error {
		_, err := pw.Write(chunk)
		chunk = chunk[:0]
		return err
	}
	err := rows(func(row *lake.CatalogRow) error {
		if s.Rows == 0 {
			s.MinKnownAtUS, s.MaxKnownAtUS = row.KnownAtUS, row.KnownAtUS
		}
		s.MinKnownAtUS, s.MaxKnownAtUS = min(s.MinKnownAtUS, row.KnownAtUS), max(s.MaxKnownAtUS, row.KnownAtUS)
		s.Rows++
		if chunk = append(chunk, *row); len(chunk) == chunkRows {
			return flush()
		}
		return nil
	})
	if err := errors.Join(err, flush(), pw.Close()); err != nil {
		return err
	}
	if err := p.deps.Dir.SyncFile(f); err != nil {
		return err
	}
	s.MinTimeMS, s.MaxTimeMS = s.MinKnownAtUS/1000, s.MaxKnownAtUS/1000
	s.SHA256 = hex.EncodeToString(hash.Sum(nil))
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s.Bytes = info.Size()
	return check(f, s)
}

// check opens a written file as a stranger would.
func check(f *os.File, s *staged) error {
	file, err := parquet.OpenFile(f, s.Bytes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsound, err)
	}
	if file.NumRows() != s.Rows {
		return fmt.Errorf("%w: %d rows, wrote %d", ErrUnsound, file.NumRows(), s.Rows)
	}
	return nil
}

func randomNumber() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program first
	return binary.BigEndian.Uint64(b[:])
}

// eachRow reads a committed file's rows from one on.
func eachRow(d *lakelog.Dir, f lakelog.File, from int64, visit func(*lake.CatalogRow) error) (err error) {
	if err := d.Verify(f); err != nil {
		return err
	}
	in, err := os.Open(d.Abs(f.Path))
	if err != nil {
		return fmt.Errorf("reading %s: %w", f.Path, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	file, err := parquet.OpenFile(in, f.Bytes)
	if err != nil {
		return fmt.Errorf("reading %s: %w: %w", f.Path, ErrUnsound, err)
	}
	reader := parquet.NewGenericReader[lake.CatalogRow](file)
	defer func() { err = errors.Join(err, reader.Close()) }()
	if err := reader.SeekToRow(from); err != nil {
		return fmt.Errorf("reading %s: %w", f.Path, err)
	}
	rows := make([]lake.CatalogRow, min(chunkRows, f.Rows))
	for {
		clear(rows)
		n, err := reader.Read(rows)
		for i := range n {
			if err := visit(&rows[i]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading %s: %w: %w", f.Path, ErrUnsound, err)
		}
	}
}

// lastRevision reads how far the newest file publishes: its last row says so.
func lastRevision(d *lakelog.Dir, f lakelog.File) (r ids.Revision, err error) {
	err = eachRow(d, f, f.Rows-1, func(row *lake.CatalogRow) error {
		if row.Kind != lake.KindRevision {
			return fmt.Errorf("reading %s: %w: its last row is of kind %q", f.Path, ErrUnsound, row.Kind)
		}
		r.Number = uint64(row.Revision)
		r.Incarnation, err = ids.ParseIncarnation(row.Incarnation)
		return err
	})
	return r, err
}

// merge joins the files of a tier once there are enough, tier by tier.
func (p *Publisher) merge(ctx context.Context) error {
	for {
		inputs := plan(ordered(p.log.Live(lake.TableCatalog)))
		if inputs == nil {
			p.observe()
			return nil
		}
		number, knownUS := p.log.Next(p.deps.Clock())
		removed := make([]string, len(inputs))
		for i, f := range inputs {
			removed[i] = f.Path
		}
		file, err := p.stage(number, inputs[0].Tier+1, func(write func(*lake.CatalogRow) error) error {
			for _, f := range inputs {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := eachRow(p.deps.Dir, f, 0, write); err != nil {
					p.torn = p.torn || damaged(err)
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := p.commit(file, knownUS, removed); err != nil {
			return err
		}
		p.metrics.merges.Inc()
	}
}

// plan picks the first run of mergeFanIn neighbours of one tier; nil: none.
func plan(files []lakelog.File) []lakelog.File {
	for from := 0; from < len(files); {
		to := from
		for to < len(files) && files[to].Tier == files[from].Tier && to-from < mergeFanIn {
			to++
		}
		if to-from == mergeFanIn {
			return files[from:to]
		}
		from = to
	}
	return nil
}
