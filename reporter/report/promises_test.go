package report_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"footfall/reporter/attribution"
	"footfall/reporter/export"
	"footfall/reporter/lake"
	"footfall/reporter/report"
	"footfall/schemas/admin"
	"footfall/schemas/clickid"
	rows "footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/reports"
)

// filled is a world with a random scenario in it.
func filled(t *testing.T, visits, orders int) (*world, *scenario) {
	t.Helper()
	w := newWorld(t, 42)
	w.keys = []clickid.Key{{ID: 9, Secret: [32]byte{1}}}
	s := newScenario(42, "America/New_York", ms("2026-11-01T06:00:00Z"))
	var err error
	s.keys, err = clickid.NewKeys(9, w.keys)
	check(t, err)
	w.catalog.states = []state{{knownUS: 1, d: s.d}}
	s.fill(w, visits, orders)
	return w, s
}

func exported(t *testing.T, w *world, q report.Query, format string) string {
	t.Helper()
	table, err := w.run(q)
	check(t, err)
	var b bytes.Buffer
	check(t, export.Write(context.Background(), &b, format, export.Options{}, table.again()))
	return b.String()
}

func TestSameAsOfGivesSameBytesAfterCommitsAndMerges(t *testing.T) {
	w, s := filled(t, 100, 40)
	q := report.Query{By: "affiliate", Organizer: "acme", AsOfUS: (s.center+2000*hourMS)*1000 + 3_000_000}
	before := map[string]string{}
	for _, format := range []string{"table", "csv", "json"} {
		before[format] = exported(t, w, q, format)
	}
	provisional := exported(t, w, report.Query{By: "affiliate", Organizer: "acme"}, "csv")

	s.fillLater(w)
	w.catalog.states = append(w.catalog.states, state{knownUS: 1 << 55, d: &lake.Dimensions{}})
	view := lakelog.NewView(w.dir)
	check(t, view.Refresh())
	for _, table := range []string{rows.TableVisits, rows.TableOrders, rows.TableRefunds} {
		mergeAll(w, table, view.Snapshot().FilesOf(table), (s.center+4000*hourMS)*1000)
	}
	for format, want := range before {
		if now := exported(t, w, q, format); now != want {
			t.Errorf("%s changed:\n%s\nbefore:\n%s", format, now, want)
		}
	}
	q.AsOfUS = 1<<55 - 1
	if now := exported(t, w, q, "csv"); now == provisional {
		t.Error("a later as-of shows nothing of what came later")
	}
}

// TestReportIsOfOneSnapshot: what a report looks up, its rows and whether it is
// settled are of the same look at the lake. Rows that came between two looks
// could change a report that says it is settled.
func TestReportIsOfOneSnapshot(t *testing.T) {
	w, _ := filled(t, 20, 5)
	_, err := w.run(report.Query{Organizer: "acme"})
	check(t, err)
	_, err = w.credits.Explain(context.Background(), w.lake, attribution.Question{Organizer: "acme", OrderID: "order-1"})
	if _, refused := admin.AsRefusal(err); err != nil && !refused {
		t.Fatal(err)
	}
	families, err := w.reg.Gather()
	check(t, err)
	var looks uint64
	for _, f := range families {
		if f.GetName() == "footfall_lake_reading_seconds" {
			looks = f.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	if looks != 2 {
		t.Errorf("a report and an explanation looked at the lake %d times", looks)
	}
}

// TestReportStandsOnTheRevisionThatItNames: a revision that comes while a report
// begins is either named or not seen.
func TestReportStandsOnTheRevisionThatItNames(t *testing.T) {
	w, s := filled(t, 20, 5)
	w.catalog.states[0].knownUS = 1000
	want := exported(t, w, report.Query{Organizer: "acme", AsOfUS: 1 << 55}, "json")
	fresh, _ := filled(t, 20, 5)
	fresh.catalog.states[0].knownUS = 1000
	renamed := *s.d
	renamed.Affiliates = nil
	fresh.catalog.named = func() {
		fresh.catalog.named = nil
		fresh.catalog.states = append(fresh.catalog.states, state{knownUS: 2000, d: &renamed})
	}
	if got := exported(t, fresh, report.Query{Organizer: "acme", AsOfUS: 1 << 55}, "json"); got != want {
		t.Errorf("revision 1 is named, and this stands on revision 2:\n%s\nwant:\n%s", got, want)
	}
}

// fillLater commits more rows, all known later, some of them about earlier times.
func (s *scenario) fillLater(w *world) {
	knownUS := (s.center + 3000*hourMS) * 1000
	var v []rows.VisitRow
	for range 100 {
		v = append(v, s.visit())
	}
	w.commit(visitsLog, knownUS, v, nil, nil)
	w.commit(ordersLog, knownUS, nil, append(s.order(10), s.order(10)...), s.refund(10))
}

func mergeAll(w *world, table string, files []lakelog.File, knownUS int64) {
	switch table {
	case rows.TableVisits:
		merge(w, visitsLog, table, knownUS, files, func(r rows.VisitRow) (int64, int64) { return r.VisitedAtMS, r.KnownAtUS })
	case rows.TableOrders:
		merge(w, ordersLog, table, knownUS, files, func(r rows.OrderRow) (int64, int64) { return r.OrderedAtMS, r.KnownAtUS })
	case rows.TableRefunds:
		merge(w, ordersLog, table, knownUS+1, files, func(r rows.RefundRow) (int64, int64) { return r.RefundedAtMS, r.KnownAtUS })
	}
}

// TestDamagedFileIsNeverLeftOut: a file that the log names and that is not as it
// was committed makes the report refuse, naming it and the remedy.
func TestDamagedFileIsNeverLeftOut(t *testing.T) {
	damages := map[string]func(path string) error{
		"is missing": os.Remove,
		"committed were": func(path string) error {
			return os.Truncate(path, 100)
		},
		"SHA-256": func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)/2] ^= 1
			return os.WriteFile(path, data, 0o600)
		},
		"no regular file": func(path string) error {
			return errors.Join(os.Rename(path, path+".moved"), os.Symlink(path+".moved", path))
		},
	}
	for word, damage := range damages {
		t.Run(word, func(t *testing.T) {
			w := newWorld(t, 1)
			w.catalog.states = []state{{knownUS: 1, d: newScenario(1, "UTC", ms("2026-06-01T00:00:00Z")).d}}
			files := w.commit(visitsLog, 1000, []rows.VisitRow{{VisitedAtMS: 5, OrganizerID: 1, EventID: 11, CodeID: 1001, CodeState: "resolved"}}, nil, nil)
			check(t, damage(w.dir.Abs(files[0].Path)))
			_, err := w.run(report.Query{Organizer: "acme"})
			var bad *lake.FileError
			if !errors.As(err, &bad) || bad.Path != files[0].Path || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), "restore") {
				t.Errorf("got %v, want a refusal that names %s, %q and the remedy", err, files[0].Path, word)
			}
			if n, err := testutil.GatherAndCount(w.reg, "footfall_lake_refused_files_total"); err != nil || n != 1 {
				t.Errorf("refusals counted: %d, %v", n, err)
			}
			// A range that needs no row of the file is answered.
			_, err = w.run(report.Query{Organizer: "acme", From: "2026-01-01"})
			check(t, err)
		})
	}
}

func TestForeignFileIsNeverRead(t *testing.T) {
	w, _ := filled(t, 50, 10)
	q := report.Query{Organizer: "acme", By: "event"}
	want := exported(t, w, q, "csv")
	view := lakelog.NewView(w.dir)
	check(t, view.Refresh())
	for _, f := range view.Snapshot().Files {
		data, err := os.ReadFile(w.dir.Abs(f.Path))
		check(t, err)
		check(t, os.WriteFile(w.dir.Abs(f.Path+"-copy.parquet"), data, 0o600))
		check(t, os.WriteFile(strings.Replace(w.dir.Abs(f.Path), "-0000", "-9000", 1), []byte("no parquet at all"), 0o600))
	}
	for where, rows := range map[string]int{"in memory": lake.DefaultConfig().WarmRows, "on disk": 1} {
		w.reopen(func(c *lake.Config) { c.WarmRows = rows }) // what was read before is not looked at
		if now := exported(t, w, q, "csv"); now != want {
			t.Errorf("foreign files changed the report from rows %s:\n%s\nbefore:\n%s", where, now, want)
		}
	}
}

// TestStatementReachesNothingOutsideTheLake looks at the lock-down from inside.
func TestStatementReachesNothingOutsideTheLake(t *testing.T) {
	w, _ := filled(t, 20, 5)
	outside := filepath.Join(t.TempDir(), "secret.csv")
	check(t, os.WriteFile(outside, []byte("a\n1\n"), 0o600))
	err := w.lake.Read(context.Background(), 0, func(ctx context.Context, conn *reports.Reading) error {
		for _, statement := range []string{
			"SELECT * FROM read_csv('" + outside + "')", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM glob('/*')",
			"SELECT * FROM read_csv('" + w.dir.Root() + "/../secret.csv')", "COPY (SELECT 1) TO '" + outside + ".out'",
			"ATTACH '" + outside + ".db'", "INSTALL httpfs", "LOAD httpfs", "SELECT * FROM read_csv('https://example.com/a.csv')",
			"SET memory_limit = '100GB'", "SET enable_external_access = true", "RESET lock_configuration", "SET allowed_directories = ['/']",
		} {
			if _, err := conn.ExecContext(ctx, statement); err == nil {
				t.Errorf("%s ran", statement)
			}
		}
		return nil
	})
	check(t, err)
}

func TestWrongQuestionIsRefusedWithWhatIsAllowed(t *testing.T) {
	w, _ := filled(t, 20, 5)
	for name, c := range map[string]struct {
		q             report.Query
		pointer, says string
	}{
		"by":                  {report.Query{By: "affiliate; DROP TABLE orders"}, "/by", "affiliate, code, event, organizer, day"},
		"verdict":             {report.Query{Where: "verdict=vaild"}, "/where", "unknown_code, paused, head, prefetch, bot, valid"},
		"column":              {report.Query{Sort: "visit"}, "/sort", "total_sales"},
		"column of another":   {report.Query{By: "day", Sort: "affiliate"}, "/sort", "conversion_rate"},
		"sort injection":      {report.Query{Sort: "visits; DELETE FROM orders --"}, "/sort", "total_sales"},
		"from after to":       {report.Query{From: "2026-11-03", To: "2026-11-02"}, "/from", "not before"},
		"empty day":           {report.Query{From: "2026-11-03", To: "2026-11-03"}, "/from", "--to 2026-11-23"},
		"no day":              {report.Query{From: "yesterday"}, "/from", "2026-11-22"},
		"no such day":         {report.Query{To: "2026-02-30"}, "/to", "2026-11-22"},
		"limit":               {report.Query{Limit: -1}, "/limit", "1 to"},
		"offset":              {report.Query{Offset: -1}, "/offset", "0 to"},
		"compare":             {report.Query{From: "2026-11-03", To: "2026-11-04", Compare: "week"}, "/compare", "FROM/TO"},
		"currency":            {report.Query{Currency: "U'X"}, "/currency", "ISO 4217"},
		"unknown organizer":   {report.Query{Organizer: "acmee"}, "/organizer", "acme, other"},
		"no organizer":        {report.Query{Organizer: "-"}, "/organizer", "acme, other"},
		"unknown event":       {report.Query{Event: "opera"}, "/event", "folk, jazz, rock"},
		"another's event":     {report.Query{Event: "elsewhere"}, "/event", "folk, jazz, rock"},
		"unknown affiliate":   {report.Query{Affiliate: "Eve' OR 1=1 --"}, "/affiliate", "101 (Ann)"},
		"another's affiliate": {report.Query{Affiliate: "201"}, "/affiliate", "101 (Ann)"},
		"empty affiliate":     {report.Query{Affiliate: " "}, "/affiliate", "101 (Ann)"},
		"look-alike code":     {report.Query{Code: "roc\u212a-bob"}, "/code", "Rock-Bob"},
		"unknown code":        {report.Query{Code: "nobody"}, "/code", "Rock-Bob"},
	} {
		t.Run(name, func(t *testing.T) {
			switch c.q.Organizer {
			case "":
				c.q.Organizer = "acme"
			case "-":
				c.q.Organizer = ""
			}
			_, err := w.run(c.q)
			refusal, ok := admin.AsRefusal(err)
			if !ok || refusal.Reason != admin.Invalid || refusal.Pointer != c.pointer || !strings.Contains(refusal.Detail, c.says) {
				t.Errorf("got %v, want a refusal at %s that says %q", err, c.pointer, c.says)
			}
		})
	}
}

// TestReportFindsAnAffiliateAsOtherCommandsDo: by id, email, nickname or name.
func TestReportFindsAnAffiliateAsOtherCommandsDo(t *testing.T) {
	w, _ := filled(t, 20, 5)
	want := exported(t, w, report.Query{Organizer: "acme", Affiliate: "101"}, "csv")
	for _, ref := range []string{"ann", "AN", "Ann@Example.com"} {
		if got := exported(t, w, report.Query{Organizer: "acme", Affiliate: ref}, "csv"); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", ref, got, want)
		}
	}
	code := exported(t, w, report.Query{Organizer: "acme", Code: "rock-bob"}, "csv")
	if got := exported(t, w, report.Query{Organizer: "acme", Code: " ROCK-BOB "}, "csv"); got != code {
		t.Errorf("a code in other letters:\n%s\nwant:\n%s", got, code)
	}
}

func FuzzNothingTypedReachesAStatement(f *testing.F) {
	for _, text := range []string{"'", "a'; DROP TABLE orders; --", "visits desc", "\x00", "ann\" OR \"1\"=\"1", "$1", "?", "[1,2]", "💥"} {
		f.Add(text, text)
	}
	for _, where := range []string{"source=google.com", "visits>=10 and conversion_rate<5%", "day>2026-05-31", "code~n and affiliate!=direct", "net_sales<=-1.5", "hour=2026-06-01T10:00Z", "week=2026-W23,2026-W24", "share>1"} {
		f.Add("-total_sales,currency", where)
	}
	w := newWorld(f, 1)
	w.catalog.states = []state{{knownUS: 1, d: newScenario(1, "UTC", ms("2026-06-01T00:00:00Z")).d}}
	f.Fuzz(func(t *testing.T, sort, filter string) {
		for _, q := range []report.Query{
			{Sort: sort},
			{Affiliate: filter},
			{Code: filter},
			{Event: filter},
			{Organizer: filter},
			{By: sort},
			{Columns: sort},
			{Where: filter},
			{By: "source", Columns: "visits", Where: "typed=" + sort + " and source~" + filter},
			{Where: "total_sales<" + filter + " and affiliate=" + sort},
			{Columns: "visits", Where: "utm_source!=" + strconv.Quote(filter) + " and day>" + sort},
			{Zone: filter},
			{Basis: sort},
			{Compare: sort},
		} {
			if q.Organizer == "" {
				q.Organizer = "acme"
			}
			if _, err := w.run(q); err != nil {
				if _, ok := admin.AsRefusal(err); !ok {
					t.Errorf("%+v: %v, want a refusal or an answer", q, err)
				}
			}
		}
	})
}

func TestCanceledAndEndlessQueriesEndAndLeaveNothing(t *testing.T) {
	w, _ := filled(t, 20, 5)
	endless := func(ctx context.Context, conn *reports.Reading) error {
		_, err := conn.ExecContext(ctx, "SELECT count(*) FROM range(100000000000000) t(i) WHERE i % 7 = 8")
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := w.lake.Read(ctx, 0, func(ctx context.Context, conn *reports.Reading) error {
		time.AfterFunc(0, cancel)
		return endless(ctx, conn)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	temp := t.TempDir()
	config := lake.DefaultConfig()
	config.TempDir, config.QuerySeconds, config.MemoryMiB, config.TempMiB = temp, 1, 64, 16
	small, err := lake.New(config, lake.Deps{
		Dir: w.dir, View: lakelog.NewView(w.dir), Catalog: w.catalog, Clock: time.Now,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	check(t, err)
	if err := small.Read(context.Background(), 0, endless); !errors.Is(err, lake.ErrLimit) || !strings.Contains(err.Error(), "query_seconds") {
		t.Errorf("endless: %v", err)
	}
	err = small.Read(context.Background(), 0, func(ctx context.Context, conn *reports.Reading) error {
		_, err := conn.ExecContext(ctx, "CREATE TEMP TABLE big AS SELECT range::VARCHAR || repeat('x', 100) AS s, random() AS r FROM range(3000000) ORDER BY r")
		return err
	})
	if !errors.Is(err, lake.ErrLimit) {
		t.Errorf("too large: %v", err)
	}
	check(t, small.Close())
	left, err := os.ReadDir(temp)
	check(t, err)
	if len(left) > 0 {
		t.Errorf("left in the temporary folder: %v", left)
	}
	if _, err := w.run(report.Query{Organizer: "acme"}); err != nil {
		t.Errorf("the others suffer: %v", err)
	}
}

// TestSpillOfAKilledReporterIsTakenAway: what a query had put on disk when its
// process was killed goes with the next one's first reading.
func TestSpillOfAKilledReporterIsTakenAway(t *testing.T) {
	w, _ := filled(t, 20, 5)
	var spilled string
	w.reopen(func(c *lake.Config) {
		spilled = filepath.Join(c.TempDir, "duckdb", "duckdb_temp_storage_DEFAULT-0.tmp")
		check(t, os.MkdirAll(filepath.Dir(spilled), 0o700))
		check(t, os.WriteFile(spilled, make([]byte, 1000), 0o600))
	})
	_, err := w.run(report.Query{Organizer: "acme"})
	check(t, err)
	if _, err := os.Stat(spilled); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
