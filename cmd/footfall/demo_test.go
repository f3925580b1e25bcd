package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter/api"
	"footfall/reporter/catalog"
	"footfall/schemas/admin"
)

// newTestCatalog opens a real catalog behind its API.
func newTestCatalog(t *testing.T) asker {
	t.Helper()
	log, metrics := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	config := catalog.DefaultConfig()
	config.Dir = t.TempDir()
	c, err := catalog.New(config, catalog.Deps{Clock: time.Now, Log: log, Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	handler, err := api.New(api.DefaultConfig(), api.Deps{Catalog: c, Clock: time.Now, Log: log, Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, method, path string, in, out any) error {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r := httptest.NewRequestWithContext(ctx, method, path, bytes.NewReader(text))
		if in == nil {
			r = httptest.NewRequestWithContext(ctx, method, path, nil)
		}
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.Local().ServeHTTP(w, r)
		if w.Code >= http.StatusBadRequest {
			return readProblem(w.Result())
		}
		if out == nil {
			return nil
		}
		return json.Unmarshal(w.Body.Bytes(), out)
	}
}

func TestDemoSetsUpOnceAndFindsItsOwnAgain(t *testing.T) {
	ask, data := newTestCatalog(t), t.TempDir()
	w := newTestDemoWorld(t, demoTestConfig())
	first, err := demoSetup(t.Context(), ask, w, data)
	if err != nil {
		t.Fatal(err)
	}
	config := demoTestConfig()
	config.Until, config.Destinations = config.Until.AddDate(0, 0, 3), "http://127.0.0.1:9999/tickets"
	later := newTestDemoWorld(t, config)
	second, err := demoSetup(t.Context(), ask, later, data)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 3 || fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("%d secrets, and others the second time", len(first))
	}
	info, err := os.Stat(filepath.Join(data, demoSecretsFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secrets' file: %v, %v", info, err)
	}
	var events admin.Page[admin.Event]
	var affiliates admin.Page[admin.Affiliate]
	var codes admin.Page[admin.Code]
	var secrets admin.Page[admin.WebhookSecret]
	for path, out := range map[string]any{
		"/v1/events": &events, "/v1/affiliates?organizer=nordlicht": &affiliates, "/v1/codes?organizer=nordlicht": &codes, "/v1/secrets?organizer=nordlicht": &secrets,
	} {
		if err := ask(t.Context(), http.MethodGet, path, nil, out); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	if len(events.Items) != len(w.Events) || len(affiliates.Items) != 4 || len(codes.Items) != 7 || len(secrets.Items) != 1 {
		t.Errorf("%d events, %d affiliates, %d codes, %d secrets", len(events.Items), len(affiliates.Items), len(codes.Items), len(secrets.Items))
	}
	for _, have := range events.Items {
		if !strings.HasPrefix(have.Destination, config.Destinations) {
			t.Errorf("event %s still leads to %s", have.Slug, have.Destination)
		}
	}
	paused := 0
	for _, c := range codes.Items {
		if c.State == admin.StatePaused {
			paused++
		}
	}
	if paused != 1 {
		t.Errorf("%d codes are paused", paused)
	}
}

func TestDemoTouchesNothingThatIsNotItsOwn(t *testing.T) {
	w := newTestDemoWorld(t, demoTestConfig())
	for name, add := range map[string]func(ask asker) error{
		"organizer": func(ask asker) error {
			return ask(t.Context(), http.MethodPost, "/v1/organizers", admin.Organizer{Slug: "nordlicht", Name: "Nordlicht GmbH", Zone: "Europe/Berlin", Currency: "EUR"}, nil)
		},
		"event": func(ask asker) error {
			err := ask(t.Context(), http.MethodPost, "/v1/organizers", admin.Organizer{Slug: "real", Name: "Real", Zone: "Europe/Berlin", Currency: "EUR"}, nil)
			return errors.Join(err, ask(t.Context(), http.MethodPost, "/v1/events", admin.EventAdd{
				Organizer: "real", Slug: "winter-lights", Name: "Real Lights", Destination: "https://real.example/", Start: "2027-01-01", End: "2027-01-02",
			}, nil))
		},
	} {
		ask := newTestCatalog(t)
		if err := add(ask); err != nil {
			t.Fatal(err)
		}
		if _, err := demoSetup(t.Context(), ask, w, t.TempDir()); err == nil || !strings.Contains(err.Error(), "not the demo's") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBrokenSecretsFileIsNotWrittenOver(t *testing.T) {
	data := t.TempDir()
	path := filepath.Join(data, demoSecretsFile)
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := demoSecrets(data, []demoOrganizer{{Slug: "a"}}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "{" {
		t.Errorf("%q, %v", text, err)
	}
}

// demoListeners answer as the click and the order listener do, and keep what
// they got.
type demoListeners struct {
	mu      sync.Mutex
	unready int // mu; requests to answer as an edge without news does
	clicks  map[string]int
	orders  []demoOrderBody
	refunds []demoRefundBody
}

func (l *demoListeners) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unready > 0 {
		l.unready--
		w.WriteHeader(map[bool]int{true: http.StatusUnauthorized, false: http.StatusNotFound}[r.Method == http.MethodPost])
		return
	}
	if r.Method != http.MethodPost {
		id := fmt.Sprintf("click-%d", len(l.clicks))
		l.clicks[id]++
		w.Header().Set("Location", "https://t.example/?click_id="+id)
		w.WriteHeader(http.StatusFound)
		return
	}
	var err error
	if r.URL.Path == "/v1/refunds" {
		var refund demoRefundBody
		err = json.NewDecoder(r.Body).Decode(&refund)
		l.refunds = append(l.refunds, refund)
	} else {
		var order demoOrderBody
		if err = json.NewDecoder(r.Body).Decode(&order); order.ID == "" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		l.orders = append(l.orders, order)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

func newTestPlayer(base string, w *demoWorld) *demoPlayer {
	secrets := map[string]string{}
	for _, o := range w.Organizers {
		secrets[o.Slug] = shopSecret
	}
	return &demoPlayer{
		ClickURL: base, OrdersURL: base, Secrets: secrets, Client: demoClient(), Now: time.Now, Interval: time.Microsecond, Run: "run",
	}
}

func TestDemoOrdersCarryTheClickIDOfTheirVisit(t *testing.T) {
	l := &demoListeners{clicks: map[string]int{}}
	server := httptest.NewServer(l)
	defer server.Close()
	config := demoTestConfig()
	config.Days, config.VisitsADay = 2, 300
	w := newTestDemoWorld(t, config)
	sent, err := newTestPlayer(server.URL, w).play(t.Context(), w, 900) // more than the story has: it starts again
	if err != nil {
		t.Fatal(err)
	}
	with, seen := 0, map[string]bool{}
	for _, o := range l.orders {
		if seen[o.ID] {
			t.Errorf("order %s was sent twice", o.ID)
		}
		seen[o.ID] = true
		if o.ClickID != "" {
			with++
			if l.clicks[o.ClickID] != 1 {
				t.Errorf("order %s carries %q, which no visit was given", o.ID, o.ClickID)
			}
		}
	}
	for _, r := range l.refunds {
		if !seen[r.OrderID] {
			t.Errorf("refund %s is of no order", r.ID)
		}
	}
	if sent.Visits != 900 || sent.Visits != len(l.clicks) || sent.Orders != len(l.orders) || sent.Refunds != len(l.refunds) || with == 0 {
		t.Errorf("sent %+v; %d visits, %d orders (%d with a click), %d refunds arrived", sent, len(l.clicks), len(l.orders), with, len(l.refunds))
	}
}

func TestDemoWaitsForTheEdgesNews(t *testing.T) {
	l := &demoListeners{clicks: map[string]int{}, unready: 1}
	server := httptest.NewServer(l)
	defer server.Close()
	w := newTestDemoWorld(t, demoTestConfig())
	if err := newTestPlayer(server.URL, w).ready(t.Context(), w); err != nil {
		t.Error(err)
	}
	if len(l.orders) != 0 {
		t.Errorf("waiting made orders: %v", l.orders)
	}
	server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newTestPlayer(server.URL, w).ready(ctx, w); err == nil {
		t.Error("listeners that are away count as ready")
	}
}

func TestDemoStopsWithWhatWasWrong(t *testing.T) {
	w := newTestDemoWorld(t, demoTestConfig())
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if _, err := newTestPlayer(server.URL, w).play(t.Context(), w, 10); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := newTestPlayer(server.URL, w)
	p.Interval = time.Hour
	if sent, err := p.play(ctx, w, 0); err != nil || sent.Visits != 0 {
		t.Errorf("sent %+v, error %v", sent, err)
	}
}

func isUsage(err error) bool {
	_, ok := errors.AsType[usageError](err)
	return ok
}

func TestDemoOptionsAreChecked(t *testing.T) {
	good := demoOptions{rate: 5, days: 28, shop: "127.0.0.1:0"}
	for name, change := range map[string]func(*demoOptions){
		"no rate":     func(o *demoOptions) { o.rate = 0 },
		"huge rate":   func(o *demoOptions) { o.rate = 1e6 },
		"days":        func(o *demoOptions) { o.days = -1 },
		"many days":   func(o *demoOptions) { o.days = 1000 },
		"public shop": func(o *demoOptions) { o.shop = "0.0.0.0:80" },
		"no address":  func(o *demoOptions) { o.shop = "tickets" },
	} {
		o := good
		change(&o)
		if err := o.check(); !isUsage(err) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := good.check(); err != nil {
		t.Error(err)
	}
}
