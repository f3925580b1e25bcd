package consumer

import (
	"cmp"
	"fmt"
	"slices"

	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
)

// positions is what of a journal is in the lake, or gathered for the next
// commit: per shard of an epoch a contiguous mark, and what is taken above it.
// It is thrown away for the log's own state when a commit number is lost.
type positions struct {
	state   *lakelog.State
	follows uint64 // the number of the entry that this goes on from
}

// find gives the state of an epoch, nil when there is none.
func (p *positions) find(epoch string) *lakelog.Epoch {
	for i := range p.state.Epochs {
		if p.state.Epochs[i].Epoch == epoch {
			return &p.state.Epochs[i]
		}
	}
	return nil
}

// admit gives the state of a listed epoch, a new one where the epoch is new;
// nil when it is closed, or taken for one that was closed and is forgotten, so
// that nothing of it is read. The error is ErrForeignJournal.
func (p *positions) admit(e Epoch, collector ids.CollectorID) (*lakelog.Epoch, error) {
	name := ids.Epoch(e.Epoch).String()
	if known := p.find(name); known != nil {
		if known.Ordinal != e.Ordinal || known.Collector != ids.CollectorID(e.Collector) {
			return nil, fmt.Errorf("epoch %s has ordinal %d of collector %d, and had %d of %d: %w",
				name, e.Ordinal, e.Collector, known.Ordinal, known.Collector, ErrForeignJournal)
		}
		if known.Closed {
			return nil, nil
		}
		return known, nil
	}
	if ids.CollectorID(e.Collector) != collector {
		return nil, fmt.Errorf("epoch %s is of collector %d, not %d: %w", name, e.Collector, collector, ErrForeignJournal)
	}
	if through := p.state.ClosedThrough; through != nil && e.Ordinal <= through.Ordinal {
		if e.StartedMS > through.StartedMS || (e.Ordinal == through.Ordinal && name != through.Epoch) {
			return nil, fmt.Errorf("epoch %s has ordinal %d, and all up to %d were closed before it: %w",
				name, e.Ordinal, through.Ordinal, ErrForeignJournal)
		}
		return nil, nil
	}
	fresh := lakelog.Epoch{
		Epoch: name, Ordinal: e.Ordinal, Collector: collector, StartedMS: e.StartedMS,
		Shards: make([]lakelog.Shard, e.Shards),
	}
	at, taken := slices.BinarySearchFunc(p.state.Epochs, e.Ordinal, func(s lakelog.Epoch, ordinal uint64) int {
		return cmp.Compare(s.Ordinal, ordinal)
	})
	if taken {
		return nil, fmt.Errorf("epochs %s and %s have ordinal %d both: %w",
			name, p.state.Epochs[at].Epoch, e.Ordinal, ErrForeignJournal)
	}
	p.state.Epochs = slices.Insert(p.state.Epochs, at, fresh)
	return &p.state.Epochs[at], nil
}

// take notes a number of a shard as taken. repeat: it was already. gap: so
// many numbers are missing before it that were not known to be missing.
func take(s *lakelog.Shard, sequence uint64, heartbeatMS int64) (repeat bool, gap uint64) {
	if sequence == s.Mark+1 && len(s.Above) == 0 {
		s.Mark = sequence
		if heartbeatMS != 0 {
			s.HeartbeatMS = heartbeatMS
		}
		return false, 0
	}
	return takeAbove(s, sequence, sequence, heartbeatMS)
}

// takeAbove is take for a run of numbers, none or all of which are taken.
func takeAbove(s *lakelog.Shard, from, to uint64, heartbeatMS int64) (repeat bool, gap uint64) {
	if from <= s.Mark {
		return true, 0
	}
	at := len(s.Above) // of the first range that ends at or after from
	for at > 0 && s.Above[at-1].To >= from {
		at--
	}
	if at < len(s.Above) && s.Above[at].From <= from {
		return true, 0
	}
	if at == len(s.Above) {
		highest := s.Mark
		if at > 0 {
			highest = s.Above[at-1].To
		}
		gap = from - highest - 1
	}
	s.Above = slices.Insert(s.Above, at, lakelog.Range{From: from, To: to, HeartbeatMS: heartbeatMS})
	if at+1 < len(s.Above) && s.Above[at+1].From == to+1 {
		join(s, at)
	}
	if at > 0 && s.Above[at-1].To+1 == from {
		join(s, at-1)
	}
	if s.Above[0].From == s.Mark+1 {
		s.Mark = s.Above[0].To
		if s.Above[0].HeartbeatMS != 0 {
			s.HeartbeatMS = s.Above[0].HeartbeatMS
		}
		s.Above = slices.Delete(s.Above, 0, 1)
	}
	if len(s.Above) == 0 {
		s.Above = nil
	}
	return false, gap
}

// join makes one of a range and the one after it.
func join(s *lakelog.Shard, at int) {
	s.Above[at].To = s.Above[at+1].To
	if s.Above[at+1].HeartbeatMS != 0 {
		s.Above[at].HeartbeatMS = s.Above[at+1].HeartbeatMS
	}
	s.Above = slices.Delete(s.Above, at+1, at+2)
}

// highest is the largest number taken of a shard.
func highest(s *lakelog.Shard) uint64 {
	if n := len(s.Above); n > 0 {
		return s.Above[n-1].To
	}
	return s.Mark
}

// gaps gives the ranges between the mark and the highest number taken, or up to
// last where that is larger.
func gaps(s *lakelog.Shard, last uint64) [][2]uint64 {
	var out [][2]uint64
	next := s.Mark + 1
	for _, r := range s.Above {
		out = append(out, [2]uint64{next, r.From - 1})
		next = r.To + 1
	}
	if last >= next {
		out = append(out, [2]uint64{next, last})
	}
	return out
}

// gapRecords counts the numbers that lie in gaps of open epochs.
func (p *positions) gapRecords() (n uint64) {
	for i := range p.state.Epochs {
		if p.state.Epochs[i].Closed {
			continue
		}
		for j := range p.state.Epochs[i].Shards {
			for _, g := range gaps(&p.state.Epochs[i].Shards[j], 0) {
				n += g[1] - g[0] + 1
			}
		}
	}
	return n
}

// end closes an ended epoch whose tails gave all they have. What the end record
// names as missing and was not taken is lost to the power cut that took it; the
// consumer may hold more than survived. It gives the ranges lost, and those
// that the journal should still have and did not give: while there are any the
// epoch stays open.
func (p *positions) end(e *lakelog.Epoch, end *End) (lost []lakelog.Lost, withheld []lakelog.Lost) {
	for i := range e.Shards {
		s := &e.Shards[i]
		var last uint64
		var missing [][2]uint64
		if i < len(end.Shards) {
			last, missing = end.Shards[i].Last, slices.Clone(end.Shards[i].Missing)
			slices.SortFunc(missing, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
		}
		for _, g := range gaps(s, last) {
			rest := g[0]
			for _, m := range missing {
				from, to := max(m[0], rest), min(m[1], g[1])
				if from > to {
					continue
				}
				if rest < from {
					withheld = append(withheld, lakelog.Lost{Epoch: e.Epoch, Shard: i, From: rest, To: from - 1})
				}
				lost = append(lost, lakelog.Lost{Epoch: e.Epoch, Shard: i, From: from, To: to, Reason: "power_cut"})
				rest = to + 1
			}
			// Above the last that survived nothing is promised: a gap there,
			// between pages that were read before a power cut took them, is lost too.
			if from := max(rest, last+1); from <= g[1] {
				lost = append(lost, lakelog.Lost{Epoch: e.Epoch, Shard: i, From: from, To: g[1], Reason: "power_cut"})
				g[1] = from - 1
			}
			if rest <= g[1] {
				withheld = append(withheld, lakelog.Lost{Epoch: e.Epoch, Shard: i, From: rest, To: g[1]})
			}
		}
	}
	if len(withheld) > 0 {
		return nil, withheld
	}
	for _, l := range lost {
		takeAbove(&e.Shards[l.Shard], l.From, l.To, 0)
		p.state.LostRecords += l.To - l.From + 1
	}
	p.state.Lost = append(p.state.Lost, lost...)
	if over := len(p.state.Lost) - lakelog.MaxLost; over > 0 {
		p.state.Lost = slices.Delete(p.state.Lost, 0, over)
	}
	e.Closed = true
	p.closeThrough()
	return lost, nil
}

// closeThrough moves closed_through over the closed epochs that have no open one before them.
func (p *positions) closeThrough() {
	for i := range p.state.Epochs {
		e := &p.state.Epochs[i]
		if !e.Closed {
			return
		}
		if t := p.state.ClosedThrough; t == nil || e.Ordinal > t.Ordinal {
			p.state.ClosedThrough = &lakelog.ClosedThrough{Ordinal: e.Ordinal, Epoch: e.Epoch, StartedMS: e.StartedMS}
		}
	}
}

// forget drops closed epochs that the journal does not hold any more, so that
// nobody waits for their marks. The newest epoch stays: it tells complete-to.
func (p *positions) forget(listed []Epoch) {
	held := make(map[string]bool, len(listed))
	for _, e := range listed {
		held[ids.Epoch(e.Epoch).String()] = true
	}
	newest := len(p.state.Epochs) - 1
	kept := p.state.Epochs[:0]
	for i, e := range p.state.Epochs {
		covered := p.state.ClosedThrough != nil && e.Ordinal <= p.state.ClosedThrough.Ordinal
		if i == newest || !e.Closed || held[e.Epoch] || !covered {
			kept = append(kept, e)
		}
	}
	p.state.Epochs = kept
}
