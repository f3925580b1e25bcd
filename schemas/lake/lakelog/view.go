package lakelog

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
)

// Snapshot is the lake at one moment: which entry of each log is the newest,
// and so which files exist. Its contents are shared: do not change them.
type Snapshot struct {
	Logs  map[string]LogHead
	Files []File // live, by path
	// WatermarkUS is the smallest of the open source logs' newest known_at; 0
	// while there is none. A report at or below it is settled.
	WatermarkUS int64
	// CompleteMS is the time up to which nothing is still on its way; 0: unknown.
	CompleteMS int64
	// NewestUS is the newest known_at of any source log, open or closed.
	NewestUS int64
}

// Settled says whether a report as of an instant will never change.
func (s Snapshot) Settled(asOfUS int64) bool { return s.WatermarkUS > 0 && asOfUS <= s.WatermarkUS }

// Complete says whether every visit and order before a time is in the snapshot.
func (s Snapshot) Complete(timeMS int64) bool { return s.CompleteMS > 0 && timeMS <= s.CompleteMS }

// FilesOf gives the live files of one table.
func (s Snapshot) FilesOf(table string) []File {
	var out []File
	for _, f := range s.Files {
		if f.Table == table {
			out = append(out, f)
		}
	}
	return out
}

// View folds all logs of a lake, each from where it was last looked at. Safe
// for concurrent use.
type View struct {
	dir *Dir

	mu       sync.Mutex // guards the rest
	folds    map[string]*fold
	snapshot Snapshot
}

// NewView gives a view that has seen nothing yet: Refresh first.
func NewView(d *Dir) *View { return &View{dir: d, folds: map[string]*fold{}} }

// Refresh reads what was committed since: a look at the next number of each
// log. After an error the snapshot stays the one before.
func (v *View) Refresh() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	logs, err := v.dir.Logs()
	if err != nil {
		return err
	}
	changed := v.snapshot.Logs == nil
	// maintenance comes last: what it removes, a source's checkpoint may have forgotten.
	slices.SortFunc(logs, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	for _, log := range logs {
		f := v.folds[log]
		if f == nil {
			f = newFold(log)
			v.folds[log] = f
		}
		before := f.number
		if err := v.dir.catchUp(f); err != nil {
			return fmt.Errorf("refreshing log %s: %w", log, err)
		}
		changed = changed || f.number != before || v.snapshot.Logs[log].Number != f.number
	}
	if !changed {
		return nil
	}
	next, err := v.fold()
	if err != nil {
		return err
	}
	v.snapshot = next
	return nil
}

func rank(log string) int {
	if log == MaintenanceLog {
		return 1
	}
	return 0
}

// Snapshot gives the lake as the last Refresh saw it.
func (v *View) Snapshot() Snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.snapshot
}

func (v *View) fold() (Snapshot, error) {
	s := Snapshot{Logs: make(map[string]LogHead, len(v.folds)), WatermarkUS: math.MaxInt64, CompleteMS: math.MaxInt64}
	var maintained uint64
	if m := v.folds[MaintenanceLog]; m != nil {
		maintained = m.number
	}
	removed := map[string]struct{}{}
	for log, f := range v.folds {
		if f.number == 0 {
			continue // its folder is there and its opening entry not yet
		}
		head := f.logHead()
		s.Logs[log] = head
		if f.maintenance > maintained {
			return Snapshot{}, &CorruptError{
				Path:   v.dir.checkpointPath(log, f.number),
				Reason: fmt.Sprintf("relies on entry %d of %s, which ends at %d", f.maintenance, MaintenanceLog, maintained),
			}
		}
		if IsSource(head.Kind) {
			s.NewestUS = max(s.NewestUS, head.KnownAtUS)
			if head.Open {
				s.WatermarkUS = min(s.WatermarkUS, head.KnownAtUS)
				s.CompleteMS = min(s.CompleteMS, head.CompleteMS())
			}
		}
		maps.Copy(removed, f.removed)
	}
	if s.WatermarkUS == math.MaxInt64 {
		s.WatermarkUS, s.CompleteMS = 0, 0
	}
	for _, f := range v.folds {
		for path, file := range f.files {
			if _, gone := removed[path]; !gone {
				s.Files = append(s.Files, file)
			}
		}
	}
	slices.SortFunc(s.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return s, nil
}
