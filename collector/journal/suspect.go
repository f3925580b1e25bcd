package journal

import (
	"fmt"
	"slices"
)

// replaceSuspects answers a sync error. The kernel reports one once, marks the
// pages clean and may drop them; syncing again would succeed with the data gone.
// So the shard's segments that are not on the disk are suspect for ever: each
// record above the durable mark is read back, verified, and copied to a new
// segment under its own sequence; those that fail are named in the end record.
// The shard is locked meanwhile: nothing is appended to a suspect segment, and
// nothing counts as durable until the new ones are. The caller has syncMu.
func (j *Journal) replaceSuspects(s *shard, cause error) error {
	s.mu.Lock()
	old := append(slices.Clone(s.sealed), s.segment)
	copied, err := j.copySuspects(s, old)
	missing := len(s.missing)
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("replacing a suspect segment: %w (after: %w)", err, cause)
	}
	j.suspect.Store(&cause)
	j.metrics.suspects.Add(float64(len(old)))
	j.metrics.copied.Add(float64(copied))
	j.log.Error("a segment failed to sync and was replaced; check the disk", "error", cause, "shard", s.number, "copied_records", copied, "missing_ranges", missing)
	for _, g := range old {
		j.retire(s, g)
	}
	if err := j.syncShard(s); err != nil {
		return fmt.Errorf("syncing the replacement: %w (after: %w)", err, cause)
	}
	return nil
}

// copySuspects fills new segments and puts them in the place of the old ones.
// The caller has the shard's lock.
func (j *Journal) copySuspects(s *shard, old []*segment) (int, error) {
	next := s.durable.Load() + 1
	target, err := j.takeSegment(s)
	if err != nil {
		return 0, err
	}
	now := j.clock().UnixMilli()
	target.begin(next, now)
	var sealed []*segment
	var missing [][2]uint64
	copied := 0
	for _, g := range old {
		// pread, not the mapping: a page that can't be read back is then an
		// error and not a SIGBUS.
		data := make([]byte, g.used)
		if n, err := g.file.ReadAt(data, 0); err != nil {
			data = data[:n]
		}
		for rec := range goodRecords(g.place, data, max(g.synced, segmentHeaderBytes)) {
			if rec.Sequence < next {
				continue
			}
			if rec.Sequence > next {
				missing = append(missing, [2]uint64{next, rec.Sequence - 1})
			}
			if !target.fits(alignUp(recordHeaderBytes+len(rec.Body), recordAlign)) {
				sealed = append(sealed, target)
				if target, err = j.takeSegment(s); err != nil {
					return 0, err
				}
				target.begin(rec.Sequence, now)
			}
			target.put(rec.Sequence, rec.TimeMS, rec.Kind, rec.Version, rec.Body)
			next = rec.Sequence + 1
			copied++
		}
	}
	if next <= s.sequence {
		missing = append(missing, [2]uint64{next, s.sequence})
		target.last = s.sequence // the next record goes on behind the lost ones
	}
	for _, m := range missing {
		j.metrics.missing.Add(float64(m[1] - m[0] + 1))
	}
	s.missing = append(s.missing, missing...)
	s.hurt.Store(len(s.missing) > 0)
	s.sealed, s.segment = sealed, target
	return copied, nil
}

// goodRecords gives the good records of a segment's bytes from an offset on, in
// order, past whatever is bad.
func goodRecords(p *place, data []byte, from int) func(func(*Record) bool) {
	return func(yield func(*Record) bool) {
		var rec Record
		for at := from; at < len(data); {
			size, what := p.parse(data[at:], int64(at), &rec)
			if what != lookGood {
				at = p.nextGood(data, 0, min(at+recordAlign, len(data)))
				continue
			}
			if !yield(&rec) {
				return
			}
			at += size
		}
	}
}
