package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"footfall/bench/ledger"
	"footfall/bench/load/generator"
	"footfall/internal/testkit"
	"footfall/schemas/admin"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/reports"
)

// server is the built product, started for real on data of its own.
type server struct {
	*testkit.Process
	t              testing.TB
	bin, data      string
	clicks, orders string // addresses, the same after a restart
	admin, api     string
	web            string
	settings       []string // further ones, as environment
}

// startTimeout is how long a start may take on a machine that is busy.
const startTimeout = 60 * time.Second

func newServer(t testing.TB, settings ...string) *server {
	t.Helper()
	s := &server{
		t: t, bin: testkit.Build(t, "./cmd/footfall"), data: filepath.Join(testkit.DataDir(t), "data"),
		clicks: testkit.FreeAddr(t), orders: testkit.FreeAddr(t), admin: testkit.FreeAddr(t), api: testkit.FreeAddr(t), web: testkit.FreeAddr(t), settings: settings,
	}
	s.start()
	return s
}

func (s *server) start(more ...string) {
	s.t.Helper()
	s.Process = testkit.StartCommand(s.t, testkit.Command{
		Path: s.bin, Args: append([]string{"all", "--data", s.data}, more...), Env: s.environment(),
	})
	s.WaitLine("Footfall is running", startTimeout)
}

func (s *server) environment() []string {
	return append([]string{
		"FOOTFALL_COLLECTOR_EDGE_LISTEN=" + s.clicks,
		"FOOTFALL_COLLECTOR_ORDERS_LISTEN=" + s.orders,
		"FOOTFALL_ADMIN_LISTEN=" + s.admin,
		"FOOTFALL_REPORTER_API_LISTEN=" + s.api,
		"FOOTFALL_REPORTER_WEB_LISTEN=" + s.web,
	}, s.settings...)
}

// env asks the server as a command beside it does.
func (s *server) env() *env {
	return &env{Out: io.Discard, Err: io.Discard, Data: s.data, Now: time.Now}
}

func (s *server) call(method, path string, in, out any) {
	s.t.Helper()
	if err := s.env().call(context.Background(), method, path, in, out); err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// command runs the built binary on the server's data, as a person does.
func (s *server) command(args ...string) string {
	s.t.Helper()
	p := testkit.StartCommand(s.t, testkit.Command{Path: s.bin, Args: append([]string{"--data", s.data}, args...), Env: s.environment()})
	if code := p.Wait(startTimeout); code != exitOK {
		s.t.Fatalf("footfall %s: exit code %d\n%s", strings.Join(args, " "), code, p.Output())
	}
	return p.Output()
}

// seed puts a world into the catalog and gives each organizer its secret.
func (s *server) seed(w *ledger.World, names map[string]string) {
	s.t.Helper()
	for i, o := range w.Organizers {
		currency := "USD"
		for _, v := range w.Events {
			if v.Organizer == o.Slug {
				currency = v.Currency
			}
		}
		s.call(http.MethodPost, "/v1/organizers", admin.Organizer{Slug: o.Slug, Name: o.Slug, Zone: o.Zone, Currency: currency}, nil)
		var secret admin.WebhookSecret
		s.call(http.MethodPost, "/v1/secrets", map[string]string{"organizer": o.Slug}, &secret)
		w.Organizers[i].Secret = secret.Secret
	}
	now := time.Now().UTC()
	for _, v := range w.Events {
		start, end := now.AddDate(0, 2, 0), now.AddDate(0, 2, 1)
		if v.Ended {
			start, end = now.AddDate(0, -2, 0), now.AddDate(0, -2, 1)
		}
		s.call(http.MethodPost, "/v1/events", admin.EventAdd{
			Organizer: v.Organizer, Slug: v.Slug, Name: v.Slug, Destination: "https://tickets.example/" + v.Slug,
			Currency: v.Currency, Start: start.Format(time.RFC3339), End: end.Format(time.RFC3339),
		}, nil)
	}
	for _, c := range w.Codes {
		who := c.Organizer + "/" + c.Affiliate
		if names[who] == "" {
			names[who] = c.Affiliate
			s.call(http.MethodPost, "/v1/affiliates", admin.AffiliateAdd{
				Organizer: c.Organizer, Name: c.Affiliate, Email: c.Affiliate + "@partners.example",
			}, nil)
		}
		s.call(http.MethodPost, "/v1/codes", admin.CodeAdd{Organizer: c.Organizer, Event: c.Event, Text: c.Text, Affiliate: c.Affiliate}, nil)
		if c.Paused {
			s.call(http.MethodPost, "/v1/codes/"+c.Text+"/pause?"+url.Values{"organizer": {c.Organizer}}.Encode(), nil, nil)
		}
	}
	for _, c := range w.Coupons {
		s.call(http.MethodPost, "/v1/coupons", admin.CouponAdd{Organizer: c.Organizer, Text: c.Text, Code: c.Code, Event: c.Event}, nil)
	}
}

// ledgerWorld is three organizers in zones with days of their own, two
// currencies of which one has no decimals, both scopes, a paused code and an
// event that is over.
func ledgerWorld() ledger.World {
	return ledger.World{
		Organizers: []ledger.Organizer{{Slug: "north", Zone: "America/St_Johns"}, {Slug: "east", Zone: "Asia/Tokyo"}, {Slug: "south", Zone: "Australia/Lord_Howe"}},
		Events: []ledger.Event{
			{Slug: "n-fair", Organizer: "north", Currency: "CAD"},
			{Slug: "n-late", Organizer: "north", Currency: "CAD", Ended: true},
			{Slug: "e-gala", Organizer: "east", Currency: "JPY"},
			{Slug: "s-surf", Organizer: "south", Currency: "AUD"},
		},
		Codes: []ledger.Code{
			{Organizer: "north", Text: "foodie", Affiliate: "foodguide"},
			{Organizer: "north", Text: "fairradio", Event: "n-fair", Affiliate: "radio"},
			{Organizer: "north", Text: "quiet", Affiliate: "radio", Paused: true},
			{Organizer: "east", Text: "foodie", Affiliate: "ramenmap"},
			{Organizer: "east", Text: "gala", Event: "e-gala", Affiliate: "galaclub"},
			{Organizer: "south", Text: "Wave.1", Affiliate: "surfshop"},
			{Organizer: "south", Text: "radio-S", Event: "s-surf", Affiliate: "boardfm"},
		},
		Coupons: []ledger.Coupon{
			{Organizer: "north", Text: "ten", Code: "foodie"},
			{Organizer: "north", Text: "hush", Code: "quiet"},
			{Organizer: "east", Text: "gala-5", Code: "gala", Event: "e-gala"},
			{Organizer: "south", Text: "ten", Code: "Wave.1"},
		},
	}
}

func TestLedgerEqualsReportAfterTwoKills(t *testing.T) {
	s := newServer(t)
	world := ledgerWorld()
	s.seed(&world, map[string]string{})
	awaitEdge(t, s, &world)

	config := generator.Defaults()
	config.World, config.VisitsURL, config.OrdersURL = world, "http://"+s.clicks, "http://"+s.orders
	path := filepath.Join(filepath.Dir(s.data), "ledger.jsonl")
	writer, err := ledger.Create(path, ledger.Header{Seed: config.Seed, StartedUS: time.Now().UnixMicro(), World: world})
	if err != nil {
		t.Fatal(err)
	}
	load, err := generator.New(config, generator.Deps{Clock: time.Now, Log: slog.New(slog.DiscardHandler), Ledger: writer})
	if err != nil {
		t.Fatal(err)
	}
	type ending struct {
		summary ledger.Summary
		err     error
	}
	ended := make(chan ending, 1)
	go func() {
		summary, err := load.Run(context.Background())
		ended <- ending{summary, err}
	}()
	for range 2 {
		awaitVisits(t, s, 4000)
		s.Kill()
		s.start()
	}
	importBesideTheLoad(t, s, world, writer)
	end := <-ended
	if end.err != nil {
		t.Fatal(end.err)
	}
	if err := writer.End(end.summary); err != nil {
		t.Fatal(err)
	}
	t.Logf("two kills, seed %d: %s", config.Seed, end.summary)
	book, err := ledger.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := ledger.Reconcile(book.Records, world)
	if err != nil {
		t.Fatal(err)
	}
	awaitComplete(t, s, book)
	checkVisitsOnce(t, s, want)
	checkReports(t, s, world, want)
	checkOrders(t, s, world, want)
	checkCredits(t, s, want)

	asOf := newest(s)
	before := s.command("report", "--organizer", "north", "--format", "csv", "--as-of", asOf)
	if code := s.Stop(startTimeout); code != exitOK {
		t.Fatalf("exit code %d after SIGTERM\n%s", code, s.Output())
	}
	s.start()
	if after := s.command("report", "--organizer", "north", "--format", "csv", "--as-of", asOf); withoutStatus(after) != withoutStatus(before) {
		t.Errorf("the same as-of gives other bytes after a restart\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// withoutStatus drops what is written to standard error.
func withoutStatus(output string) string {
	var kept []string
	for line := range strings.Lines(output) {
		if !strings.Contains(line, "complete to") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// awaitEdge waits until links and signatures are known at the listeners.
func awaitEdge(t *testing.T, s *server, w *ledger.World) {
	t.Helper()
	player := &demoPlayer{ClickURL: "http://" + s.clicks, OrdersURL: "http://" + s.orders, Client: demoClient(), Now: time.Now, Secrets: map[string]string{}}
	demo := &demoWorld{}
	for _, o := range w.Organizers {
		demo.Organizers = append(demo.Organizers, demoOrganizer{Slug: o.Slug})
		player.Secrets[o.Slug] = o.Secret
	}
	for _, v := range w.Events {
		demo.Events = append(demo.Events, demoEvent{Slug: v.Slug})
	}
	if err := player.ready(context.Background(), demo); err != nil {
		t.Fatal(err)
	}
}

// awaitVisits waits until this run of the server has recorded that many.
func awaitVisits(t *testing.T, s *server, least float64) {
	t.Helper()
	testkit.Eventually(t, startTimeout, func() error {
		total, err := metricOf(s.admin, "footfall_journal_appended_records_total", `journal="visits"`)
		if err == nil && total < least {
			err = fmt.Errorf("%g visits so far, want %g", total, least)
		}
		return err
	})
}

// metricOf adds up a metric's series that have a label, from an admin listener.
func metricOf(address, name, label string) (total float64, err error) {
	answer, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && strings.HasPrefix(series, name) && strings.Contains(series, label) {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}

// reportDocument is a report as JSON.
type reportDocument struct {
	AsOfUS int64                        `json:"as_of_us"`
	Rows   []map[string]json.RawMessage `json:"rows"`
	Totals []map[string]json.RawMessage `json:"totals"`
}

func (s *server) report(parameters url.Values) (reportDocument, http.Header) {
	s.t.Helper()
	parameters.Set("format", "json")
	header, body, err := s.env().fetch(context.Background(), "/v1/report?"+parameters.Encode())
	if err != nil {
		s.t.Fatal(err)
	}
	var d reportDocument
	if err := json.Unmarshal(body, &d); err != nil {
		s.t.Fatalf("reading a report: %v\n%s", err, body)
	}
	return d, header
}

// awaitComplete waits until nothing of the ledger is still on its way.
func awaitComplete(t *testing.T, s *server, book *ledger.Ledger) {
	t.Helper()
	last := int64(0)
	for _, r := range book.Records {
		last = max(last, r.AnsweredUS, r.SentUS)
	}
	testkit.Eventually(t, startTimeout, func() error {
		_, header := s.report(url.Values{"organizer": {"north"}})
		at, err := time.Parse(time.RFC3339Nano, header.Get("Footfall-Complete-To"))
		if err != nil {
			return fmt.Errorf("complete to %q", header.Get("Footfall-Complete-To"))
		}
		if at.UnixMicro() <= last {
			return fmt.Errorf("complete to %s, the last answer was %s", at, time.UnixMicro(last))
		}
		return nil
	})
}

// number reads a JSON number, or an amount of money as minor units.
func number(t testing.TB, raw json.RawMessage) int64 {
	t.Helper()
	text := strings.ReplaceAll(strings.Trim(string(raw), `"`), ".", "")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s is no number", raw)
	}
	return n
}

func plainText(raw json.RawMessage) string { return strings.Trim(string(raw), `"`) }

func checkReports(t *testing.T, s *server, world ledger.World, want *ledger.Expectation) {
	t.Helper()
	label := map[ledger.By]string{ledger.ByAffiliate: "affiliate", ledger.ByCode: "code", ledger.ByEvent: "event", ledger.ByDay: "day"}
	for by, column := range label {
		rows := map[string]ledger.Row{}
		for _, r := range want.Rows(by) {
			name := map[ledger.By]string{ledger.ByAffiliate: r.Key.Affiliate, ledger.ByCode: r.Key.Code, ledger.ByEvent: r.Key.Event, ledger.ByDay: r.Key.Day}[by]
			if name == "" {
				name = direct
			}
			rows[strings.Join([]string{r.Key.Organizer, name, r.Key.Currency}, " ")] = r
		}
		seen := map[string]bool{}
		for _, o := range world.Organizers {
			d, _ := s.report(url.Values{"organizer": {o.Slug}, "by": {string(by)}})
			for _, row := range d.Rows {
				key := strings.Join([]string{o.Slug, plainText(row[column]), plainText(row["currency"])}, " ")
				seen[key] = true
				have := ledger.Figures{
					Visits: number(t, row["visits"]), Orders: number(t, row["orders"]), Credited: number(t, row["credited_orders"]), Tickets: number(t, row["tickets_sold"]),
					Sales: number(t, row["total_sales"]), Refunds: number(t, row["refunds"]),
				}
				if net := number(t, row["net_sales"]); net != have.Sales-have.Refunds {
					t.Errorf("by %s, %s: net sales are %d of %+v", by, key, net, have)
				}
				w := rows[key]
				have.Requests = w.Min.Requests // not a column of this report
				if !w.Holds(have) {
					t.Errorf("by %s, %s: the report has %+v, the ledger says %+v to %+v", by, key, have, w.Min, w.Max)
				}
			}
		}
		for key, w := range rows {
			w.Min.Requests = 0
			if w.Min != (ledger.Figures{}) && !seen[key] {
				t.Errorf("by %s, %s: the report has no such row, the ledger says %+v", by, key, w.Min)
			}
		}
	}
}

// newest is the as-of of a report that is asked for now.
func newest(s *server) string {
	s.t.Helper()
	d, _ := s.report(url.Values{"organizer": {"north"}})
	return strconv.FormatInt(d.AsOfUS, 10)
}

// direct is how reports call what is credited to nobody.
const direct = "direct"

// checkCredits asks about some of the orders that were answered clearly; the
// reports above add up the credits of all of them.
func checkCredits(t *testing.T, s *server, want *ledger.Expectation) {
	t.Helper()
	const most = 60
	asked := 0
	for i := 0; i < len(want.Orders) && asked < most; i += max(1, len(want.Orders)/(2*most)) {
		o := want.Orders[i]
		if len(o.Possible) != 1 || o.Possible[0].Order == nil || !o.Possible[0].Counts {
			continue
		}
		asked++
		var explanation reports.Explanation
		s.call(http.MethodGet, "/v1/orders/"+o.Organizer+"/"+url.PathEscape(o.ID)+"/explanation?format=json", nil, &explanation)
		wantWho, wantRule := "", ""
		if code := o.Possible[0].Code; code != nil {
			wantWho, wantRule = code.Affiliate, o.Possible[0].Rule
		}
		who, rule := "", ""
		if c := explanation.Winner; c != nil {
			who, rule = c.Affiliate, c.Rule
		}
		if who != wantWho || rule != wantRule {
			t.Errorf("order %s of %s is credited to %q by %q, the ledger says %q by %q", o.ID, o.Organizer, who, rule, wantWho, wantRule)
		}
	}
	if asked < most/2 {
		t.Errorf("only %d orders with one clear credit were found: the check proves little", asked)
	}
}

// checkVisitsOnce reads the lake's files itself: every acknowledged visit is in
// them once, none is there twice or was never sent.
func checkVisitsOnce(t *testing.T, s *server, want *ledger.Expectation) {
	t.Helper()
	times := visitTimes(t, s)
	lost, doubled, acknowledged := 0, 0, 0
	for _, v := range want.Visits {
		n := times[v.ID]
		delete(times, v.ID)
		if v.Outcome == ledger.Acknowledged {
			acknowledged++
			if n == 0 {
				lost++
			}
		}
		if n > 1 {
			doubled++
		}
	}
	t.Logf("visits acknowledged %d, lost %d, doubled %d, phantom %d", acknowledged, lost, doubled, len(times))
	if lost+doubled+len(times) > 0 {
		t.Errorf("visits lost %d, doubled %d, phantom %d, want 0", lost, doubled, len(times))
	}
}

// visitTimes reads the lake's files: how often each visit, by its sub1, is in them.
func visitTimes(t *testing.T, s *server) map[string]int {
	t.Helper()
	times := map[string]int{}
	for _, path := range lakeFiles(t, s, "visits") {
		rows, err := parquet.ReadFile[lake.VisitRow](path)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Sub1 != "" {
				times[r.Sub1]++
			}
		}
	}
	return times
}

// lakeFiles are the places of a table's committed files.
func lakeFiles(t *testing.T, s *server, table string) (paths []string) {
	t.Helper()
	dir, err := lakelog.OpenDir(filepath.Join(s.data, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	view := lakelog.NewView(dir)
	if err := view.Refresh(); err != nil {
		t.Fatal(err)
	}
	for _, f := range view.Snapshot().FilesOf(table) {
		paths = append(paths, dir.Abs(f.Path))
	}
	return paths
}
