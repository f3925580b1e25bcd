package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// brokenDisk fails chosen syncs as a kernel does: once, and the pages that were
// not on the disk are gone.
type brokenDisk struct {
	fail   func(call int) bool
	calls  int
	failed []string
	// flip damages this byte of the pages before they are read back; 0 is none.
	flip int
}

func (d *brokenDisk) msync(path string, b []byte) error {
	d.calls++
	if d.fail(d.calls) {
		d.failed = append(d.failed, path)
		if d.flip > 0 {
			b[d.flip] ^= 1
		}
		return unix.EIO
	}
	return unix.Msync(b, unix.MS_SYNC)
}

func TestSyncErrorMovesRecordsAndNeverTrustsTheSegmentAgain(t *testing.T) {
	f := newFixture(t)
	disk := &brokenDisk{fail: func(call int) bool { return call == 2 }}
	f.config.test.msync = disk.msync
	j := f.open()
	j.makeReady()
	for i := 1; i <= 10; i++ {
		f.append(j, fmt.Sprint("body ", i))
	}
	f.must(j.syncRound())
	for i := 11; i <= 20; i++ {
		f.append(j, fmt.Sprint("body ", i))
	}
	bad := j.shards[0].segment.path
	synced := int64(j.shards[0].segment.synced)
	tail := func() *Tail {
		r, err := OpenReader(f.config.Dir)
		f.must(err)
		tail, err := r.Tail(j.Epoch(), 0, 0)
		f.must(err)
		return tail
	}()
	defer func() { f.must(tail.Close()) }()
	f.must(j.syncRound())
	if got := j.shards[0].durable.Load(); got != 20 {
		t.Fatalf("durable up to %d, want 20", got)
	}
	if j.shards[0].segment.path == bad || len(disk.failed) != 1 {
		t.Fatalf("still on %s", bad)
	}
	if err := j.Ready(); !errors.Is(err, unix.EIO) {
		t.Fatalf("ready: %v", err)
	}
	f.append(j, "body 21")
	// The kernel drops what the failed sync should have written.
	f.must(os.Truncate(bad, synced))
	f.must(j.Close())
	for name, want := range map[string]float64{
		"sync_errors_total": 1, "suspect_segments_total": 1, "copied_records_total": 10, "missing_records_total": 0,
	} {
		if got := f.metric(name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	for _, got := range []read{drain(t, tail), readAll(t, f.config.Dir, j.Epoch(), 0, 0)} {
		if len(got.order) != 21 || len(got.corrupt) > 0 {
			t.Fatalf("read %v, corrupt %v", got.order, got.corrupt)
		}
		for i := 1; i <= 21; i++ {
			if got.bodies[uint64(i)] != fmt.Sprint("body ", i) {
				t.Fatalf("record %d is %q", i, got.bodies[uint64(i)])
			}
		}
	}
	if end := epochsOf(t, f.config.Dir)[0].End.Shards[0]; end.Last != 21 || len(end.Missing) > 0 {
		t.Fatalf("end record %+v", end)
	}
	// From a position in the middle, too.
	if got := readAll(t, f.config.Dir, j.Epoch(), 0, 15); len(got.order) != 6 {
		t.Fatalf("read %v behind 15", got.order)
	}
}

func TestRetriedSyncThatIsTrustedLosesRecords(t *testing.T) {
	// What the replacement defends against: the second sync says nil, and the
	// records are gone.
	f := newFixture(t)
	disk := &brokenDisk{fail: func(call int) bool { return call == 1 }}
	f.config.test.msync = disk.msync
	j := f.open()
	f.append(j, "body")
	g := j.shards[0].segment
	if err := j.syncSegment(g, g.used); !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	clear(g.data[segmentHeaderBytes:g.used]) // the page, read again from the disk
	if err := j.syncSegment(g, g.used); err != nil {
		t.Fatal("the kernel tells an error once:", err)
	}
	j.shards[0].durable.Store(1)
	f.crash(j)
	if got := readAll(t, f.config.Dir, j.Epoch(), 0, 0); len(got.bodies) != 0 {
		t.Fatal("the record is still there: this test shows nothing")
	}
}

func TestSyncErrorOverARollMovesBothSegments(t *testing.T) {
	f := newFixture(t)
	disk := &brokenDisk{fail: func(call int) bool { return call == 1 }}
	f.config.test.msync = disk.msync
	f.config.Spares = 1
	j := f.open()
	body := make([]byte, 500)
	for j.shards[0].made < 4 {
		j.makeReady()
		for j.shards[0].next.Load() != nil {
			f.append(j, string(body))
		}
	}
	last := f.append(j, "last")
	f.must(j.syncRound())
	if got := j.shards[0].durable.Load(); got != last.Sequence {
		t.Fatalf("durable up to %d, want %d", got, last.Sequence)
	}
	for n := range uint32(4) {
		f.must(os.Truncate(j.dir+"/"+segmentName(0, n+1), 0))
	}
	f.must(j.Close())
	got := readAll(t, f.config.Dir, j.Epoch(), 0, 0)
	if len(got.order) != int(last.Sequence) || got.bodies[last.Sequence] != "last" {
		t.Fatalf("read %d records, want %d", len(got.order), last.Sequence)
	}
}

func TestRecordDamagedBeforeTheMoveIsNamedAndNeverAcknowledged(t *testing.T) {
	for name, lost := range map[string]uint64{"in the middle": 3, "last": 5} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			size := alignUp(recordHeaderBytes+len("body 1"), recordAlign)
			disk := &brokenDisk{fail: func(call int) bool { return call == 1 }}
			disk.flip = segmentHeaderBytes + int(lost-1)*size + recordHeaderBytes
			f.config.test.msync = disk.msync
			j := f.open()
			var at []Position
			for i := 1; i <= 5; i++ {
				at = append(at, f.append(j, fmt.Sprint("body ", i)))
			}
			f.must(j.syncRound())
			for _, p := range at {
				err := j.Sync(context.Background(), p)
				if p.Sequence == lost && !errors.Is(err, ErrLost) || p.Sequence != lost && err != nil {
					t.Fatalf("sync of record %d: %v", p.Sequence, err)
				}
			}
			if p := f.append(j, "body 6"); p.Sequence != 6 {
				t.Fatalf("sequence %d was used twice or left out", p.Sequence)
			}
			f.must(j.Close())
			end := epochsOf(t, f.config.Dir)[0].End.Shards[0]
			if fmt.Sprint(end) != fmt.Sprint(EndShard{Last: 6, Missing: [][2]uint64{{lost, lost}}}) {
				t.Fatalf("end record %+v", end)
			}
			if got := f.metric("missing_records_total"); got != 1 {
				t.Fatalf("%v records counted missing", got)
			}
		})
	}
}

func TestSecondSyncErrorStopsTheJournal(t *testing.T) {
	f := newFixture(t)
	disk := &brokenDisk{fail: func(call int) bool { return call >= 2 }}
	f.config.test.msync = disk.msync
	j := f.open()
	stop := f.run(j)
	p := f.append(j, "good")
	f.must(j.Sync(context.Background(), p))
	p = f.append(j, "doubtful")
	if err := j.Sync(context.Background(), p); !errors.Is(err, ErrFailed) {
		t.Fatalf("sync: %v", err)
	}
	if _, err := j.Append(0, KindVisit, 1, nil); !errors.Is(err, ErrFailed) {
		t.Fatalf("append: %v", err)
	}
	if err := j.Ready(); !errors.Is(err, ErrFailed) {
		t.Fatalf("ready: %v", err)
	}
	if got := f.metric("refused_records_total", "reason", "failed"); got < 1 {
		t.Fatal("the refusal was not counted")
	}
	if err := stop(); !errors.Is(err, ErrFailed) || !errors.Is(err, unix.EIO) {
		t.Fatalf("run: %v", err)
	}
	if epochsOf(t, f.config.Dir)[0].End != nil {
		t.Fatal("an end record was written without knowing what is on the disk")
	}
	// The next start finds both records, still in memory.
	f.config.test.msync = nil
	f.must(f.open().Close())
	if end := epochsOf(t, f.config.Dir)[0].End; end == nil || end.Shards[0].Last < 2 {
		t.Fatalf("end record %+v", end)
	}
}
