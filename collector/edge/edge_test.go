package edge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
	"footfall/schemas/visit"
)

// testNow is the moment that every test happens at.
var testNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// testCatalog is a catalog in maps: as simple as what the edge asks of one.
type testCatalog struct {
	events map[string]Event
	codes  map[string]Code // "event/text" or "o organizer/text", folded
}

func (c *testCatalog) View() View             { return c }
func (c *testCatalog) Revision() ids.Revision { return ids.Revision{Incarnation: 0xA1, Number: 42} }

func (c *testCatalog) Event(slug []byte) (Event, bool) {
	e, ok := c.events[string(slug)]
	return e, ok
}

func (c *testCatalog) Code(event ids.EventID, organizer ids.OrganizerID, text []byte) (Code, bool) {
	folded := routes.FoldString(string(text))
	if code, ok := c.codes[fmt.Sprintf("%d/%s", event, folded)]; ok {
		return code, true
	}
	code, ok := c.codes[fmt.Sprintf("o%d/%s", organizer, folded)]
	return code, ok
}

const (
	fairDestination   = "https://tickets.example/fair"
	queryDestination  = "https://shop.example:8443/buy?show=7#seats"
	cookieDestination = "https://cookies.example/c"
)

func newCatalog() *testCatalog {
	end := testNow.Add(time.Hour).UnixMilli()
	return &testCatalog{
		events: map[string]Event{
			"fair":   {ID: 1, Organizer: 10, Destination: []byte(fairDestination), EndMS: end},
			"query":  {ID: 2, Organizer: 10, Destination: []byte(queryDestination), EndMS: end},
			"past":   {ID: 3, Organizer: 10, Destination: []byte(fairDestination), EndMS: testNow.UnixMilli()},
			"cookie": {ID: 4, Organizer: 20, Destination: []byte(cookieDestination), EndMS: end, Cookies: true},
			"nokey":  {ID: 5, Organizer: 30, Destination: []byte(cookieDestination), EndMS: end, Cookies: true},
		},
		codes: map[string]Code{
			"o10/spring": {ID: 100, Canonical: []byte("Spring")},
			"o10/both":   {ID: 101, Canonical: []byte("both")},
			"1/both":     {ID: 102, Canonical: []byte("BOTH")},
			"1/only":     {ID: 103, Canonical: []byte("only")},
			"o10/old":    {ID: 100, Canonical: []byte("Spring")},
			"o10/rest":   {ID: 104, Canonical: []byte("rest"), Paused: true},
			"o20/other":  {ID: 200, Canonical: []byte("other")},
		},
	}
}

func testSecrets(t testing.TB) *Secrets {
	t.Helper()
	key := routes.Key(bytes.Repeat([]byte{7}, 32))
	s, err := NewSecrets(routes.Secrets{
		Version: "1", MintKey: 1,
		ClickKeys:   []routes.ClickKey{{ID: 1, Secret: key}},
		DayKeys:     []routes.DayKey{{Day: "2026-11-21", Key: routes.Key{1}}, {Day: "2026-11-22", Key: routes.Key{2}}},
		VisitorKeys: []routes.VisitorKey{{Organizer: 20, Key: routes.Key{3}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testJournal keeps what was appended, in memory.
type testJournal struct {
	mu     sync.Mutex
	bodies [][]byte
	fail   error
	keep   bool
	next   uint64
}

func (j *testJournal) Shards() int { return 1 }

func (j *testJournal) Append(shard int, kind, version uint8, body []byte) (Position, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		return Position{}, j.fail
	}
	if kind != recordVisit || version != visit.Version {
		return Position{}, errors.New("no visit")
	}
	j.next++
	if j.keep {
		j.bodies = append(j.bodies, bytes.Clone(body))
	}
	return Position{Epoch: 0xE0, Shard: uint8(shard), Sequence: j.next, TimeMS: testNow.UnixMilli()}, nil
}

func (j *testJournal) visits(t testing.TB) []visit.Visit {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]visit.Visit, len(j.bodies))
	for i, body := range j.bodies {
		if err := out[i].Unmarshal(body); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// bench is an edge and what it was given.
type bench struct {
	edge    *Edge
	journal *testJournal
	catalog *testCatalog
	metrics *prometheus.Registry
	log     *safeBuffer
}

// safeBuffer is written by the edge and read by the test.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newBench(t testing.TB, change func(*Config, *Deps)) *bench {
	t.Helper()
	b := &bench{journal: &testJournal{keep: true}, catalog: newCatalog(), metrics: prometheus.NewRegistry(), log: &safeBuffer{}}
	secrets := testSecrets(t)
	config := DefaultConfig()
	config.Listen = "127.0.0.1:0"
	deps := Deps{
		Journal: b.journal, Routes: b.catalog, Secrets: func() *Secrets { return secrets },
		Clock: func() time.Time { return testNow }, Log: slog.New(slog.NewTextHandler(b.log, nil)), Metrics: b.metrics,
	}
	if change != nil {
		change(&config, &deps)
	}
	edge, err := New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	edge.uptime = func() time.Duration { return deps.Clock().Sub(testNow) }
	b.edge = edge
	return b
}

// serve runs the edge until the test ends; it gives a way to stop it earlier.
func (b *bench) serve(t testing.TB) (stop func() error) {
	t.Helper()
	if err := b.edge.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.edge.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		// A clock that stands still would wait for idle connections for ever.
		b.edge.listener.closeAll()
		return <-done
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return stop
}

func (b *bench) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", b.edge.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// raw sends bytes and reads until the edge closes, having said that nothing
// more will come.
func (b *bench) raw(t testing.TB, request string) string {
	t.Helper()
	c := b.dial(t)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	return string(answer)
}

// get asks for a target with header lines, and reads one answer.
func (b *bench) get(t testing.TB, method, target string, lines ...string) *http.Response {
	t.Helper()
	request := method + " " + target + " HTTP/1.1\r\nHost: go.example\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
	answer := b.raw(t, request)
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v in %q", method, target, err, answer)
	}
	return response
}

func (b *bench) counter(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	families, err := b.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if len(labels) == 0 || m.GetLabel()[0].GetValue() == labels[0] {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s %v", name, labels)
	return 0
}

func TestRedirectIsRecordedAndCarriesItsClick(t *testing.T) {
	b := newBench(t, nil)
	b.serve(t)
	r := b.get(t, "GET", "/e/fair/?affiliate=SPRING&x=1&click_id=stolen", "User-Agent: Mozilla/5.0")
	if r.StatusCode != http.StatusFound {
		t.Fatalf("status %d", r.StatusCode)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer-when-downgrade", "X-Robots-Tag": "noindex",
		"Set-Cookie": "", "Server": "", "Content-Length": "0",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	location := r.Header.Get("Location")
	const before = fairDestination + "?affiliate=Spring&x=1&click_id="
	if !strings.HasPrefix(location, before) {
		t.Fatalf("location %q", location)
	}
	fields, status := b.edge.deps.Secrets().clicks.Decode([]byte(location[len(before):]))
	want := clickid.Fields{Epoch: 0xE0, Sequence: 1, TimeMS: testNow.UnixMilli(), Event: 1, Code: 100, State: visit.CodeResolved}
	if status != clickid.Valid || fields != want {
		t.Errorf("click id %v %+v", status, fields)
	}
	v := b.journal.visits(t)[0]
	if v.Organizer != 10 || v.Event != 1 || v.Code != 100 || string(v.CodeText) != "SPRING" ||
		v.VisitorSource != visit.VisitorAddress || v.VisitorKey == 0 || v.Revision.Number != 42 {
		t.Errorf("visit %+v", v)
	}
}
