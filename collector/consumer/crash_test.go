package consumer

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/internal/testkit"
	"footfall/schemas/clickid"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// steps are all the points of a commit, and of a checkpoint, at which a process can die.
func steps() []string {
	return []string{
		"file_created", "file_written", "file_synced", "file_checked", "file_moved", "files_placed",
		"entry_staged", "entry_linked", "checkpoint_staged",
	}
}

const (
	crashRoot = "FOOTFALL_TEST_CRASH_ROOT"
	crashStep = "FOOTFALL_TEST_CRASH_STEP"
	crashHit  = "FOOTFALL_TEST_CRASH_HIT"
)

// crashJournal is what the child and its parent both read.
func crashJournal() *literal {
	l := newLiteral()
	l.epoch(0xa, 1, testLog, 2)
	for i := range uint64(60) {
		l.add(0xa, int(i%2), visitRecord(i/2+1, noon().UnixMilli()+int64(i), 1))
	}
	return l
}

// crashConfig commits a few rows at a time.
func crashConfig(root string) Config {
	c := Defaults()
	c.Log, c.Kind, c.Collector, c.LakeDir = testLog, lakelog.KindVisits, testCollector, root
	c.BatchRows = 4
	c.spawn = func(work func()) { work() }
	return c
}

func crashConsumer(t testing.TB, config Config, journal Source, clock *testkit.Clock) *Consumer {
	t.Helper()
	c, err := New(config, Deps{
		Source: journal, Bots: literalBots{}, Keys: func() *clickid.Keys { return nil }, Clock: clock.Now,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCrashChild is the process that dies: at the n-th time that it reaches the step.
func TestCrashChild(t *testing.T) {
	root := os.Getenv(crashRoot)
	if root == "" {
		return // it is the parent's to start
	}
	hits := 0
	var last int
	if _, err := fmt.Sscan(os.Getenv(crashHit), &last); err != nil {
		t.Fatal(err)
	}
	config := crashConfig(root)
	config.lake.NoSync = true // a killed process loses nothing that it wrote
	config.lake.Step = func(step string) error {
		if step == os.Getenv(crashStep) {
			if hits++; hits == last {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
		return nil
	}
	c := crashConsumer(t, config, crashJournal(), testkit.NewClock(noon()))
	if err := c.open(); err != nil {
		t.Fatal(err)
	}
	if err := turn(c); err != nil {
		t.Fatal(err)
	}
	if err := c.log.Checkpoint(); err != nil {
		t.Fatal(err)
	}
}

// TestKillNineAtAnyStepResumesExactly kills a real process at each step, in its
// first commit, in a merge, and in the commit that holds the merge.
func TestKillNineAtAnyStepResumesExactly(t *testing.T) {
	t.Parallel()
	for _, step := range steps() {
		for _, hit := range []int{1, 11, 12} {
			if step == "checkpoint_staged" && hit > 1 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", step, hit), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
				child.Env = append(os.Environ(), crashRoot+"="+b.root, crashStep+"="+step, fmt.Sprintf("%s=%d", crashHit, hit))
				out, err := child.CombinedOutput()
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Fatalf("the child was not killed at the step: %v\n%s", err, out)
				}
				assertNothingHalf(t, b)
				b.journal = crashJournal()
				config := b.config()
				b.clock.Advance(time.Minute)
				c := b.consumer(config)
				b.turn(c)
				for shard := range int64(2) {
					if got := b.sequences(0xa, shard); !slices.Equal(got, upTo(30)) {
						t.Fatalf("shard %d holds %v", shard, got)
					}
				}
				// The next start leaves nothing that no entry names.
				c.dropMerge()
				b.consumer(config)
				assertNothingLeft(t, b, c.log)
			})
		}
	}
}

// assertNothingHalf reads every live file.
func assertNothingHalf(t *testing.T, b *bench) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range rowsOf[lake.VisitRow](b, lake.TableVisits) {
		key := fmt.Sprint(r.Shard, r.Sequence)
		if seen[key] {
			t.Fatalf("row %s is there twice", key)
		}
		seen[key] = true
	}
}

func assertNothingLeft(t *testing.T, b *bench, w *lakelog.Writer) {
	t.Helper()
	if found := b.files("_staging/*"); len(found) != 0 {
		t.Fatalf("left in staging: %v", found)
	}
	for _, path := range b.files("visits/v1/*/*") {
		rel, err := filepath.Rel(b.root, path)
		if err != nil {
			t.Fatal(err)
		}
		if !w.Names(filepath.ToSlash(rel)) {
			t.Fatalf("no entry names %s", rel)
		}
	}
}

// A consumer stops (SIGSTOP, say) at a step of its commit; its successor
// commits; then it goes on.
func TestZombieThatWakesAfterItsSuccessorCommittedOverlapsNothing(t *testing.T) {
	for _, step := range steps()[:7] {
		t.Run(step, func(t *testing.T) {
			b := newBench(t)
			b.journal = crashJournal()
			successor := b.consumer(b.config())
			config := b.config()
			config.BatchRows = 20
			slept := false
			config.lake.Step = func(at string) error {
				if at == step && !slept {
					slept = true
					b.journal.add(0xa, 0, visitRecord(31, noon().UnixMilli(), 1))
					b.turn(successor)
				}
				return nil
			}
			zombie := b.consumer(config)
			if err := turn(zombie); !errors.Is(err, errTaken) {
				t.Fatalf("the zombie's commit: %v", err)
			}
			b.journal.add(0xa, 1, visitRecord(31, noon().UnixMilli(), 1))
			b.turn(zombie)
			for shard := range int64(2) {
				if got := b.sequences(0xa, shard); !slices.Equal(got, upTo(31)) {
					t.Fatalf("shard %d holds %v", shard, got)
				}
			}
			if n := b.count("footfall_consumer_lost_commits_total"); n != 1 {
				t.Fatalf("counted %v lost commits", n)
			}
			assertNothingLeft(t, b, zombie.log)
		})
	}
}

// The tests of zombies and of two consumers must not pass without their
// defence: with a rename for the link both win.
func TestZombieThatRenamesTakesASuccessorsRowsAway(t *testing.T) {
	b := newBench(t)
	b.journal = crashJournal()
	config := b.config()
	config.BatchRows = 15
	successor := b.consumer(config)
	config.BatchRows = 30
	config.lake.Link = os.Rename
	slept := false
	config.lake.Step = func(at string) error {
		if at == "entry_staged" && !slept {
			slept = true
			b.turn(successor)
		}
		return nil
	}
	if err := turn(b.consumer(config)); err != nil {
		t.Logf("the zombie's commit: %v", err)
	}
	rows := b.snapshotRowsOrDamage()
	if rows == 60 {
		t.Fatal("nothing was lost or doubled by a rename: the tests of the link test nothing")
	}
}

// snapshotRowsOrDamage counts the live rows; -1 when the log can't be folded.
func (b *bench) snapshotRowsOrDamage() int64 {
	b.t.Helper()
	d, err := lakelog.OpenDir(b.root)
	if err != nil {
		b.t.Fatal(err)
	}
	v := lakelog.NewView(d)
	if err := v.Refresh(); err != nil {
		return -1
	}
	var rows int64
	for _, f := range v.Snapshot().Files {
		rows += f.Rows
	}
	return rows
}

func TestTwoConsumersOnOneLogTakeEachRowOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 2)
	first, second := b.consumer(b.config()), b.consumer(b.config())
	next := []uint64{1, 1}
	lost := 0
	for round := range 25 {
		for shard := range 2 {
			for range 1 + round%3 {
				b.journal.add(0xa, shard, visitRecord(next[shard], noon().UnixMilli()+int64(round), 1))
				next[shard]++
			}
		}
		for _, c := range []*Consumer{first, second} {
			if round%5 == 4 && c == second {
				continue
			}
			switch err := turn(c); {
			case errors.Is(err, errTaken):
				lost++
			case err != nil:
				t.Fatal(err)
			}
		}
	}
	for _, c := range []*Consumer{first, second, first} {
		if err := turn(c); err != nil && !errors.Is(err, errTaken) {
			t.Fatal(err)
		}
	}
	if lost == 0 {
		t.Fatal("the two never met: the test is void")
	}
	for shard := range int64(2) {
		if got := b.sequences(0xa, shard); !slices.Equal(got, upTo(int64(next[shard])-1)) {
			t.Fatalf("shard %d holds %d rows of %d", shard, len(got), next[shard]-1)
		}
	}
}

func TestFullDiskLeavesNothingAndLosesNothing(t *testing.T) {
	root := filepath.Join(testkit.Tmpfs(t, 4<<20), "lake")
	b := newBenchAt(t, root)
	b.journal.epoch(0xa, 1, testLog, 1)
	for i := range uint64(5000) {
		b.journal.add(0xa, 0, visitRecord(i+1, noon().UnixMilli(), uint32(i%50)))
	}
	c := b.consumer(b.config())
	free := testkit.FillDisk(t, root)
	before := b.snapshot().Logs[testLog].Number
	if err := turn(c); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("turn on a full disk: %v", err)
	}
	if found := append(b.files("_staging/*"), b.files("visits/v1/*/*")...); len(found) != 0 {
		t.Fatalf("left behind: %v", found)
	}
	if n := b.snapshot().Logs[testLog].Number; n != before {
		t.Fatalf("committed %d on a full disk", n)
	}
	free()
	if err := c.commit(); err != nil { // the same batch, again
		t.Fatal(err)
	}
	b.turn(c)
	if got := b.sequences(0xa, 0); !slices.Equal(got, upTo(5000)) {
		t.Fatalf("%d rows", len(got))
	}
}

func TestDamagedStagedFileIsNotCommitted(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"flipped in a page": func(b []byte) []byte { b[200] ^= 1; return b },
		"flipped in footer": func(b []byte) []byte { b[len(b)-30] ^= 1; return b },
		"cut":               func(b []byte) []byte { return b[:len(b)-9] },
		"zeroed":            func(b []byte) []byte { return make([]byte, len(b)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.journal = crashJournal()
			config := b.config()
			config.lake.Step = func(step string) error {
				if step != "file_synced" {
					return nil
				}
				for _, path := range b.files("_staging/*.parquet") {
					data, err := os.ReadFile(path)
					if err != nil {
						return err
					}
					if err := os.WriteFile(path, damage(data), 0o644); err != nil {
						return err
					}
				}
				return nil
			}
			err := turn(b.consumer(config))
			if !errors.Is(err, ErrUnsound) && !errors.Is(err, lakelog.ErrMismatch) {
				t.Fatalf("turn: %v", err)
			}
			if n := len(b.snapshot().Files); n != 0 {
				t.Fatalf("%d files live", n)
			}
			if found := b.files("_staging/*"); len(found) != 0 {
				t.Fatalf("left behind: %v", found)
			}
		})
	}
}

func TestEntryThatWasWonWithoutBeingToldIsKept(t *testing.T) {
	b := newBench(t)
	b.journal = crashJournal()
	config := b.config()
	told := false
	config.lake.Step = func(step string) error {
		if step == "entry_linked" && !told {
			told = true
			return fs.ErrInvalid // the link is made, and then something fails
		}
		return nil
	}
	c := b.consumer(config)
	if err := turn(c); !errors.Is(err, errTaken) {
		t.Fatalf("turn: %v", err)
	}
	b.turn(c)
	for shard := range int64(2) {
		if got := b.sequences(0xa, shard); !slices.Equal(got, upTo(30)) {
			t.Fatalf("shard %d holds %v", shard, got)
		}
	}
}

// A disk that fails to sync the log's folder hides that the entry was appended,
// also from the look at the log that follows.
func TestBatchOfAnUnconfirmedCommitIsNotCommittedTwice(t *testing.T) {
	b := newBench(t)
	b.journal = crashJournal()
	config := b.config()
	broken := false
	config.lake.NoSync = false
	config.lake.SyncFolder = func(path string) error {
		if broken && filepath.Base(path) == testLog {
			return syscall.EIO
		}
		return nil
	}
	c := b.consumer(config)
	broken = true
	if err := turn(c); !errors.Is(err, syscall.EIO) {
		t.Fatalf("turn: %v", err)
	}
	if err := c.commit(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("commit while nothing can be confirmed: %v", err)
	}
	broken = false
	if err := c.commit(); !errors.Is(err, errTaken) {
		t.Fatalf("commit when it can: %v", err)
	}
	b.turn(c)
	for shard := range int64(2) {
		if got := b.sequences(0xa, shard); !slices.Equal(got, upTo(30)) {
			t.Fatalf("shard %d holds %v", shard, got)
		}
	}
}
