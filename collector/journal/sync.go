package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Sync returns when the record at p, and all before it in its shard, are on the
// disk. Many waiters share one sync. Errors: ErrLost; or ctx's, ErrFailed and ErrClosed, after
// which the record's fate is unknown.
func (j *Journal) Sync(ctx context.Context, p Position) error {
	if p.Epoch != j.info.Epoch || int(p.Shard) >= len(j.shards) {
		return fmt.Errorf("syncing a record of epoch %s, shard %d: this journal writes epoch %s", epochName(p.Epoch), p.Shard, epochName(j.info.Epoch))
	}
	s := j.shards[p.Shard]
	for s.durable.Load() < p.Sequence {
		j.roundMu.Lock()
		round := j.round
		j.roundMu.Unlock()
		if s.durable.Load() >= p.Sequence {
			break
		}
		if why := j.stopped.Load(); why != nil && !j.closing(*why) {
			return *why
		}
		kick(j.kickSync)
		select {
		case <-round:
		case <-ctx.Done():
			return fmt.Errorf("waiting for a sync: %w", ctx.Err())
		}
	}
	return s.fate(p.Sequence)
}

// closing: the last round of syncs, which answers whoever still waits, is to come.
func (j *Journal) closing(why error) bool {
	return errors.Is(why, ErrClosed) && !j.drained.Load()
}

// syncLoop is the helper that bounds what a power cut takes.
func (j *Journal) syncLoop(ctx context.Context) error {
	ticker := time.NewTicker(time.Duration(j.config.SyncIntervalMS) * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-j.kickSync:
		}
		if err := j.syncRound(); err != nil {
			return err
		}
		now := j.clock().UnixMilli()
		for _, s := range j.shards {
			s.rollAged(now, int64(j.config.RollSeconds)*1000)
			if s.next.Load() == nil && j.starved.Load() == nil {
				kick(j.kickMake)
			}
		}
	}
}

// syncRound puts everything appended so far on the disk, in every shard. An
// error means that the journal has stopped.
func (j *Journal) syncRound() error {
	j.syncMu.Lock()
	defer j.syncMu.Unlock()
	defer j.endRound()
	for _, s := range j.shards {
		cause := j.syncShard(s)
		if cause == nil {
			continue
		}
		if err := j.replaceSuspects(s, cause); err != nil {
			j.stop(ErrFailed)
			return fmt.Errorf("%w: %w", ErrFailed, err)
		}
	}
	return nil
}

// endRound wakes all who wait.
func (j *Journal) endRound() {
	j.roundMu.Lock()
	close(j.round)
	j.round = make(chan struct{})
	j.roundMu.Unlock()
}

// syncShard syncs the sealed segments, which then leave, and the open one. The
// caller has syncMu.
func (j *Journal) syncShard(s *shard) error {
	s.mu.Lock()
	sealed := slices.Clone(s.sealed)
	open, used, last := s.segment, 0, uint64(0)
	if open != nil {
		used, last = open.used, open.last
	}
	s.mu.Unlock()
	for _, g := range sealed {
		if err := j.syncSegment(g, g.used); err != nil {
			return err
		}
		s.durable.Store(g.last)
		s.mu.Lock()
		s.sealed = slices.Delete(s.sealed, 0, 1)
		s.mu.Unlock()
		j.retire(s, g)
	}
	if open == nil {
		return nil
	}
	if err := j.syncSegment(open, used); err != nil {
		return err
	}
	s.durable.Store(last)
	return nil
}

// retire lets a segment go that no writer has any more.
func (j *Journal) retire(s *shard, g *segment) {
	j.shelf.addSegment(j.info.Epoch, keptSegment{shard: s.number, path: g.path, last: g.last, sealedMS: j.clock().UnixMilli()})
	if err := g.release(); err != nil {
		j.metrics.segmentErrors.Inc()
		j.log.Warn("releasing a segment failed", "path", g.path, "error", err)
	}
}

// syncSegment puts the first used bytes on the disk. The caller has syncMu.
func (j *Journal) syncSegment(g *segment, used int) error {
	if used <= g.synced {
		return nil
	}
	from := g.synced &^ (pageBytes - 1)
	to := min(alignUp(used, pageBytes), len(g.data))
	began := j.clock()
	if err := j.msync(g.path, g.data[from:to]); err != nil {
		j.metrics.syncErrors.Inc()
		return fmt.Errorf("syncing segment %s: %w", g.path, err)
	}
	j.metrics.syncSeconds.Observe(j.clock().Sub(began).Seconds())
	g.synced = used
	if synced := j.config.test.synced; synced != nil {
		synced(g.path, from, to)
	}
	return nil
}

func (j *Journal) msync(path string, b []byte) error {
	if j.config.test.msync != nil {
		return j.config.test.msync(path, b)
	}
	return unix.Msync(b, unix.MS_SYNC)
}
