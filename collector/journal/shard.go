package journal

import (
	"sync"
	"sync/atomic"
	"time"
)

// heldStepMS: a clock set back by no more than this is taken for jitter, and the
// shard's last time holds.
const heldStepMS = 1000

// shard has one writer at a time. The lock is held for the copy of one whole
// record: a scheme that reserves first and publishes later leaves holes when the
// process dies, and what stands behind a hole was acknowledged.
type shard struct {
	number   uint8
	unlocked bool // test only

	mu       sync.Mutex
	segment  *segment    // guarded by mu
	sealed   []*segment  // rolled away and not yet on the disk, oldest first; guarded by mu
	sequence uint64      // of the newest record; guarded by mu
	lastMS   int64       // time of the newest record; guarded by mu
	bytes    uint64      // appended, with headers; guarded by mu
	refuse   error       // why no record is taken; guarded by mu
	missing  [][2]uint64 // sequences that a failed sync took; guarded by mu

	made    uint32 // number of the newest segment made; guarded by the journal's makeMu
	next    atomic.Pointer[segment]
	full    atomic.Bool   // a record was refused since a segment was last made
	durable atomic.Uint64 // newest sequence on the disk
	hurt    atomic.Bool   // missing is not empty

	_ [64]byte // the next shard's lock is on another cache line
}

func (s *shard) append(clock func() time.Time, kind, version uint8, body []byte) (uint64, int64, error) {
	if !s.unlocked {
		s.mu.Lock()
	}
	sequence, timeMS, err := s.put(clock, kind, version, body)
	if !s.unlocked {
		s.mu.Unlock()
	}
	return sequence, timeMS, err
}

func (s *shard) put(clock func() time.Time, kind, version uint8, body []byte) (uint64, int64, error) {
	if s.refuse != nil {
		return 0, 0, s.refuse
	}
	timeMS := s.holdTime(clock().UnixMilli())
	size := alignUp(recordHeaderBytes+len(body), recordAlign)
	if !s.segment.fits(size) && !s.roll(timeMS) {
		s.full.Store(true)
		return 0, 0, ErrFull
	}
	sequence := s.sequence + 1
	s.segment.put(sequence, timeMS, kind, version, body)
	s.sequence = sequence
	s.lastMS = timeMS
	s.bytes += uint64(size)
	return sequence, timeMS, nil
}

func (s *shard) holdTime(nowMS int64) int64 {
	if nowMS < s.lastMS && s.lastMS-nowMS <= heldStepMS {
		return s.lastMS
	}
	return max(nowMS, 0)
}

// roll puts the next segment to use: memory only. The caller has the lock.
func (s *shard) roll(nowMS int64) bool {
	next := s.next.Swap(nil)
	if next == nil {
		return false
	}
	next.begin(s.sequence+1, nowMS)
	s.sealed = append(s.sealed, s.segment)
	s.segment = next
	s.full.Store(false)
	return true
}

// rollAged seals a segment that has been in use for ageMS or longer. An empty
// one is let be.
func (s *shard) rollAged(nowMS, ageMS int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil || s.segment.last < s.segment.base || nowMS-s.segment.openedMS < ageMS {
		return
	}
	s.roll(nowMS) // with none ready, the next tick tries again
}

// fate of a record at or below the durable mark: nil, or ErrLost.
func (s *shard) fate(sequence uint64) error {
	if !s.hurt.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.missing {
		if sequence >= m[0] && sequence <= m[1] {
			return ErrLost
		}
	}
	return nil
}
