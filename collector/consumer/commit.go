package consumer

import (
	"errors"
	"fmt"
	"os"

	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// commit writes what is gathered and enters it under the log's next number:
// staged, synced and checked; moved in; entered. The rows' known_at is the
// commit's. On errTaken the batch is gone and the state is the winner's. On
// another error the batch is still there, to be tried again.
func (c *Consumer) commit() error {
	number, knownAtUS := c.log.Next(c.deps.Clock())
	if number != c.positions.follows+1 {
		// The log went on while it could not be said who won: the batch may be in
		// it, and under the next number its rows would be there twice.
		return c.lose(errUnsettled, c.positions.follows+1, nil)
	}
	files, err := c.stage(number, knownAtUS)
	if err != nil {
		c.discard(files)
		return err
	}
	entry := lakelog.Entry{KnownAtUS: knownAtUS, State: c.positions.state.Clone()}
	if m := c.takeMerge(); m != nil {
		m.out.file.Path = m.nameAt(number)
		files = append(files, m.out)
		for _, input := range m.inputs {
			entry.Removed = append(entry.Removed, input.Path)
		}
		defer func() { c.countMerge(m, err) }()
	}
	for i := range files {
		if err = c.dir.Place(files[i].place, files[i].file.Path); err != nil {
			c.discard(files)
			return err
		}
		files[i].place = c.dir.Abs(files[i].file.Path)
		entry.Added = append(entry.Added, files[i].file)
	}
	if err = c.config.lake.Step("files_placed"); err != nil {
		c.discard(files)
		return err
	}
	if err = c.log.Append(entry); err != nil {
		return c.lose(err, number, files)
	}
	c.committed(files)
	return nil
}

// stage writes every table's files.
func (c *Consumer) stage(number uint64, knownAtUS int64) (files []staged, err error) {
	for _, t := range c.tables {
		more, err := t.stage(c.dir, c.config.Log, number, knownAtUS, c.config.lake.Step)
		files = append(files, more...)
		if err != nil {
			return files, err
		}
	}
	return files, nil
}

// lose sorts out an entry that was not appended for certain. Files that the
// log names after all are left: the number may have been won without our
// being told.
func (c *Consumer) lose(cause error, number uint64, files []staged) error {
	if err := c.log.Refresh(); err != nil {
		return errors.Join(cause, err) // nothing is known: nothing is deleted
	}
	head := c.log.Head()
	var kept []staged
	for _, f := range files {
		if !c.log.Names(f.file.Path) {
			kept = append(kept, f)
		}
	}
	c.discard(kept)
	switch {
	case head.Closed:
		return fmt.Errorf("committing to %s: %w", c.config.Log, lakelog.ErrClosed)
	case head.Number >= number:
		c.metrics.taken.Inc()
		c.deps.Log.Warn("another consumer took the commit number", "log", c.config.Log, "number", number)
		c.resume()
		c.committedAt = c.deps.Clock()
		return fmt.Errorf("committing %d to %s: %w", number, c.config.Log, errTaken)
	}
	return cause
}

// discard deletes files that no entry names.
func (c *Consumer) discard(files []staged) {
	for _, f := range files {
		if err := os.Remove(f.place); err != nil && !errors.Is(err, os.ErrNotExist) {
			c.fail("discard", fmt.Errorf("removing %s: %w", f.place, err))
		}
	}
}

// committed counts a commit, and makes room for the next batch.
func (c *Consumer) committed(files []staged) {
	c.metrics.commits.Inc()
	for _, f := range files {
		c.metrics.files.WithLabelValues(f.file.Table).Inc()
		c.metrics.bytes.Add(float64(f.file.Bytes))
	}
	if rows := c.classify.rows(); rows > 0 {
		c.metrics.batchRows.Observe(float64(rows))
	}
	c.classify.reset()
	c.batchBytes, c.dirty, c.urgent = 0, false, false
	c.unplanned += len(files)
	c.committedAt = c.deps.Clock()
	c.positions.follows = c.log.Head().Number
	if c.log.Due() {
		c.keepHouse()
	}
	c.observe()
}

// keepHouse writes a checkpoint and deletes what nobody reads any more. Its
// failures hold up nothing; it comes again after the next commit or checkpoint.
func (c *Consumer) keepHouse() {
	if err := c.log.Checkpoint(); err != nil {
		c.fail("checkpoint", err)
		return
	}
	now := c.deps.Clock()
	pruned, err := c.log.Prune(now)
	c.metrics.deleted.WithLabelValues("entry").Add(float64(pruned))
	if err != nil {
		c.fail("prune", err)
	}
	emptied, err := c.log.EmptyTrash(now.Add(-c.config.trashAge()))
	c.metrics.deleted.WithLabelValues("merged").Add(float64(emptied))
	if err != nil {
		c.fail("empty_trash", err)
	}
	for _, t := range c.tables {
		c.metrics.liveFiles.WithLabelValues(t.name()).Set(float64(len(c.log.Live(t.name()))))
	}
}

// name gives the sheet's table.
func (s *sheet[T]) name() string { return s.table }

var _ table = (*sheet[lake.VisitRow])(nil)
