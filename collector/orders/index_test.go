package orders_test

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/collector/orders"
)

// noSource is a journal without epochs.
type noSource struct{}

func (noSource) Epochs() ([]orders.Epoch, error)          { return nil, nil }
func (noSource) Tail(uint64, uint64) (orders.Tail, error) { return nil, errors.New("no such epoch") }

func quiet() *slog.Logger            { return slog.New(slog.DiscardHandler) }
func registry() *prometheus.Registry { return prometheus.NewRegistry() }

const indexName = "orders-index.db"

// sold makes a directory with three orders, and stops.
func sold(t *testing.T) string {
	t.Helper()
	w := start(t, options{})
	for i := range 3 {
		w.want(201, "/v1/orders", usualOrder("id", fmt.Sprintf(`"%d"`, i)))
	}
	w.want(201, "/v1/refunds", usualRefund())
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	w.counted(0, "index_rebuilds_total", "reason=missing")
	return w.dir
}

// repeats wants that all of sold's are known.
func repeats(w *world) {
	w.t.Helper()
	for i := range 3 {
		w.want(200, "/v1/orders", usualOrder("id", fmt.Sprintf(`"%d"`, i)))
	}
	w.want(200, "/v1/refunds", usualRefund())
	w.want(409, "/v1/refunds", usualRefund("currency", `"USD"`))
	if got := w.stored(); len(got) != 4 || got["1/0/2"] != 1 {
		w.t.Errorf("the journal has %v", got)
	}
}

func TestLostOrCorruptIndexIsMadeAgainAndAlarmed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil  func(t *testing.T, path string)
		reason string
	}{
		"missing": {func(t *testing.T, path string) { must(t, os.Remove(path)) }, "missing"},
		"garbage": {func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("garbage ", 1000)), 0o600))
		}, "corrupt"},
		"truncated":         {func(t *testing.T, path string) { must(t, os.Truncate(path, 5000)) }, "corrupt"},
		"a page of zeroes":  {func(t *testing.T, path string) { overwrite(t, path, 4096, make([]byte, 4096)) }, "corrupt"},
		"another program's": {func(t *testing.T, path string) { execute(t, path, "PRAGMA application_id = 7") }, "corrupt"},
		"marked as suspect": {func(t *testing.T, path string) { must(t, os.WriteFile(path+".suspect", nil, 0o600)) }, "corrupt"},
		"an earlier epoch's": {func(t *testing.T, path string) {
			execute(t, path, "DELETE FROM entry; UPDATE checkpoint SET epoch = 12345")
		}, "position"},
		"position too far back for the journal": {func(t *testing.T, path string) {
			execute(t, path, "DELETE FROM entry")
			dropSegments(t, filepath.Dir(path))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := sold(t)
			c.spoil(t, filepath.Join(dir, indexName))
			w := start(t, options{dir: dir})
			if c.reason == "" {
				return // nothing is past the checkpoint: no alarm, and the lake decides
			}
			repeats(w)
			w.counted(1, "index_rebuilds_total", "reason="+c.reason)
			if !strings.Contains(w.log.String(), "made again from the journal") {
				t.Errorf("no alarm: %s", w.log)
			}
			if _, err := os.Stat(filepath.Join(dir, indexName+".broken")); (err == nil) != (c.reason == "corrupt") {
				t.Errorf("set aside: %v", err)
			}
			// Only once.
			w = w.again()
			repeats(w)
			w.counted(0, "index_rebuilds_total", "reason="+c.reason)
		})
	}
}

func TestIndexOfALaterReleaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := sold(t)
	path := filepath.Join(dir, indexName)
	execute(t, path, "PRAGMA user_version = 2")
	before := content(t, path)
	if _, err := open(t, options{dir: dir}); err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("opened: %v", err)
	}
	if content(t, path) != before {
		t.Error("the file was changed")
	}
}

// What the index has not by the end of a process, the next start adds.
func TestIndexThatFellBehindIsBroughtUp(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	w.want(201, "/v1/orders", usualOrder("id", `"0"`))
	must(t, w.Flush(t.Context()))
	must(t, w.BreakIndex())
	// A lookup fails, so nothing can be taken, and nothing is acknowledged.
	w.want(503, "/v1/orders", usualOrder("id", `"1"`))
	if w.metric("index_errors_total", "operation=read") == 0 {
		t.Error("the failed lookup isn't counted")
	}
	after := w.crashed()
	after.want(200, "/v1/orders", usualOrder("id", `"0"`))
	after.want(201, "/v1/orders", usualOrder("id", `"1"`))
}

// Kill -9 with the index anywhere behind the journal.
func TestCrashLosesNoIndexedAndNoUnindexedOrder(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for i := range 3 {
		w.want(201, "/v1/orders", usualOrder("id", fmt.Sprintf(`"%d"`, i)))
		w = w.crashed()
		for j := range i + 1 {
			w.want(200, "/v1/orders", usualOrder("id", fmt.Sprintf(`"%d"`, j)))
		}
		w.counted(0, "index_rebuilds_total", "reason=position")
	}
	if got := w.stored(); len(got) != 3 {
		t.Errorf("the journal has %v", got)
	}
}

// A segment goes only when the index is past it: with the lake covering all and
// no retention age, what the index lacks is still there.
func TestSegmentsPastTheCheckpointStay(t *testing.T) {
	t.Parallel()
	holds := make(chan orders.Position, 1000)
	g := &gate{holds: holds}
	w := start(t, gated(g))
	if p := <-holds; p != (orders.Position{}) {
		t.Errorf("the first hold is at %+v", p)
	}
	<-holds // after the replay
	w.want(201, "/v1/orders", usualOrder())
	must(t, w.Flush(t.Context()))
	p := <-holds
	if p != w.Checkpoint() || p.Sequence == 0 {
		t.Errorf("holds from %+v, the checkpoint is at %+v", p, w.Checkpoint())
	}
	// Neither moves while the index can't be written.
	must(t, w.BreakIndex())
	w.want(503, "/v1/orders", usualOrder("id", `"2"`))
	if len(holds) != 0 || w.Checkpoint() != p {
		t.Errorf("the checkpoint moved to %+v", w.Checkpoint())
	}
}

// Heartbeats alone must not keep segments for ever.
func TestQuietDaysMoveTheCheckpoint(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	w.want(201, "/v1/orders", usualOrder())
	must(t, w.Flush(t.Context()))
	before := w.Checkpoint()
	// Any record that is no order; the journal beats with its own kind.
	if _, err := w.journal.Append(0, 9, 1, []byte("beat")); err != nil {
		t.Fatal(err)
	}
	must(t, w.CheckpointIdle(t.Context()))
	if after := w.Checkpoint(); after.Epoch != before.Epoch || after.Sequence <= before.Sequence {
		t.Errorf("the checkpoint went from %+v to %+v", before, after)
	}
	after := w.crashed()
	after.want(200, "/v1/orders", usualOrder())
	if w.metric("index_checkpoints_total") < 2 {
		t.Error("checkpoints aren't counted")
	}
}

func TestUnreadableRecordIsCountedAndPassed(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for version, body := range map[uint8]string{1: "no order", 9: "of a later release"} {
		if _, err := w.journal.Append(0, orders.KindOrder, version, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	w.want(201, "/v1/orders", usualOrder())
	must(t, w.stop())
	must(t, os.Remove(filepath.Join(w.dir, indexName)))
	w = start(t, options{dir: w.dir})
	w.want(200, "/v1/orders", usualOrder())
	w.counted(2, "index_bad_records_total")
}

func TestReplaySeesWhatIsGone(t *testing.T) {
	t.Parallel()
	dir := sold(t)
	execute(t, filepath.Join(dir, indexName), "DELETE FROM entry; UPDATE checkpoint SET sequence = 0")
	dropSegments(t, dir)
	w := start(t, options{dir: dir})
	w.counted(1, "index_rebuilds_total", "reason=position")
	w.want(201, "/v1/orders", usualOrder("id", `"0"`)) // stored once more: the lake decides
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = db.Exec(statements)
	must(t, err)
	must(t, db.Close())
}

func overwrite(t *testing.T, path string, at int64, bytes []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt(bytes, at)
	must(t, err)
	must(t, f.Close())
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

// dropSegments deletes the segments of all epochs; their headers and ends stay.
func dropSegments(t *testing.T, dir string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "journal", "*", "*.seg"))
	must(t, err)
	if len(segments) == 0 {
		entries, _ := filepath.Glob(filepath.Join(dir, "journal", "*", "*"))
		t.Fatalf("no segments among %v", entries)
	}
	for _, s := range segments {
		must(t, os.Remove(s))
	}
}
