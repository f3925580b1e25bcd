package consumer

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/client_golang/prometheus"

	"footfall/internal/testkit"
	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/visit"
)

const (
	testLog       = "c7-visits"
	testOrdersLog = "c7-orders"
	testCollector = 7
)

// noon is when the tests' clocks start.
func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// literal is a journal written down by a test. Records may stand in it twice,
// out of order, or not at all.
type literal struct {
	mu     sync.Mutex
	epochs []Epoch
	shards map[uint64][][]Record // epoch → shard → records in the order given

	restarts int // how often set was called
}

func newLiteral() *literal { return &literal{shards: map[uint64][][]Record{}} }

func (l *literal) epoch(epoch, ordinal uint64, log string, shards int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epochs = append(l.epochs, Epoch{
		Epoch: epoch, Ordinal: ordinal, Collector: testCollector, StartedMS: noon().UnixMilli() + int64(ordinal), Log: log, Shards: shards,
	})
	l.shards[epoch] = make([][]Record, shards)
}

func (l *literal) add(epoch uint64, shard int, records ...Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shards[epoch][shard] = append(l.shards[epoch][shard], records...)
}

func (l *literal) end(epoch uint64, shards ...EndShard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.epochs {
		if l.epochs[i].Epoch == epoch {
			l.epochs[i].End = &End{Shards: shards}
		}
	}
}

func (l *literal) drop(epoch uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epochs = slices.DeleteFunc(l.epochs, func(e Epoch) bool { return e.Epoch == epoch })
}

func (l *literal) Epochs() ([]Epoch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.epochs), nil
}

func (l *literal) Tail(epoch uint64, shard int, after uint64) (Tail, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if shards := l.shards[epoch]; shard >= len(shards) {
		return nil, errors.New("no such shard")
	}
	return &literalTail{journal: l, epoch: epoch, shard: shard, after: after}, nil
}

type literalTail struct {
	journal *literal
	epoch   uint64
	shard   int
	after   uint64
	at      int
	seen    int // restarts
}

func (t *literalTail) Next() (Record, bool, error) {
	t.journal.mu.Lock()
	defer t.journal.mu.Unlock()
	if t.seen != t.journal.restarts {
		t.at, t.seen = 0, t.journal.restarts
	}
	for records := t.journal.shards[t.epoch][t.shard]; t.at < len(records); {
		r := records[t.at]
		t.at++
		if r.Sequence > t.after {
			return r, true, nil
		}
	}
	return Record{}, false, nil
}

func (t *literalTail) Close() error { return nil }

// visitRecord is a valid visit; its event says which.
func visitRecord(sequence uint64, timeMS int64, event uint32) Record {
	v := visit.Visit{
		Organizer: 1, Event: ids.EventID(event), Code: 3, CodeState: visit.CodeResolved, CodeText: []byte("anna"),
		Revision: ids.Revision{Incarnation: 5, Number: 9}, UserAgent: []byte("Mozilla/5.0"),
	}
	return Record{Kind: KindVisit, Version: visit.Version, Sequence: sequence, TimeMS: timeMS, Segment: 1, Body: v.Append(nil)}
}

func heartbeat(sequence uint64, timeMS int64) Record {
	return Record{Kind: KindHeartbeat, Version: 1, Sequence: sequence, TimeMS: timeMS}
}

// literalBots calls everything a bot that says so.
type literalBots struct{}

func (literalBots) Classify(userAgent []byte) (string, bool) {
	if string(userAgent) == "bot" {
		return "crawler", true
	}
	return "", false
}
func (literalBots) Version() string { return "rules/1" }

// bench is a lake with a clock, on which consumers are tried.
type bench struct {
	t       testing.TB
	root    string
	clock   *testkit.Clock
	journal *literal
	metrics *prometheus.Registry // of the consumer made last
}

func newBench(t testing.TB) *bench {
	t.Helper()
	return newBenchAt(t, t.TempDir())
}

func newBenchAt(t testing.TB, root string) *bench {
	t.Helper()
	b := &bench{t: t, root: root, clock: testkit.NewClock(noon()), journal: newLiteral()}
	d, err := lakelog.OpenDirWith(root, lakelog.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for log, kind := range map[string]string{testLog: lakelog.KindVisits, testOrdersLog: lakelog.KindOrders} {
		if err := d.Open(log, kind, testCollector, noon().UnixMicro()); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *bench) config() Config {
	c := Defaults()
	c.Log, c.Kind, c.Collector, c.LakeDir = testLog, lakelog.KindVisits, testCollector, b.root
	c.lake.NoSync = true
	c.spawn = func(work func()) { work() }
	return c
}

// consumer makes one that has opened its log.
func (b *bench) consumer(config Config) *Consumer {
	b.t.Helper()
	b.metrics = prometheus.NewRegistry()
	c, err := New(config, Deps{
		Source: b.journal, Bots: literalBots{}, Keys: func() *clickid.Keys { return nil }, Clock: b.clock.Now,
		Log: slog.New(slog.DiscardHandler), Metrics: b.metrics,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := c.open(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.closeTails)
	return c
}

// turn gathers all there is and commits it.
func (b *bench) turn(c *Consumer) {
	b.t.Helper()
	if err := turn(c); err != nil {
		b.t.Fatal(err)
	}
}

func turn(c *Consumer) error {
	c.listedAt = time.Time{}
	for {
		more, err := c.gather()
		if err != nil {
			return err
		}
		if more && !c.full() {
			continue
		}
		if err := c.commit(); err != nil {
			return err
		}
		c.planMerge(b0())
		if !more {
			return nil
		}
	}
}

// snapshot folds the lake afresh.
func (b *bench) snapshot() lakelog.Snapshot {
	b.t.Helper()
	d, err := lakelog.OpenDirWith(b.root, lakelog.Options{NoSync: true})
	if err != nil {
		b.t.Fatal(err)
	}
	v := lakelog.NewView(d)
	if err := v.Refresh(); err != nil {
		b.t.Fatal(err)
	}
	return v.Snapshot()
}

// rowsOf reads the live rows of a table in the order of its paths, each file
// compared with its commit.
func rowsOf[T any](b *bench, table string) []T {
	b.t.Helper()
	d, err := lakelog.OpenDirWith(b.root, lakelog.Options{NoSync: true})
	if err != nil {
		b.t.Fatal(err)
	}
	var out []T
	for _, f := range b.snapshot().FilesOf(table) {
		if err := d.Verify(f); err != nil {
			b.t.Fatal(err)
		}
		rows, err := parquet.ReadFile[T](d.Abs(f.Path))
		if err != nil {
			b.t.Fatal(err)
		}
		if int64(len(rows)) != f.Rows {
			b.t.Fatalf("%s has %d rows, its commit says %d", f.Path, len(rows), f.Rows)
		}
		out = append(out, rows...)
	}
	return out
}

// sequences gives the numbers of the live visits of an epoch's shard, sorted.
func (b *bench) sequences(epoch uint64, shard int64) []int64 {
	b.t.Helper()
	var out []int64
	for _, r := range rowsOf[lake.VisitRow](b, lake.TableVisits) {
		if r.Epoch == ids.Epoch(epoch).String() && r.Shard == shard {
			out = append(out, r.Sequence)
		}
	}
	slices.Sort(out)
	return out
}

// count reads a counter or gauge.
func (b *bench) count(name string, label ...string) float64 {
	b.t.Helper()
	families, err := b.metrics.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	total, found := 0.0, false
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			matches := len(label) == 0
			for _, l := range m.GetLabel() {
				matches = matches || l.GetValue() == label[0]
			}
			if matches {
				found = true
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	if !found {
		b.t.Fatalf("no metric %s %v", name, label)
	}
	return total
}

// files lists everything below the lake's root but the log's folders.
func (b *bench) files(pattern string) []string {
	b.t.Helper()
	found, err := filepathGlob(b.root, pattern)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ordersConfig is config for the log of orders.
func (b *bench) ordersConfig() Config {
	c := b.config()
	c.Log, c.Kind = testOrdersLog, lakelog.KindOrders
	return c
}

// set puts records in the place of a shard's, for long histories: tails that
// are open begin again.
func (l *literal) set(epoch uint64, shard int, records ...Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shards[epoch][shard] = records
	l.restarts++
}
