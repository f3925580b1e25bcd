// Package journal is a durable log of opaque records: appended to memory-mapped
// segments, tailed by readers of any process, recovered after any crash.
//
// Invariant: a record that Append acknowledged survives the death of the
// process, and one that Sync acknowledged survives the loss of power; no record
// is ever read that was not appended, or at another place than its own. Numbers
// are dense per epoch and shard, and no epoch is ever used twice.
//
// It refuses to look into a record, to be written by two processes, to change a
// file that it doesn't understand, and to trust a segment that failed to sync.
package journal

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Journal is one directory of epochs, of which it writes the newest.
type Journal struct {
	config  Config
	clock   func() time.Time
	log     *slog.Logger
	metrics *metrics
	shelf   shelf

	lock     *os.File
	info     EpochInfo
	dir      string // the epoch's own
	shards   []*shard
	kickSync chan struct{}
	kickMake chan struct{}

	stopped atomic.Pointer[error] // why no more records are taken; nil while open
	suspect atomic.Pointer[error] // a sync error that a new segment healed
	starved atomic.Pointer[error] // why the newest attempt to make a segment failed
	drained atomic.Bool           // no round of syncs is to come any more
	spares  atomic.Int64

	makeMu sync.Mutex // one segment is made at a time; taken after a shard's lock

	syncMu sync.Mutex // one round of syncs at a time; taken before a shard's lock

	roundMu sync.Mutex
	round   chan struct{} // closed when the running round of syncs ends; guarded by roundMu
}

// New checks the configuration and touches nothing.
func New(config Config, deps Deps) (*Journal, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("configuring journal %s: %w", config.Dir, err)
	}
	j := &Journal{
		config:   config,
		clock:    deps.Clock,
		log:      deps.Log.With("journal", config.Log),
		kickSync: make(chan struct{}, 1),
		kickMake: make(chan struct{}, 1),
		round:    make(chan struct{}),
	}
	j.shelf.waitForHold = config.HeldByIndex
	for i := range config.Shards {
		j.shards = append(j.shards, &shard{
			number: uint8(i), unlocked: config.test.unlocked,
			sealed: make([]*segment, 0, 8), // between two syncs: a roll allocates nothing
		})
	}
	j.stop(ErrClosed)
	j.drained.Store(true)
	var err error
	if j.metrics, err = newMetrics(j, deps.Metrics); err != nil {
		return nil, err
	}
	return j, nil
}

// Open locks the directory, recovers earlier epochs, which writes their end
// records, and starts a new epoch. Append works from here on.
func (j *Journal) Open() error {
	for _, dir := range []string{j.config.Dir, filepath.Join(j.config.Dir, spareDirName)} {
		if err := makeDirs(dir, syncDir); err != nil {
			return fmt.Errorf("creating journal: %w", err)
		}
	}
	lock, err := lockDir(j.config.Dir)
	if err != nil {
		return err
	}
	j.lock = lock
	if err := j.start(); err != nil {
		return errors.Join(err, j.unlock())
	}
	return nil
}

func (j *Journal) start() error {
	last, err := j.recoverAll()
	if err != nil {
		return err
	}
	if err := j.countSpares(); err != nil {
		return err
	}
	if err := j.startEpoch(last + 1); err != nil {
		return err
	}
	j.stopped.Store(nil)
	j.drained.Store(false)
	for _, s := range j.shards {
		g, err := j.makeSegment(s)
		if err != nil {
			j.stop(ErrClosed)
			return errors.Join(err, j.abandon())
		}
		now := j.clock().UnixMilli()
		s.mu.Lock()
		g.begin(1, now)
		s.segment, s.refuse = g, nil
		s.mu.Unlock()
	}
	j.log.Info("journal opened", "dir", j.config.Dir, "epoch", epochName(j.info.Epoch), "ordinal", j.info.Ordinal)
	return nil
}

// startEpoch puts a new epoch's header on the disk, before anything is appended.
func (j *Journal) startEpoch(ordinal uint64) error {
	var random [8]byte
	for j.info.Epoch == 0 {
		if _, err := rand.Read(random[:]); err != nil {
			return fmt.Errorf("drawing an epoch: %w", err)
		}
		j.info.Epoch = binary.LittleEndian.Uint64(random[:])
	}
	j.info.Ordinal = ordinal
	j.info.Collector = j.config.Collector
	j.info.StartedMS = j.clock().UnixMilli()
	j.info.Log = j.config.Log
	j.info.Shards = j.config.Shards
	j.info.SegmentBytes = j.config.SegmentBytes
	j.dir = filepath.Join(j.config.Dir, epochName(j.info.Epoch))
	if err := os.Mkdir(j.dir, 0o700); err != nil {
		return fmt.Errorf("creating epoch: %w", err)
	}
	if err := writeSynced(filepath.Join(j.dir, epochHeaderName), j.info.encode()); err != nil {
		return err
	}
	j.shelf.addEpoch(&keptEpoch{epoch: j.info.Epoch, ordinal: ordinal, dir: j.dir})
	return syncDir(j.config.Dir)
}

// Run syncs, makes segments ready, beats and deletes, until ctx ends; then it
// writes the end record and gives the directory back. An error means that the
// disk can't be trusted: the process should exit and start again.
func (j *Journal) Run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return j.syncLoop(running) })
	group.Go(func() error { j.makeLoop(running); return nil })
	group.Go(func() error { j.keepLoop(running); return nil })
	err := group.Wait()
	return errors.Join(err, j.Close())
}

// Append copies one record into the shard's segment: when it returns, the record
// survives the death of this process. No allocation, no system call. Errors:
// ErrFull, ErrClosed, ErrFailed, ErrTooLarge, ErrKind; nothing is recorded then.
func (j *Journal) Append(shard int, kind, version uint8, body []byte) (Position, error) {
	s := j.shards[shard]
	if len(body) > j.config.maxBody() {
		j.metrics.tooLarge.Inc()
		return Position{}, ErrTooLarge
	}
	if kind == 0 || kind == KindHeartbeat {
		j.metrics.badKind.Inc()
		return Position{}, ErrKind
	}
	return j.append(s, kind, version, body)
}

func (j *Journal) append(s *shard, kind, version uint8, body []byte) (Position, error) {
	sequence, timeMS, err := s.append(j.clock, kind, version, body)
	if err != nil {
		j.refused(err)
		return Position{}, err
	}
	return Position{Epoch: j.info.Epoch, Shard: s.number, Sequence: sequence, TimeMS: timeMS}, nil
}

// refused counts, and asks for a segment at once where one is missing.
func (j *Journal) refused(err error) {
	switch {
	case errors.Is(err, ErrFull):
		j.metrics.full.Inc()
		if j.starved.Load() == nil {
			kick(j.kickMake)
		}
	case errors.Is(err, ErrFailed):
		j.metrics.failed.Inc()
	default:
		j.metrics.closed.Inc()
	}
}

// Shards is how many writers there are.
func (j *Journal) Shards() int { return len(j.shards) }

// Epoch is the one being written; 0 before Open.
func (j *Journal) Epoch() uint64 { return j.info.Epoch }

// Ready says why records are refused, or soon will be, and what helps.
func (j *Journal) Ready() error {
	if err := j.stopped.Load(); err != nil {
		return *err
	}
	if err := j.suspect.Load(); err != nil {
		return fmt.Errorf("a segment of %s failed to sync; its records were moved: check the disk, then start again: %w", j.config.Dir, *err)
	}
	for _, s := range j.shards {
		if !s.full.Load() || s.next.Load() != nil {
			continue
		}
		if why := j.starved.Load(); why != nil {
			return fmt.Errorf("no segment can be made in %s: give the disk space: %w", j.config.Dir, *why)
		}
		return fmt.Errorf("the next segment of %s is being made: %w", j.config.Dir, ErrFull)
	}
	return nil
}

// stop refuses all further records with err.
func (j *Journal) stop(err error) {
	j.stopped.Store(&err)
	for _, s := range j.shards {
		s.mu.Lock()
		s.refuse = err
		s.mu.Unlock()
	}
}

// Close ends the epoch: a last sync, the end record, the lock given back. Run
// calls it; call it yourself only where Run never ran. After a disk error no end
// record is written: the next start's recovery finds out what is left.
func (j *Journal) Close() error {
	if j.lock == nil {
		return nil
	}
	failed := j.stopped.Load() != nil
	if !failed {
		j.stop(ErrClosed)
		err := j.syncRound()
		j.drained.Store(true)
		j.endRound()
		if err != nil {
			return errors.Join(err, j.abandon(), j.unlock())
		}
		if err := writeEnd(j.dir, &j.info, j.endRecord()); err != nil {
			return errors.Join(err, j.abandon(), j.unlock())
		}
		j.log.Info("journal closed", "epoch", epochName(j.info.Epoch))
	}
	return errors.Join(j.abandon(), j.unlock())
}

func (j *Journal) endRecord() EndRecord {
	end := EndRecord{Clean: true, EndedMS: j.clock().UnixMilli()}
	for _, s := range j.shards {
		s.mu.Lock()
		end.Shards = append(end.Shards, EndShard{Last: s.sequence, Missing: s.missing})
		s.mu.Unlock()
	}
	return end
}

// abandon gives memory and files back, and removes segments made and not used.
func (j *Journal) abandon() error {
	j.syncMu.Lock()
	defer j.syncMu.Unlock()
	var errs []error
	for _, s := range j.shards {
		s.mu.Lock()
		for _, g := range append(s.sealed, s.segment) {
			if g != nil {
				errs = append(errs, g.release())
			}
		}
		s.sealed, s.segment = nil, nil
		s.mu.Unlock()
		if g := s.next.Swap(nil); g != nil {
			errs = append(errs, g.release(), removeIfThere(g.path))
		}
	}
	return errors.Join(errs...)
}

func (j *Journal) unlock() error {
	err := j.lock.Close()
	j.lock = nil
	if err != nil {
		return fmt.Errorf("closing lock: %w", err)
	}
	return nil
}

// kick wakes a loop that is asleep, once.
func kick(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
