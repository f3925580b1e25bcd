package lakelog_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"footfall/schemas/lake/lakelog"
)

func state(beats ...int64) *lakelog.State {
	e := lakelog.Epoch{Epoch: "00000000000000aa", Ordinal: 1, Collector: 7}
	for _, ms := range beats {
		e.Shards = append(e.Shards, lakelog.Shard{Mark: 5, HeartbeatMS: ms})
	}
	return &lakelog.State{Epochs: []lakelog.Epoch{e}}
}

func TestWatermarkWaitsForTheSlowestOpenLog(t *testing.T) {
	d := openDir(t, lakelog.Options{NoSync: true})
	if s := view(t, d); s.WatermarkUS != 0 || s.CompleteMS != 0 || s.Settled(0) || s.Complete(0) {
		t.Fatalf("an empty lake: %+v", s)
	}
	v := openLog(t, d, visits, lakelog.KindVisits, 1_000)
	o := openLog(t, d, orders, lakelog.KindOrders, 2_000)
	openLog(t, d, lakelog.MaintenanceLog, lakelog.KindMaintenance, 1)
	commit := func(w *lakelog.Writer, us int64, s *lakelog.State) {
		t.Helper()
		_, known := w.Next(at(us))
		if err := w.Append(lakelog.Entry{KnownAtUS: known, State: s}); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		name                        string
		do                          func()
		watermark, complete, newest int64
	}{
		{"opened, nothing known", func() {}, 1_000, 0, 2_000},
		{"visits alone", func() { commit(v, 9_000_000, state(8_000, 7_000)) }, 2_000, 0, 9_000_000},
		{"both", func() { commit(o, 9_500_000, state(9_000)) }, 9_000_000, 7_000, 9_500_000},
		{"never above the commit", func() { commit(v, 9_600_000, state(99_000, 99_000)) }, 9_500_000, 9_000, 9_600_000},
		{"a shard without a heartbeat", func() { commit(v, 9_700_000, state(9_600, 0)) }, 9_500_000, 0, 9_700_000},
		{"an older epoch that is not drained", func() {
			s := state(9_700)
			s.Epochs = append([]lakelog.Epoch{{Epoch: "01", Ordinal: 0, Shards: []lakelog.Shard{{HeartbeatMS: 4_000}}}}, s.Epochs...)
			commit(v, 9_800_000, s)
		}, 9_500_000, 4_000, 9_800_000},
		{"and when it is", func() {
			s := state(9_700)
			s.Epochs = append([]lakelog.Epoch{{Epoch: "01", Closed: true, Shards: []lakelog.Shard{{HeartbeatMS: 4_000}}}}, s.Epochs...)
			commit(v, 9_900_000, s)
		}, 9_500_000, 9_000, 9_900_000},
		{"a closed log holds up nothing", func() {
			if err := d.Close(orders, "retired", 9_950_000); err != nil {
				t.Fatal(err)
			}
		}, 9_900_000, 9_700, 9_950_000},
	}
	seen := lakelog.NewView(d)
	for _, step := range steps {
		step.do()
		if err := seen.Refresh(); err != nil {
			t.Fatal(err)
		}
		s := seen.Snapshot()
		if s.WatermarkUS != step.watermark || s.CompleteMS != step.complete || s.NewestUS != step.newest {
			t.Errorf("%s: watermark %d, complete %d, newest %d", step.name, s.WatermarkUS, s.CompleteMS, s.NewestUS)
		}
		if !s.Settled(step.watermark) || s.Settled(step.watermark+1) {
			t.Errorf("%s: settled is not up to the watermark", step.name)
		}
	}
}

// A view that follows, one that starts afresh and a plain set must agree, over
// every order of commits, merges, checkpoints, prunings and looks.
func TestViewEqualsTheSumOfAllEntries(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := openDir(t, lakelog.Options{NoSync: true})
		logs := []*lakelog.Writer{
			openLog(t, d, visits, lakelog.KindVisits, 1), openLog(t, d, orders, lakelog.KindOrders, 1),
		}
		live := map[string]int{} // path → log
		order := [2][]string{}
		follower := lakelog.NewView(d)
		clock := int64(1000)
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			i := rapid.IntRange(0, 1).Draw(r, "log")
			w := logs[i]
			switch rapid.IntRange(0, 5).Draw(r, "step") {
			case 0, 1:
				f := add(t, d, w, clock)
				live[f.Path], order[i] = i, append(order[i], f.Path)
			case 2:
				if len(order[i]) < 2 {
					continue
				}
				gone := order[i][:2]
				f := add(t, d, w, clock, gone...)
				delete(live, gone[0])
				delete(live, gone[1])
				live[f.Path], order[i] = i, append(order[i][2:len(order[i]):len(order[i])], f.Path)
			case 3:
				if err := w.Checkpoint(); err != nil {
					r.Fatal(err)
				}
			case 4:
				clock += int64(25 * time.Hour / time.Microsecond)
				if _, err := w.Prune(at(clock)); err != nil {
					r.Fatal(err)
				}
			case 5:
				if err := follower.Refresh(); err != nil {
					r.Fatal(err)
				}
			}
		}
		if err := follower.Refresh(); err != nil {
			r.Fatal(err)
		}
		for name, s := range map[string]lakelog.Snapshot{"follower": follower.Snapshot(), "afresh": view(t, d)} {
			got := paths(s)
			if len(got) != len(live) {
				r.Fatalf("%s: %d files live, want %d", name, len(got), len(live))
			}
			for path := range live {
				if !got[path] {
					r.Fatalf("%s: %s is missing", name, path)
				}
			}
		}
	})
}

func TestPrunedEntriesLeaveTheLogWhole(t *testing.T) {
	d := openDir(t, lakelog.Options{NoSync: true})
	w := openLog(t, d, visits, lakelog.KindVisits, 1)
	follower := lakelog.NewView(d)
	clock := int64(1)
	for range 5 * lakelog.CheckpointEvery {
		clock += int64(10 * time.Minute / time.Microsecond)
		add(t, d, w, clock)
		if w.Due() {
			if err := w.Checkpoint(); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Prune(at(clock)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := d.Read(visits, 2); err == nil {
		t.Fatal("nothing was pruned")
	}
	if err := follower.Refresh(); err != nil { // it saw nothing before
		t.Fatal(err)
	}
	if s := follower.Snapshot(); len(s.Files) != 5*lakelog.CheckpointEvery {
		t.Fatalf("%d files live", len(s.Files))
	}
}

func TestEntryCountsOnlyOnceItsNameIsOnDisk(t *testing.T) {
	var failure error
	d := openDir(t, lakelog.Options{SyncFolder: func(string) error { return failure }})
	other, err := lakelog.OpenDir(d.Root())
	if err != nil {
		t.Fatal(err)
	}
	w := openLog(t, other, visits, lakelog.KindVisits, 1_000)
	v := lakelog.NewView(d)
	if err := v.Refresh(); err != nil {
		t.Fatal(err)
	}
	add(t, other, w, 2_000)
	failure = syscall.EIO
	for range 2 { // the second time there is no entry that is new
		if err := v.Refresh(); !errors.Is(err, syscall.EIO) {
			t.Fatalf("refreshing: %v", err)
		}
		if s := v.Snapshot(); s.Logs[visits].Number != 1 || len(s.Files) != 0 {
			t.Fatalf("counted an entry that a power cut may take: %+v", s)
		}
	}
	failure = nil
	if err := v.Refresh(); err != nil {
		t.Fatal(err)
	}
	if s := v.Snapshot(); s.Logs[visits].Number != 2 || len(s.Files) != 1 {
		t.Fatalf("snapshot: %+v", s)
	}
}
