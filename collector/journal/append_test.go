package journal

import (
	"errors"
	"hash/crc32"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestAppendAllocatesNothing(t *testing.T) {
	f := newFixture(t)
	f.config.SegmentBytes = 1 << 20
	j := f.open()
	body := make([]byte, 200)
	allocs := testing.AllocsPerRun(2000, func() {
		if _, err := j.Append(0, KindVisit, 1, body); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Fatalf("%v allocations per append", allocs)
	}
	for range 1 << 20 {
		if _, err := j.Append(0, KindVisit, 1, body); errors.Is(err, ErrFull) {
			break
		}
	}
	allocs = testing.AllocsPerRun(2000, func() {
		if _, err := j.Append(0, KindVisit, 1, body); !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Fatalf("%v allocations per refused append", allocs)
	}
	f.must(j.Close())
}

func TestRefusedRecordTakesNoSequence(t *testing.T) {
	f := newFixture(t)
	j := f.open()
	body := make([]byte, f.config.maxBody()+1)
	if _, err := j.Append(0, KindVisit, 1, body); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("too large: %v", err)
	}
	for _, kind := range []uint8{0, KindHeartbeat} {
		if _, err := j.Append(0, kind, 1, nil); !errors.Is(err, ErrKind) {
			t.Fatalf("kind %d: %v", kind, err)
		}
	}
	if p := f.append(j, "first"); p.Sequence != 1 {
		t.Fatalf("first record has sequence %d", p.Sequence)
	}
	if _, err := j.Append(0, KindVisit, 1, body[:len(body)-1]); !errors.Is(err, ErrFull) {
		t.Fatalf("no next segment: %v", err)
	}
	j.makeReady()
	if p, err := j.Append(0, KindVisit, 1, body[:len(body)-1]); err != nil || p.Sequence != 2 {
		t.Fatalf("largest body: %+v %v", p, err)
	}
	f.must(j.Close())
	if _, err := j.Append(0, KindVisit, 1, nil); !errors.Is(err, ErrClosed) {
		t.Fatalf("closed: %v", err)
	}
	for reason, want := range map[string]float64{"too_large": 1, "kind": 2, "full": 1, "closed": 1} {
		if got := f.metric("refused_records_total", "reason", reason); got != want {
			t.Errorf("%v refused as %s, want %v", got, reason, want)
		}
	}
	got := readAll(t, f.config.Dir, j.Epoch(), 0, 0)
	if len(got.bodies) != 2 || len(got.corrupt) != 0 {
		t.Fatalf("read %v", got.order)
	}
}

func TestSmallStepBackOfTheClockIsHeldAndALargeOneShown(t *testing.T) {
	f := newFixture(t)
	j := f.open()
	start := f.clock.Now().UnixMilli()
	for _, step := range []struct {
		by   time.Duration
		want int64
	}{
		{0, 0},
		{-time.Second, 0},
		{500 * time.Millisecond, 0},
		{700 * time.Millisecond, 200},
		{-2 * time.Hour, 200 - 7_200_000},
		{24 * time.Hour, 200 + 16*3_600_000 + 6*3_600_000},
	} {
		f.clock.advance(step.by)
		if got := f.append(j, "x").TimeMS - start; got != step.want {
			t.Fatalf("after a step of %v the time is %d ms, want %d", step.by, got, step.want)
		}
	}
	f.must(j.Close())
	got := readAll(t, f.config.Dir, j.Epoch(), 0, 0)
	for i, s := range got.order {
		if s != uint64(i+1) {
			t.Fatalf("sequences %v", got.order)
		}
	}
}

func TestConcurrentAppendsAndTailLoseNothing(t *testing.T) {
	f := newFixture(t)
	f.config.Shards, f.config.SegmentBytes, f.config.Spares = 2, 64<<10, 1
	j := f.open()
	stop := f.run(j)
	const writers, each = 4, 2000
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				body := []byte{byte(w), byte(i), byte(i >> 8), 0xff}
				for {
					if _, err := j.Append(w%2, KindVisit, 1, body); err == nil {
						break
					} else if !errors.Is(err, ErrFull) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	seen := make([]map[string]bool, 2)
	for shard := range seen {
		seen[shard] = map[string]bool{}
		group.Go(func() {
			r, err := OpenReader(f.config.Dir)
			if err != nil {
				t.Error(err)
				return
			}
			tail, err := r.Tail(j.Epoch(), shard, 0)
			if err != nil {
				t.Error(err)
				return
			}
			want := uint64(1)
			for len(seen[shard]) < writers*each/2 {
				rec, ok, err := tail.Next()
				if err != nil {
					t.Error(err)
					return
				}
				if !ok {
					continue
				}
				if rec.Sequence != want {
					t.Errorf("sequence %d, want %d", rec.Sequence, want)
					return
				}
				want++
				if rec.Kind == KindVisit {
					seen[shard][string(rec.Body)] = true
				}
			}
			if err := tail.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	f.must(stop())
}

// benchBody is as long as a visit of a real browser.
const benchBody = 200

func BenchmarkAppend(b *testing.B) {
	still := time.UnixMilli(1_795_000_000_000)
	for name, clock := range map[string]func() time.Time{
		"clock=system": time.Now,
		"clock=still":  func() time.Time { return still }, // the journal's own share
	} {
		b.Run(name, func(b *testing.B) { benchmarkAppend(b, clock) })
	}
}

func benchmarkAppend(b *testing.B, clock func() time.Time) {
	config := DefaultVisits()
	config.Dir, config.Collector, config.Log, config.SegmentBytes, config.Spares = b.TempDir(), 1, "bench", 64<<20, 0
	j, err := New(config, Deps{Clock: clock, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	if err := j.Open(); err != nil {
		b.Fatal(err)
	}
	body := make([]byte, benchBody)
	s := j.shards[0]
	for b.Loop() {
		if _, err := j.Append(0, KindVisit, 1, body); err != nil {
			s.segment.used = segmentHeaderBytes // from the start again: what is measured is memory
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkMemcpyAndSum is the least that a checksummed copy costs.
func BenchmarkMemcpyAndSum(b *testing.B) {
	table := crc32.MakeTable(crc32.Castagnoli)
	to := make([]byte, 64<<20)
	record := make([]byte, recordHeaderBytes+benchBody)
	at, sum := 0, uint32(0)
	for b.Loop() {
		if at+len(record) > len(to) {
			at = 0
		}
		copy(to[at:], record)
		sum ^= crc32.Checksum(to[at:at+len(record)], table)
		at += len(record)
	}
	_ = sum
}
