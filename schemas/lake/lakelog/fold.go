package lakelog

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"footfall/schemas/ids"
)

// LogHead is where a log stands.
type LogHead struct {
	Log       string
	Kind      string
	Collector ids.CollectorID
	Number    uint64 // the newest entry that counts; 0: there is none
	KnownAtUS int64
	Open      bool // opened and not closed
	Closed    bool
	Handed    uint64
	State     *State // never changed once seen; nil before the first commit of a source
}

// CompleteMS is the time up to which nothing of this source is still on its
// way: the smallest of its shards' last heartbeats before any gap, over every
// epoch that is not closed and the newest, never above the commit's known_at.
// 0: unknown.
func (h LogHead) CompleteMS() int64 {
	if h.State == nil || len(h.State.Epochs) == 0 {
		return 0
	}
	complete := h.KnownAtUS / 1000
	last := len(h.State.Epochs) - 1
	for i, e := range h.State.Epochs {
		if e.Closed && i != last {
			continue
		}
		for _, s := range e.Shards {
			complete = min(complete, s.HeartbeatMS)
		}
	}
	return complete
}

// fold is one log, folded up to a number.
type fold struct {
	log         string
	number      uint64
	synced      uint64 // entries up to this number are known to be on disk by name
	knownAtUS   int64
	opened      *Opened
	closed      *Closed
	files       map[string]File     // added here and not removed here
	removed     map[string]struct{} // files of other logs that this log removed
	trash       []Trash
	handed      uint64
	maintenance uint64 // files that maintenance removed up to this entry of it may be forgotten
	state       *State
}

func newFold(log string) *fold {
	return &fold{log: log, files: map[string]File{}, removed: map[string]struct{}{}}
}

func (f *fold) logHead() LogHead {
	h := LogHead{
		Log: f.log, Number: f.number, KnownAtUS: f.knownAtUS, Handed: f.handed, State: f.state,
		Open: f.opened != nil && f.closed == nil, Closed: f.closed != nil,
	}
	if f.opened != nil {
		h.Kind, h.Collector = f.opened.Kind, f.opened.Collector
	}
	return h
}

// check says whether e may follow what is folded: its owner asks before it
// commits, and everybody before they believe.
func (f *fold) check(e *Entry) error {
	switch {
	case e.Number != f.number+1:
		return fmt.Errorf("entry %d after entry %d", e.Number, f.number)
	case e.KnownAtUS <= f.knownAtUS:
		return fmt.Errorf("known_at %d is not above the one before, %d", e.KnownAtUS, f.knownAtUS)
	case f.closed != nil:
		return ErrClosed
	case f.opened == nil && e.Opened == nil:
		return ErrNotOpen
	case f.opened != nil && e.Opened != nil:
		return errors.New("opened twice")
	case e.Handed < f.handed:
		return fmt.Errorf("handed fell from %d to %d", f.handed, e.Handed)
	case e.Handed > 0 && e.Handed >= e.Number:
		return fmt.Errorf("handed %d is not below the entry", e.Handed)
	}
	for _, file := range e.Added {
		if file.Commit != e.Number {
			return fmt.Errorf("adds %s under number %d", file.Path, file.Commit)
		}
	}
	for _, path := range e.Removed {
		file, mine := f.files[path]
		if f.log == MaintenanceLog {
			continue // the owner of everything handed over; its writer checks which
		}
		if !mine || file.Commit <= e.Handed {
			return fmt.Errorf("removing %s: %w", path, ErrNotOwner)
		}
	}
	return nil
}

// apply folds an entry that check let pass.
func (f *fold) apply(e *Entry) {
	f.number, f.knownAtUS, f.handed = e.Number, e.KnownAtUS, e.Handed
	if e.Opened != nil {
		f.opened = e.Opened
	}
	f.closed = e.Closed
	for _, path := range e.Removed {
		if _, mine := f.files[path]; mine {
			delete(f.files, path)
		} else {
			f.removed[path] = struct{}{}
		}
		f.trash = append(f.trash, Trash{Path: path, RemovedUS: e.KnownAtUS})
	}
	for _, file := range e.Added {
		f.files[file.Path] = file
	}
	if e.State != nil {
		f.state = e.State
	}
}

func (f *fold) checkpoint() *checkpoint {
	c := &checkpoint{
		Format: Format, Log: f.log, Number: f.number, KnownAtUS: f.knownAtUS, Opened: f.opened, Closed: f.closed,
		Trash: f.trash, Handed: f.handed, Maintenance: f.maintenance, State: f.state,
		Removed: slices.Sorted(maps.Keys(f.removed)),
	}
	for _, path := range slices.Sorted(maps.Keys(f.files)) {
		c.Files = append(c.Files, f.files[path])
	}
	return c
}

func (f *fold) restore(c *checkpoint) {
	*f = *newFold(f.log)
	f.number, f.knownAtUS, f.opened, f.closed = c.Number, c.KnownAtUS, c.Opened, c.Closed
	f.trash, f.handed, f.maintenance, f.state = c.Trash, c.Handed, c.Maintenance, c.State
	for _, file := range c.Files {
		f.files[file.Path] = file
	}
	for _, path := range c.Removed {
		f.removed[path] = struct{}{}
	}
}

// forget drops the files that maintenance removed, up to the entry that m is
// folded to, and notes that number.
func (f *fold) forget(m *fold) {
	for path := range m.removed {
		delete(f.files, path)
	}
	f.maintenance = m.number
}

// catchUp folds what was committed since. An entry that lies at or below a
// checkpoint is never believed on its own: it may have been deleted, and its
// number used again by a writer that slept. After an error f is where some
// entry left it.
func (d *Dir) catchUp(f *fold) error {
	g := f
	for {
		looked, damage, err := d.restoreNewest(g)
		if err != nil {
			return err
		}
		if err := d.applyNew(g); err != nil {
			return err
		}
		if g.number < looked && damage != nil {
			return damage
		}
		if g.number == g.synced {
			break
		}
		found, err := d.checkpoints(g.log)
		if err != nil {
			return err
		}
		if len(found) == 0 || found[0] <= looked {
			// A name is counted only when it is known to be on disk.
			if err := d.syncFolder(filepath.Join(d.root, logFolder, g.log)); err != nil {
				return err
			}
			g.synced = g.number
			break
		}
		g = newFold(f.log) // a checkpoint came meanwhile: start from that
	}
	if g != f {
		*f = *g
	}
	return nil
}

// applyNew folds the entries after f's number, as far as they go.
func (d *Dir) applyNew(f *fold) error {
	for {
		e, err := d.Read(f.log, f.number+1)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.check(e); err != nil {
			return &CorruptError{Path: d.entryPath(f.log, e.Number), Reason: err.Error()}
		}
		f.apply(e)
	}
}

// restoreNewest starts f again from the newest sound checkpoint above it. It
// gives the newest number there is, and what was wrong with a damaged one:
// an older one, or the entries themselves, may still tell.
func (d *Dir) restoreNewest(f *fold) (looked uint64, damage, err error) {
	found, err := d.checkpoints(f.log)
	if err != nil || len(found) == 0 {
		return 0, nil, err
	}
	for _, number := range found {
		if number <= f.number {
			break
		}
		c, err := d.readCheckpoint(f.log, number)
		if err == nil {
			f.restore(c)
			break
		}
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) && !errors.Is(err, fs.ErrNotExist) {
			return 0, nil, err
		}
		damage = errors.Join(damage, err)
	}
	return found[0], damage, nil
}

func (d *Dir) checkpointPath(log string, number uint64) string {
	return filepath.Join(d.root, logFolder, log, checkpointFolder, fmt.Sprintf("%020d%s", number, entrySuffix))
}

func (d *Dir) readCheckpoint(log string, number uint64) (*checkpoint, error) {
	path := d.checkpointPath(log, number)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading checkpoint: %w", err)
	}
	c := &checkpoint{}
	if err := unseal(path, data, c); err != nil {
		return nil, err
	}
	if c.Format != Format || c.Log != log || c.Number != number {
		return nil, &CorruptError{Path: path, Reason: fmt.Sprintf("holds format %d, checkpoint %d of %s", c.Format, c.Number, c.Log)}
	}
	return c, nil
}
