package generator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"footfall/bench/ledger"
	"footfall/bench/load/generator"
)

// fasthttp's cleaner of idle connections sleeps out its minute, whatever is
// closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"))
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func world() ledger.World {
	return ledger.World{
		Organizers: []ledger.Organizer{{Slug: "north", Zone: "Europe/Berlin", Secret: secret}, {Slug: "south", Zone: "America/Bogota", Secret: secret}},
		Events: []ledger.Event{
			{Slug: "opera", Organizer: "north", Currency: "EUR"},
			{Slug: "rock", Organizer: "south", Currency: "COP"},
			{Slug: "over", Organizer: "north", Currency: "EUR", Ended: true},
		},
		Codes: []ledger.Code{
			{Organizer: "north", Text: "Anna", Affiliate: "anna", Aliases: []string{"anna-old"}},
			{Organizer: "north", Event: "opera", Text: "BLOG", Affiliate: "blog"},
			{Organizer: "north", Text: "paused", Affiliate: "anna", Paused: true},
			{Organizer: "south", Text: "Anna", Affiliate: "other-anna"},
		},
	}
}

// product is a tiny one that follows the rules of answers, and counts.
type product struct {
	t       *testing.T
	mu      sync.Mutex
	visits  map[string]int    // mu; by sub1
	heads   int               // mu
	orders  map[string]string // mu; organizer/kind/id/version → body
	answers func(n int) int   // mu; a status instead of the answer to the n-th post, 0 for none
	posts   int               // mu
}

func newProduct(t *testing.T) *product {
	return &product{t: t, visits: map[string]int{}, orders: map[string]string{}, answers: func(int) int { return 0 }}
}

func (p *product) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		id := r.URL.Query().Get("sub1")
		p.visits[id]++
		if r.Method == http.MethodHead {
			p.heads++
		}
		w.Header().Set("Location", "https://tickets.example/?click_id=c-"+id)
		w.WriteHeader(http.StatusFound)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	hook, err := webhooks.NewWebhook(secret)
	if err != nil {
		p.t.Error(err)
	}
	if err := hook.Verify(body, r.Header); err != nil {
		p.t.Errorf("the signature is refused: %v", err)
	}
	p.posts++
	if status := p.answers(p.posts); status != 0 {
		w.WriteHeader(status)
		return
	}
	var content struct{ ID, State string }
	if err := json.Unmarshal(body, &content); err != nil {
		p.t.Error(err)
	}
	name := r.Header.Get("Footfall-Organizer") + r.URL.Path + "/" + content.ID + "/" + content.State
	switch old, ok := p.orders[name]; {
	case !ok:
		p.orders[name] = string(body)
		w.WriteHeader(http.StatusCreated)
	case old == string(body):
		w.WriteHeader(http.StatusOK)
	default:
		w.WriteHeader(http.StatusConflict)
	}
}

func config(base string) generator.Config {
	c := generator.Defaults()
	c.World, c.VisitsURL, c.OrdersURL = world(), base, base
	c.Visits, c.VisitsASecond, c.Orders, c.Refunds = 1000, 20_000, 60, 20
	c.RetryMS, c.GiveUpSeconds = 1, 5
	return c
}

// run sends a load and reads its ledger back.
func run(t *testing.T, c generator.Config) *ledger.Ledger {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	w, err := ledger.Create(path, ledger.Header{Seed: c.Seed, World: c.World})
	if err != nil {
		t.Fatal(err)
	}
	g, err := generator.New(c, generator.Deps{Clock: time.Now, Log: slog.New(slog.DiscardHandler), Ledger: w})
	if err != nil {
		t.Fatal(err)
	}
	summary, err := g.Run(t.Context())
	if err := errors.Join(err, w.End(summary)); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if l.Summary == nil || *l.Summary != ledger.Summarize(l.Records) {
		t.Errorf("the summary %+v is not that of the records", l.Summary)
	}
	return l
}

func TestEveryRequestIsInTheLedgerOnce(t *testing.T) {
	p := newProduct(t)
	server := httptest.NewServer(p)
	defer server.Close()
	l := run(t, config(server.URL))
	seen := map[string]bool{}
	for _, r := range l.Records {
		if seen[r.ID] {
			t.Errorf("%s is there twice", r.ID)
		}
		seen[r.ID] = true
		if r.Kind == ledger.KindVisit && (p.visits[r.ID] != 1 || r.ClickID != "c-"+r.ID) {
			t.Errorf("%s reached the product %d times and has click id %q", r.ID, p.visits[r.ID], r.ClickID)
		}
	}
	if n := l.Summary.Visits.Acknowledged; n != 1000 || len(p.visits) != n {
		t.Errorf("%d visits acknowledged, %d reached the product", n, len(p.visits))
	}
	if p.heads == 0 || p.heads > 100 {
		t.Errorf("%d heads", p.heads)
	}
	s := l.Summary
	if s.Orders.Acknowledged < 60 || s.Orders.Refused == 0 || s.Refunds.Acknowledged < 20 {
		t.Errorf("orders %+v refunds %+v", s.Orders, s.Refunds)
	}
	e, err := ledger.Reconcile(l.Records, l.Header.World)
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]int{}
	for _, o := range e.Orders {
		rules[o.Possible[0].Rule]++
	}
	if len(e.Orders) != 60 || rules[ledger.ByClickID] == 0 || rules[ledger.ByText] == 0 || rules[ledger.Direct] == 0 {
		t.Errorf("%d orders with %v: not every rule was tried", len(e.Orders), rules)
	}
}

// sent is what was asked, without times and answers.
func sent(l *ledger.Ledger) map[string]string {
	all := map[string]string{}
	for _, r := range l.Records {
		if r.Order != nil {
			order := *r.Order
			order.OrderedAt = time.Time{}
			r.Order = &order
		}
		if r.Refund != nil {
			refund := *r.Refund
			refund.RefundedAt = time.Time{}
			r.Refund = &refund
		}
		r.DueUS, r.SentUS, r.AnsweredUS = 0, 0, 0
		text, _ := json.Marshal(r) // of a Record always possible
		all[r.ID] = string(text)
	}
	return all
}

func TestSameSeedSendsTheSame(t *testing.T) {
	var runs []map[string]string
	for _, seed := range []uint64{7, 7, 8} {
		server := httptest.NewServer(newProduct(t))
		c := config(server.URL)
		c.Seed = seed
		runs = append(runs, sent(run(t, c)))
		server.Close()
	}
	if fmt.Sprint(runs[0]) != fmt.Sprint(runs[1]) {
		t.Error("two runs of one seed sent different requests")
	}
	if fmt.Sprint(runs[0]) == fmt.Sprint(runs[2]) {
		t.Error("another seed sent the same")
	}
}

func TestOrderIsSentUntilItsAnswerIsClear(t *testing.T) {
	p := newProduct(t)
	p.answers = func(n int) int {
		if n%3 == 1 {
			return []int{500, 503, 429}[n%2]
		}
		return 0
	}
	server := httptest.NewServer(p)
	defer server.Close()
	l := run(t, config(server.URL))
	if l.Summary.Orders.Indeterminate == 0 {
		t.Error("no answer was unclear: this test shows nothing")
	}
	e, err := ledger.Reconcile(l.Records, world())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range e.Orders {
		if !o.Stored {
			t.Errorf("order %s has no clear answer", o.ID)
		}
	}
}

// A server that is away for a part of the run: its requests are unsent or
// indeterminate, none is missing, and what comes after is acknowledged again.
func TestServerThatDiesAndReturnsIsMetOnSchedule(t *testing.T) {
	p := newProduct(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	first, second := &http.Server{Handler: p}, &http.Server{Handler: p}
	served := make(chan struct{}, 2)
	go func() { _ = first.Serve(listener); served <- struct{}{} }() // ends by Close
	c := config("http://" + address)
	c.Visits, c.VisitsASecond = 2000, 4000
	p.answers = func(n int) int {
		if n == 5 {
			go func() {
				_ = first.Close()
				again, err := net.Listen("tcp", address)
				if err != nil {
					t.Error(err)
					return
				}
				_ = second.Serve(again)
				served <- struct{}{}
			}()
		}
		return 0
	}
	l := run(t, c)
	_ = second.Close()
	<-served
	<-served
	v := l.Summary.Visits
	if v.Requests != 2000 || v.Acknowledged == 2000 || v.Acknowledged < 1000 {
		t.Errorf("visits %+v", v)
	}
	for _, r := range l.Records {
		if r.Kind == ledger.KindVisit && r.Outcome == ledger.Unsent && p.visits[r.ID] != 0 {
			t.Errorf("%s counts as unsent, but came through", r.ID)
		}
		if r.Outcome == ledger.Acknowledged && r.Kind == ledger.KindVisit && p.visits[r.ID] != 1 {
			t.Errorf("%s came through %d times", r.ID, p.visits[r.ID])
		}
	}
}

// One answer that takes long: what is due meanwhile is sent on time, or its
// waiting shows in its latency.
func TestStallIsInTheLatencyOfAllThatWereDue(t *testing.T) {
	release := make(chan struct{})
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Query().Get("sub1"), "-00000400") {
			once.Do(func() { close(release) })
		}
		<-release
		w.Header().Set("Location", "https://tickets.example/?click_id=x"+r.URL.Query().Get("sub1"))
		w.WriteHeader(http.StatusFound)
	}))
	defer server.Close()
	c := config(server.URL)
	c.Visits, c.VisitsASecond, c.Orders, c.Refunds, c.Connections = 500, 5000, 0, 0, 512
	l := run(t, c)
	waited := 0
	for _, r := range l.Records {
		if number := r.ID[len(r.ID)-3:]; number < "200" && r.AnsweredUS-r.DueUS >= 30_000 {
			waited++
		}
	}
	if waited < 200 {
		t.Errorf("%d of the 200 first requests show that they waited", waited)
	}
}

func TestLoadIsRefusedToOtherMachines(t *testing.T) {
	for _, base := range []string{
		"http://192.0.2.1:80", "http://example.com:80", "https://127.0.0.1:80", "http://127.0.0.1", "http://[2001:db8::1]:80",
		"http://127.0.0.1:80/path", "http://127.0.0.1.example.com:80", "http://0.0.0.0:80", "",
	} {
		if _, err := generator.New(config(base), generator.Deps{Clock: time.Now}); !errors.Is(err, generator.ErrAddress) {
			t.Errorf("%q: error %v", base, err)
		}
	}
	for _, base := range []string{"http://127.0.0.1:80", "http://127.9.9.9:80/", "http://[::1]:80", "http://localhost:80"} {
		if _, err := generator.New(config(base), generator.Deps{Clock: time.Now}); err != nil {
			t.Errorf("%q: error %v", base, err)
		}
	}
}

func TestRunThatMakesNoSenseIsRefused(t *testing.T) {
	for name, change := range map[string]func(*generator.Config){
		"no visits":          func(c *generator.Config) { c.Visits = 0 },
		"no rate":            func(c *generator.Config) { c.VisitsASecond = 0 },
		"more refunds":       func(c *generator.Config) { c.Refunds = c.Orders + 1 },
		"no world":           func(c *generator.Config) { c.World = ledger.World{} },
		"no time":            func(c *generator.Config) { c.TimeoutMS = 0 },
		"secret of 8 bytes":  func(c *generator.Config) { c.World.Organizers[0].Secret = "whsec_AAAAAAAAAAA=" },
		"secret of no shape": func(c *generator.Config) { c.World.Organizers[0].Secret = "hunter2" },
	} {
		c := config("http://127.0.0.1:80")
		change(&c)
		if _, err := generator.New(c, generator.Deps{Clock: time.Now}); !errors.Is(err, generator.ErrConfig) && !errors.Is(err, generator.ErrSecret) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestGivenUpRunEnds(t *testing.T) {
	server := httptest.NewServer(newProduct(t))
	defer server.Close()
	w, err := ledger.Create(filepath.Join(t.TempDir(), "l"), ledger.Header{})
	if err != nil {
		t.Fatal(err)
	}
	c := config(server.URL)
	c.VisitsASecond = 0.001
	g, err := generator.New(c, generator.Deps{Clock: time.Now, Log: slog.New(slog.DiscardHandler), Ledger: w})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	c.VisitsASecond = 20_000
	if g, err = generator.New(c, generator.Deps{Clock: time.Now, Log: slog.New(slog.DiscardHandler), Ledger: w}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "appending to ledger") {
		t.Errorf("a run without a ledger went on: %v", err)
	}
}
