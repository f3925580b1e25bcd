package reporter

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter/catalog"
	"footfall/reporter/lake"
	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/policy"
	"footfall/schemas/reports"
)

// whole is the catalog without a word on what changed: a reader then loads every
// state whole.
type whole struct{ lake.Catalog }

// dimensionWorld is a catalog over an empty lake, read by one that loads what
// changed.
type dimensionWorld struct {
	t       testing.TB
	dir     string
	now     time.Time
	catalog *catalog.Catalog
	reg     *prometheus.Registry
	lake    *lake.Lake
}

func newDimensionWorld(t testing.TB) *dimensionWorld {
	t.Helper()
	w := &dimensionWorld{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), reg: prometheus.NewRegistry()}
	config := catalog.DefaultConfig()
	config.Dir = w.dir
	var err error
	w.catalog, err = catalog.New(config, catalog.Deps{Clock: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	w.must(err)
	w.must(w.catalog.Open(t.Context()))
	t.Cleanup(func() { w.must(w.catalog.Close()) })
	w.lake = w.reader(dimensions{w.catalog}, w.reg)
	return w
}

func (w *dimensionWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// reader is a further reader of the lake, over what it is given as the catalog.
func (w *dimensionWorld) reader(source lake.Catalog, reg *prometheus.Registry) *lake.Lake {
	w.t.Helper()
	dir, err := lakelog.OpenDir(filepath.Join(w.dir, "lake"))
	w.must(err)
	config := lake.DefaultConfig()
	config.TempDir = w.t.TempDir()
	l, err := lake.New(config, lake.Deps{Dir: dir, View: lakelog.NewView(dir), Catalog: source, Clock: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: reg}) //nolint:forbidigo // it only measures readings
	w.must(err)
	w.t.Cleanup(func() { w.must(l.Close()) })
	return l
}

var dimensionTables = []string{"organizers", "events", "affiliates", "codes", "code_texts", "code_owners", "code_states", "coupons", "policies", "policy_rules"}

// dump is everything that a report of the as-of sees of the catalog.
func (w *dimensionWorld) dump(l *lake.Lake, asOfUS int64) string {
	w.t.Helper()
	var all strings.Builder
	w.must(l.Read(w.t.Context(), asOfUS, func(ctx context.Context, r *reports.Reading) error {
		for _, table := range dimensionTables {
			if err := dumpTable(ctx, r, table, &all); err != nil {
				return err
			}
		}
		return nil
	}))
	return all.String()
}

func dumpTable(ctx context.Context, r *reports.Reading, table string, to *strings.Builder) error {
	rows, err := r.QueryContext(ctx, "SELECT t::VARCHAR FROM "+table+" t ORDER BY ALL")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		fmt.Fprintln(to, table, text)
	}
	return rows.Err()
}

func (w *dimensionWorld) counted(name string) float64 {
	w.t.Helper()
	families, err := w.reg.Gather()
	w.must(err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}

// change makes one random change of the catalog; one that is refused is none.
func (w *dimensionWorld) change(r *rand.Rand, names *int) {
	ctx, c := w.t.Context(), w.catalog
	*names++
	code := admin.CodeRef{Organizer: "acme", Text: fmt.Sprintf("K%d", r.IntN(*names))}
	someone := fmt.Sprintf("a%d@example.com", r.IntN(*names))
	day := func(days int) string { return w.now.AddDate(0, 0, days).Format(time.DateOnly) }
	var err error
	switch r.IntN(12) {
	case 0:
		_, err = c.AddAffiliate(ctx, "test", admin.AffiliateAdd{Organizer: "acme", Name: fmt.Sprint("A", *names), Email: fmt.Sprintf("a%d@example.com", *names)})
	case 1, 2:
		_, err = c.AddCode(ctx, "test", admin.CodeAdd{Organizer: "acme", Text: fmt.Sprint("K", *names), Affiliate: someone})
	case 3:
		_, err = c.RenameCode(ctx, "test", code, admin.CodeRename{Text: fmt.Sprint("K", *names)})
	case 4:
		_, err = c.ReassignCode(ctx, "test", code, admin.CodeReassign{Affiliate: someone, From: day(1 + r.IntN(3))})
	case 5:
		_, err = c.PauseCode(ctx, "test", code, r.IntN(2) == 0)
	case 6:
		_, err = c.PauseAffiliate(ctx, "test", "acme", someone, r.IntN(2) == 0)
	case 7:
		email := fmt.Sprintf("a%d@example.com", *names)
		_, err = c.EditAffiliate(ctx, "test", "acme", someone, admin.AffiliateEdit{Email: &email})
	case 8:
		_, err = c.AddCoupon(ctx, "test", admin.CouponAdd{Organizer: "acme", Text: fmt.Sprint("Save", r.IntN(4)), Code: code.Text, From: day(-r.IntN(3))})
	case 9:
		_, err = c.EndCoupon(ctx, "test", "acme", fmt.Sprint("save", r.IntN(4)), admin.CouponEnd{})
	case 10:
		days := 1 + r.IntN(60)
		_, err = c.SetPolicy(ctx, "test", policy.Set{Organizer: "acme", WindowDays: &days})
	case 11:
		end := w.now.AddDate(0, 0, r.IntN(9)).Format(time.RFC3339)
		_, err = c.EditEvent(ctx, "test", "gala", admin.EventEdit{End: &end})
	}
	if _, refused := admin.AsRefusal(err); !refused {
		w.must(err)
	}
	w.now = w.now.Add(time.Duration(r.IntN(10)) * time.Hour)
}

func (w *dimensionWorld) begin() {
	ctx := w.t.Context()
	_, err := w.catalog.AddOrganizer(ctx, "test", admin.Organizer{Slug: "acme", Name: "Acme", Zone: "America/St_Johns", Currency: "CAD"})
	w.must(err)
	_, err = w.catalog.AddEvent(ctx, "test", admin.EventAdd{Organizer: "acme", Slug: "gala", Name: "Gala", Destination: "https://tickets.example.com/", Start: "2026-11-01", End: "2027-01-01"})
	w.must(err)
	_, err = w.catalog.AddAffiliate(ctx, "test", admin.AffiliateAdd{Organizer: "acme", Name: "A0", Email: "a0@example.com"})
	w.must(err)
	_, err = w.catalog.AddCode(ctx, "test", admin.CodeAdd{Organizer: "acme", Text: "K0", Affiliate: "A0"})
	w.must(err)
}

// TestStateMadeOfChangesIsTheStateLoadedWhole: after random changes a reader that
// takes only what changed sees row for row what a fresh one sees, at the newest
// and at every as-of.
func TestStateMadeOfChangesIsTheStateLoadedWhole(t *testing.T) {
	const seed, changes = 4, 60
	r, names := rand.New(rand.NewPCG(seed, 0)), 0
	w := newDimensionWorld(t)
	w.begin()
	w.dump(w.lake, 0)
	var instants []int64
	for range changes {
		for range 1 + r.IntN(4) {
			w.change(r, &names)
		}
		state, err := w.catalog.StateAt(t.Context(), 1<<62)
		w.must(err)
		instants = append(instants, state.KnownAtUS)
		got := w.dump(w.lake, 0)
		if len(instants)%6 > 0 {
			continue
		}
		if want := w.dump(w.reader(whole{dimensions{w.catalog}}, prometheus.NewRegistry()), 0); got != want {
			t.Fatalf("seed %d, change %d: made of changes:\n%s\nloaded whole:\n%s", seed, len(instants), got, want)
		}
	}
	if loads, grown := w.counted("footfall_lake_catalog_loads_total"), w.counted("footfall_lake_catalog_changes_total"); loads != 1 || grown < changes/2 {
		t.Errorf("%v states were loaded whole, %v made of changes", loads, grown)
	}
	fresh := w.reader(whole{dimensions{w.catalog}}, prometheus.NewRegistry())
	for range 8 { // back and forth between as-ofs
		at := instants[r.IntN(len(instants))]
		if got, want := w.dump(w.lake, at), w.dump(fresh, at); got != want {
			t.Errorf("seed %d, as of %d: made of changes:\n%s\nloaded whole:\n%s", seed, at, got, want)
		}
	}
}

// fill puts many codes into the catalog's file at once, an affiliate for each ten.
func (w *dimensionWorld) fill(codes int) {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "catalog.db")+"?_pragma=busy_timeout(5000)")
	w.must(err)
	const number = `(SELECT max(number) FROM revisions)`
	for _, statement := range []string{
		`INSERT INTO revisions (number, incarnation, known_at_us) SELECT number + 1, incarnation, known_at_us + 1 FROM revisions ORDER BY number DESC LIMIT 1`,
		`CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < ` + fmt.Sprint(codes+9) + `) SELECT i FROM n`,
		`INSERT INTO affiliates SELECT i / 10 + 10, ` + number + `, 1, 0 FROM n WHERE i % 10 = 0`,
		`INSERT INTO affiliate_names SELECT i / 10 + 10, 'Name ' || i, '', 'n' || i || '@example.com' FROM n WHERE i % 10 = 0`,
		`INSERT INTO codes SELECT i, ` + number + `, 1, 0, 'CODE-' || i, 0, 0 FROM n`,
		`INSERT INTO code_texts SELECT 1, 'code-' || i, 0, 'CODE-' || i, i, 1, ` + number + ` FROM n`,
		`INSERT INTO code_owners SELECT i, ` + number + `, 0, i / 10 + 10 FROM n`,
		`UPDATE id_counters SET last = 10000000`,
	} {
		_, err := db.ExecContext(w.t.Context(), statement)
		w.must(err)
	}
	w.must(db.Close())
}

// BenchmarkChangeOfLargeCatalog is how long the next report waits for a change
// among 100,000 codes, against a reader that loads the catalog whole.
func BenchmarkChangeOfLargeCatalog(b *testing.B) {
	for name, wrap := range map[string]func(lake.Catalog) lake.Catalog{
		"changes": func(c lake.Catalog) lake.Catalog { return c },
		"whole":   func(c lake.Catalog) lake.Catalog { return whole{c} },
	} {
		b.Run(name, func(b *testing.B) {
			w := newDimensionWorld(b)
			w.begin()
			w.fill(100_000)
			l := w.reader(wrap(dimensions{w.catalog}), prometheus.NewRegistry())
			nothing := func(context.Context, *reports.Reading) error { return nil }
			w.must(l.Read(b.Context(), 0, nothing))
			var first ids.CodeID
			for b.Loop() {
				code, err := w.catalog.AddCode(b.Context(), "test", admin.CodeAdd{Organizer: "acme", Text: fmt.Sprint("NEW-", first, "-", w.now.UnixNano()), Affiliate: "A0"})
				w.must(err)
				first, w.now = code.ID, w.now.Add(time.Second)
				w.must(l.Read(b.Context(), 0, nothing))
			}
		})
	}
}
