package consumer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"footfall/internal/testkit"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// commits makes n commits of one visit each, a second apart.
func (b *bench) commits(c *Consumer, epoch uint64, from, n uint64) {
	b.t.Helper()
	for i := from; i < from+n; i++ {
		b.clock.Advance(time.Second)
		b.journal.add(epoch, 0, visitRecord(i, b.clock.Now().UnixMilli(), 1))
		b.turn(c)
	}
}

func sortedRows(b *bench) []lake.VisitRow {
	rows := rowsOf[lake.VisitRow](b, lake.TableVisits)
	slices.SortFunc(rows, func(x, y lake.VisitRow) int { return int(x.Sequence - y.Sequence) })
	return rows
}

func TestMergeChangesNoRow(t *testing.T) {
	merged, plain := newBench(t), newBench(t)
	for _, b := range []*bench{merged, plain} {
		b.journal.epoch(0xa, 1, testLog, 1)
		config := b.config()
		if b == plain {
			config.spawn = func(func()) {} // a merge that never ends
		}
		b.commits(b.consumer(config), 0xa, 1, 25)
	}
	got, want := sortedRows(merged), sortedRows(plain)
	if len(want) != 25 || !slices.Equal(got, want) {
		t.Fatalf("merged rows differ: %d of %d", len(got), len(want))
	}
	files := merged.snapshot().Files
	if len(files) >= 15 {
		t.Fatalf("%d files live: nothing was merged", len(files))
	}
	for _, f := range files {
		if (f.MinKnownAtUS < f.MaxKnownAtUS) != (f.Rows > 1) || (f.Tier > 0) != (f.Rows >= 10) {
			t.Fatalf("file %+v", f)
		}
	}
}

func TestMergeIsTheSameBytesAgain(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	config := b.config()
	config.spawn = func(func()) {}
	c := b.consumer(config)
	b.commits(c, 0xa, 1, 12)
	inputs := c.log.Live(lake.TableVisits)
	var contents [][]byte
	for random := range uint64(2) {
		out, err := c.classify.visits.merge(context.Background(), c.dir, inputs,
			lake.FileName{Table: lake.TableVisits, Date: "2026-11-22", Log: testLog, Commit: 99, Random: random}, c.config.lake.Step)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(out.place)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, data)
	}
	if !bytes.Equal(contents[0], contents[1]) {
		t.Fatal("two merges of the same files differ")
	}
}

func TestDamagedInputIsNotMerged(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	c := b.consumer(b.config())
	b.commits(c, 0xa, 1, 9)
	path := c.dir.Abs(c.log.Live(lake.TableVisits)[3].Path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[100] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	b.commits(c, 0xa, 10, 5)
	if n := len(c.log.Live(lake.TableVisits)); n != 14 {
		t.Fatalf("%d files live: the damaged one was merged", n)
	}
	if n := b.count("footfall_consumer_failures_total", "merge"); n == 0 {
		t.Fatal("nothing was counted")
	}
	if found := b.files("_staging/*"); len(found) != 0 {
		t.Fatalf("left behind: %v", found)
	}
}

func TestMergedFilesStayForTheQueriesThatReadThem(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	c := b.consumer(b.config())
	b.commits(c, 0xa, 1, 11)
	first := c.log.Live(lake.TableVisits)
	b.commits(c, 0xa, 12, 1)
	if len(c.log.Live(lake.TableVisits)) != 2 {
		t.Fatal("nothing was merged: the test is void")
	}
	age := time.Duration(c.config.LongestQuerySeconds)*time.Second + time.Hour
	for _, step := range []struct {
		after time.Duration
		there bool
	}{{age - time.Minute, true}, {2 * time.Minute, false}} {
		b.clock.Advance(step.after)
		c.keepHouse()
		for _, f := range first {
			if got := exists(c.dir.Abs(f.Path)); got != step.there {
				t.Fatalf("%s is on disk: %v", f.Path, got)
			}
		}
	}
	if got := b.sequences(0xa, 0); !slices.Equal(got, upTo(12)) {
		t.Fatalf("rows %v", got)
	}
	if n := b.count("footfall_consumer_deleted_files_total", "merged"); n != 11 {
		t.Fatalf("counted %v", n)
	}
}

func TestMergeWhoseInputsAreGoneIsGivenUp(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	c := b.consumer(b.config())
	b.commits(c, 0xa, 1, 11) // a merge is ready, and goes with the next commit
	if !c.merging.ended() {
		t.Fatal("no merge is ready: the test is void")
	}
	other := b.consumer(b.config())
	b.journal.add(0xa, 0, visitRecord(12, noon().UnixMilli(), 1))
	b.turn(other) // plans and makes the same merge
	b.journal.add(0xa, 0, visitRecord(13, noon().UnixMilli(), 1))
	b.turn(other)
	if err := turn(c); !errors.Is(err, errTaken) {
		t.Fatalf("turn: %v", err)
	}
	b.turn(c)
	b.turn(c)
	if got := b.sequences(0xa, 0); !slices.Equal(got, upTo(13)) {
		t.Fatalf("rows %v", got)
	}
}

// planFile makes a file for plans: of a date, a tier, a size, known at a second.
func planFile(date string, tier int, bytes int64, second int) lakelog.File {
	us := noon().Add(time.Duration(second) * time.Second).UnixMicro()
	return lakelog.File{
		Path: fmt.Sprintf("visits/v1/date=%s/%06d.parquet", date, second), Table: lake.TableVisits, Tier: tier, Bytes: bytes,
		MinKnownAtUS: us, MaxKnownAtUS: us,
	}
}

func TestPlanMergesNeighboursOfOneDay(t *testing.T) {
	const today, before = "2026-11-22", "2026-11-21"
	many := func(date string, n, tier int, bytes int64, from int) (out []lakelog.File) {
		for i := range n {
			out = append(out, planFile(date, tier, bytes, from+i))
		}
		return out
	}
	for _, c := range []struct {
		name  string
		files []lakelog.File
		after time.Duration
		want  [2]int // the first and the one after the last; none when equal
	}{
		{"few", many(today, 9, 0, 1, 0), time.Minute, [2]int{0, 0}},
		{"ten", many(today, 10, 0, 1, 0), time.Minute, [2]int{0, 10}},
		{"the lowest tier first", append(many(today, 10, 1, 9, 0), many(today, 11, 0, 1, 20)...), time.Minute, [2]int{10, 21}},
		{"no more than a bound", many(today, 200, 0, 1, 0), time.Minute, [2]int{0, mergeInputs}},
		{"never over two days", append(many(before, 4, 0, 1, -9), many(today, 6, 0, 1, 0)...), time.Minute, [2]int{0, 0}},
		{"not over the size", many(today, 10, 0, 300, 0), time.Minute, [2]int{0, 3}},
		{"what is too large is left", many(today, 30, 0, 1001, 0), time.Minute, [2]int{0, 0}},
		{"a day that is over and rests", many(before, 7, 0, 1, 0), time.Hour, [2]int{0, 4}},
		{"a day that is over and does not rest", many(before, 7, 0, 1, 0), time.Minute, [2]int{0, 0}},
		{"a day that is done", many(before, 4, 0, 1, 0), time.Hour, [2]int{0, 0}},
		{"the smallest of a day", append(many(before, 3, 2, 200, 0), many(before, 4, 0, 1, 10)...), time.Hour, [2]int{3, 7}},
	} {
		got := plan(c.files, noon().Add(c.after), 1000)
		want := c.files[c.want[0]:c.want[1]]
		if len(got) != len(want) || (len(got) > 0 && got[0].Path != want[0].Path) {
			t.Errorf("%s: %d files from %v, want %v", c.name, len(got), got, c.want)
		}
	}
}

// The whole day of a commit each second, by the plans alone.
func TestDayOfCommitsIsPlannedDownToFewFiles(t *testing.T) {
	t.Parallel()
	var live []lakelog.File
	worst, written, now := 0, int64(0), noon()
	for i := range 2 * 24 * 3600 {
		now = now.Add(time.Second)
		if i < 24*3600 || i%600 == 0 { // a busy day, then a quiet one
			f := planFile(now.Format(time.DateOnly), 0, 20_000, i)
			f.MinKnownAtUS, f.MaxKnownAtUS = now.UnixMicro(), now.UnixMicro()
			live = append(live, f)
		}
		if i%10 != 0 {
			continue
		}
		for picked := plan(live, now, 1<<30); picked != nil; picked = plan(live, now, 1<<30) {
			merged := picked[0]
			for _, f := range picked[1:] {
				merged.Bytes += f.Bytes
				merged.Tier = max(merged.Tier, f.Tier)
				if f.MinKnownAtUS <= merged.MaxKnownAtUS {
					t.Fatalf("merged files overlap: %v", picked)
				}
				merged.MaxKnownAtUS = f.MaxKnownAtUS
			}
			merged.Tier++
			written += merged.Bytes
			at := slices.IndexFunc(live, func(f lakelog.File) bool { return f.Path == picked[0].Path })
			live = slices.Replace(live, at, at+len(picked), merged)
		}
		worst = max(worst, len(live))
	}
	days := map[string]int{}
	for _, f := range live {
		days[dateOf(f)]++
	}
	t.Logf("live files %d at most, %d at the end; each byte was merged %.1f times",
		worst, len(live), float64(written)/(20_000*24*3600))
	if worst > 200 {
		t.Errorf("%d live files", worst)
	}
	for date, n := range days {
		if date != now.Format(time.DateOnly) && n > dayFiles {
			t.Errorf("%d files of %s", n, date)
		}
	}
}

// The same by the whole program, with real files and a log that is pruned. The
// short run makes a commit each five minutes, the long one each second.
func TestDayOfCommitsLeavesFewFiles(t *testing.T) {
	t.Parallel()
	commits := 24 * 12
	b := newBench(t)
	if os.Getenv("FOOTFALL_LONG") != "" {
		commits = 24 * 3600
		b = newBenchAt(t, testkit.Tmpfs(t, 2<<30)+"/lake")
	}
	gap := 24 * time.Hour / time.Duration(commits)
	total := commits + commits/24 // and an hour of the next day
	b.journal.epoch(0xa, 1, testLog, 1)
	c := b.consumer(b.config())
	worst := 0
	for i := range total {
		b.clock.Advance(gap)
		b.journal.set(0xa, 0, visitRecord(uint64(i+1), b.clock.Now().UnixMilli(), 1))
		b.turn(c)
		worst = max(worst, len(c.log.Live(lake.TableVisits)))
	}
	live := c.log.Live(lake.TableVisits)
	entries, checkpoints := b.files("_log/"+testLog+"/*.json"), b.files("_log/"+testLog+"/checkpoints/*.json")
	t.Logf("%d commits: live files %d at most and %d at the end, entries %d, checkpoints %d, files on disk %d",
		total, worst, len(live), len(entries), len(checkpoints), len(b.files("visits/v1/*/*.parquet")))
	if worst > 200 {
		t.Errorf("%d live files", worst)
	}
	yesterday, rows := 0, int64(0)
	for _, f := range live {
		rows += f.Rows
		if dateOf(f) == "2026-11-22" {
			yesterday++
		}
	}
	if yesterday > dayFiles {
		t.Errorf("%d files of a day that is over", yesterday)
	}
	if rows != int64(total) {
		t.Errorf("%d rows live", rows)
	}
	if len(checkpoints) > 3 {
		t.Errorf("%d checkpoints", len(checkpoints))
	}
	// Entries stay for a day, and until the oldest checkpoint covers them.
	if most := int(24*time.Hour/gap) + 4*lakelog.CheckpointEvery; len(entries) > most {
		t.Errorf("%d entries, want at most %d", len(entries), most)
	}
}
