package journal

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// keepIntervalSeconds: a heartbeat a second tells a quiet collector from a dead
// one, and says how far the log is complete. Retention is tried as often.
const keepIntervalSeconds = 1

// keepLoop appends heartbeats and deletes what nobody needs.
func (j *Journal) keepLoop(ctx context.Context) {
	ticker := time.NewTicker(keepIntervalSeconds * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		j.beat()
		j.retain()
	}
}

func (j *Journal) beat() {
	for _, s := range j.shards {
		if _, err := j.append(s, KindHeartbeat, 1, nil); err != nil {
			j.metrics.heartbeatErrors.Inc() // the reason is counted and shown by Ready
		}
	}
}

// Cover tells how far the lake has taken an epoch: marks hold, per shard, the
// sequence up to which everything is safe there. closed means that nothing of the
// epoch is waited for any more. Segments wholly covered go once they are older
// than the retention; without marks they stay.
func (j *Journal) Cover(epoch uint64, closed bool, marks []uint64) {
	j.shelf.cover(epoch, closed, marks)
}

// Hold keeps the segments of shard 0 that have a record at this position or
// behind it, whatever is covered: an index is not past them.
func (j *Journal) Hold(epoch, sequence uint64) {
	j.shelf.hold(epoch, sequence)
}

// retain deletes segments that are covered, old enough and not held, and
// directories of epochs that are closed and empty.
func (j *Journal) retain() {
	segments, epochs := j.shelf.take(j.clock().UnixMilli(), int64(j.config.RetentionSeconds)*1000)
	for _, path := range segments {
		if err := removeIfThere(path); err != nil {
			j.metrics.retentionErrors.Inc()
			j.log.Warn("deleting a segment failed; it goes at the next start", "path", path, "error", err)
			continue
		}
		j.metrics.deleted.Inc()
	}
	for _, dir := range epochs {
		if err := os.RemoveAll(dir); err != nil {
			j.metrics.retentionErrors.Inc()
			j.log.Warn("deleting an epoch failed; it goes at the next start", "path", dir, "error", err)
			continue
		}
		j.log.Info("epoch deleted", "path", dir)
	}
}

// shelf knows the sealed segments and who still needs them.
type shelf struct {
	waitForHold bool

	mu       sync.Mutex
	epochs   []*keptEpoch // by ordinal; guarded by mu
	held     bool         // guarded by mu
	holdOf   uint64       // epoch; guarded by mu
	holdFrom uint64       // sequence; guarded by mu
}

type keptEpoch struct {
	epoch    uint64
	ordinal  uint64
	dir      string
	ended    bool
	closed   bool
	marks    []uint64
	segments []keptSegment
}

type keptSegment struct {
	shard    uint8
	path     string
	last     uint64 // no record in it has a higher sequence
	sealedMS int64
}

// keepEpoch lists an ended epoch's segments. What a segment's last sequence is,
// the next one's header knows; where that is lost, the epoch's end stands for it.
func keepEpoch(dir string, e *EpochInfo) (*keptEpoch, error) {
	files, err := listSegments(dir, e.Shards)
	if err != nil {
		return nil, err
	}
	kept := &keptEpoch{epoch: e.Epoch, ordinal: e.Ordinal, dir: dir, ended: true}
	for shard := range files {
		last, sealedMS, base := e.End.Shards[shard].Last, e.End.EndedMS, uint64(0)
		for _, f := range slices.Backward(files[shard]) {
			h, err := readSegmentHeader(f, e)
			if err != nil {
				return nil, err
			}
			kept.segments = append(kept.segments, keptSegment{shard: f.shard, path: f.path, last: last, sealedMS: sealedMS})
			// After a disk error a later segment may begin below an earlier one.
			if h.base > 0 && (base == 0 || h.base < base) {
				base, last, sealedMS = h.base, h.base-1, h.openedMS
			}
		}
	}
	return kept, nil
}

// readSegmentHeader gives a header of zeroes where none can be believed.
func readSegmentHeader(f segmentFile, e *EpochInfo) (segmentHeader, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return segmentHeader{}, fmt.Errorf("opening segment: %w", err)
	}
	b := make([]byte, segmentHeaderBytes)
	n, err := file.ReadAt(b, 0)
	if n < len(b) {
		err = nil // too short for a header
	}
	if e := file.Close(); err == nil {
		err = e
	}
	if err != nil {
		return segmentHeader{}, fmt.Errorf("reading header of segment %s: %w", f.path, err)
	}
	h, _ := newPlace(e.Collector, e.Epoch, f.shard, f.number, false).decodeHeader(b[:n])
	return h, nil
}

func (sh *shelf) addEpoch(e *keptEpoch) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.epochs = append(sh.epochs, e)
}

func (sh *shelf) addSegment(epoch uint64, g keptSegment) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.find(epoch); e != nil {
		e.segments = append(e.segments, g)
	}
}

func (sh *shelf) count() int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := 0
	for _, e := range sh.epochs {
		n += len(e.segments)
	}
	return n
}

// find has the lock of its caller.
func (sh *shelf) find(epoch uint64) *keptEpoch {
	for _, e := range sh.epochs {
		if e.epoch == epoch {
			return e
		}
	}
	return nil
}

func (sh *shelf) cover(epoch uint64, closed bool, marks []uint64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.find(epoch); e != nil {
		e.closed = e.ended && closed
		e.marks = slices.Clone(marks)
	}
}

func (sh *shelf) hold(epoch, sequence uint64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.held, sh.holdOf, sh.holdFrom = true, epoch, sequence
}

// isHeld has the lock of its caller. A position in an epoch that is not here
// holds everything: deleting can't be taken back.
func (sh *shelf) isHeld(e *keptEpoch, g *keptSegment) bool {
	if !sh.held {
		return sh.waitForHold
	}
	if g.shard != 0 {
		return false
	}
	at := sh.find(sh.holdOf)
	if at == nil {
		return true
	}
	return e.ordinal > at.ordinal || e == at && g.last >= sh.holdFrom
}

// oldestNeeded gives, for each shard that needs any, the last sequence of the
// oldest segment that must stay. What is behind it stays too: a clock that was
// set back can make a later segment look older, and with that gone recovery
// would find a hole and call its records lost. It has the lock of its caller.
func (sh *shelf) oldestNeeded(e *keptEpoch, nowMS, retentionMS int64) map[uint8]uint64 {
	oldest := make(map[uint8]uint64)
	for i := range e.segments {
		g := &e.segments[i]
		covered := e.closed || int(g.shard) < len(e.marks) && g.last <= e.marks[g.shard]
		if covered && nowMS-g.sealedMS >= retentionMS && !sh.isHeld(e, g) {
			continue
		}
		if last, some := oldest[g.shard]; !some || g.last < last {
			oldest[g.shard] = g.last
		}
	}
	return oldest
}

// take removes from the shelf, and returns, the paths of what may be deleted.
func (sh *shelf) take(nowMS, retentionMS int64) (segments, epochs []string) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, e := range sh.epochs {
		kept := sh.oldestNeeded(e, nowMS, retentionMS)
		e.segments = slices.DeleteFunc(e.segments, func(g keptSegment) bool {
			if first, some := kept[g.shard]; some && g.last >= first {
				return false
			}
			segments = append(segments, g.path)
			return true
		})
	}
	sh.epochs = slices.DeleteFunc(sh.epochs, func(e *keptEpoch) bool {
		if !e.closed || len(e.segments) > 0 || sh.held && e.epoch == sh.holdOf {
			return false
		}
		epochs = append(epochs, e.dir)
		return true
	})
	return segments, epochs
}
