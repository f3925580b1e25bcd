package report_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter/attribution"
	"footfall/reporter/lake"
	"footfall/reporter/report"
	"footfall/schemas/clickid"
	rows "footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/reports"
)

// world is a lake and a catalog that a test fills by hand, and the reader of both.
type world struct {
	t       testing.TB
	dir     *lakelog.Dir
	logs    map[string]*lakelog.Writer
	catalog *catalog
	keys    []clickid.Key
	config  lake.Config
	reg     *prometheus.Registry
	lake    *lake.Lake
	credits *attribution.Attribution
	engine  *report.Engine
	random  *rand.Rand
}

// catalog is the dimensions by the instant from which they are known.
type catalog struct {
	states   []state
	answered int64
	named    func() // called once a revision was named; may be nil
}

type state struct {
	knownUS int64
	d       *lake.Dimensions
}

func (c *catalog) at(asOfUS int64) (int, state) {
	found, s := -1, state{d: &lake.Dimensions{}}
	for i, candidate := range c.states {
		if asOfUS == 0 || candidate.knownUS <= asOfUS {
			found, s = i, candidate
		}
	}
	return found, s
}

func (c *catalog) Answered(_ context.Context, watermarkUS int64) error {
	c.answered = max(c.answered, watermarkUS)
	return nil
}

func (c *catalog) Revision(_ context.Context, asOfUS int64) (lake.Revision, error) {
	i, s := c.at(asOfUS)
	if c.named != nil {
		c.named()
	}
	return lake.Revision{Key: fmt.Sprint(i), Text: fmt.Sprintf("00000000000000c0/%d", i+1), KnownAtUS: s.knownUS}, nil
}

func (c *catalog) Dimensions(_ context.Context, asOfUS int64) (*lake.Dimensions, error) {
	_, s := c.at(asOfUS)
	return s.d, nil
}

const (
	visitsLog = "c1-visits"
	ordersLog = "c1-orders"
)

func newWorld(t testing.TB, seed uint64) *world {
	t.Helper()
	dir, err := lakelog.OpenDirWith(t.TempDir(), lakelog.Options{NoSync: true})
	check(t, err)
	w := &world{
		t: t, dir: dir, logs: map[string]*lakelog.Writer{}, catalog: &catalog{},
		random: rand.New(rand.NewPCG(seed, seed)),
	}
	for log, kind := range map[string]string{visitsLog: lakelog.KindVisits, ordersLog: lakelog.KindOrders} {
		check(t, dir.Open(log, kind, 1, 1))
		w.logs[log], err = dir.Writer(log)
		check(t, err)
	}
	w.config = lake.DefaultConfig()
	w.config.Threads = 1 + int(seed%2) // the rows are few, and two threads mostly wait for each other
	w.credits = attribution.New(func(context.Context, int64) ([]clickid.Key, error) { return w.keys, nil })
	w.reopen(func(*lake.Config) {})
	return w
}

// reopen reads the lake anew, as a reporter that has just begun.
func (w *world) reopen(change func(*lake.Config)) {
	w.t.Helper()
	config := w.config
	config.TempDir = w.t.TempDir()
	change(&config)
	w.reg = prometheus.NewRegistry()
	var err error
	w.lake, err = lake.New(config, lake.Deps{
		Dir: w.dir, View: lakelog.NewView(w.dir), Catalog: w.catalog, Clock: time.Now,
		Log: slog.New(slog.DiscardHandler), Metrics: w.reg,
	})
	check(w.t, err)
	w.t.Cleanup(func() { check(w.t, w.lake.Close()) })
	w.engine, err = report.New(report.Deps{Lake: w.lake, Credits: w.credits, Metrics: w.reg})
	check(w.t, err)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// commit writes the rows as one entry of a log and gives its files.
func (w *world) commit(log string, knownUS int64, visits []rows.VisitRow, orders []rows.OrderRow, refunds []rows.RefundRow) []lakelog.File {
	w.t.Helper()
	for i := range visits {
		visits[i].KnownAtUS = knownUS
	}
	for i := range orders {
		orders[i].KnownAtUS = knownUS
	}
	for i := range refunds {
		refunds[i].KnownAtUS = knownUS
	}
	var files []lakelog.File
	files = append(files, write(w, log, rows.TableVisits, visits, func(r rows.VisitRow) (int64, int64) { return r.VisitedAtMS, r.KnownAtUS })...)
	files = append(files, write(w, log, rows.TableOrders, orders, func(r rows.OrderRow) (int64, int64) { return r.OrderedAtMS, r.KnownAtUS })...)
	files = append(files, write(w, log, rows.TableRefunds, refunds, func(r rows.RefundRow) (int64, int64) { return r.RefundedAtMS, r.KnownAtUS })...)
	check(w.t, w.logs[log].Append(lakelog.Entry{KnownAtUS: knownUS, Added: files}))
	return files
}

func write[R any](w *world, log, table string, list []R, times func(R) (ownMS, knownUS int64)) []lakelog.File {
	w.t.Helper()
	if len(list) == 0 {
		return nil
	}
	head := w.logs[log].Head()
	name := rows.FileName{Table: table, Date: "2026-11-22", Log: log, Commit: head.Number + 1, Random: w.random.Uint64()}
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
	f := lakelog.File{Path: name.Path(), Table: table, Rows: int64(len(list)), Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	for i, r := range list {
		own, known := times(r)
		if i == 0 {
			f.MinTimeMS, f.MaxTimeMS, f.MinKnownAtUS, f.MaxKnownAtUS = own, own, known, known
		}
		f.MinTimeMS, f.MaxTimeMS = min(f.MinTimeMS, own), max(f.MaxTimeMS, own)
		f.MinKnownAtUS, f.MaxKnownAtUS = min(f.MinKnownAtUS, known), max(f.MaxKnownAtUS, known)
	}
	return []lakelog.File{f}
}

// merge rewrites some files of a log as one, the rows as they are.
func merge[R any](w *world, log, table string, knownUS int64, files []lakelog.File, times func(R) (int64, int64)) {
	w.t.Helper()
	var all []R
	var removed []string
	for _, f := range files {
		list, err := parquet.ReadFile[R](w.dir.Abs(f.Path))
		check(w.t, err)
		all = append(all, list...)
		removed = append(removed, f.Path)
	}
	slices.Reverse(all)
	added := write(w, log, table, all, times)
	check(w.t, w.logs[log].Append(lakelog.Entry{KnownAtUS: knownUS, Added: added, Removed: removed}))
}

// answer is a table with its rows taken.
type answer struct {
	*reports.Table
	Rows []reports.Row
}

// again is the table with its rows to take once more.
func (a *answer) again() *reports.Table {
	t := *a.Table
	t.Batches = reports.FixedBatches(t.Columns, a.Rows, 2)
	return &t
}

// run makes a report and takes its rows.
func (w *world) run(q report.Query) (*answer, error) {
	var a answer
	err := w.engine.Run(context.Background(), q, func(ctx context.Context, t *reports.Table) (err error) {
		a.Table = t
		a.Rows, err = reports.Collect(ctx, t)
		return err
	})
	return &a, err
}

// figure is the number of a row in the column of a name.
func (a *answer) figure(t testing.TB, row reports.Row, column string) int64 {
	t.Helper()
	for i, c := range a.Columns {
		if c.Name == column {
			return row.Cells[i].Number
		}
	}
	t.Fatalf("there is no column %s", column)
	return 0
}
