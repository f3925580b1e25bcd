package lakelog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"footfall/schemas/ids"
	"footfall/schemas/lake"
)

const (
	// CheckpointEvery is how many commits lie between two checkpoints: a start reads at most so many entries.
	CheckpointEvery = 100
	// EntryAge is how long entries stay that a checkpoint covers.
	EntryAge = 24 * time.Hour
	// checkpointsKept: a damaged newest one leaves the one before, and the entries since.
	checkpointsKept = 3
)

// Open writes a log's opening entry. Only the reporter does that: knownAtUS is
// at least its clock and the newest watermark it ever answered + 1 µs, so that
// a new log never moves a watermark back. A log that is open already, for the
// same kind and collector, is left as it is; ErrClosed: it will not open again.
func (d *Dir) Open(log, kind string, collector ids.CollectorID, knownAtUS int64) error {
	if !validName(log) {
		return fmt.Errorf("opening log %q: %w", log, ErrName)
	}
	folder := logFolder + "/" + log
	if err := d.makeFolder(folder + "/" + checkpointFolder); err != nil {
		return fmt.Errorf("opening log %s: %w", log, err)
	}
	opened := Opened{Kind: kind, Collector: collector}
	for {
		f := newFold(log)
		if err := d.catchUp(f); err != nil {
			return fmt.Errorf("opening log %s: %w", log, err)
		}
		switch {
		case f.closed != nil:
			return fmt.Errorf("opening log %s: %w", log, ErrClosed)
		case f.opened != nil && *f.opened != opened:
			return fmt.Errorf("opening log %s: it is open for %s of collector %d", log, f.opened.Kind, f.opened.Collector)
		case f.opened != nil:
			return nil
		}
		err := d.Commit(Entry{Log: log, Number: 1, KnownAtUS: knownAtUS, Opened: &opened})
		if !errors.Is(err, ErrTaken) {
			return err
		}
	}
}

// Close writes a log's closing entry, which fences off every later commit. An
// operator retires a collector with it; a log that is closed already is left
// as it is. clockUS is the clock; the entry's known_at is above the log's last.
func (d *Dir) Close(log, reason string, clockUS int64) error {
	w, err := d.Writer(log)
	if err != nil {
		return err
	}
	for {
		if w.Head().Closed {
			return nil
		}
		err := w.Append(Entry{
			KnownAtUS: max(clockUS, w.fold.knownAtUS+1), State: w.fold.state, Closed: &Closed{Reason: reason},
		})
		if !errors.Is(err, ErrTaken) {
			return err
		}
	}
}

// Writer appends to one log on behalf of its owner. Not safe for concurrent use.
type Writer struct {
	dir          *Dir
	fold         *fold
	maintenance  *fold
	checkpointed uint64 // the newest checkpoint
	oldest       uint64 // the oldest entry not pruned; 0: not looked for yet
}

// Writer folds a log up to its newest entry. A log that is not there yet has
// number 0; Append then says ErrNotOpen.
func (d *Dir) Writer(log string) (*Writer, error) {
	if !validName(log) {
		return nil, fmt.Errorf("writing to log %q: %w", log, ErrName)
	}
	w := &Writer{dir: d, fold: newFold(log), maintenance: newFold(MaintenanceLog)}
	found, err := d.checkpoints(log)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		w.checkpointed = found[0]
	}
	if err := w.Refresh(); err != nil {
		return nil, err
	}
	return w, nil
}

// Refresh reads what others committed to the log.
func (w *Writer) Refresh() error { return w.dir.catchUp(w.fold) }

// Head is where the log stood when last looked at.
func (w *Writer) Head() LogHead { return w.fold.logHead() }

// Next gives the number of the next entry and its known_at, in microseconds.
func (w *Writer) Next(now time.Time) (number uint64, knownAtUS int64) {
	return w.fold.number + 1, max(now.UnixMicro(), w.fold.knownAtUS+1)
}

// Append commits e under the next number; its KnownAtUS comes from Next. After
// ErrTaken the writer stands behind the winner: nothing of e was committed,
// unless Names says so of its files. ErrNotOpen, ErrClosed: nothing will be.
func (w *Writer) Append(e Entry) error {
	e.Log, e.Number = w.fold.log, w.fold.number+1
	e.Handed = max(e.Handed, w.fold.handed)
	for i := range e.Added {
		e.Added[i].Commit = e.Number
	}
	if err := w.fold.check(&e); err != nil {
		return fmt.Errorf("appending to %s: %w", e.Log, err)
	}
	err := w.dir.Commit(e)
	if err == nil {
		w.fold.apply(&e)
		w.fold.synced = e.Number
		return nil
	}
	if errors.Is(err, ErrTaken) {
		if late := w.Refresh(); late != nil {
			return fmt.Errorf("reading the winner of %s %d: %w", e.Log, e.Number, late)
		}
	}
	return err
}

// Live gives the log's own live files of a table that are not handed over, in
// the order of known_at within each date.
func (w *Writer) Live(table string) []File {
	var out []File
	for _, f := range w.fold.files {
		if f.Table == table && f.Commit > w.fold.handed {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b File) int {
		return cmp.Or(
			strings.Compare(filepath.Dir(a.Path), filepath.Dir(b.Path)),
			cmp.Compare(a.MinKnownAtUS, b.MinKnownAtUS), strings.Compare(a.Path, b.Path))
	})
	return out
}

// Names says whether the log names a file: live, or removed and still on disk.
func (w *Writer) Names(path string) bool {
	if _, live := w.fold.files[path]; live {
		return true
	}
	return slices.ContainsFunc(w.fold.trash, func(t Trash) bool { return t.Path == path })
}

// Due says whether CheckpointEvery commits lie behind the last checkpoint.
func (w *Writer) Due() bool { return w.fold.number >= w.checkpointed+CheckpointEvery }

// Checkpoint writes what the log folds to, beside its entries, and drops all
// but the newest few checkpoints.
func (w *Writer) Checkpoint() error {
	if err := w.dir.catchUp(w.maintenance); err != nil {
		return fmt.Errorf("reading %s: %w", MaintenanceLog, err)
	}
	if w.fold.log != MaintenanceLog {
		w.fold.forget(w.maintenance)
	}
	log, number := w.fold.log, w.fold.number
	data, err := seal(w.fold.checkpoint())
	if err != nil {
		return fmt.Errorf("writing checkpoint %d of %s: %w", number, log, err)
	}
	staged, err := w.dir.stageBytes(fmt.Sprintf("%s-%020d-%s.checkpoint", log, number, randomHex()), data)
	if err != nil {
		return fmt.Errorf("writing checkpoint %d of %s: %w", number, log, err)
	}
	if err := w.dir.options.Step("checkpoint_staged"); err != nil {
		return err
	}
	path := w.dir.checkpointPath(log, number)
	if err := os.Rename(staged, path); err != nil {
		return fmt.Errorf("writing checkpoint %d of %s: %w", number, log, err)
	}
	if err := w.dir.syncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("writing checkpoint %d of %s: %w", number, log, err)
	}
	w.checkpointed = number
	found, err := w.dir.checkpoints(log)
	if err != nil {
		return err
	}
	for _, old := range found[min(checkpointsKept, len(found)):] {
		if err := os.Remove(w.dir.checkpointPath(log, old)); err != nil {
			return fmt.Errorf("removing checkpoint %d of %s: %w", old, log, err)
		}
	}
	return nil
}

// Prune deletes entries older than the oldest checkpoint kept and than
// EntryAge, oldest first, and gives how many. A crash between two leaves the
// newer ones, which stay readable.
func (w *Writer) Prune(now time.Time) (int, error) {
	log := w.fold.log
	kept, err := w.dir.checkpoints(log)
	if err != nil || len(kept) == 0 {
		return 0, err
	}
	if w.oldest == 0 {
		entries, err := numbers(filepath.Join(w.dir.root, logFolder, log))
		if err != nil || len(entries) == 0 {
			return 0, err
		}
		w.oldest = entries[len(entries)-1]
	}
	horizonUS, bound, deleted := now.Add(-EntryAge).UnixMicro(), kept[len(kept)-1], 0
	for ; w.oldest < bound; w.oldest++ {
		e, err := w.dir.Read(log, w.oldest)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another writer of this log was faster
		}
		if err != nil {
			return deleted, err
		}
		if e.KnownAtUS > horizonUS {
			break
		}
		if err := os.Remove(w.dir.entryPath(log, w.oldest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return deleted, fmt.Errorf("removing entry %d of %s: %w", w.oldest, log, err)
		}
		deleted++
	}
	return deleted, nil
}

// EmptyTrash deletes from disk the files that the log removed before the
// instant, and forgets them; it gives how many.
func (w *Writer) EmptyTrash(before time.Time) (int, error) {
	horizonUS := before.UnixMicro()
	deleted := 0
	for deleted < len(w.fold.trash) && w.fold.trash[deleted].RemovedUS < horizonUS {
		if err := w.dir.Remove(w.fold.trash[deleted].Path); err != nil {
			return deleted, err
		}
		deleted++
	}
	w.fold.trash = slices.Clone(w.fold.trash[deleted:])
	return deleted, nil
}

// Sweep deletes what crashes and lost races left behind: staged files, and
// data files of this log whose number is taken by an entry that does not name
// them. What is handed over is maintenance's to judge. It gives how many.
func (w *Writer) Sweep() (int, error) {
	staging := filepath.Join(w.dir.root, stagingFolder)
	staged, err := os.ReadDir(staging)
	if err != nil {
		return 0, fmt.Errorf("listing %s: %w", stagingFolder, err)
	}
	deleted := 0
	for _, f := range staged {
		number, ok := stagedNumber(f.Name(), w.fold.log)
		if !ok || number > w.fold.number {
			continue
		}
		if err := os.Remove(filepath.Join(staging, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return deleted, fmt.Errorf("removing staged file: %w", err)
		}
		deleted++
	}
	named := map[string]bool{}
	for _, t := range w.fold.trash {
		named[t.Path] = true
	}
	for path := range w.fold.files {
		named[path] = true
	}
	placed, err := filepath.Glob(filepath.Join(w.dir.root, "*", "v*", "date=*", w.fold.log+"-*.parquet"))
	if err != nil {
		return deleted, fmt.Errorf("listing data files: %w", err)
	}
	for _, abs := range placed {
		path, err := filepath.Rel(w.dir.root, abs)
		if err != nil {
			return deleted, fmt.Errorf("listing data files: %w", err)
		}
		path = filepath.ToSlash(path)
		name, err := lake.ParseFileName(path)
		if err != nil || name.Log != w.fold.log || name.Commit > w.fold.number || name.Commit <= w.fold.handed || named[path] {
			continue
		}
		if err := w.dir.Remove(path); err != nil {
			return deleted, err
		}
		deleted++
	}
	return deleted, nil
}

// stagedNumber reads the commit number out of a staged file's name: LOG-NUMBER-RANDOM.SUFFIX.
func stagedNumber(name, log string) (uint64, bool) {
	rest, ok := strings.CutPrefix(name, log+"-")
	if !ok || len(rest) < 21 || rest[20] != '-' {
		return 0, false
	}
	var n uint64
	if _, err := fmt.Sscanf(rest[:20], "%d", &n); err != nil {
		return 0, false
	}
	return n, true
}
