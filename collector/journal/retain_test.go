package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// segmentsOf lists an epoch's segments that are in use or were.
func segmentsOf(t testing.TB, dir string) []uint32 {
	t.Helper()
	files, err := listSegments(dir, 1)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var numbers []uint32
	for _, f := range files[0] {
		numbers = append(numbers, f.number)
	}
	return numbers
}

// threeSegments is a running journal with two sealed segments of 10 records each
// and an open one.
func threeSegments(t *testing.T, f *fixture) *Journal {
	t.Helper()
	j := f.open()
	for range 3 {
		for range 10 {
			f.append(j, "body")
		}
		j.makeReady()
		j.shards[0].rollAged(f.clock.Now().UnixMilli(), 0)
	}
	f.must(j.syncRound())
	return j
}

func TestSegmentStaysUntilCoveredAndOldEnough(t *testing.T) {
	f := newFixture(t)
	f.config.RetentionSeconds = 60
	j := threeSegments(t, f)
	expect := func(when string, want ...uint32) {
		t.Helper()
		j.retain()
		if got := segmentsOf(t, j.dir); !slices.Equal(got, want) {
			t.Fatalf("%s: segments %v, want %v", when, got, want)
		}
	}
	expect("new", 1, 2, 3, 4)
	f.clock.advance(61 * time.Second)
	expect("old and not covered", 1, 2, 3, 4)
	j.Cover(j.Epoch(), false, []uint64{19})
	expect("covered up to 19", 2, 3, 4)
	j.Cover(j.Epoch(), false, []uint64{20})
	expect("covered up to 20", 3, 4)
	j.Cover(j.Epoch(), true, []uint64{30})
	expect("all covered", 4)
	if got := f.metric("deleted_segments_total"); got != 3 {
		t.Fatalf("%v deletions counted", got)
	}
	if got := f.metric("kept_segments"); got != 0 {
		t.Fatalf("%v segments kept", got)
	}
	f.append(j, "body")
	f.crash(j)
	// What was deleted before the crash is not missing after it.
	j2 := f.open()
	old := epochsOf(t, f.config.Dir)[0]
	if end := old.End.Shards[0]; end.Last != 31 || len(end.Missing) > 0 {
		t.Fatalf("end record %+v", end)
	}
	f.clock.advance(time.Hour)
	j2.retain()
	if len(epochsOf(t, f.config.Dir)) != 2 {
		t.Fatal("an epoch went before it was closed")
	}
	j2.Cover(old.Epoch, false, []uint64{31})
	j2.retain()
	if len(epochsOf(t, f.config.Dir)) != 2 || len(segmentsOf(t, j.dir)) != 0 {
		t.Fatal("a covered epoch that is not closed must stay, without its segments")
	}
	j2.Cover(old.Epoch, true, []uint64{31})
	j2.retain()
	if e := epochsOf(t, f.config.Dir); len(e) != 1 || e[0].Ordinal != 2 {
		t.Fatalf("epochs %+v", e)
	}
	r, err := OpenReader(f.config.Dir)
	f.must(err)
	if _, err := r.Tail(old.Epoch, 0, 0); !errors.Is(err, ErrGone) {
		t.Fatalf("tail of a deleted epoch: %v", err)
	}
	f.must(j2.Close())
	f.must(f.open().Close())
	if e := epochsOf(t, f.config.Dir); e[len(e)-1].Ordinal != 3 {
		t.Fatal("an ordinal was used twice")
	}
}

func TestClockSetBackLeavesNoHoleInTheSegments(t *testing.T) {
	f := newFixture(t)
	f.config.RetentionSeconds = 60
	j := f.open()
	f.clock.advance(time.Hour)
	for i := range 3 {
		f.append(j, "body")
		j.makeReady()
		j.shards[0].rollAged(f.clock.Now().Add(time.Duration(i)*time.Hour).UnixMilli(), 0)
		f.must(j.syncRound())
		f.clock.advance(-20 * time.Minute) // so each looks older than the one before
	}
	j.Cover(j.Epoch(), false, []uint64{3})
	f.clock.advance(41 * time.Minute)
	j.retain()
	if got := segmentsOf(t, j.dir); !slices.Equal(got, []uint32{1, 2, 3, 4}) {
		t.Fatalf("segments %v, want all while the first is kept", got)
	}
	f.clock.advance(time.Hour)
	j.retain()
	if got := segmentsOf(t, j.dir); !slices.Equal(got, []uint32{4}) {
		t.Fatalf("segments %v, want the open one", got)
	}
	f.crash(j)
}

func TestIndexHoldsWhatTheLakeCovers(t *testing.T) {
	f := newFixture(t)
	f.config.HeldByIndex = true
	j := threeSegments(t, f)
	j.Cover(j.Epoch(), false, []uint64{30})
	expect := func(when string, want ...uint32) {
		t.Helper()
		j.retain()
		if got := segmentsOf(t, j.dir); !slices.Equal(got, want) {
			t.Fatalf("%s: segments %v, want %v", when, got, want)
		}
	}
	expect("before the first hold", 1, 2, 3, 4)
	j.Hold(j.Epoch()+1, 1)
	expect("held in an epoch that is not here", 1, 2, 3, 4)
	j.Hold(j.Epoch(), 1)
	expect("held at the beginning", 1, 2, 3, 4)
	j.Hold(j.Epoch(), 11)
	expect("held at 11", 2, 3, 4)
	j.Hold(j.Epoch(), 21)
	expect("held at 21", 3, 4)
	f.must(j.Close())

	// The epoch of the hold stays as a whole, and so do those behind it.
	first := j.Epoch()
	j = f.open()
	j.Hold(first, 31)
	j.Cover(first, true, []uint64{30})
	j.retain()
	if len(epochsOf(t, f.config.Dir)) != 2 {
		t.Fatal("the epoch that the index stands in was deleted")
	}
	j.Hold(j.Epoch(), 0)
	j.retain()
	if len(epochsOf(t, f.config.Dir)) != 1 {
		t.Fatal("the epoch that the index is past was kept")
	}
	f.must(j.Close())
}

func TestFailedDeletionIsCountedAndTriedAtTheNextStart(t *testing.T) {
	f := newFixture(t)
	j := threeSegments(t, f)
	path := filepath.Join(j.dir, segmentName(0, 1))
	f.must(os.Remove(path))
	f.must(os.MkdirAll(filepath.Join(path, "in the way"), 0o700))
	j.Cover(j.Epoch(), false, []uint64{10})
	j.retain()
	if got := f.metric("retention_errors_total"); got != 1 {
		t.Fatalf("%v errors counted", got)
	}
	f.must(os.RemoveAll(path))
	f.must(j.Close())
}

func TestSegmentIsSealedByAgeAndGivesItsUnusedEndBack(t *testing.T) {
	f := newFixture(t)
	f.config.SegmentBytes, f.config.RollSeconds = 256<<10, 60
	j := f.open()
	j.makeReady()
	j.shards[0].rollAged(f.clock.Now().Add(time.Hour).UnixMilli(), 60_000)
	if j.shards[0].segment.place.segment != 1 {
		t.Fatal("an empty segment was sealed")
	}
	f.append(j, "body")
	f.clock.advance(59 * time.Second)
	j.shards[0].rollAged(f.clock.Now().UnixMilli(), 60_000)
	if j.shards[0].segment.place.segment != 1 {
		t.Fatal("sealed too early")
	}
	f.clock.advance(time.Second)
	j.shards[0].rollAged(f.clock.Now().UnixMilli(), 60_000)
	f.append(j, "next")
	f.must(j.syncRound())
	info, err := os.Stat(filepath.Join(j.dir, segmentName(0, 1)))
	f.must(err)
	if info.Size() >= 1024 {
		t.Fatalf("the sealed segment still has %d bytes", info.Size())
	}
	f.must(j.Close())
	if got := readAll(t, f.config.Dir, j.Epoch(), 0, 0); len(got.order) != 2 || len(got.corrupt) > 0 {
		t.Fatalf("read %v %v", got.order, got.corrupt)
	}
}

func TestHeartbeatEverySecondInEveryShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Shards = 2
		j := f.open()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- j.Run(ctx) }()
		time.Sleep(3500 * time.Millisecond) // of the bubble's time
		synctest.Wait()
		cancel()
		f.must(<-done)
		for shard := range 2 {
			got := readAll(t, f.config.Dir, j.Epoch(), shard, 0)
			if len(got.order) != 3 || len(got.bodies) != 0 {
				t.Fatalf("shard %d: %d heartbeats in 3.5 s", shard, len(got.order))
			}
		}
	})
}

func TestHeartbeatThatFindsNoSpaceIsCounted(t *testing.T) {
	f := newFixture(t)
	j := f.open()
	f.append(j, string(make([]byte, minSegmentBytes-segmentHeaderBytes-recordHeaderBytes)))
	j.beat()
	if got := f.metric("heartbeat_errors_total"); got != 1 {
		t.Fatalf("%v counted", got)
	}
	f.must(j.Close())
}

func TestManyWaitersShareOneSync(t *testing.T) {
	f := newFixture(t)
	calls := 0
	f.config.test.msync = func(string, []byte) error { calls++; return nil }
	j := f.open()
	done := make(chan error)
	const waiters = 20
	for range waiters {
		p := f.append(j, "order")
		go func() { done <- j.Sync(context.Background(), p) }()
	}
	f.must(j.syncRound())
	for range waiters {
		f.must(<-done)
	}
	if calls != 1 {
		t.Fatalf("%d syncs for %d waiters", calls, waiters)
	}
	f.must(j.Close())
}

func TestConfigurationNamesEverythingThatIsWrong(t *testing.T) {
	var c Config
	err := c.Validate()
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != 7 {
		t.Fatalf("%v", err)
	}
	for _, c := range []Config{DefaultVisits(), DefaultOrders()} {
		c.Dir, c.Collector, c.Log = "x", 1, "c1-visits"
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
	}
}
