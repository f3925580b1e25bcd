package lakelog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

const (
	visits = "c7-visits"
	orders = "c7-orders"
)

func at(us int64) time.Time { return time.UnixMicro(us) }

func openDir(t testing.TB, options lakelog.Options) *lakelog.Dir {
	t.Helper()
	d, err := lakelog.OpenDirWith(t.TempDir(), options)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func openLog(t testing.TB, d *lakelog.Dir, log, kind string, knownAtUS int64) *lakelog.Writer {
	t.Helper()
	if err := d.Open(log, kind, 7, knownAtUS); err != nil {
		t.Fatal(err)
	}
	w, err := d.Writer(log)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// file is a data file that is on disk, with its path as its content.
func file(t testing.TB, d *lakelog.Dir, log string, commit, random uint64) lakelog.File {
	t.Helper()
	name := lake.FileName{Table: lake.TableVisits, Date: "2026-11-22", Log: log, Commit: commit, Random: random}
	path := name.Path()
	if err := os.MkdirAll(filepath.Dir(d.Abs(path)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.Abs(path), []byte(path), 0o644); err != nil {
		t.Fatal(err)
	}
	return lakelog.File{Path: path, Table: lake.TableVisits, Rows: 1, Bytes: int64(len(path))}
}

// add commits one file, and gives it.
func add(t testing.TB, d *lakelog.Dir, w *lakelog.Writer, now int64, removed ...string) lakelog.File {
	t.Helper()
	n, known := w.Next(at(now))
	f := file(t, d, w.Head().Log, n, n)
	if err := w.Append(lakelog.Entry{KnownAtUS: known, Added: []lakelog.File{f}, Removed: removed}); err != nil {
		t.Fatal(err)
	}
	return f
}

func view(t testing.TB, d *lakelog.Dir) lakelog.Snapshot {
	t.Helper()
	v := lakelog.NewView(d)
	if err := v.Refresh(); err != nil {
		t.Fatal(err)
	}
	return v.Snapshot()
}

func paths(s lakelog.Snapshot) map[string]bool {
	out := map[string]bool{}
	for _, f := range s.Files {
		out[f.Path] = true
	}
	return out
}

func entryPath(d *lakelog.Dir, log string, n uint64) string {
	return filepath.Join(d.Root(), "_log", log, fmt.Sprintf("%020d.json", n))
}

func checkpointPath(d *lakelog.Dir, log string, n uint64) string {
	return filepath.Join(d.Root(), "_log", log, "checkpoints", fmt.Sprintf("%020d.json", n))
}
