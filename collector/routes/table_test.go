package routes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(n uint64) ids.Revision { return ids.Revision{Incarnation: 0xA, Number: n} }

// reporter is a feed in process: what it serves is set by the test.
type reporter struct {
	mu      sync.Mutex
	update  func(have ids.Revision) (routes.Update, error) // nil update: no news
	secrets routes.Secrets
	covered routes.Covered
	err     error
	changed chan struct{}
	asked   []ids.Revision
}

func newReporter(s *routes.Snapshot, secrets routes.Secrets) *reporter {
	r := &reporter{changed: make(chan struct{}), secrets: secrets}
	r.serve(s)
	return r
}

func (r *reporter) serve(s *routes.Snapshot) {
	r.set(func() {
		r.update = func(have ids.Revision) (routes.Update, error) {
			if have == s.Revision {
				return routes.Update{}, nil
			}
			return routes.Update{Snapshot: s}, nil
		}
	})
}

func (r *reporter) set(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *reporter) wait(ctx context.Context, ready func() (bool, error)) error {
	for {
		r.mu.Lock()
		ok, err := ready()
		changed := r.changed
		if r.err != nil {
			err = r.err
		}
		r.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *reporter) Routes(ctx context.Context, have ids.Revision) (u routes.Update, err error) {
	r.mu.Lock()
	r.asked = append(r.asked, have)
	r.mu.Unlock()
	err = r.wait(ctx, func() (bool, error) {
		u, err = r.update(have)
		return u != (routes.Update{}), err
	})
	return u, err
}

func (r *reporter) Secrets(ctx context.Context, have string) (s routes.Secrets, err error) {
	err = r.wait(ctx, func() (bool, error) {
		s = r.secrets
		return s.Version != have, nil
	})
	return s, err
}

func (r *reporter) Covered(context.Context) (routes.Covered, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.covered, r.err
}

func someSecrets(version string, days ...string) routes.Secrets {
	s := routes.Secrets{
		Version: version, MintKey: 1, ClickKeys: []routes.ClickKey{{ID: 1}},
		DayKeys: []routes.DayKey{}, VisitorKeys: []routes.VisitorKey{},
	}
	for _, day := range days {
		s.DayKeys = append(s.DayKeys, routes.DayKey{Day: day, Key: routes.Key(bytes.Repeat([]byte{0x5A}, 32))})
	}
	return s
}

func someRoutes(n uint64) *routes.Snapshot {
	return &routes.Snapshot{
		Revision:   at(n),
		Organizers: []routes.Organizer{{ID: 1, Slug: "north", Cookies: true}, {ID: 2, Slug: "south"}},
		Events: []routes.Event{
			{ID: 1, Organizer: 1, Slug: "fair", Destination: "https://tickets.example/fair", StartMS: 1, EndMS: 9, Currency: "EUR"},
			{ID: 2, Organizer: 2, Slug: "ball", Destination: "https://tickets.example/ball", Currency: "JPY"},
		},
		Codes: []routes.Code{
			{ID: 10, Common: true, Organizer: 1, Text: "Spring", Canonical: "Spring"},
			{ID: 10, Common: true, Organizer: 1, Text: "OLD", Canonical: "Spring"},
			{ID: 11, Organizer: 1, Event: 1, Text: "ann", Canonical: "ann"},
			{ID: 12, Common: true, Organizer: 1, Text: "ANN", Canonical: "ANN", Paused: true},
			{ID: 13, Common: true, Organizer: 2, Text: "spring", Canonical: "spring"},
		},
	}
}

type bench struct {
	table    *Table
	metrics  *prometheus.Registry
	log      *bytes.Buffer
	reporter *reporter

	mu      sync.Mutex
	secrets []routes.Secrets // told so far; guarded by mu
	covered []routes.Covered // likewise
}

// told is what the table has handed on so far.
func (b *bench) told() ([]routes.Secrets, []routes.Covered) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.secrets, b.covered
}

func newBench(t testing.TB, dir string, r *reporter) *bench {
	t.Helper()
	b := &bench{metrics: prometheus.NewRegistry(), log: &bytes.Buffer{}, reporter: r}
	config := DefaultConfig()
	config.Dir = dir
	table, err := New(config, Deps{
		Feed: r, Clock: time.Now, Log: slog.New(slog.NewTextHandler(b.log, nil)), Metrics: b.metrics,
		OnSecrets: func(s routes.Secrets) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.secrets = append(b.secrets, s)
			return nil
		},
		OnCovered: func(c routes.Covered) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.covered = append(b.covered, c)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.table = table
	return b
}

func (b *bench) metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	families, err := b.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (len(labels) == 0 || m.GetLabel()[0].GetValue() == labels[0]) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s %v", name, labels)
	return 0
}

func resolve(v *View, event ids.EventID, organizer ids.OrganizerID, text string) string {
	c, ok := v.Code(event, organizer, []byte(text))
	if !ok {
		return "unknown"
	}
	return fmt.Sprintf("%d %s %v", c.ID, c.Canonical, c.Paused)
}

func TestEventCodeGoesBeforeCommonCodeWithoutRegardToCase(t *testing.T) {
	v := fromSnapshot(someRoutes(1))
	for _, c := range []struct {
		event     ids.EventID
		organizer ids.OrganizerID
		text      string
		want      string
	}{
		{1, 1, "spring", "10 Spring false"},
		{1, 1, "SPRING", "10 Spring false"},
		{1, 1, "old", "10 Spring false"},
		{1, 1, "Ann", "11 ann false"},
		{3, 1, "Ann", "12 ANN true"},
		{2, 2, "Spring", "13 spring false"},
		{2, 2, "ann", "unknown"},
		{2, 2, "old", "unknown"},
		{1, 1, "", "unknown"},
		{1, 1, "sprin", "unknown"},
		{1, 1, strings.Repeat("x", 65), "unknown"},
		{1, 1, "\u017Fpring", "unknown"}, // long s: no folding beyond ASCII
	} {
		if got := resolve(v, c.event, c.organizer, c.text); got != c.want {
			t.Errorf("%q of event %d, organizer %d: %s, want %s", c.text, c.event, c.organizer, got, c.want)
		}
	}
	e, ok := v.Event([]byte("fair"))
	if !ok || e.ID != 1 || e.Organizer != 1 || !e.Cookies || string(e.Destination) != "https://tickets.example/fair" || e.EndMS != 9 || string(e.Currency) != "EUR" {
		t.Errorf("event %+v", e)
	}
	if _, ok := v.Event([]byte("Fair")); ok {
		t.Error("slugs are exact")
	}
	if id, ok := v.Organizer("south"); !ok || id != 2 {
		t.Errorf("organizer %d", id)
	}
}

// Against a map, over random deltas; every view that was ever given out stays
// what it was.
func TestTableIsAlwaysWhatTheDeltasSay(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	type key struct {
		common bool
		scope  uint32
		text   string
	}
	model := map[key]routes.Code{}
	v := emptyView()
	var old *View
	var oldModel map[key]routes.Code
	check := func(v *View, model map[key]routes.Code) {
		t.Helper()
		if v.Codes() != len(model) {
			t.Fatalf("%d codes, want %d", v.Codes(), len(model))
		}
		for k, want := range model {
			var buffer codeKey
			scope := byte(scopeEvent)
			if k.common {
				scope = scopeCommon
			}
			val, ok := v.codes.get(buffer.set(scope, k.scope, []byte(k.text)))
			if !ok {
				t.Fatalf("%+v is missing", want)
			}
			id, flags, _, typed, canonical := codeValue(val, len(k.text))
			if canonical == nil {
				canonical = typed
			}
			if id != want.ID || string(typed) != want.Text || string(canonical) != want.Canonical || (flags&flagPaused != 0) != want.Paused {
				t.Fatalf("%+v became %d %q %q", want, id, typed, canonical)
			}
		}
	}
	for n := range uint64(40) {
		var codes []routes.Code
		for range random.IntN(200) {
			c := routes.Code{ID: ids.CodeID(random.Uint32N(1 << 20)), Text: fmt.Sprintf("Code%d", random.IntN(2000)), Paused: random.IntN(2) == 0}
			c.Canonical = c.Text
			if random.IntN(4) == 0 {
				c.Canonical = "renamed"
			}
			k := key{text: strings.ToLower(c.Text)}
			if c.Common = random.IntN(2) == 0; c.Common {
				c.Organizer = ids.OrganizerID(random.Uint32N(3))
				k.common, k.scope = true, uint32(c.Organizer)
			} else {
				c.Event = ids.EventID(random.Uint32N(3))
				k.scope = uint32(c.Event)
			}
			codes, model[k] = append(codes, c), c
		}
		v = v.with(at(n), nil, nil, codes)
		check(v, model)
		if n == 20 {
			old, oldModel = v, maps.Clone(model)
		}
	}
	check(old, oldModel)

	var copied bytes.Buffer
	if err := v.write(&copied); err != nil {
		t.Fatal(err)
	}
	again, err := readView(&copied)
	if err != nil {
		t.Fatal(err)
	}
	check(again, model)
}

func TestStartNeedsNoReporterOnceThereIsACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newReporter(someRoutes(3), someSecrets("1", "2000-01-02"))
		b := newBench(t, dir, r)
		if b.table.Ready() == nil {
			t.Error("ready before it is open")
		}
		if err := b.table.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.table.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, "secrets.json"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("secrets on disk: %v, %v", info, err)
		}

		r.err = errors.New("blackhole")
		again := newBench(t, dir, r)
		if err := again.table.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := resolve(again.table.View(), 1, 1, "old"); got != "10 Spring false" || again.table.View().Revision() != at(3) {
			t.Errorf("%s at %s", got, again.table.View().Revision())
		}
		if len(again.secrets) != 1 || !reflect.DeepEqual(again.secrets[0], someSecrets("1", "2000-01-02")) {
			t.Errorf("secrets %+v", again.secrets)
		}
		if err := again.table.Ready(); err != nil {
			t.Error(err)
		}
	})
}

// faults.md, part 1, row 18.
func TestCorruptCopyIsNeverServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, name := range []string{"routes.snapshot", "secrets.json"} {
			dir := t.TempDir()
			if err := routes.Write(filepath.Join(dir, "routes.snapshot"), routes.Update{Snapshot: someRoutes(3)}); err != nil {
				t.Fatal(err)
			}
			if err := routes.WriteSecrets(filepath.Join(dir, "secrets.json"), someSecrets("1")); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, name)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			whole[len(whole)/2] ^= 1
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			r := newReporter(someRoutes(4), someSecrets("2"))
			r.err = errors.New("blackhole")
			b := newBench(t, dir, r)
			err = b.table.Open(t.Context())
			if !errors.Is(err, ErrNoRoutes) || !errors.Is(err, routes.ErrCorrupt) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "Start the reporter") {
				t.Errorf("%s corrupt, no reporter: %v", name, err)
			}
			action := map[string]string{"routes.snapshot": "read_routes", "secrets.json": "read_secrets"}[name]
			if n := b.metric(t, "footfall_routes_copy_errors_total", action); n != 1 {
				t.Errorf("%s: %v errors counted", name, n)
			}
			r.err = nil
			b = newBench(t, dir, r)
			if err := b.table.Open(t.Context()); err != nil {
				t.Errorf("%s corrupt, with a reporter: %v", name, err)
			}
		}
	})
}

func TestMissingCopyWaitsForTheReporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReporter(someRoutes(4), someSecrets("2"))
		r.err = errors.New("not up yet")
		b := newBench(t, t.TempDir(), r)
		time.AfterFunc(3*time.Second, func() { r.set(func() { r.err = nil }) })
		if err := b.table.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := b.metric(t, "footfall_routes_feed_errors_total", "routes"); n < 2 {
			t.Errorf("%v failures counted", n)
		}
		r.err = errors.New("never up")
		b = newBench(t, t.TempDir(), r)
		began := time.Now()
		if err := b.table.Open(t.Context()); !errors.Is(err, ErrNoRoutes) || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("opened with nothing: %v", err)
		}
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}
