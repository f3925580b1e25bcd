package export

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"footfall/internal/testkit"
	"footfall/schemas/reports"
)

// endless gives so many rows of a report, made as they are taken.
type endless struct {
	left  int64
	batch reports.Batch
}

// reportColumns are ten, of the kinds that a report has.
func reportColumns() []reports.Column {
	var columns []reports.Column
	for _, c := range []struct {
		name string
		kind reports.Kind
	}{
		{"affiliate_id", reports.KindID},
		{"affiliate", reports.KindText},
		{"nickname", reports.KindText},
		{"code", reports.KindText},
		{"day", reports.KindDay},
		{"visits", reports.KindCount},
		{"unique_visitors", reports.KindCount},
		{"conversion_rate", reports.KindRate},
		{"total_sales", reports.KindMoney},
		{"currency", reports.KindText},
	} {
		columns = append(columns, reports.Column{Name: c.name, Title: c.name, Kind: c.kind})
	}
	return columns
}

func newEndless(rows int64) *endless {
	const size = 2048
	e := &endless{left: rows, batch: reports.Batch{Columns: make([]reports.Vector, 10), Decimals: make([]int8, size)}}
	for at, c := range reportColumns() {
		v := &e.batch.Columns[at]
		if c.Kind.Textual() {
			v.Ends = []int32{0}
		}
		for i := range size {
			switch {
			case c.Kind == reports.KindDay:
				v.AppendText([]byte("2026-11-22"))
			case c.Name == "currency":
				v.AppendText([]byte("EUR"))
			case c.Kind.Textual():
				v.AppendText(fmt.Appendf(nil, "%s %d", c.Name, i*7919%1009))
			default:
				v.Numbers = append(v.Numbers, int64(i)*7919%100_003)
			}
		}
	}
	for i := range e.batch.Decimals {
		e.batch.Decimals[i] = 2
	}
	e.batch.Currency = &e.batch.Columns[9]
	return e
}

func (e *endless) Next(ctx context.Context) (*reports.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := min(e.left, int64(len(e.batch.Decimals)))
	if n == 0 {
		return nil, nil //nolint:nilnil // the end, as reports.Batches has it
	}
	e.left -= n
	e.batch.Rows = int(n)
	return &e.batch, nil
}

func endlessTable(rows int64) *reports.Table {
	t := tableOf(reportColumns(), nil, 1)
	t.Batches, t.AllRows = newEndless(rows), rows
	return t
}

// long says that the long versions of tests run.
func long() bool { return os.Getenv("FOOTFALL_LONG") != "" }

// TestMemoryDoesNotGrowWithTheRows: a hundred times the rows take no more of it
// than a few blocks, or one row group.
func TestMemoryDoesNotGrowWithTheRows(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		format string
		rows   int64
		most   uint64
	}{
		{FormatCSV, 400_000, 32 * mib},
		{FormatNDJSON, 200_000, 48 * mib},
		{FormatJSON, 200_000, 64 * mib},
		{FormatXLSX, 60_000, 64 * mib},
		{FormatParquet, 400_000, 96 * mib},
		{FormatTable, 40_000, 128 * mib},
	} {
		if long() {
			c.rows *= 12
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		before, peak, looks := m.HeapAlloc, uint64(0), 0
		o := Options{Progress: func(int64) {
			if looks++; looks%8 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc-min(before, m.HeapAlloc))
			}
		}}
		if err := Write(t.Context(), io.Discard, c.format, o, endlessTable(c.rows)); err != nil {
			t.Fatal(err)
		}
		if peak > c.most {
			t.Errorf("%s: %d MiB live while %d rows are written, want at most %d", c.format, peak/mib, c.rows, c.most/mib)
		}
	}
}

// TestAMillionRowsAreOnTwoSheets: at the real limit with FOOTFALL_LONG=1, else at
// one above a block.
func TestAMillionRowsAreOnTwoSheets(t *testing.T) {
	if sheetRows != 1_048_575 { // what Excel holds below a header
		t.Errorf("a sheet has %d rows", sheetRows)
	}
	rows, most := int64(sheetRows+10), limits{rows: sheetRows, bytes: sheetBytes}
	if !long() {
		rows, most.rows = 5_010, 5_000
	}
	path := testkit.DataDir(t) + "/rows.xlsx"
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeWorkbook(t.Context(), f, Options{}, endlessTable(rows), most); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for i, want := range []int{most.rows + 1, 11} {
		if got := rowsOf(t, &r.Reader, sheetPart(i+1)); got != want {
			t.Errorf("sheet %d has %d rows, header included, want %d", i+1, got, want)
		}
	}
}

// rowsOf counts the rows of a sheet as it is read.
func rowsOf(t *testing.T, r *zip.Reader, name string) int {
	t.Helper()
	in, err := r.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for text := bufio.NewReader(in); ; {
		switch tag, err := text.ReadSlice('>'); {
		case err == nil || errors.Is(err, bufio.ErrBufferFull):
			if bytes.HasPrefix(tag, []byte("<row ")) {
				n++
			}
		case errors.Is(err, io.EOF):
			return n
		default:
			t.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, format := range allFormats()[1:] {
		b.Run(strings.ToUpper(format), func(b *testing.B) {
			const rows = 100_000
			for b.Loop() {
				if err := Write(b.Context(), io.Discard, format, Options{}, endlessTable(rows)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
