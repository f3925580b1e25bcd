package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// makeRetrySeconds: how often a full disk is tried again.
const makeRetrySeconds = 1

// makeLoop keeps a next segment ready for each shard, and the spares, so that a
// roll is a swap of pointers.
func (j *Journal) makeLoop(ctx context.Context) {
	ticker := time.NewTicker(makeRetrySeconds * time.Second)
	defer ticker.Stop()
	for {
		j.makeReady()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-j.kickMake:
		}
	}
}

// makeReady makes what is missing: first what the shards need, then the spares.
// Trouble is logged when it comes and when it goes, and counted each time.
func (j *Journal) makeReady() {
	var failed error
	for _, s := range j.shards {
		if err := j.makeNext(s); err != nil {
			failed = err
		}
	}
	if failed == nil {
		failed = j.refillSpares()
	}
	before := j.starved.Load()
	switch {
	case failed != nil && before == nil:
		j.log.Error("no segment can be made; give the disk space", "error", failed, "spares", j.spares.Load())
	case failed == nil && before != nil:
		j.log.Info("segments can be made again", "spares", j.spares.Load())
	}
	if failed == nil {
		j.starved.Store(nil)
	} else {
		j.starved.Store(&failed)
	}
}

func (j *Journal) makeNext(s *shard) error {
	j.makeMu.Lock()
	defer j.makeMu.Unlock()
	if s.next.Load() != nil || j.stopped.Load() != nil {
		return nil
	}
	g, err := j.makeSegment(s)
	if err != nil {
		return err
	}
	s.next.Store(g)
	s.full.Store(false)
	return nil
}

// takeSegment gives the shard's next segment, made now if none is ready. The
// caller has the shard's lock.
func (j *Journal) takeSegment(s *shard) (*segment, error) {
	j.makeMu.Lock()
	defer j.makeMu.Unlock()
	if g := s.next.Swap(nil); g != nil {
		return g, nil
	}
	return j.makeSegment(s)
}

// makeSegment makes the shard's next segment, from a spare where the disk gives
// no space for one. The caller has makeMu, or is Open.
func (j *Journal) makeSegment(s *shard) (*segment, error) {
	number := s.made + 1
	path := filepath.Join(j.dir, segmentName(s.number, number))
	if err := makeZeroFile(path, j.config.SegmentBytes, j.fill); err != nil {
		j.metrics.segmentErrors.Inc()
		if spare := j.useSpare(path); spare != nil {
			return nil, fmt.Errorf("%w; %w", err, spare)
		}
	}
	s.made = number
	p := newPlace(j.info.Collector, j.info.Epoch, s.number, number, j.config.test.weakSum)
	g, err := mapSegment(path, p)
	if err != nil {
		// Left behind, it would stand for ever as a segment not yet in use, and
		// tails would wait for it. Its number is not used again: one may have it open.
		j.metrics.segmentErrors.Inc()
		return nil, errors.Join(err, removeIfThere(path))
	}
	j.metrics.made.Inc()
	return g, nil
}

func (j *Journal) fill(f *os.File, bytes int64) error {
	if j.config.test.fill != nil {
		return j.config.test.fill(f, bytes)
	}
	return fillZeroes(f, bytes)
}

var errNoSpare = errors.New("no spare segment is left")

// useSpare moves a spare to path: a name costs no space.
func (j *Journal) useSpare(path string) error {
	dir := filepath.Join(j.config.Dir, spareDirName)
	names, err := spareNames(dir)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errNoSpare
	}
	if err := os.Rename(filepath.Join(dir, names[0]), path); err != nil {
		return fmt.Errorf("using a spare segment: %w", err)
	}
	j.spares.Add(-1)
	j.metrics.sparesUsed.Inc()
	return errors.Join(syncDir(filepath.Dir(path)), syncDir(dir))
}

func spareNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing spare segments: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), segmentSuffix) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// countSpares takes over the spares of earlier runs, and removes what is half
// made or of another size.
func (j *Journal) countSpares() error {
	dir := filepath.Join(j.config.Dir, spareDirName)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("listing spare segments: %w", err)
	}
	count := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return fmt.Errorf("sizing spare segment: %w", err)
		}
		if strings.HasSuffix(e.Name(), segmentSuffix) && info.Size() == j.config.SegmentBytes && count < int64(j.config.Spares) {
			count++
			continue
		}
		if err := removeIfThere(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	j.spares.Store(count)
	return nil
}

func (j *Journal) refillSpares() error {
	j.makeMu.Lock()
	defer j.makeMu.Unlock()
	for n := 0; j.spares.Load() < int64(j.config.Spares) && j.stopped.Load() == nil; n++ {
		path := filepath.Join(j.config.Dir, spareDirName, fmt.Sprintf("%03d%s", n, segmentSuffix))
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := makeZeroFile(path, j.config.SegmentBytes, j.fill); err != nil {
			j.metrics.segmentErrors.Inc()
			return err
		}
		j.spares.Add(1)
	}
	return nil
}
