package consumer

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"footfall/collector/consumer/bots"
	"footfall/collector/journal"
	"footfall/internal/testkit"
	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onDisk is a real journal as a Source, as the role wires it.
type onDisk struct{ reader *journal.Reader }

func (s onDisk) Epochs() ([]Epoch, error) {
	infos, err := s.reader.Epochs()
	if err != nil {
		return nil, err
	}
	var out []Epoch
	for _, info := range infos {
		e := Epoch{
			Epoch: info.Epoch, Ordinal: info.Ordinal, Collector: info.Collector,
			StartedMS: info.StartedMS, Log: info.Log, Shards: info.Shards,
		}
		if info.End != nil {
			e.End = &End{}
			for _, shard := range info.End.Shards {
				e.End.Shards = append(e.End.Shards, EndShard{Last: shard.Last, Missing: shard.Missing})
			}
		}
		out = append(out, e)
	}
	return out, nil
}

func (s onDisk) Tail(epoch uint64, shard int, after uint64) (Tail, error) {
	tail, err := s.reader.Tail(epoch, shard, after)
	if err != nil {
		return nil, err
	}
	return onDiskTail{tail}, nil
}

type onDiskTail struct{ *journal.Tail }

func (t onDiskTail) Next() (Record, bool, error) {
	for {
		r, ok, err := t.Tail.Next()
		if _, corrupt := errors.AsType[*journal.CorruptError](err); corrupt {
			continue
		}
		return Record{
			Kind: r.Kind, Version: r.Version, Sequence: r.Sequence, TimeMS: r.TimeMS,
			Segment: uint64(r.Segment), Offset: r.Offset, Body: r.Body,
		}, ok, err
	}
}

func openJournal(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	config := journal.DefaultVisits()
	config.Dir, config.Collector, config.Log, config.Shards, config.SegmentBytes = dir, testCollector, testLog, 2, 1<<20
	j, err := journal.New(config, journal.Deps{
		Clock: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Open(); err != nil {
		t.Fatal(err)
	}
	return j
}

// running starts Run, and gives a function that stops it and waits.
func running(t *testing.T, run func(context.Context) error) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if !stopped {
			_ = stop()
		}
	})
	return stop
}

// A real journal, written while it is read, stopped, and started again.
func TestEveryAppendedVisitIsOneRowOfTheLake(t *testing.T) {
	b := newBench(t)
	dir := filepath.Join(t.TempDir(), "visits")
	classifier, err := bots.New()
	if err != nil {
		t.Fatal(err)
	}
	reader, err := journal.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	config := b.config()
	config.CommitIntervalMS, config.spawn = 20, nil
	c, err := New(config, Deps{
		Source: onDisk{reader}, Bots: classifier, Keys: func() *clickid.Keys { return nil }, Clock: time.Now,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	stopConsumer := running(t, c.Run)
	var epochs []uint64
	for range 2 {
		j := openJournal(t, dir)
		epochs = append(epochs, j.Epoch())
		stopJournal := running(t, j.Run)
		for i := range 400 {
			if _, err := j.Append(i%2, KindVisit, 1, visitRecord(0, 0, 1).Body); err != nil {
				t.Fatal(err)
			}
		}
		if err := stopJournal(); err != nil {
			t.Fatal(err)
		}
	}
	if err := stopConsumer(); err != nil { // what was appended before the stop is read
		t.Fatal(err)
	}
	seen := map[position]bool{}
	for _, r := range rowsOf[lake.VisitRow](b, lake.TableVisits) {
		p := position{epoch: r.Epoch, shard: r.Shard, sequence: r.Sequence}
		if seen[p] {
			t.Fatalf("%+v is there twice", p)
		}
		seen[p] = true
	}
	if len(seen) != 800 {
		t.Fatalf("%d rows of 800 visits", len(seen))
	}
	state := b.snapshot().Logs[testLog].State
	for _, e := range state.Epochs {
		if !e.Closed {
			t.Errorf("epoch %s is not closed: %+v", e.Epoch, e)
		}
	}
	if through := state.ClosedThrough; through == nil || through.Epoch != ids.Epoch(epochs[1]).String() {
		t.Errorf("closed through %+v, the last epoch is %x", through, epochs[1])
	}
}

func TestConsumerWaitsUntilItsLogIsOpened(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.root = t.TempDir() // a lake that nobody has opened a log in
	b.journal = crashJournal()
	config := b.config()
	config.CommitIntervalMS = 1
	c := crashConsumer(t, config, b.journal, b.clock)
	stop := running(t, c.Run)
	testkit.Eventually(t, 5*time.Second, func() error {
		if c.Ready() == nil {
			return errors.New("ready without a log")
		}
		return nil
	})
	if err := c.Ready(); !strings.Contains(err.Error(), "enrol") {
		t.Fatalf("the remedy is missing: %v", err)
	}
	d, err := lakelog.OpenDir(b.root)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Open(testLog, lakelog.KindVisits, testCollector, 1); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 10*time.Second, func() error {
		if err := c.Ready(); err != nil {
			return err
		}
		if len(b.snapshot().Files) == 0 {
			return errors.New("no file yet")
		}
		return nil
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := b.sequences(0xa, 1); !slices.Equal(got, upTo(30)) {
		t.Fatalf("rows %v", got)
	}
}

func TestRetiredCollectorsConsumerStops(t *testing.T) {
	b := newBench(t)
	b.journal = crashJournal()
	config := b.config()
	retired := false
	config.lake.Step = func(step string) error {
		if step == "files_placed" && !retired {
			retired = true
			d, err := lakelog.OpenDir(b.root)
			if err != nil {
				return err
			}
			return d.Close(testLog, "retired", noon().UnixMicro())
		}
		return nil
	}
	c := crashConsumer(t, config, b.journal, b.clock)
	if err := c.Run(b0()); !errors.Is(err, lakelog.ErrClosed) {
		t.Fatalf("run: %v", err)
	}
	if n := len(b.snapshot().Files); n != 0 {
		t.Fatalf("%d files of a fenced-off commit", n)
	}
	if err := crashConsumer(t, b.config(), b.journal, b.clock).Run(b0()); !errors.Is(err, lakelog.ErrClosed) {
		t.Fatalf("a late start: %v", err)
	}
}

// A backlog is worked off in batches, whatever its length: that bounds memory.
func TestBacklogIsGatheredInBatches(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	for i := range uint64(1000) {
		b.journal.add(0xa, 0, visitRecord(i+1, noon().UnixMilli(), 1))
	}
	for name, limit := range map[string]func(*Config){
		"by rows":  func(c *Config) { c.BatchRows = 64 },
		"by bytes": func(c *Config) { c.BatchBytes = 64 * (recordBytes + 20) },
	} {
		config := b.config()
		limit(&config)
		c := b.consumer(config)
		if more, err := c.gather(); err != nil || !more {
			t.Fatal(more, err)
		}
		if n := c.classify.rows(); n > 65 || n < 32 {
			t.Errorf("%s: gathered %d rows at once", name, n)
		}
		if !c.due() {
			t.Errorf("%s: a full batch is not due", name)
		}
	}
}

// A log commits at least so often, idle or not, and no oftener for heartbeats alone.
func TestStopLeavesNothingUnread(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	const records = 3*turnRecords + 1
	for i := range uint64(records) {
		b.journal.add(0xa, 0, visitRecord(i+1, noon().UnixMilli(), 1))
	}
	b.journal.end(0xa, EndShard{Last: records})
	c := b.consumer(b.config())
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	if got := b.sequences(0xa, 0); !slices.Equal(got, upTo(records)) {
		t.Fatalf("%d rows of %d", len(got), records)
	}
	if n := b.count("footfall_consumer_closed_epochs_total"); n != 1 {
		t.Fatalf("%v epochs closed", n)
	}
}

func TestIdleLogCommitsInTime(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	c := b.consumer(b.config())
	b.turn(c)
	commits := 0
	for i := range 60 {
		b.clock.Advance(time.Second)
		b.journal.add(0xa, 0, heartbeat(uint64(i+1), b.clock.Now().UnixMilli()))
		if _, err := c.gather(); err != nil {
			t.Fatal(err)
		}
		if c.due() {
			commits++
			if err := c.commit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if commits != 6 {
		t.Fatalf("%d commits in a minute without visits", commits)
	}
	head := b.snapshot()
	if head.Logs[testLog].CompleteMS() != b.clock.Now().UnixMilli() {
		t.Fatalf("complete to %d, the last heartbeat was at %d", head.Logs[testLog].CompleteMS(), b.clock.Now().UnixMilli())
	}
}

func TestUnusableConfigurationNamesEveryProblem(t *testing.T) {
	err := Config{}.Validate()
	for _, word := range []string{
		"log:", "kind:", "collector:", "lake_dir:", "commit_interval_ms:", "idle_commit_seconds:", "batch_rows:",
		"batch_bytes:", "merge_bytes:", "longest_query_seconds:", "retry_seconds:",
	} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s is not named", word)
		}
	}
}

// failing is a journal that can't be read now and then.
type failing struct {
	Source
	epochs, tail, next, close error
}

func (f *failing) Epochs() ([]Epoch, error) {
	if f.epochs != nil {
		return nil, f.epochs
	}
	return f.Source.Epochs()
}

func (f *failing) Tail(epoch uint64, shard int, after uint64) (Tail, error) {
	if f.tail != nil {
		return nil, f.tail
	}
	t, err := f.Source.Tail(epoch, shard, after)
	return &failingTail{t, f}, err
}

type failingTail struct {
	Tail
	failing *failing
}

func (t *failingTail) Next() (Record, bool, error) {
	if t.failing.next != nil {
		return Record{}, false, t.failing.next
	}
	return t.Tail.Next()
}

func (t *failingTail) Close() error { return t.failing.close }

func TestUnreadableJournalIsCountedAndReadLater(t *testing.T) {
	b := newBench(t)
	b.journal = crashJournal()
	c := b.consumer(b.config())
	f := &failing{Source: b.journal}
	c.deps.Source = f
	broken := errors.New("input/output error")
	for step, err := range map[string]*error{"list": &f.epochs, "tail": &f.tail, "read": &f.next, "close_tail": &f.close} {
		*err = broken
		f.next = broken // so that a tail is closed
		b.turn(c)
		if n := b.count("footfall_consumer_failures_total", step); n == 0 {
			t.Errorf("%s: nothing was counted", step)
		}
		if c.Ready() == nil {
			t.Errorf("%s: ready", step)
		}
		*err, f.next = nil, nil
	}
	b.turn(c)
	if got := b.sequences(0xa, 0); !slices.Equal(got, upTo(30)) {
		t.Fatalf("rows %v", got)
	}
}
