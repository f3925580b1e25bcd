package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tally is what became of acknowledged records.
type tally struct {
	acked, lost, phantom, read int
	lostAt                     [][3]uint64 // epoch, shard, sequence
}

// reconcile compares what children wrote down with what the journal holds.
func reconcile(t testing.TB, dir string, acks []ack) tally {
	t.Helper()
	got := tally{acked: len(acks)}
	want := map[[3]uint64]uint64{}
	for _, a := range acks {
		want[[3]uint64{a.epoch, a.shard, a.sequence}] = a.value
	}
	got.lost = len(acks) - len(want) // one position was given to two records
	r, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range epochsOf(t, dir) {
		for shard := range e.Shards {
			tail, err := r.Tail(e.Epoch, shard, 0)
			if err != nil {
				t.Fatal(err)
			}
			got.count(t, tail, want)
			if err := tail.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	got.lost += len(want)
	for at := range want {
		got.lostAt = append(got.lostAt, at)
	}
	return got
}

func (got *tally) count(t testing.TB, tail *Tail, want map[[3]uint64]uint64) {
	t.Helper()
	for {
		rec, ok, err := tail.Next()
		if _, bad := errors.AsType[*CorruptError](err); bad {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		if rec.Kind == KindHeartbeat {
			continue
		}
		got.read++
		value, whole := valueOf(rec.Body)
		at := [3]uint64{tail.info.Epoch, uint64(tail.shard), rec.Sequence}
		expected, acked := want[at]
		if !whole || acked && expected != value {
			got.phantom++
			continue
		}
		delete(want, at)
	}
}

func TestKillNineLosesNoAcknowledgedRecord(t *testing.T) {
	t.Parallel()
	kills := 5
	if text := os.Getenv("FOOTFALL_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal("reading FOOTFALL_KILLS:", err)
		}
		kills = n
	}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	f := newFixture(t)
	config := childConfig(f.config.Dir)
	config.Spares = 0
	f.config = config
	var sum tally
	var torn, corrupt float64
	for range kills {
		acks := killed(t, f.config.Dir, rng.IntN(20_000))
		f.must(f.open().Close()) // recovers
		torn += f.metric("bad_ranges_total", "reason", "torn")
		corrupt += f.metric("bad_ranges_total", "reason", "corrupt")
		got := reconcile(t, f.config.Dir, acks)
		sum.acked, sum.lost, sum.phantom, sum.read = sum.acked+got.acked, sum.lost+got.lost, sum.phantom+got.phantom, sum.read+got.read
		for _, e := range epochsOf(t, f.config.Dir) {
			f.must(os.RemoveAll(filepath.Join(f.config.Dir, epochName(e.Epoch))))
		}
	}
	t.Logf("seed %d: %d kills, %d acknowledged, %d read, %d lost, %d phantom, %v torn tails, %v corrupt",
		seed, kills, sum.acked, sum.read, sum.lost, sum.phantom, torn, corrupt)
	if sum.acked == 0 || sum.lost > 0 || sum.phantom > 0 || corrupt > 0 {
		t.Fatalf("seed %d: %+v, %v corrupt", seed, sum, corrupt)
	}
}

func TestSegmentCutUnderTheWriterTakesOnlyItselfAndIsNamed(t *testing.T) {
	f := newFixture(t)
	f.config = childConfig(f.config.Dir)
	var path string
	var shard uint8 // one that has acknowledged records: on a busy machine the other may not have begun
	acks, _ := stopped(t, f.config.Dir, 3000, func(p *os.Process, first ack) error {
		shard = uint8(first.shard)
		paths, err := filepath.Glob(filepath.Join(f.config.Dir, "*", segmentName(shard, 1)))
		if err != nil || len(paths) != 1 {
			return fmt.Errorf("segments %v: %w", paths, err)
		}
		path = paths[0]
		// The writer may die of it; where it doesn't, it is killed.
		return errors.Join(os.Truncate(path, 0), ignoreDone(p.Kill()))
	})
	f.must(f.open().Close())
	got := reconcile(t, f.config.Dir, acks)
	e := epochsOf(t, f.config.Dir)[0]
	behind := uint64(1 << 62) // where the segment behind the cut one begins
	if h, err := readSegmentHeader(segmentFile{shard: shard, number: 2, path: filepath.Join(filepath.Dir(path), segmentName(shard, 2))}, &e); err == nil && h.base > 0 {
		behind = h.base
	}
	if got.lost == 0 || got.phantom > 0 {
		t.Fatalf("%d acknowledged, %d lost, %d phantom: nothing was cut", got.acked, got.lost, got.phantom)
	}
	for _, at := range got.lostAt {
		end := e.End.Shards[at[1]]
		named := at[2] > end.Last || slices.ContainsFunc(end.Missing, func(m [2]uint64) bool { return m[0] <= at[2] && at[2] <= m[1] })
		if at[1] != uint64(shard) || at[2] >= behind || !named {
			t.Fatalf("record %d of shard %d is lost; the cut segment ends at %d; end record %+v", at[2], at[1], behind, end)
		}
	}
}

func ignoreDone(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// killed runs a writer, kills it once it has acknowledged about so many records,
// and gives all that it had written down by then.
func killed(t testing.TB, dir string, after int) []ack {
	t.Helper()
	acks, end := stopped(t, dir, after, func(p *os.Process, _ ack) error { return p.Kill() })
	if end.Exited() {
		t.Fatal("the writer ended by itself:", end)
	}
	return acks
}

// stopped is killed with another way to die, for which it is told the first record
// acknowledged.
func stopped(t testing.TB, dir string, after int, stop func(*os.Process, ack) error) ([]ack, *os.ProcessState) {
	t.Helper()
	cmd := child(t, "load", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, max(after, 1)*ackBytes)
	if _, err := io.ReadFull(out, b); err != nil {
		t.Fatal("reading acknowledgements:", err)
	}
	if err := stop(cmd.Process, decodeAcks(b[:ackBytes])[0]); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal("reading the last acknowledgements:", err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatal("the writer ended by itself:", err)
	}
	return decodeAcks(slices.Concat(b, rest)), cmd.ProcessState
}

func TestWithoutTheShardLockAcknowledgedRecordsAreLost(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		cmd := child(t, "load", dir)
		cmd.Env = append(cmd.Env, "FOOTFALL_JOURNAL_UNLOCKED=1", "FOOTFALL_JOURNAL_RECORDS=3000")
		out, _ := cmd.Output() // it may well die of it
		f := newFixture(t)
		f.config = childConfig(dir)
		f.must(f.open().Close())
		if got := reconcile(t, dir, decodeAcks(out)); got.lost > 0 || got.phantom > 0 {
			return
		}
	}
	t.Fatal("nothing is lost without the lock: the kill test shows nothing")
}

func TestSecondProcessIsRefusedWithTheFirstOnesPID(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.config = childConfig(f.config.Dir)
	cmd := child(t, "hold", f.config.Dir)
	in, err := cmd.StdinPipe()
	f.must(err)
	out, err := cmd.StdoutPipe()
	f.must(err)
	f.must(cmd.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatalf("%q %v", line, err)
	}
	_, err = f.tryOpen()
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != cmd.Process.Pid || locked.Dir != f.config.Dir {
		t.Fatalf("opened with %v", err)
	}
	if text := err.Error(); !strings.Contains(text, fmt.Sprint("process ", cmd.Process.Pid)) || !strings.Contains(text, "stop that process") {
		t.Fatal(text)
	}
	if got := len(epochsOf(t, f.config.Dir)); got != 1 {
		t.Fatalf("%d epochs: the refused process wrote one", got)
	}
	f.must(in.Close())
	f.must(cmd.Wait())
	f.must(f.open().Close())
}

func TestAppendMakesNoSystemCall(t *testing.T) {
	// The Go runtime wakes threads when it likes to; what Append itself did would
	// show in every run.
	var calls []string
	for range 5 {
		if calls = tracedAppends(t); len(calls) == 0 {
			return
		}
	}
	t.Fatalf("system calls in 1,000 appends: %q", calls)
}

// tracedAppends gives the system calls that the appending thread made.
func tracedAppends(t *testing.T) []string {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := child(t, "calls", t.TempDir(), "strace", "-f", "-o", trace)
	// Signals of the runtime's own scheduler and collector are not the journal's.
	cmd.Env = append(cmd.Env, "GODEBUG=asyncpreemptoff=1", "GOGC=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	thread, between, seen := "", []string(nil), false
	for line := range strings.Lines(string(text)) {
		id, call, _ := strings.Cut(line, " ")
		switch {
		case strings.Contains(call, `"appends begin\n"`):
			thread = id
		case strings.Contains(call, `"appends end\n"`):
			seen, thread = thread != "", ""
		case id == thread && strings.Contains(call, "("):
			between = append(between, line)
		}
	}
	if !seen {
		t.Fatal("the markers are not in the trace")
	}
	return between
}

func TestSyncErrorOfTheKernelLosesNoSyncedRecord(t *testing.T) {
	for _, when := range []string{"3", "3+"} { // once for each thread; for ever
		t.Run("msync "+when, func(t *testing.T) {
			dir := t.TempDir()
			trace := filepath.Join(t.TempDir(), "trace")
			cmd := child(t, "orders", dir, "strace", "-f", "-o", trace, "-e", "trace=msync", "-e", "inject=msync:error=EIO:when="+when)
			var told strings.Builder
			cmd.Stderr = &told
			out, err := cmd.Output()
			injected, e := os.ReadFile(trace)
			if e != nil {
				t.Fatal(e)
			}
			if n := strings.Count(string(injected), "INJECTED"); n == 0 {
				t.Fatal("no error was injected")
			}
			if !strings.Contains(told.String(), "suspect: true") && err == nil {
				t.Fatalf("the error went unnoticed: %s", told.String())
			}
			acks := decodeAcks(out)
			f := newFixture(t)
			f.config = childConfig(dir)
			f.config.Shards = 1
			f.must(f.open().Close())
			if got := reconcile(t, dir, acks); got.lost > 0 || got.phantom > 0 || got.acked == 0 {
				t.Fatalf("%+v; %s", got, told.String())
			}
		})
	}
}
