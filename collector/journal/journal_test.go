package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

// testClock is a clock that tests set.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func newTestClock() *testClock {
	return &testClock{now: time.UnixMilli(1_795_000_000_000).UTC()}
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fixture is one journal directory and what is needed to open it, again and again.
type fixture struct {
	t        testing.TB
	config   Config
	clock    *testClock
	registry *prometheus.Registry
	logged   *bytes.Buffer
}

func newFixture(t testing.TB) *fixture {
	f := &fixture{t: t, clock: newTestClock(), logged: &bytes.Buffer{}}
	f.config = Config{
		Dir: t.TempDir(), Collector: 7, Log: "c7-visits", Shards: 1, SegmentBytes: minSegmentBytes,
		SyncIntervalMS: 5, RollSeconds: 3600,
	}
	return f
}

// open opens the journal with a metrics registry of its own.
func (f *fixture) open() *Journal {
	f.t.Helper()
	j, err := f.tryOpen()
	if err != nil {
		f.t.Fatal(err)
	}
	return j
}

func (f *fixture) tryOpen() (*Journal, error) {
	f.registry = prometheus.NewRegistry()
	j, err := New(f.config, Deps{
		Clock: f.clock.Now, Metrics: f.registry,
		Log: slog.New(slog.NewTextHandler(f.logged, nil)),
	})
	if err != nil {
		return nil, err
	}
	return j, j.Open()
}

// run runs the journal until the returned function is called, which gives Run's
// error.
func (f *fixture) run(j *Journal) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	return func() error { cancel(); return <-done }
}

// crash lets go of a journal as the death of its process would: no sync, no end
// record, the files as they are.
func (f *fixture) crash(j *Journal) {
	f.t.Helper()
	j.stop(ErrClosed)
	for _, s := range j.shards {
		s.mu.Lock()
		for _, g := range append(s.sealed, s.segment) {
			g.used = 0 // release cuts nothing
			f.must(g.release())
		}
		s.sealed, s.segment = nil, nil
		s.mu.Unlock()
		if g := s.next.Swap(nil); g != nil {
			f.must(g.release())
		}
	}
	f.must(j.unlock())
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) append(j *Journal, body string) Position {
	f.t.Helper()
	p, err := j.Append(0, KindVisit, 1, []byte(body))
	f.must(err)
	return p
}

// metric sums a metric over its labels; of the labels given, name=value pairs.
func (f *fixture) metric(name string, labels ...string) float64 {
	f.t.Helper()
	families, err := f.registry.Gather()
	f.must(err)
	sum := 0.0
	for _, family := range families {
		if family.GetName() != "footfall_journal_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			matches := 0
			for _, l := range m.GetLabel() {
				for i := 0; i+1 < len(labels); i += 2 {
					if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
						matches++
					}
				}
			}
			if matches*2 == len(labels) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// read is everything that a fresh tail gives.
type read struct {
	bodies  map[uint64]string // of records that are not heartbeats
	order   []uint64
	corrupt []*CorruptError
}

func readAll(t testing.TB, dir string, epoch uint64, shard int, after uint64) read {
	t.Helper()
	r, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	tail, err := r.Tail(epoch, shard, after)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tail.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	return drain(t, tail)
}

func drain(t testing.TB, tail *Tail) read {
	t.Helper()
	got := read{bodies: map[uint64]string{}}
	for {
		rec, ok, err := tail.Next()
		var bad *CorruptError
		switch {
		case errors.As(err, &bad):
			got.corrupt = append(got.corrupt, bad)
		case err != nil:
			t.Fatal(err)
		case !ok:
			return got
		default:
			got.order = append(got.order, rec.Sequence)
			if rec.Kind != KindHeartbeat {
				got.bodies[rec.Sequence] = string(rec.Body)
			}
		}
	}
}

func epochsOf(t testing.TB, dir string) []EpochInfo {
	t.Helper()
	r, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	epochs, err := r.Epochs()
	if err != nil {
		t.Fatal(err)
	}
	return epochs
}

func TestMain(m *testing.M) { runMain(m) }

func TestAppendedRecordIsReadBackAtOnceAndAfterTheEnd(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := newFixture(t)
	j := f.open()
	stop := f.run(j)
	r, err := OpenReader(f.config.Dir)
	f.must(err)
	tail, err := r.Tail(j.Epoch(), 0, 0)
	f.must(err)
	defer func() { f.must(tail.Close()) }()
	for i := range 1000 {
		body := fmt.Sprint("body ", i)
		for {
			p, err := j.Append(0, KindVisit, 3, []byte(body))
			if errors.Is(err, ErrFull) {
				f.must(j.Sync(context.Background(), Position{Epoch: j.Epoch(), Sequence: uint64(i)}))
				continue
			}
			f.must(err)
			if p != (Position{Epoch: j.Epoch(), Sequence: uint64(i + 1), TimeMS: f.clock.Now().UnixMilli()}) {
				t.Fatalf("position %+v of record %d", p, i)
			}
			break
		}
		rec, ok, err := tail.Next()
		if err != nil || !ok {
			t.Fatalf("record %d: ok %v, error %v", i, ok, err)
		}
		if string(rec.Body) != body || rec.Kind != KindVisit || rec.Version != 3 || rec.Sequence != uint64(i+1) {
			t.Fatalf("record %d read as %+v", i, rec)
		}
	}
	f.must(stop())
	got := readAll(t, f.config.Dir, j.Epoch(), 0, 0)
	if len(got.bodies) != 1000 || len(got.corrupt) > 0 {
		t.Fatalf("read %d records, %d corrupt after the end", len(got.bodies), len(got.corrupt))
	}
	e := epochsOf(t, f.config.Dir)
	if len(e) != 1 || e[0].End == nil || !e[0].End.Clean || e[0].End.Shards[0].Last != 1000 || e[0].Ordinal != 1 {
		t.Fatalf("epochs %+v", e)
	}
}
