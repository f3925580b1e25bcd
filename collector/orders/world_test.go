package orders_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"footfall/collector/journal"
	"footfall/collector/orders"
	"footfall/internal/testkit"
	"footfall/schemas/ids"
	"footfall/schemas/order"
	"footfall/schemas/routes"
)

func TestMain(m *testing.M) {
	// fasthttp's own, which sleep on for seconds after a server's end, or for ever.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

const (
	secretA  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretA2 = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	secretB  = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
)

// visitorKeys of the organizers, as they come with the secrets.
func visitorKeys() []routes.VisitorKey {
	return []routes.VisitorKey{{Organizer: 1, Key: routes.Key{1}}, {Organizer: 2, Key: routes.Key{2}}}
}

// now of the tests' clock; requests are signed at it.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// journalOf is what the role makes of a journal.
type journalOf struct{ *journal.Journal }

func (j journalOf) Append(kind, version uint8, body []byte) (orders.Position, error) {
	p, err := j.Journal.Append(0, kind, version, body)
	if errors.Is(err, journal.ErrFull) {
		err = fmt.Errorf("%w: %w", orders.ErrFull, err)
	}
	return orders.Position{Epoch: p.Epoch, Sequence: p.Sequence}, err
}

func (j journalOf) Sync(ctx context.Context, p orders.Position) error {
	err := j.Journal.Sync(ctx, journal.Position{Epoch: p.Epoch, Sequence: p.Sequence})
	if errors.Is(err, journal.ErrLost) {
		err = fmt.Errorf("%w: %w", orders.ErrLost, err)
	}
	return err
}

func (j journalOf) Hold(p orders.Position) { j.Journal.Hold(p.Epoch, p.Sequence+1) }

// sourceOf is what the role makes of a journal's reader.
type sourceOf struct{ *journal.Reader }

func (s sourceOf) Epochs() ([]orders.Epoch, error) {
	infos, err := s.Reader.Epochs()
	var epochs []orders.Epoch
	for _, e := range infos {
		epoch := orders.Epoch{Epoch: e.Epoch}
		if e.End != nil {
			epoch.Ended, epoch.Last, epoch.Missing = true, e.End.Shards[0].Last, e.End.Shards[0].Missing
		}
		epochs = append(epochs, epoch)
	}
	return epochs, err
}

func (s sourceOf) Tail(epoch, after uint64) (orders.Tail, error) {
	t, err := s.Reader.Tail(epoch, 0, after)
	return tailOf{t}, err
}

type tailOf struct{ *journal.Tail }

func (t tailOf) Next() (orders.Record, bool, error) {
	r, ok, err := t.Tail.Next()
	if _, ok := errors.AsType[*journal.CorruptError](err); ok {
		err = fmt.Errorf("%w: %w", orders.ErrDamaged, err)
	}
	return orders.Record{Sequence: r.Sequence, Kind: r.Kind, Version: r.Version, Body: r.Body}, ok, err
}

// catalog of two organizers with an event each.
type catalog struct{}

func (catalog) Organizer(slug string) (ids.OrganizerID, bool) {
	id, ok := map[string]ids.OrganizerID{"alpha": 1, "beta": 2, "unsigned": 3}[slug]
	return id, ok
}

func (catalog) OnlyOrganizer() (ids.OrganizerID, bool) { return 0, false }

func (catalog) Event(organizer ids.OrganizerID, slug string) (ids.EventID, bool) {
	id, ok := map[string]ids.EventID{"1/gala": 11, "2/rock": 22}[fmt.Sprintf("%d/%s", organizer, slug)]
	return id, ok
}

// world is one run of the listener on a directory with a journal of its own.
type world struct {
	*orders.Orders
	t       *testing.T
	dir     string
	clock   *testkit.Clock
	journal *journal.Journal
	metrics *prometheus.Registry
	log     *logged
	client  *http.Client
	secrets *orders.Secrets
	stop    func() error
}

// logged is what a run logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// options of a world.
type options struct {
	dir     string
	journal func(orders.Journal) orders.Journal // what stands between
	before  func(*world)                        // between Open and Run
}

func start(t *testing.T, o options) *world {
	t.Helper()
	w, err := open(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func open(t *testing.T, o options) (*world, error) {
	t.Helper()
	if o.dir == "" {
		o.dir = t.TempDir()
	}
	w := &world{t: t, dir: o.dir, clock: testkit.NewClock(now), metrics: prometheus.NewRegistry(), log: &logged{}}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	config := journal.DefaultOrders()
	config.Dir, config.Collector, config.Log = filepath.Join(o.dir, "journal"), 1, "c1-orders"
	config.SegmentBytes, config.Spares, config.RetentionSeconds = 64<<10, 0, 0
	var err error
	if w.journal, err = journal.New(config, journal.Deps{Clock: w.clock.Now, Log: log, Metrics: prometheus.NewRegistry()}); err != nil {
		t.Fatal(err)
	}
	if err := w.journal.Open(); err != nil {
		t.Fatal(err)
	}
	reader, err := journal.OpenReader(config.Dir)
	if err != nil {
		t.Fatal(err)
	}
	w.secrets, err = orders.NewSecrets([]orders.Secret{{1, secretA}, {1, secretA2}, {2, secretB}}, visitorKeys())
	if err != nil {
		t.Fatal(err)
	}
	var journal orders.Journal = journalOf{w.journal}
	if o.journal != nil {
		journal = o.journal(journal)
	}
	w.Orders, err = orders.New(orders.Config{Listen: "127.0.0.1:0", Dir: o.dir}, orders.Deps{
		Journal: journal, Source: sourceOf{reader}, Catalog: catalog{}, Secrets: func() *orders.Secrets { return w.secrets },
		Clock: w.clock.Now, Log: log, Metrics: w.metrics,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Open(t.Context()); err != nil {
		return nil, errors.Join(err, w.journal.Close())
	}
	if o.before != nil {
		o.before(w)
	}
	w.run()
	return w, nil
}

// run starts the journal and the listener, in the role's order, and stops them
// the other way round.
func (w *world) run() {
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	w.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	journalCtx, stopJournal := context.WithCancel(context.Background())
	ordersCtx, stopOrders := context.WithCancel(context.Background())
	journalDone, ordersDone := make(chan error, 1), make(chan error, 1)
	go func() { journalDone <- w.journal.Run(journalCtx) }()
	go func() { ordersDone <- w.Run(ordersCtx) }()
	w.stop = sync.OnceValue(func() error {
		transport.CloseIdleConnections()
		stopOrders()
		err := <-ordersDone
		stopJournal()
		return errors.Join(err, <-journalDone)
	})
	w.t.Cleanup(func() { _ = w.stop() })
}

// again stops it and starts it on the same directory.
func (w *world) again() *world {
	w.t.Helper()
	if err := w.stop(); err != nil {
		w.t.Fatal(err)
	}
	return start(w.t, options{dir: w.dir})
}

// crashed starts another on what a kill -9 at this moment would leave.
func (w *world) crashed() *world {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "crashed")
	err := filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
		to := filepath.Join(dir, strings.TrimPrefix(path, w.dir))
		if err != nil || entry.IsDir() {
			return errors.Join(err, os.MkdirAll(to, 0o700))
		}
		if !entry.Type().IsRegular() {
			return nil // a socket
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a spare segment that got its name meanwhile: there may be one or none
		}
		return errors.Join(err, os.WriteFile(to, content, 0o600))
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return start(w.t, options{dir: dir})
}

// answer of the listener.
type answer struct {
	Code        int    `json:"-"`
	Text        string `json:"-"`
	Header      http.Header
	ID          string `json:"id"`
	Version     uint32 `json:"version"`
	Fingerprint string `json:"fingerprint"`
	Status      any    `json:"status"`
	Detail      string `json:"detail"`
	Pointer     string `json:"pointer"`
	Stored      string `json:"stored_fingerprint"`
	Sent        string `json:"sent_fingerprint"`
}

func (w *world) request(path, organizer, secret, body string) *http.Request {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+w.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		w.t.Fatal(err)
	}
	signature, err := hook.Sign("msg_1", w.clock.Now(), []byte(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Footfall-Organizer", organizer)
	r.Header.Set("webhook-id", "msg_1")
	r.Header.Set("webhook-timestamp", fmt.Sprint(w.clock.Now().Unix()))
	r.Header.Set("webhook-signature", signature)
	return r
}

func (w *world) do(r *http.Request) answer {
	w.t.Helper()
	response, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	response.Body.Close()
	a := answer{Code: response.StatusCode, Text: string(text), Header: response.Header}
	if err := json.Unmarshal(text, &a); err != nil {
		w.t.Fatalf("%d with %q: %v", a.Code, text, err)
	}
	want := "application/problem+json"
	if a.Code < 300 {
		want = "application/json"
	}
	if got := response.Header.Get("Content-Type"); got != want {
		w.t.Errorf("%d has type %s", a.Code, got)
	}
	return a
}

func (w *world) post(path, body string) answer {
	w.t.Helper()
	return w.do(w.request(path, "alpha", secretA, body))
}

// want posts and compares the status.
func (w *world) want(code int, path, body string) answer {
	w.t.Helper()
	a := w.post(path, body)
	if a.Code != code {
		w.t.Errorf("%s %.200s: %d %s, want %d", path, body, a.Code, a.Text, code)
	}
	return a
}

// stored is what the journal has, by id and version.
func (w *world) stored() map[string]int {
	w.t.Helper()
	found := make(map[string]int)
	for _, b := range w.bodies() {
		var o order.Order
		var r order.Refund
		if o.Unmarshal(b) == nil {
			found[fmt.Sprintf("%d/%s/%d", o.Organizer, o.ID, o.Version)]++
		} else if err := r.Unmarshal(b); err == nil {
			found[fmt.Sprintf("%d/refund %s", r.Organizer, r.ID)]++
		} else {
			w.t.Errorf("record %x: %v", b, err)
		}
	}
	return found
}

func (w *world) bodies() (bodies [][]byte) {
	w.t.Helper()
	reader, err := journal.OpenReader(filepath.Join(w.dir, "journal"))
	if err != nil {
		w.t.Fatal(err)
	}
	epochs, err := reader.Epochs()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range epochs {
		tail, err := reader.Tail(e.Epoch, 0, 0)
		if err != nil {
			w.t.Fatal(err)
		}
		for {
			r, ok, err := tail.Next()
			if err != nil {
				w.t.Fatal(err)
			}
			if !ok {
				break
			}
			if r.Kind == orders.KindOrder || r.Kind == orders.KindRefund {
				bodies = append(bodies, bytes.Clone(r.Body))
			}
		}
		tail.Close()
	}
	return bodies
}

// metric gives the value of footfall_orders_NAME with exactly these labels,
// given as name=value.
func (w *world) metric(name string, labels ...string) float64 {
	w.t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "footfall_orders_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetName()+"="+l.GetValue())
			}
			if strings.Join(have, ",") == strings.Join(labels, ",") {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

// counted fails where the metric isn't want.
func (w *world) counted(want float64, name string, labels ...string) {
	w.t.Helper()
	if got := w.metric(name, labels...); got != want {
		w.t.Errorf("footfall_orders_%s{%s} is %v, want %v", name, strings.Join(labels, ","), got, want)
	}
}

// The usual order and refund; fields are replaced by what follows: "name",
// "JSON"; an empty JSON takes the field out.
func usualOrder(change ...string) string {
	return object([]string{
		"id", `"A-1"`, "event", `"gala"`, "ordered_at", `"2026-11-22T12:59:00+01:00"`, "currency", `"EUR"`,
		"lines", `[{"id":"1","ticket_type":"standing","quantity":2,"unit_price":4550}]`,
	}, change)
}

func usualRefund(change ...string) string {
	return object([]string{"id", `"R-1"`, "order_id", `"A-1"`, "refunded_at", `"2026-11-22T11:59:00Z"`, "currency", `"EUR"`}, change)
}

func object(fields, change []string) string {
	for i := 0; i < len(change); i += 2 {
		found := false
		for j := 0; j < len(fields); j += 2 {
			if fields[j] == change[i] {
				fields[j+1], found = change[i+1], true
			}
		}
		if !found {
			fields = append(fields, change[i], change[i+1])
		}
	}
	var parts []string
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", fields[i], fields[i+1]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}
