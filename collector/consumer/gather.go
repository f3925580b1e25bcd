package consumer

import (
	"fmt"
	"slices"
	"time"

	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
)

const (
	// listEvery is how often the journal is asked for its epochs: a new one, or
	// an end, is seen so late at most.
	listEvery = time.Second
	// turnRecords is what one shard gives before the next one's turn.
	turnRecords = 2048
	// recordBytes stands for what a row needs beside its record's body.
	recordBytes = 512
	// clockToleranceMS: a time that is off by more is flagged (semantics.md).
	clockToleranceMS = 5 * 60 * 1000
)

// tailer reads one shard of an open epoch.
type tailer struct {
	epoch uint64
	lane  lane
	tail  Tail
	dry   bool // it gave all it had, after the epochs were last listed
	// drainedMS is the lake's clock when it last gave all it had: what comes
	// later was written later. 0: not yet.
	drainedMS int64
}

// gather reads what the journal has, up to a batch, each shard in its turn.
// more: there is more to read now.
func (c *Consumer) gather() (more bool, err error) {
	now := c.deps.Clock()
	if since := now.Sub(c.listedAt); since >= listEvery || since < 0 {
		if err := c.list(); err != nil {
			return false, err
		}
		c.listedAt = now
	}
	for _, t := range slices.Clone(c.tails) {
		if c.full() {
			return true, nil
		}
		if err := c.read(t, now.UnixMilli()); err != nil {
			c.fail("read", err)
			c.closeTail(t)
			continue
		}
		more = more || !t.dry
	}
	c.endEpochs()
	return more, nil
}

func (c *Consumer) full() bool {
	return c.classify.rows() >= c.config.BatchRows || c.batchBytes >= c.config.BatchBytes
}

// list asks the journal for its epochs and opens the tails of those that are
// not closed. The error is ErrForeignJournal; a journal that can't be read now
// is asked again.
func (c *Consumer) list() error {
	all, err := c.deps.Source.Epochs()
	if err != nil {
		c.fail("list", err)
		return nil
	}
	listed := all[:0:0]
	for _, e := range all {
		if e.Log == c.config.Log {
			listed = append(listed, e) // the others are another consumer's
		}
	}
	c.positions.forget(listed)
	c.ends = make(map[string]*End, len(listed))
	held := make(map[string]bool, len(listed))
	ignored := 0
	for _, e := range listed {
		known, err := c.positions.admit(e, c.config.Collector)
		if err != nil {
			return err
		}
		name := ids.Epoch(e.Epoch).String()
		held[name] = true
		if known == nil {
			if c.positions.find(name) == nil {
				ignored++
				c.tellIgnored(name)
			}
			continue
		}
		if e.End != nil {
			c.ends[name] = e.End
		}
		for shard := range known.Shards {
			c.openTail(e.Epoch, lane{epoch: name, shard: int64(shard)}, known.Shards[shard].Mark)
		}
	}
	gone := 0
	for _, e := range c.positions.state.Epochs {
		if e.Closed || held[e.Epoch] {
			continue
		}
		gone++
		if !c.named["gone "+e.Epoch] {
			c.named["gone "+e.Epoch] = true
			c.deps.Log.Error("journal does not hold an epoch that is not in the lake to its end; restore its segments",
				"log", c.config.Log, "epoch", e.Epoch)
		}
	}
	c.metrics.goneEpochs.Set(float64(gone))
	c.metrics.ignoredEpochs.Set(float64(ignored))
	return nil
}

// tellIgnored alarms: an epoch that is old by its ordinal and its start may be
// one that was put back, and is in the lake; or a journal begun anew under a
// clock that was behind, and then it is not.
func (c *Consumer) tellIgnored(epoch string) {
	if c.named["ignored "+epoch] {
		return
	}
	c.named["ignored "+epoch] = true
	c.deps.Log.Error("journal holds an epoch from before those that are closed, nothing of it is read; "+
		"if the journal was begun anew, enrol the collector again, under a new id", "log", c.config.Log, "epoch", epoch)
}

func (c *Consumer) openTail(epoch uint64, l lane, mark uint64) {
	for _, t := range c.tails {
		if t.lane == l {
			t.dry = false
			return
		}
	}
	tail, err := c.deps.Source.Tail(epoch, int(l.shard), mark)
	if err != nil {
		c.fail("tail", fmt.Errorf("tailing shard %d of epoch %s: %w", l.shard, l.epoch, err))
		return // the next listing tries again
	}
	c.tails = append(c.tails, &tailer{epoch: epoch, lane: l, tail: tail})
}

func (c *Consumer) closeTail(t *tailer) {
	c.tails = slices.DeleteFunc(c.tails, func(other *tailer) bool { return other == t })
	if err := t.tail.Close(); err != nil {
		c.fail("close_tail", fmt.Errorf("closing the tail of shard %d of epoch %s: %w", t.lane.shard, t.lane.epoch, err))
	}
}

func (c *Consumer) closeTails() {
	for len(c.tails) > 0 {
		c.closeTail(c.tails[len(c.tails)-1])
	}
}

// read takes a turn's records of one shard.
func (c *Consumer) read(t *tailer, nowMS int64) error {
	epoch := c.positions.find(t.lane.epoch)
	if epoch == nil || t.lane.shard >= int64(len(epoch.Shards)) {
		panic("consumer: a tail of an epoch that has no state")
	}
	shard := &epoch.Shards[t.lane.shard]
	for range turnRecords {
		if c.full() {
			return nil
		}
		record, ok, err := t.tail.Next()
		if err != nil {
			return fmt.Errorf("reading shard %d of epoch %s: %w", t.lane.shard, t.lane.epoch, err)
		}
		if !ok {
			t.dry, t.drainedMS = true, nowMS
			return nil
		}
		c.takeRecord(t, shard, &record, nowMS)
	}
	return nil
}

// takeRecord notes the record's number and makes its rows.
func (c *Consumer) takeRecord(t *tailer, s *lakelog.Shard, r *Record, nowMS int64) {
	before := highest(s)
	var heartbeatMS int64
	if r.Kind == KindHeartbeat {
		heartbeatMS = r.TimeMS
	}
	repeat, gap := take(s, r.Sequence, heartbeatMS)
	if repeat && !c.config.keepRepeats {
		c.metrics.repeats.Inc()
		return
	}
	c.dirty = true
	if gap > 0 {
		c.metrics.gaps.Inc()
		c.deps.Log.Warn("gap in journal", "log", c.config.Log, "epoch", t.lane.epoch, "shard", t.lane.shard,
			"from", r.Sequence-gap, "to", r.Sequence-1)
	}
	flagged := clockOff(r.TimeMS, s.LastMS, t.drainedMS, nowMS)
	if flagged {
		c.metrics.flagged.Inc()
	}
	if r.Sequence > before {
		s.LastMS = r.TimeMS
	}
	if r.Kind == KindHeartbeat {
		c.metrics.heartbeats.Inc()
		return
	}
	c.batchBytes += len(r.Body) + recordBytes
	if reason := c.classify.classify(t.lane, r, flagged); reason != "" {
		c.metrics.quarantined.WithLabelValues(reason).Inc()
		return
	}
	switch r.Kind {
	case KindVisit:
		c.metrics.visits.Inc()
	case KindOrder:
		c.metrics.orders.Inc()
	case KindRefund:
		c.metrics.refunds.Inc()
	}
}

// clockOff says whether a record's time can't be right: before the record
// before it, or more than five minutes off that, ahead of the lake's clock, or
// behind the moment at which the shard was last read to its end.
func clockOff(timeMS, beforeMS, drainedMS, nowMS int64) bool {
	switch {
	case beforeMS != 0 && (timeMS < beforeMS || timeMS-beforeMS > clockToleranceMS):
		return true
	case timeMS-nowMS > clockToleranceMS:
		return true
	default:
		return drainedMS != 0 && drainedMS-timeMS > clockToleranceMS
	}
}

// endEpochs closes the ended epochs whose shards all gave what they have.
func (c *Consumer) endEpochs() {
	for name, end := range c.ends {
		epoch := c.positions.find(name)
		if epoch == nil || epoch.Closed || !c.drained(name, len(epoch.Shards)) {
			continue
		}
		lost, withheld := c.positions.end(epoch, end)
		if len(withheld) > 0 {
			if !c.named["withheld "+name] {
				c.named["withheld "+name] = true
				c.deps.Log.Error("journal does not give records that its end record says survived; restore its segments",
					"log", c.config.Log, "epoch", name, "shard", withheld[0].Shard, "from", withheld[0].From, "to", withheld[0].To,
					"ranges", len(withheld))
			}
			continue
		}
		for _, l := range lost {
			c.metrics.lost.Add(float64(l.To - l.From + 1))
			c.deps.Log.Error("records lost to power cut", "log", c.config.Log, "epoch", l.Epoch, "shard", l.Shard,
				"from", l.From, "to", l.To)
		}
		c.metrics.epochsShut.Inc()
		c.dirty, c.urgent = true, true
		for _, t := range slices.Clone(c.tails) {
			if t.lane.epoch == name {
				c.closeTail(t)
			}
		}
	}
}

func (c *Consumer) drained(epoch string, shards int) bool {
	dry := 0
	for _, t := range c.tails {
		if t.lane.epoch == epoch && t.dry {
			dry++
		}
	}
	return dry == shards
}
