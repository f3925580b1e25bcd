package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go"

	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
)

// SeenInLake reads from the lake in root the largest ids and the newest time
// that a restore must lie beyond. A lake that isn't there has seen nothing.
func SeenInLake(root string) (Seen, error) {
	var seen Seen
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return seen, nil
	}
	dir, err := lakelog.OpenDir(root)
	if err != nil {
		return seen, fmt.Errorf("opening the lake: %w", err)
	}
	view := lakelog.NewView(dir)
	if err := view.Refresh(); err != nil {
		return seen, fmt.Errorf("reading the lake's logs: %w", err)
	}
	snapshot := view.Snapshot()
	for _, log := range snapshot.Logs {
		if !lakelog.IsSource(log.Kind) {
			continue
		}
		seen.Collector = max(seen.Collector, log.Collector)
		seen.NewestUS = max(seen.NewestUS, log.KnownAtUS)
		if log.Open && !slices.Contains(seen.Open, log.Collector) {
			seen.Open = append(seen.Open, log.Collector)
		}
	}
	slices.Sort(seen.Open)
	for _, f := range snapshot.Files {
		if err := seen.addFile(dir.Abs(f.Path)); err != nil {
			return seen, fmt.Errorf("reading ids from %s: %w", f.Path, err)
		}
	}
	return seen, nil
}

// addFile takes the largest ids of a Parquet file, from its footer.
func (s *Seen) addFile(path string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	p, err := parquet.OpenFile(file, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("reading the footer: %w", err)
	}
	for _, name := range []string{"organizer_id", "event_id", "affiliate_id", "code_id", "click_event_id", "click_code_id"} {
		column, ok := p.Schema().Lookup(name)
		if !ok {
			continue
		}
		for i, group := range p.RowGroups() {
			largest, err := largestOf(p.Metadata().RowGroups[i].Columns[column.ColumnIndex].MetaData.Statistics.MaxValue, group.ColumnChunks()[column.ColumnIndex])
			if err != nil {
				return fmt.Errorf("reading the column %s: %w", name, err)
			}
			s.add(name, largest)
		}
	}
	return nil
}

func (s *Seen) add(column string, id uint32) {
	switch column {
	case "organizer_id":
		s.Organizer = max(s.Organizer, ids.OrganizerID(id))
	case "event_id", "click_event_id":
		s.Event = max(s.Event, ids.EventID(id))
	case "affiliate_id":
		s.Affiliate = max(s.Affiliate, ids.AffiliateID(id))
	default:
		s.Code = max(s.Code, ids.CodeID(id))
	}
}

// largestOf is the chunk's largest value: the footer's, else found in its pages.
func largestOf(footer []byte, chunk parquet.ColumnChunk) (uint32, error) {
	const int64Bytes = 8
	if len(footer) == int64Bytes {
		return uint32(binary.LittleEndian.Uint64(footer)), nil
	}
	pages := chunk.Pages()
	var largest int64
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return uint32(largest), pages.Close()
		}
		if err != nil {
			return 0, errors.Join(err, pages.Close())
		}
		values := make([]parquet.Value, page.NumValues())
		n, err := page.Values().ReadValues(values)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, errors.Join(err, pages.Close())
		}
		for _, v := range values[:n] {
			if !v.IsNull() {
				largest = max(largest, v.Int64())
			}
		}
		parquet.Release(page)
	}
}
