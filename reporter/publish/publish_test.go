package publish_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"footfall/internal/testkit"
	"footfall/reporter/publish"
	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// history is a catalog that a test fills by hand: each revision one affiliate.
type history struct {
	incarnation ids.Incarnation
	revisions   uint64
}

func (h *history) Newest(context.Context) (ids.Revision, error) {
	return ids.Revision{Incarnation: h.incarnation, Number: h.revisions}, nil
}

func (h *history) History(_ context.Context, after uint64, visit func(*lake.CatalogRow) error) (ids.Revision, error) {
	row := func(kind string, number uint64) *lake.CatalogRow {
		return &lake.CatalogRow{Kind: kind, ID: int64(number), Revision: int64(number), Incarnation: h.incarnation.String(), KnownAtUS: int64(number) * 1000}
	}
	for n := after + 1; n <= h.revisions; n++ {
		if err := visit(row(lake.KindAffiliate, n)); err != nil {
			return ids.Revision{}, err
		}
	}
	return ids.Revision{Incarnation: h.incarnation, Number: h.revisions}, visit(row(lake.KindRevision, h.revisions))
}

// world is a lake and what publishes into it.
type world struct {
	t       *testing.T
	root    string
	clock   *testkit.Clock
	catalog *history
	options lakelog.Options
	p       *publish.Publisher
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, root: t.TempDir(), clock: testkit.NewClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)), catalog: &history{incarnation: 0xa, revisions: 3}}
	w.options.NoSync = true
	w.start()
	return w
}

// start is the reporter, started again.
func (w *world) start() {
	w.t.Helper()
	dir, err := lakelog.OpenDirWith(w.root, w.options)
	check(w.t, err)
	w.p, err = publish.New(publish.DefaultConfig(), publish.Deps{
		Dir: dir, Catalog: w.catalog, Clock: w.clock.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	check(w.t, err)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// round is one look, a minute after the last.
func (w *world) round() {
	w.t.Helper()
	w.clock.Advance(time.Minute)
	check(w.t, w.p.Round(w.t.Context()))
}

func (w *world) live() []lakelog.File {
	w.t.Helper()
	dir, err := lakelog.OpenDirWith(w.root, lakelog.Options{NoSync: true})
	check(w.t, err)
	view := lakelog.NewView(dir)
	check(w.t, view.Refresh())
	return view.Snapshot().FilesOf(lake.TableCatalog)
}

// published checks that the live files hold each affiliate once, of one incarnation.
func (w *world) published() {
	w.t.Helper()
	var got []int64
	for _, f := range w.live() {
		rows, err := parquet.ReadFile[lake.CatalogRow](filepath.Join(w.root, f.Path))
		check(w.t, err)
		for _, r := range rows {
			if r.Incarnation != w.catalog.incarnation.String() {
				w.t.Fatalf("%s holds a row of %s", f.Path, r.Incarnation)
			}
			if r.Kind == lake.KindAffiliate {
				got = append(got, r.ID)
			}
		}
	}
	slices.Sort(got)
	var want []int64
	for n := range w.catalog.revisions {
		want = append(want, int64(n+1))
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("published %v, want 1 to %d once each", got, w.catalog.revisions)
	}
}

func TestEveryChangeIsPublishedOnceInFewFiles(t *testing.T) {
	w := newWorld(t)
	for n := range 120 {
		w.round()
		w.catalog.revisions++
		if n%40 == 7 {
			w.start()
		}
	}
	w.round()
	w.published()
	if n := len(w.live()); n > 27 {
		t.Errorf("%d live files", n)
	}
	if n := testutil.ToFloat64(w.p.Merges()); n == 0 {
		t.Error("no merge is counted")
	}
	if found, _ := filepath.Glob(w.root + "/_log/catalog/checkpoints/*.json"); len(found) == 0 {
		t.Error("there is no checkpoint")
	}
	// What merges replaced goes from disk once nobody can read it any more.
	w.clock.Advance(3 * time.Hour)
	check(t, w.p.Round(t.Context()))
	onDisk, _ := filepath.Glob(w.root + "/catalog/v1/*/*.parquet")
	if len(onDisk) != len(w.live()) {
		t.Errorf("%d files on disk, %d live", len(onDisk), len(w.live()))
	}
}

func TestNothingIsPublishedWhereNothingChanged(t *testing.T) {
	w := newWorld(t)
	w.round()
	entries := func() int { found, _ := filepath.Glob(w.root + "/_log/catalog/*.json"); return len(found) }
	before := entries()
	for range 5 {
		w.round()
	}
	w.start()
	w.round()
	if after := entries(); after != before {
		t.Errorf("%d entries became %d", before, after)
	}
}

func TestAtMostOneFileAMinute(t *testing.T) {
	w := newWorld(t)
	w.round()
	for range 59 {
		w.catalog.revisions++
		w.clock.Advance(time.Second)
		check(t, w.p.Round(t.Context()))
	}
	if n := len(w.live()); n != 1 {
		t.Errorf("%d files within a minute", n)
	}
	w.clock.Advance(time.Second)
	check(t, w.p.Round(t.Context()))
	w.published()
}

func TestRestoredCatalogTakesThePlaceOfWhatWasPublished(t *testing.T) {
	w := newWorld(t)
	for range 14 {
		w.round()
		w.catalog.revisions++
	}
	w.round()
	w.catalog.incarnation, w.catalog.revisions = 0xb, 5 // from a backup
	w.start()
	w.round()
	w.published()
	w.round()
	if n := testutil.ToFloat64(w.p.Replacements()); n != 1 || len(w.live()) != 1 {
		t.Errorf("replaced %v times, %d live files", n, len(w.live()))
	}
}

func TestKillBetweenTwoStepsPublishesEachRowOnce(t *testing.T) {
	killed := errors.New("killed")
	at := 1
	for reached := true; reached; at++ {
		w := newWorld(t)
		for range 8 {
			w.round()
			w.catalog.revisions++
		}
		steps := 0
		w.options.Step = func(string) error {
			if steps++; steps == at {
				return killed
			}
			return nil
		}
		w.start() // the tenth file, and with it a merge
		for range 3 {
			w.clock.Advance(time.Minute)
			w.catalog.revisions++
			if err := w.p.Round(t.Context()); err != nil {
				if !errors.Is(err, killed) {
					t.Fatal(err)
				}
				break
			}
		}
		reached = steps >= at
		w.options.Step = nil
		w.start()
		w.catalog.revisions++
		w.round()
		w.published()
		w.start() // the number that the killed one wanted is taken now
		w.round()
		staged, _ := filepath.Glob(w.root + "/_staging/*")
		if len(staged) > 0 {
			t.Errorf("killed at step %d: %v is left", at, staged)
		}
	}
	if at < 6 {
		t.Errorf("%d steps", at)
	}
}

func TestDamagedFileIsPublishedAgain(t *testing.T) {
	for _, damage := range []func(string) error{
		os.Remove,
		func(path string) error { return os.Truncate(path, 100) },
		func(path string) error {
			data, err := os.ReadFile(path)
			if err == nil {
				data[len(data)/2] ^= 1
				err = os.WriteFile(path, data, 0o644)
			}
			return err
		},
	} {
		w := newWorld(t)
		w.round()
		check(t, damage(filepath.Join(w.root, w.live()[0].Path)))
		w.start()
		w.round()
		w.published()
		if n := testutil.ToFloat64(w.p.Replacements()); n != 1 {
			t.Errorf("replaced %v times", n)
		}
	}
}

// A file that a merge reads is compared with its commit, so damage is not hidden
// under a new hash.
func TestDamagedInputOfAMergeIsPublishedAgain(t *testing.T) {
	w := newWorld(t)
	w.round()
	w.catalog.revisions++
	check(t, os.Truncate(filepath.Join(w.root, w.live()[0].Path), 50))
	for range 12 {
		w.clock.Advance(time.Minute)
		w.catalog.revisions++
		_ = w.p.Round(t.Context()) // the merge fails once
	}
	w.round()
	w.published()
	if n := testutil.ToFloat64(w.p.Failures("merge")); n != 1 {
		t.Errorf("%v failed merges counted", n)
	}
}

func TestTroubleIsCountedAndNothingIsLeft(t *testing.T) {
	w := newWorld(t)
	w.round()
	w.catalog.revisions++
	full := fmt.Errorf("no space left")
	w.options.Step = func(step string) error {
		if step == "file_moved" {
			return full
		}
		return nil
	}
	w.start()
	w.clock.Advance(time.Minute)
	if err := w.p.Round(t.Context()); !errors.Is(err, full) {
		t.Fatalf("round: %v", err)
	}
	if n := testutil.ToFloat64(w.p.Failures("publish")); n != 1 {
		t.Errorf("%v failures counted", n)
	}
	w.options.Step = nil
	w.start()
	w.round()
	w.published()
}

func TestFilesBesideTheTablesAreWrittenWhenTheyDiffer(t *testing.T) {
	w := newWorld(t)
	w.round()
	for _, path := range []string{publish.ViewsFile, publish.DictionaryFile, publish.SchemaFile(lake.TableVisits), publish.SchemaFile(lake.TableCatalog)} {
		at := filepath.Join(w.root, path)
		was, err := os.ReadFile(at)
		check(t, err)
		before, err := os.Stat(at)
		check(t, err)
		w.start()
		w.round()
		same, err := os.Stat(at)
		check(t, err)
		if !os.SameFile(before, same) {
			t.Errorf("%s was written again", path)
		}
		check(t, os.WriteFile(at, []byte("of another version"), 0o644))
		w.start()
		w.round()
		if now, err := os.ReadFile(at); err != nil || string(now) != string(was) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestStopIsCleanAndSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.p.Run(ctx) }()
		synctest.Wait()
		w.published()
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}
