package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/collector"
	"footfall/collector/journal"
	"footfall/internal/ops"
	"footfall/reporter"
	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// recountCommitMS is longer than what happens in one step of a world: it comes
// into the lake with one commit of each log.
const recountCommitMS = 60_000

// A recount world is the whole product in this process, on a clock that the
// test moves, with a second collector beside the embedded one. Many scenarios,
// each an organizer of its own, happen in it at once: nothing is shared between
// organizers, so one start serves them all.

// The centers of worlds: instants around which clocks change, or a day is odd.
func recountCenters() []recountCenter {
	return []recountCenter{
		{"2026-03-08T07:00:00Z", []string{"America/New_York", "America/St_Johns", "Asia/Kathmandu", "UTC"}},
		{"2026-04-04T15:00:00Z", []string{"Australia/Lord_Howe", "Australia/Lord_Howe", "Pacific/Auckland", "Asia/Kathmandu"}},
		{"2026-11-01T06:00:00Z", []string{"America/New_York", "America/St_Johns", "America/Havana", "Asia/Kolkata"}},
		{"2026-03-29T01:00:00Z", []string{"Europe/Berlin", "Africa/Casablanca", "Europe/London", "Pacific/Chatham"}},
		{"2011-12-30T10:00:00Z", []string{"Pacific/Apia", "Pacific/Apia", "Pacific/Fakaofo", "Asia/Kathmandu"}},
		{"2026-02-15T02:00:00Z", []string{"Africa/Casablanca", "Africa/El_Aaiun", "UTC", "Pacific/Marquesas"}},
		{"2026-10-03T15:30:00Z", []string{"Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Apia", "Asia/Kathmandu"}},
		{"2018-02-18T02:00:00Z", []string{"America/Sao_Paulo", "America/Sao_Paulo", "America/St_Johns", "UTC"}},
	}
}

type recountCenter struct {
	at    string
	zones []string
}

// recountWorld is one start of the product. Only its driver touches it.
type recountWorld struct {
	*rand.Rand
	data    string
	center  time.Time
	zones   []string
	clock   *movedClock
	product *product
	ask     asker
	client  *http.Client
	edges   []recountEdge
	view    *lakelog.View
	want    map[string]int64 // rows that the lake must have in the end, by table
	list    []*recountScenario
	asOfs   []int64
}

// recountEdge is one collector's listeners and journals.
type recountEdge struct {
	clicks, orders func() string
	journals       string
	id             ids.CollectorID // of one that was enrolled
}

// openRecountWorld builds the product of a world in an empty directory, with two collectors.
func openRecountWorld(ctx context.Context, data string, seed uint64, c recountCenter) (w *recountWorld, err error) {
	center, err := time.Parse(time.RFC3339, c.at)
	if err != nil {
		return nil, err
	}
	w = &recountWorld{
		Rand: rand.New(rand.NewPCG(seed, 4)), data: data, center: center, zones: c.zones, clock: &movedClock{}, //nolint:gosec // a test's seed is its name
		client: demoClient(), want: map[string]int64{},
	}
	w.clock.move(center.Add(recountSteps()[0]).Add(-time.Hour))
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	if err := w.addCollector(ctx, "second"); err != nil {
		return nil, errors.Join(err, w.product.rep.Close())
	}
	return w, nil
}

// open builds the product on the world's data; only its embedded collector is there.
func (w *recountWorld) open(ctx context.Context) error {
	e := &env{Out: io.Discard, Err: io.Discard, Now: w.clock.now, Data: w.data}
	e.adjust = func(s *settings) {
		s.Admin.Listen, s.Reporter.API.Listen, s.Reporter.Web.Listen = "", "", ""
		recountCollector(&s.Collector)
		s.Consumer.CommitIntervalMS, s.Consumer.IdleCommitSeconds = recountCommitMS, recountCommitMS/1000
		s.Reporter.Lake.Threads = 1
	}
	var err error
	if w.product, err = e.openProduct(ctx); err != nil {
		return err
	}
	w.ask = w.product.ask()
	w.edges = []recountEdge{{w.product.clicks, w.product.orders, filepath.Join(w.data, "journal"), 0}}
	dir, err := lakelog.OpenDir(reporter.LakeDir(w.data))
	if err != nil {
		return errors.Join(err, w.product.rep.Close())
	}
	w.view = lakelog.NewView(dir)
	return nil
}

// recountCollector keeps the journals whole, so that they can be counted.
func recountCollector(c *collector.Config) {
	c.Edge.Listen, c.Orders.Listen, c.Edge.TrustedHops = "127.0.0.1:0", "127.0.0.1:0", demoProxies
	for _, j := range []*journal.Config{&c.VisitsJournal, &c.OrdersJournal} {
		j.SegmentBytes, j.Spares, j.SyncIntervalMS, j.RetentionSeconds = 1<<20, 0, 1, 1<<30
	}
}

// addCollector enrols a collector and runs it in this process.
func (w *recountWorld) addCollector(ctx context.Context, name string) error {
	var enrolled admin.Collector
	if err := w.ask(ctx, http.MethodPost, "/v1/collectors", admin.CollectorEnrol{Name: name, Orders: true}, &enrolled); err != nil {
		return err
	}
	return w.attach(name, enrolled.ID)
}

// attach runs an enrolled collector in this process, with its consumer.
func (w *recountWorld) attach(name string, id ids.CollectorID) error {
	second := filepath.Join(w.data, name)
	config := collector.DefaultConfig()
	config.Place(second)
	recountCollector(&config)
	config.ID = uint32(id)
	reg := prometheus.NewRegistry() // the first one's metrics have the same names
	p := w.product
	feed := p.rep.Feed(id)
	part := collector.DefaultConsumer()
	part.CommitIntervalMS, part.IdleCommitSeconds = recountCommitMS, recountCommitMS/1000
	consumer, err := collector.NewConsumer(collector.ConsumerConfig{
		Collector: id, VisitsDir: config.VisitsJournal.Dir, OrdersDir: config.OrdersJournal.Dir,
		LakeDir: reporter.LakeDir(w.data), Consumer: part, WithCollector: true,
	}, collector.ConsumerDeps{Feed: feed, Clock: w.clock.now, Log: p.Log, Metrics: reg})
	if err != nil {
		return err
	}
	edge, err := collector.New(config, collector.Deps{Feed: feed, Clock: w.clock.now, Log: p.Log, Metrics: reg})
	if err != nil {
		return err
	}
	p.Add(consumer.Parts()...)
	p.Add(edge.Parts()...)
	w.edges = append(w.edges, recountEdge{edge.ClickAddr, edge.OrderAddr, filepath.Join(second, "journal"), id})
	return nil
}

// run drives the world to its end while the product runs.
func (w *recountWorld) run(ctx context.Context, drive func(context.Context) error) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	w.product.Add(ops.Part{Name: "recount", Run: func(ctx context.Context) error {
		defer w.client.CloseIdleConnections()
		if err := drive(ctx); err != nil {
			return err
		}
		stop()
		<-ctx.Done()
		return nil
	}})
	return w.product.Run(running, func() error { return nil })
}

// until tries until it works.
func (w *recountWorld) until(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
	}
}

// settle waits until the lake has every row that was acknowledged, and gives the
// known_at that all of them have at most.
func (w *recountWorld) settle(ctx context.Context) (int64, error) {
	looks := 0
	err := w.until(ctx, "the lake", func() error {
		if looks%30 == 0 { // what was read after a commit waits for the next
			w.clock.move(w.clock.now().Add(recountCommitMS * time.Millisecond))
		}
		looks++
		if err := w.view.Refresh(); err != nil {
			return err
		}
		have := map[string]int64{}
		for _, f := range w.view.Snapshot().Files {
			have[f.Table] += f.Rows
		}
		for _, table := range []string{lake.TableVisits, lake.TableOrders, lake.TableRefunds} {
			if have[table] != w.want[table] {
				return fmt.Errorf("%s: %d rows of %d", table, have[table], w.want[table])
			}
		}
		return nil
	})
	return w.view.Snapshot().NewestUS, err
}

// dayKeys waits until the catalog has made the keys of the days around now, so
// that visits have visitor keys.
func (w *recountWorld) dayKeys(ctx context.Context) error {
	day := w.clock.now().UTC().AddDate(0, 0, 2).Format(time.DateOnly)
	return w.until(ctx, "the day's key", func() error {
		found, err := filepath.Glob(filepath.Join(w.data, "daykeys", day+"*"))
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("there is no key of %s", day)
		}
		return err
	})
}

// tick moves the clock on, as between two actions.
func (w *recountWorld) tick(most time.Duration) {
	w.clock.move(w.clock.now().Add(time.Millisecond + rand64(w.Rand, most)))
}

func rand64(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(most)))
}

// change changes the catalog, at a millisecond of its own.
func (w *recountWorld) change(ctx context.Context, method, path string, in, out any) (atUS int64, err error) {
	w.clock.move(w.clock.now().Add(time.Millisecond))
	atUS = w.clock.now().UnixMicro()
	if err := w.ask(ctx, method, path, in, out); err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return atUS, nil
}

// fresh waits until both edges take what the newest organizer is asked for.
func (w *recountWorld) fresh(ctx context.Context, s *recountScenario) error {
	for i := range w.edges {
		for _, e := range s.events {
			err := w.until(ctx, "the routes", func() error {
				_, err := w.click(ctx, i, &demoVisit{Method: http.MethodGet, Target: "/e/" + e.slug + "/" + demoTestQuery, Header: http.Header{}, Address: "192.0.2.1"})
				return err
			})
			if err != nil {
				return err
			}
		}
		p := &demoPlayer{OrdersURL: "http://" + w.edges[i].orders(), Secrets: map[string]string{s.slug: s.secret}, Client: w.client, Now: w.clock.now}
		if err := w.until(ctx, "the webhook secret", func() error { return p.signed(ctx, s.slug) }); err != nil {
			return err
		}
	}
	return nil
}

// click sends a visit to one edge and gives its click id.
func (w *recountWorld) click(ctx context.Context, edge int, v *demoVisit) (string, error) {
	p := &demoPlayer{ClickURL: "http://" + w.edges[edge].clicks(), Client: w.client}
	id, err := p.click(ctx, v)
	if err != nil {
		return "", err
	}
	if id == "" {
		return "", fmt.Errorf("visit %s has no click id", v.Target)
	}
	w.want[lake.TableVisits]++
	return id, nil
}

// post sends an order or refund to one collector; rows is how many it becomes.
func (w *recountWorld) post(ctx context.Context, edge int, s *recountScenario, path, table string, rows int64, body any) (status int, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	status, answer, err := postSigned(ctx, w.client, signedPost{
		URL: "http://" + w.edges[edge].orders() + path, Organizer: s.slug, Secret: s.secret, Body: text, At: w.clock.now(),
	})
	switch {
	case err != nil:
		return status, err
	case status == http.StatusCreated:
		w.want[table] += rows
	case status != http.StatusOK && status != http.StatusConflict:
		return status, fmt.Errorf("sending %s: the answer is %d: %s: %s", path, status, answer, text)
	}
	return status, nil
}

// report asks as anyone does and gives the document.
func (w *recountWorld) report(ctx context.Context, query url.Values) (json.RawMessage, error) {
	var out json.RawMessage
	err := w.ask(ctx, http.MethodGet, "/v1/report?"+query.Encode(), nil, &out)
	return out, err
}

// dumps writes the journals out as the command does.
func (w *recountWorld) dumps() (paths []string, err error) {
	for i, e := range w.edges {
		for _, kind := range []string{lakelog.KindVisits, lakelog.KindOrders} {
			path := filepath.Join(w.data, fmt.Sprintf("dump-%d-%s.ndjson", i, kind))
			f, err := os.Create(path) //nolint:gosec // below the test's directory
			if err != nil {
				return nil, err
			}
			if err := errors.Join(journal.Dump(filepath.Join(e.journals, kind), f, true), f.Close()); err != nil {
				return nil, err
			}
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// keys are the click-id keys, which a recount that trusts no column needs.
func (w *recountWorld) keys(ctx context.Context) (map[string]any, error) {
	secrets, err := w.product.rep.Feed(w.product.collector).Secrets(ctx, "")
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, k := range secrets.ClickKeys {
		out[fmt.Sprint(k.ID)] = map[string]any{"secret": k.Secret[:], "ends_ms": k.EndsMS}
	}
	return out, nil
}
