package attribution_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter/attribution"
	"footfall/reporter/lake"
	"footfall/schemas/clickid"
	rows "footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/reports"
)

const (
	secondMS = 1000
	hourMS   = 3600 * secondMS
	dayMS    = 24 * hourMS
)

// world is a lake and a catalog that a test fills by hand, and their reader.
type world struct {
	t       testing.TB
	dir     *lakelog.Dir
	log     *lakelog.Writer
	d       *lake.Dimensions
	keys    []clickid.Key
	lake    *lake.Lake
	credits *attribution.Attribution
	random  *rand.Rand
	knownUS int64 // of the last commit
}

func (w *world) Answered(context.Context, int64) error { return nil }

func (w *world) Revision(context.Context, int64) (lake.Revision, error) {
	return lake.Revision{Key: fmt.Sprintf("%p", w.d), Text: "00000000000000c0/1", KnownAtUS: 1}, nil
}

func (w *world) Dimensions(context.Context, int64) (*lake.Dimensions, error) { return w.d, nil }

func newWorld(t testing.TB, seed uint64, d *lake.Dimensions) *world {
	t.Helper()
	dir, err := lakelog.OpenDirWith(t.TempDir(), lakelog.Options{NoSync: true})
	check(t, err)
	w := &world{t: t, dir: dir, d: d, random: rand.New(rand.NewPCG(seed, seed)), knownUS: 1000}
	check(t, dir.Open("c1-orders", lakelog.KindOrders, 1, 1))
	w.log, err = dir.Writer("c1-orders")
	check(t, err)
	config := lake.DefaultConfig()
	config.TempDir = t.TempDir()
	config.Threads = 1
	w.lake, err = lake.New(config, lake.Deps{
		Dir: dir, View: lakelog.NewView(dir), Catalog: w, Clock: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	check(t, err)
	t.Cleanup(func() { check(t, w.lake.Close()) })
	w.credits = attribution.New(func(context.Context, int64) ([]clickid.Key, error) { return w.keys, nil })
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// commit writes the rows as one entry, known a second after the one before.
func (w *world) commit(visits []rows.VisitRow, orders []rows.OrderRow, refunds []rows.RefundRow) {
	w.t.Helper()
	w.knownUS += 1_000_000
	for i := range visits {
		visits[i].KnownAtUS = w.knownUS
	}
	for i := range orders {
		orders[i].KnownAtUS = w.knownUS
	}
	for i := range refunds {
		refunds[i].KnownAtUS = w.knownUS
	}
	var files []lakelog.File
	files = append(files, write(w, rows.TableVisits, visits, func(r rows.VisitRow) int64 { return r.VisitedAtMS })...)
	files = append(files, write(w, rows.TableOrders, orders, func(r rows.OrderRow) int64 { return r.OrderedAtMS })...)
	files = append(files, write(w, rows.TableRefunds, refunds, func(r rows.RefundRow) int64 { return r.RefundedAtMS })...)
	check(w.t, w.log.Append(lakelog.Entry{KnownAtUS: w.knownUS, Added: files}))
}

func write[R any](w *world, table string, list []R, time func(R) int64) []lakelog.File {
	w.t.Helper()
	if len(list) == 0 {
		return nil
	}
	name := rows.FileName{Table: table, Date: "2026-11-22", Log: "c1-orders", Commit: w.log.Head().Number + 1, Random: w.random.Uint64()}
	staged, err := w.dir.Stage(fmt.Sprintf("%s-%016x.parquet", table, name.Random))
	check(w.t, err)
	out := parquet.NewGenericWriter[R](staged)
	_, err = out.Write(list)
	check(w.t, err)
	check(w.t, out.Close())
	check(w.t, staged.Close())
	check(w.t, w.dir.Place(staged.Name(), name.Path()))
	data, err := os.ReadFile(w.dir.Abs(name.Path()))
	check(w.t, err)
	sum := sha256.Sum256(data)
	f := lakelog.File{
		Path: name.Path(), Table: table, Rows: int64(len(list)), Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:]),
		MinTimeMS: time(list[0]), MaxTimeMS: time(list[0]), MinKnownAtUS: w.knownUS, MaxKnownAtUS: w.knownUS,
	}
	for _, r := range list {
		f.MinTimeMS, f.MaxTimeMS = min(f.MinTimeMS, time(r)), max(f.MaxTimeMS, time(r))
	}
	return []lakelog.File{f}
}

// asks is a whole crediting of organizer 1, by the policies in force.
func asks() reports.Crediting {
	return reports.Crediting{Organizer: 1, Between: [2]int64{reports.RangeFrom, reports.RangeTo}}
}

// read credits and hands over the reading.
func (w *world) read(ask reports.Crediting, look func(ctx context.Context, r *reports.Reading)) {
	w.t.Helper()
	check(w.t, w.lake.Read(context.Background(), 0, func(ctx context.Context, r *reports.Reading) error {
		if _, err := w.credits.Credit(ctx, r, ask); err != nil {
			return err
		}
		look(ctx, r)
		return nil
	}))
}

// texts runs a query of text columns and gives its rows.
func texts(ctx context.Context, t testing.TB, r *reports.Reading, query string) (out [][]string) {
	t.Helper()
	result, err := r.QueryContext(ctx, query)
	check(t, err)
	defer func() { check(t, result.Close()) }()
	columns, err := result.Columns()
	check(t, err)
	for result.Next() {
		row, targets := make([]string, len(columns)), make([]any, len(columns))
		for i := range row {
			targets[i] = &row[i]
		}
		check(t, result.Scan(targets...))
		out = append(out, row)
	}
	check(t, result.Err())
	return out
}

func (w *world) explain(order string) *reports.Explanation {
	w.t.Helper()
	e, err := w.credits.Explain(context.Background(), w.lake, attribution.Question{Organizer: "acme", OrderID: order})
	check(w.t, err)
	return e
}
