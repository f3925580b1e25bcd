package catalog

import (
	"context"
	"flag"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

func TestMain(m *testing.M) {
	// Each check of the model makes a catalog on disk; -rapid.checks=500 is the
	// long version.
	if err := flag.Set("rapid.checks", "12"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (k *clock) Now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

func (k *clock) Set(t time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = t
}

func (k *clock) Advance(d time.Duration) { k.Set(k.Now().Add(d)) }

func newClock() *clock {
	return &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
}

// counted reads a counter, of a label's value where one is given.
func counted(t *testing.T, f *fixture, name, label string) float64 {
	t.Helper()
	families, err := f.deps.Metrics.(*prometheus.Registry).Gather()
	must(t, err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// fixture is an open catalog with a clock that stands still.
type fixture struct {
	*Catalog
	t     testing.TB
	clock *clock
	ctx   context.Context
}

func open(t testing.TB, dir string, k *clock, change func(*Config, *Deps)) (*Catalog, error) {
	t.Helper()
	config := DefaultConfig()
	config.Dir = dir
	deps := Deps{Clock: k.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}
	if change != nil {
		change(&config, &deps)
	}
	c, err := New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	return c, c.Open(context.Background())
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return openFixture(t, t.TempDir(), newClock(), nil)
}

func openFixture(t testing.TB, dir string, k *clock, change func(*Config, *Deps)) *fixture {
	t.Helper()
	c, err := open(t, dir, k, change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fixture{Catalog: c, t: t, clock: k, ctx: context.Background()}
}

func (f *fixture) organizer(slug, zone string) admin.Organizer {
	f.t.Helper()
	o, err := f.AddOrganizer(f.ctx, "test", admin.Organizer{Slug: slug, Name: "Org " + slug, Zone: zone, Currency: "EUR"})
	must(f.t, err)
	return o
}

func (f *fixture) event(organizer, slug string) admin.Event {
	f.t.Helper()
	e, err := f.AddEvent(f.ctx, "test", admin.EventAdd{
		Organizer: organizer, Slug: slug, Name: "Event " + slug,
		Destination: "https://tickets.example.com/" + slug, Start: "2026-12-24T19:30", End: "2026-12-24T23:00",
	})
	must(f.t, err)
	return e
}

func (f *fixture) affiliate(organizer, name string) admin.Affiliate {
	f.t.Helper()
	a, err := f.AddAffiliate(f.ctx, "test", admin.AffiliateAdd{Organizer: organizer, Name: name, Email: name + "@example.com"})
	must(f.t, err)
	return a
}

func (f *fixture) code(organizer, event, text, affiliate string) admin.Code {
	f.t.Helper()
	c, err := f.AddCode(f.ctx, "test", admin.CodeAdd{Organizer: organizer, Event: event, Text: text, Affiliate: affiliate})
	must(f.t, err)
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCatalogRemembersAcrossARestart(t *testing.T) {
	dir, k := t.TempDir(), newClock()
	c, err := open(t, dir, k, nil)
	must(t, err)
	f := &fixture{Catalog: c, t: t, clock: k, ctx: context.Background()}
	f.organizer("acme", "Europe/Vienna")
	f.event("", "gala")
	f.affiliate("", "Ann")
	made := f.code("", "gala", "Spring", "ann")
	was, err := f.Revision(f.ctx)
	must(t, err)
	must(t, c.Close())

	f = openFixture(t, dir, k, nil)
	is, err := f.Revision(f.ctx)
	must(t, err)
	if is != was || was.Number != 5 {
		t.Errorf("revision %v became %v, want number 5", was, is)
	}
	got, err := f.Code(f.ctx, admin.CodeRef{Text: "SPRING"})
	must(t, err)
	if got.ID != made.ID || got.Text != "Spring" || got.AffiliateName != "Ann" || got.Event != "gala" {
		t.Errorf("code became %+v", got)
	}
}

func zero() ids.Revision { return ids.Revision{} }
