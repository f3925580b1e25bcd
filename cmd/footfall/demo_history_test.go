package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"footfall/internal/ops"
	"footfall/internal/testkit"
	"footfall/schemas/admin"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// The past is written on a moved clock: a part that reads another one would
// call events over that were not, and find no key for the day.
func TestPastOfTheDemoHappensAtItsOwnTime(t *testing.T) {
	data := filepath.Join(testkit.DataDir(t), "data")
	until := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) // what happens follows from it
	w := newTestDemoWorld(t, demoConfig{Seed: 3, Until: until, Days: 4, VisitsADay: 300, Destinations: "http://127.0.0.1:8680/tickets"})
	e := &env{Out: io.Discard, Err: io.Discard, Now: time.Now, Data: data}
	sent, err := e.writePast(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := lakelog.OpenDir(filepath.Join(data, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	view := lakelog.NewView(dir)
	if err := view.Refresh(); err != nil {
		t.Fatal(err)
	}
	events, err := listAll[admin.Event](t.Context(), e.call, "/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	ends := map[int64]time.Time{}
	for _, v := range events {
		ends[int64(v.ID)] = v.End
	}
	visits, withoutKey, over := 0, 0, 0
	for _, f := range view.Snapshot().FilesOf(lake.TableVisits) {
		rows, err := parquet.ReadFile[lake.VisitRow](dir.Abs(f.Path))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Test {
				continue // the demo asking whether the edge knows its events
			}
			visits++
			at := time.UnixMilli(r.VisitedAtMS)
			if r.Ended != !at.Before(ends[r.EventID]) {
				t.Fatalf("a visit of %s to an event that ends %s is called ended: %v", at, ends[r.EventID], r.Ended)
			}
			if r.Ended {
				over++
			}
			if r.VisitorKey == 0 {
				withoutKey++
			}
			if at.Before(until.AddDate(0, 0, -w.config.Days)) || at.After(until) {
				t.Fatalf("a visit is from %s", at)
			}
		}
	}
	if visits != sent.Visits || withoutKey > 0 {
		t.Errorf("%d visits of %d sent, %d without a visitor key", visits, sent.Visits, withoutKey)
	}
	// An event of the world ended two days before now.
	if over == 0 || over == visits {
		t.Errorf("%d of %d visits came after their event's end: the check proves nothing", over, visits)
	}
}

// TestDemoThatCannotStartLeavesNoHalfPast: a taken port is said before anything is
// written, and a past that was stopped is never taken for one.
func TestDemoThatCannotStartLeavesNoHalfPast(t *testing.T) {
	for _, key := range []string{"FOOTFALL_COLLECTOR_EDGE_LISTEN", "FOOTFALL_COLLECTOR_ORDERS_LISTEN", "FOOTFALL_ADMIN_LISTEN", "FOOTFALL_REPORTER_API_LISTEN", "FOOTFALL_REPORTER_WEB_LISTEN"} {
		t.Setenv(key, "127.0.0.1:0")
	}
	data := filepath.Join(testkit.DataDir(t), "data")
	demo := func(ctx context.Context, shop string) error {
		e := &env{Out: io.Discard, Err: io.Discard, Now: time.Now, Data: data}
		return e.demo(ctx, demoOptions{seed: 1, days: 1, rate: 1, shop: shop})
	}
	if err := demo(t.Context(), takenAddr(t)); !errors.Is(err, ops.ErrAddressInUse) {
		t.Errorf("with a taken port: %v", err)
	}
	if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the data directory: %v", err)
	}
	const free = "127.0.0.1:0"
	stopped, stop := context.WithCancel(t.Context())
	e := &env{Out: stopsAt(stop), Err: io.Discard, Now: time.Now, Data: data}
	if err := e.demo(stopped, demoOptions{seed: 1, days: 1, rate: 1, shop: free}); err == nil {
		t.Error("a stopped past is taken for a whole one")
	}
	if err := demo(t.Context(), free); err == nil || !strings.Contains(err.Error(), "remove that directory") {
		t.Errorf("after a stopped past: %v", err)
	}
}

// stopsAt calls itself at the first thing that is printed.
type stopsAt func()

func (s stopsAt) Write(p []byte) (int, error) {
	s()
	return len(p), nil
}
