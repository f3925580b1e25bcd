package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// fillUp appends until the journal is full and gives the number of records taken.
func fillUp(f *fixture, j *Journal) int {
	f.t.Helper()
	body := make([]byte, 500)
	for n := 0; ; n++ {
		_, err := j.Append(0, KindVisit, 1, body)
		if errors.Is(err, ErrFull) {
			j.makeReady()
			if _, err = j.Append(0, KindVisit, 1, body); errors.Is(err, ErrFull) {
				return n
			}
		}
		f.must(err)
	}
}

func TestFullDiskUsesSparesThenRefusesAndRecovers(t *testing.T) {
	full := false
	f := newFixture(t)
	f.config.Spares = 2
	f.config.test.fill = func(file *os.File, bytes int64) error {
		if full {
			return unix.ENOSPC
		}
		return fillZeroes(file, bytes)
	}
	checkFullDisk(f, func() { full = true }, func() { full = false })
}

func TestFullFileSystemNeverKillsTheWriter(t *testing.T) {
	f := newFixture(t)
	f.config.Spares = 2
	if os.Geteuid() == 0 { // only root can mount; the test above stands for the others
		f.must(unix.Mount("tmpfs", f.config.Dir, "tmpfs", 0, "size=512k"))
		defer func() { f.must(unix.Unmount(f.config.Dir, 0)) }()
	} else {
		f.config.test.fill = smallDisk(f.config.Dir, 512<<10)
	}
	ballast := filepath.Join(f.config.Dir, "ballast")
	checkFullDisk(f, func() {
		b, err := os.Create(ballast)
		f.must(err)
		for err == nil {
			_, err = b.Write(make([]byte, pageBytes))
			if info, e := b.Stat(); e == nil && info.Size() >= 512<<10 {
				break
			}
		}
		f.must(b.Close())
	}, func() { f.must(os.Remove(ballast)) })
}

// smallDisk fills only while the files of dir take less than bytes.
func smallDisk(dir string, bytes int64) func(*os.File, int64) error {
	return func(file *os.File, more int64) error {
		sum := more
		err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			sum += info.Size()
			return err
		})
		if err != nil {
			return err
		}
		if sum > bytes {
			return unix.ENOSPC
		}
		return fillZeroes(file, more)
	}
}

func checkFullDisk(f *fixture, fill, free func()) {
	t := f.t
	t.Helper()
	j := f.open()
	j.makeReady()
	fill()
	perSegment := (minSegmentBytes - segmentHeaderBytes) / alignUp(recordHeaderBytes+500, recordAlign)
	// The open segment, the one made ready, and the two spares.
	if n := fillUp(f, j); n != 4*perSegment {
		t.Fatalf("%d records taken on a full disk, want %d", n, 4*perSegment)
	}
	if err := j.Ready(); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("ready: %v", err)
	}
	// What is mapped is written: syncing it needs no space.
	f.must(j.syncRound())
	for name, want := range map[string]float64{"spare_segments_used_total": 2, "spare_segments": 0, "ready": 0} {
		if got := f.metric(name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	refused := f.metric("refused_records_total", "reason", "full")
	for range 7 {
		if _, err := j.Append(0, KindVisit, 1, make([]byte, 500)); !errors.Is(err, ErrFull) {
			t.Fatalf("append: %v", err)
		}
	}
	if got := f.metric("refused_records_total", "reason", "full"); got != refused+7 {
		t.Fatalf("%v refusals counted, want %v", got, refused+7)
	}
	if got := f.metric("segment_errors_total"); got == 0 {
		t.Fatal("the failed attempts were not counted")
	}
	free()
	j.makeReady()
	if err := j.Ready(); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	p := f.append(j, "after")
	if want := uint64(4*perSegment + 1); p.Sequence != want {
		t.Fatalf("sequence %d after the disk was full, want %d", p.Sequence, want)
	}
	if got := f.metric("spare_segments"); got != 2 {
		t.Fatalf("%v spares made again", got)
	}
	f.must(j.Close())
	got := readAll(t, f.config.Dir, j.Epoch(), 0, 0)
	if len(got.order) != int(p.Sequence) || len(got.corrupt) > 0 || got.bodies[p.Sequence] != "after" {
		t.Fatalf("read %d records, want %d", len(got.order), p.Sequence)
	}
}

func TestSparesOfAnotherSizeAreNotUsed(t *testing.T) {
	f := newFixture(t)
	f.config.Spares = 2
	j := f.open()
	j.makeReady()
	f.must(j.Close())
	f.config.SegmentBytes *= 2
	f.must(os.WriteFile(filepath.Join(f.config.Dir, spareDirName, fmt.Sprint("000", segmentSuffix, temporarySuffix)), nil, 0o600))
	j = f.open()
	if got := f.metric("spare_segments"); got != 0 {
		t.Fatalf("%v spares of the old size taken over", got)
	}
	j.makeReady()
	f.must(j.Close())
	f.must(f.open().Close())
	if got := f.metric("spare_segments"); got != 2 {
		t.Fatalf("%v spares taken over, want 2", got)
	}
}

// lastGiven reads what a tail has and gives the last sequence.
func lastGiven(f *fixture, tail *Tail) (last uint64) {
	f.t.Helper()
	for {
		rec, ok, err := tail.Next()
		f.must(err)
		if !ok {
			return last
		}
		last = rec.Sequence
	}
}

func TestSegmentThatCanNotBeMappedHoldsUpNoTail(t *testing.T) {
	f := newFixture(t)
	spoiled := false
	f.config.test.fill = func(file *os.File, bytes int64) error {
		if spoiled {
			return nil // a file without a byte can't be mapped
		}
		return fillZeroes(file, bytes)
	}
	j := f.open()
	defer f.crash(j)
	r, err := OpenReader(f.config.Dir)
	f.must(err)
	tail, err := r.Tail(j.Epoch(), 0, 0)
	f.must(err)
	defer tail.Close()
	spoiled = true
	j.makeReady()
	if got := f.metric("segment_errors_total"); got != 1 {
		t.Fatalf("%v errors counted", got)
	}
	lastGiven(f, tail)
	spoiled = false
	n := intoNextSegment(f, j)
	if got := lastGiven(f, tail); got != n {
		t.Fatalf("the tail gave up to %d of %d", got, n)
	}
}

// intoNextSegment appends until another segment is in use.
func intoNextSegment(f *fixture, j *Journal) (last uint64) {
	f.t.Helper()
	for first := j.shards[0].segment; j.shards[0].segment == first; {
		j.makeReady()
		p, err := j.Append(0, KindVisit, 1, make([]byte, 500))
		f.must(err)
		last = p.Sequence
	}
	return last
}

func TestTailLeavesASegmentThatWasTakenBack(t *testing.T) {
	f := newFixture(t)
	j := f.open()
	defer f.crash(j)
	r, err := OpenReader(f.config.Dir)
	f.must(err)
	tail, err := r.Tail(j.Epoch(), 0, 0)
	f.must(err)
	defer tail.Close()
	j.makeReady()
	lastGiven(f, tail) // it has the next segment open now
	g := j.shards[0].next.Swap(nil)
	f.must(g.release())
	f.must(os.Remove(g.path))
	n := intoNextSegment(f, j)
	if got := lastGiven(f, tail); got != n {
		t.Fatalf("the tail gave up to %d of %d", got, n)
	}
}
