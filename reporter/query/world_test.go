package query_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter/attribution"
	"footfall/reporter/lake"
	"footfall/reporter/query"
	rows "footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/policy"
	"footfall/schemas/reports"
)

// world is a lake of two organizers: 1 has events 1 and 2, 2 has event 3.
type world struct {
	t      testing.TB
	dir    *lakelog.Dir
	reg    *prometheus.Registry
	config lake.Config
	lake   *lake.Lake
	engine *query.Engine
}

type catalog struct{ d *lake.Dimensions }

func (catalog) Answered(context.Context, int64) error { return nil }

func (catalog) Revision(context.Context, int64) (lake.Revision, error) {
	return lake.Revision{Key: "1", Text: "00000000000000c0/1", KnownAtUS: 1}, nil
}

func (c catalog) Dimensions(context.Context, int64) (*lake.Dimensions, error) { return c.d, nil }

func (catalog) Changes(context.Context, lake.Revision, lake.Revision) (*lake.Dimensions, error) {
	return nil, nil //nolint:nilnil // it can't be told
}

func dimensions() *lake.Dimensions {
	d := &lake.Dimensions{
		Organizers: []lake.Organizer{{ID: 1, Slug: "north", Name: "North", Zone: "UTC", Currency: "EUR"}, {ID: 2, Slug: "south", Name: "South", Zone: "UTC", Currency: "EUR"}},
		Affiliates: []lake.Affiliate{{ID: 1, Organizer: 1, Name: "Anna", Email: "anna@example.com"}, {ID: 2, Organizer: 2, Name: "Secret"}},
		Codes:      []lake.Code{{ID: 1, Organizer: 1, Text: "anna"}, {ID: 2, Organizer: 2, Text: "secret"}},
		Texts:      []lake.CodeText{{Code: 1, Folded: "anna"}, {Code: 2, Folded: "secret"}},
		Owners:     []lake.CodeOwner{{Code: 1, Affiliate: 1}, {Code: 2, Affiliate: 2}},
		States:     []lake.CodeState{{Code: 1}, {Code: 2}},
	}
	for i, organizer := range []int64{1, 1, 2} {
		d.Events = append(d.Events, lake.Event{
			ID: int64(i + 1), Organizer: organizer, Slug: []string{"fair", "gala", "hidden"}[i], Zone: "UTC", Currency: "EUR", StartMS: 1_800_000_000_000, EndMS: 1_900_000_000_000,
		})
	}
	for _, organizer := range []int64{1, 2} {
		for _, span := range policy.Spans(nil) {
			d.Policies = append(d.Policies, lake.Policy{Organizer: organizer, Span: span})
		}
	}
	return d
}

const startMS = 1_790_000_000_000

// newWorld has n visits of each event: of affiliate 1, or of 2 for the other
// organizer; and two orders of each organizer.
func newWorld(t testing.TB, n int, change func(*lake.Config)) *world {
	t.Helper()
	dir, err := lakelog.OpenDirWith(filepath.Join(t.TempDir(), "lake"), lakelog.Options{NoSync: true})
	check(t, err)
	w := &world{t: t, dir: dir, reg: prometheus.NewRegistry(), config: lake.DefaultConfig()}
	w.config.TempDir = t.TempDir()
	if change != nil {
		change(&w.config)
	}
	check(t, dir.Open("c1-visits", lakelog.KindVisits, 1, 1))
	check(t, dir.Open("c1-orders", lakelog.KindOrders, 1, 1))
	var visits []rows.VisitRow
	for i := range 3 * n {
		event := int64(i%3 + 1)
		code := 1 + event/3
		visits = append(visits, rows.VisitRow{
			VisitedAtMS: startMS + int64(i)*1000, KnownAtUS: 10, Collector: 1, Epoch: "00000000000000aa", Sequence: int64(i + 1),
			OrganizerID: code, EventID: event, CodeID: code, CodeState: "resolved", BotRules: "1",
		})
	}
	var orders []rows.OrderRow
	for i, id := range []string{"a", "b", "x", "y"} {
		organizer := int64(1 + i/2)
		orders = append(orders, rows.OrderRow{
			OrderID: id, Version: 2, State: "completed", OrderedAtMS: startMS + 5_000_000, ReceivedAtMS: startMS + 5_000_000, KnownAtUS: 10, Collector: 1,
			Epoch: "00000000000000bb", Sequence: int64(i + 1), OrganizerID: organizer, EventID: 2*organizer - 1, Currency: "EUR", Fingerprint: "f", Normalization: 1,
			AffiliateText: []string{"anna", "", "secret", ""}[i], LineCount: 1, LineID: "1", TicketType: "adult", Quantity: 2, UnitPrice: 1050,
		})
	}
	commit(w, "c1-visits", rows.TableVisits, visits, startMS, startMS+int64(3*n)*1000)
	commit(w, "c1-orders", rows.TableOrders, orders, startMS, startMS+5_000_000)
	w.lake, err = lake.New(w.config, lake.Deps{
		Dir: dir, View: lakelog.NewView(dir), Catalog: catalog{dimensions()}, Clock: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: w.reg,
	})
	check(t, err)
	t.Cleanup(func() { check(t, w.lake.Close()) })
	w.engine, err = query.New(query.Deps{Lake: w.lake, Credits: attribution.New(nil), Metrics: w.reg})
	check(t, err)
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func commit[R any](w *world, log, table string, list []R, minMS, maxMS int64) {
	w.t.Helper()
	writer, err := w.dir.Writer(log)
	check(w.t, err)
	name := rows.FileName{Table: table, Date: "2026-11-22", Log: log, Commit: writer.Head().Number + 1, Random: 1}
	staged, err := w.dir.Stage(table)
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
	check(w.t, writer.Append(lakelog.Entry{KnownAtUS: 10, Added: []lakelog.File{{
		Path: name.Path(), Table: table, Rows: int64(len(list)), Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:]),
		MinTimeMS: minMS, MaxTimeMS: maxMS, MinKnownAtUS: 10, MaxKnownAtUS: 10,
	}}}))
}

// ask runs a statement for the organizer north and takes all rows.
func (w *world) ask(text string) (*reports.Table, []reports.Row, error) {
	var table *reports.Table
	var all []reports.Row
	err := w.engine.Run(w.t.Context(), query.Question{Organizer: "north", Text: text}, func(ctx context.Context, t *reports.Table) (err error) {
		table = t
		all, err = reports.Collect(ctx, t)
		return err
	})
	return table, all, err
}
