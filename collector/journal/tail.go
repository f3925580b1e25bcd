package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	// tailChunkBytes: at 200 bytes a record, a system call for 1,300 of them.
	tailChunkBytes = 256 << 10
	// tailPollBytes is what an idle tail looks at.
	tailPollBytes = 4 << 10
	// maxTailGaps bounds what a tail remembers of sequences that it went past.
	maxTailGaps = 1024
)

// Tail gives one shard's records in the order of their segments. Sequences rise,
// but for one case: after a disk error, records that a suspect segment no longer
// gave come later from the segment that replaced it. None is given twice. Not safe
// for concurrent use.
type Tail struct {
	dir     string
	info    EpochInfo
	shard   uint8
	weakSum bool

	last uint64      // the highest sequence given
	gaps [][2]uint64 // what was not given below last, both inclusive

	segment *tailSegment
	next    *tailSegment // the segment behind, once it is there
	sealed  bool         // nothing is appended to segment any more
	ended   bool         // the epoch has its end record

	buf    []byte
	base   int64 // offset in the segment of buf[0]
	at     int   // next record in buf
	idle   bool  // the last look found nothing
	fresh  bool  // buf[at:] was read during this call
	eof    bool  // buf ends where the file did
	damage *CorruptError
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// Next gives the next record. ok is false when there is nothing more for now; call
// again later. A *CorruptError names bytes that hold no record; the tail has gone
// past them and the next call goes on.
func (t *Tail) Next() (rec Record, ok bool, err error) {
	t.fresh = false
	for {
		if t.damage != nil {
			err, t.damage = t.damage, nil
			return Record{}, false, err
		}
		if t.segment == nil {
			if entered, err := t.enterNext(); err != nil || !entered {
				return Record{}, false, err
			}
			continue
		}
		size, what := t.segment.place.parse(t.buf[t.at:], t.base+int64(t.at), &rec)
		if what == lookGood {
			t.at += size
			t.idle = false
			if t.takes(rec.Sequence) {
				return rec, true, nil
			}
			continue
		}
		more, err := t.stuck(what)
		if err != nil || !more {
			t.idle = true
			return Record{}, false, err
		}
	}
}

// stuck decides what to do where no good record stands: look again, go past what
// is bad, go on to the next segment, or wait.
func (t *Tail) stuck(what look) (more bool, err error) {
	switch {
	case !t.fresh, what == lookShort && !t.eof:
		// What was read may be older than what is there now, or end within a record.
		return true, t.fill(what == lookShort && t.fresh)
	case t.sealed:
		return t.pastBad()
	}
	if err := t.lookAhead(); err != nil {
		return false, err
	}
	if t.sealed {
		t.fresh = false // records may have come before the seal
		return true, nil
	}
	if what == lookEmpty || what == lookShort {
		return false, nil
	}
	return t.pastBad()
}

// fill reads the segment again from the next record on. whole: a record is longer
// than what fits otherwise.
func (t *Tail) fill(whole bool) error {
	t.base += int64(t.at)
	t.at = 0
	want := tailChunkBytes
	if t.idle {
		want = tailPollBytes
	}
	if whole {
		want = recordHeaderBytes + MaxBodyBytes
	}
	t.idle = false
	return t.read(want)
}

func (t *Tail) read(want int) error {
	if cap(t.buf) < want {
		t.buf = make([]byte, want)
	}
	n, err := t.segment.f.ReadAt(t.buf[:want], t.base)
	if err != nil && !isEOF(err) {
		return fmt.Errorf("reading segment %s at byte %d: %w", t.segment.file.path, t.base, err)
	}
	t.buf, t.eof, t.fresh = t.buf[:n], n < want, true
	return nil
}

// pastBad goes to the next good record of this segment, or, where it is sealed,
// to the next segment. It names what it went past, unless that is the zeroes at
// the end of a sealed segment.
func (t *Tail) pastBad() (more bool, err error) {
	t.base += int64(t.at)
	t.at = 0
	info, err := t.segment.f.Stat()
	if err != nil {
		return false, fmt.Errorf("sizing segment %s: %w", t.segment.file.path, err)
	}
	if err := t.read(int(max(info.Size()-t.base, 0))); err != nil {
		return false, err
	}
	to := t.segment.place.nextGood(t.buf, t.base, 0)
	if to == len(t.buf) {
		if !t.sealed {
			return false, nil // it may be a record that is being written
		}
		if !isZero(t.buf) {
			t.corrupt(t.buf)
		}
		return t.leave()
	}
	if to > 0 {
		t.corrupt(t.buf[:to])
		t.at = to
	}
	return true, nil
}

func (t *Tail) corrupt(bad []byte) {
	t.damage = &CorruptError{
		File: t.segment.file.path, Segment: t.segment.file.number,
		Offset: t.base, Bytes: int64(len(bad)), Torn: isTorn(bad, t.base),
	}
}

// takes tells whether a record is still to be given, and remembers gaps.
func (t *Tail) takes(sequence uint64) bool {
	if sequence > t.last {
		if sequence > t.last+1 && len(t.gaps) < maxTailGaps {
			t.gaps = append(t.gaps, [2]uint64{t.last + 1, sequence - 1})
		}
		t.last = sequence
		return true
	}
	for i, gap := range t.gaps {
		if sequence < gap[0] || sequence > gap[1] {
			continue
		}
		rest := append([][2]uint64(nil), t.gaps[:i]...)
		if gap[0] < sequence {
			rest = append(rest, [2]uint64{gap[0], sequence - 1})
		}
		if sequence < gap[1] {
			rest = append(rest, [2]uint64{sequence + 1, gap[1]})
		}
		t.gaps = append(rest, t.gaps[i+1:]...)
		return true
	}
	return false
}

// lookAhead finds out whether the segment is sealed: the one behind it is in use,
// or the epoch has ended.
func (t *Tail) lookAhead() error {
	if t.next != nil && !t.next.inUse {
		if err := t.dropRemoved(); err != nil {
			return err
		}
	}
	if t.next == nil {
		if err := t.openNext(); err != nil {
			return err
		}
	}
	if t.next != nil {
		if err := t.next.look(); err != nil {
			return err
		}
		if t.next.inUse {
			t.sealed = true
			return nil
		}
	}
	if !t.ended {
		end, err := readEnd(t.dir, &t.info)
		if errors.Is(err, errNoEnd) {
			return nil
		}
		if err != nil {
			return err
		}
		t.ended = end != nil
	}
	t.sealed = t.ended
	return nil
}

// dropRemoved lets go of a next segment that was taken back before it was used:
// the one in its place has another number, or is another file.
func (t *Tail) dropRemoved() error {
	var info unix.Stat_t
	if err := unix.Fstat(int(t.next.f.Fd()), &info); err != nil {
		return fmt.Errorf("looking at segment %s: %w", t.next.file.path, err)
	}
	if info.Nlink > 0 {
		return nil
	}
	err := t.next.f.Close()
	t.next = nil
	if err != nil {
		return fmt.Errorf("closing segment: %w", err)
	}
	return nil
}

// openNext opens the segment with the next higher number that is there.
func (t *Tail) openNext() error {
	number := t.segment.file.number + 1
	g, err := t.openSegment(segmentFile{shard: t.shard, number: number, path: filepath.Join(t.dir, segmentName(t.shard, number))})
	if err == nil {
		t.next = g
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	t.next, err = t.openBehind(t.segment.file.number)
	return err
}

// openBehind opens the first segment that is there with a number above number, or
// nothing.
func (t *Tail) openBehind(number uint32) (*tailSegment, error) {
	files, err := listSegments(t.dir, t.info.Shards)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("tailing epoch %s: %w", epochName(t.info.Epoch), ErrGone)
	}
	if err != nil {
		return nil, err
	}
	for _, f := range files[t.shard] {
		if f.number <= number {
			continue
		}
		g, err := t.openSegment(f)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		return g, err
	}
	return nil, nil
}

// leave closes a segment that is read to its end and goes to the next one.
func (t *Tail) leave() (more bool, err error) {
	if t.next == nil {
		if err := t.openNext(); err != nil {
			return false, err
		}
	}
	if t.next == nil {
		t.at = len(t.buf) // the epoch's end; damage is told once
		return t.damage != nil, nil
	}
	if err := t.segment.f.Close(); err != nil {
		return false, fmt.Errorf("closing segment: %w", err)
	}
	next := t.next
	t.next = nil
	t.enter(next)
	return true, nil
}

func (t *Tail) enterNext() (bool, error) {
	g, err := t.openBehind(0)
	if err != nil || g == nil {
		return false, err
	}
	t.enter(g)
	return true, nil
}

// enter starts to read a segment.
func (t *Tail) enter(g *tailSegment) {
	t.segment, t.sealed = g, false
	if cap(t.buf) > recordHeaderBytes+MaxBodyBytes {
		t.buf = nil // it held the rest of a damaged segment
	}
	t.buf, t.at, t.base = t.buf[:0], 0, segmentHeaderBytes
	t.fresh, t.idle, t.eof = false, false, false
	if g.damage {
		t.damage = &CorruptError{File: g.file.path, Segment: g.file.number, Bytes: segmentHeaderBytes}
	}
}

// Close gives the files back.
func (t *Tail) Close() error {
	var errs []error
	for _, g := range []*tailSegment{t.segment, t.next} {
		if g != nil {
			errs = append(errs, g.f.Close())
		}
	}
	t.segment, t.next = nil, nil
	return errors.Join(errs...)
}
