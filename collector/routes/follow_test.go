package routes

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// running opens and runs a table until the test's bubble ends.
func running(t *testing.T, b *bench) (stop func()) {
	t.Helper()
	if err := b.table.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.table.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestDeltaOfAnotherIncarnationIsNeverApplied(t *testing.T) {
	other := func(n uint64) ids.Revision { return ids.Revision{Incarnation: 0xB, Number: n} }
	evil := []routes.Code{{ID: 99, Common: true, Organizer: 1, Text: "spring", Canonical: "spring"}}
	for name, c := range map[string]struct {
		update  routes.Update
		refused string
	}{
		"incarnation": {routes.Update{Delta: &routes.Delta{From: other(3), To: other(4), Codes: evil}}, "delta_gap"},
		"gap":         {routes.Update{Delta: &routes.Delta{From: at(4), To: at(5), Codes: evil}}, "delta_gap"},
		"repeat":      {routes.Update{Delta: &routes.Delta{From: at(2), To: at(3), Codes: evil}}, "delta_gap"},
		"older":       {routes.Update{Snapshot: &routes.Snapshot{Revision: at(2), Codes: evil}}, "older"},
		"neither":     {routes.Update{}, "invalid"},
	} {
		b := newBench(t, t.TempDir(), newReporter(someRoutes(3), someSecrets("1")))
		b.table.view.Store(fromSnapshot(someRoutes(3)))
		reason, err := b.table.apply(c.update)
		if reason != c.refused || !errors.Is(err, ErrFeed) {
			t.Errorf("%s: %q, %v", name, reason, err)
		}
		if got := resolve(b.table.View(), 1, 1, "spring"); got != "10 Spring false" {
			t.Errorf("%s: the code became %s", name, got)
		}
	}
}

func TestGapIsHealedByASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReporter(someRoutes(3), someSecrets("1"))
		b := newBench(t, t.TempDir(), r)
		defer running(t, b)()
		restored := someRoutes(1)
		restored.Revision.Incarnation = 0xB
		restored.Codes[0].ID = 77
		r.set(func() {
			r.asked = nil
			r.update = func(have ids.Revision) (routes.Update, error) {
				switch have {
				case ids.Revision{}:
					return routes.Update{Snapshot: restored}, nil
				case restored.Revision:
					return routes.Update{}, nil
				}
				to := ids.Revision{Incarnation: 0xB, Number: 2}
				return routes.Update{Delta: &routes.Delta{From: restored.Revision, To: to}}, nil
			}
		})
		synctest.Wait()
		if got := resolve(b.table.View(), 1, 1, "spring"); got != "77 Spring false" || b.table.View().Revision() != restored.Revision {
			t.Errorf("%s at %s", got, b.table.View().Revision())
		}
		if n := b.metric(t, "footfall_routes_updates_refused_total", "delta_gap"); n != 1 {
			t.Errorf("%v refusals counted", n)
		}
	})
}

func TestDeltaIsServedAtOnceAndSavedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newReporter(someRoutes(3), someSecrets("1"))
		b := newBench(t, dir, r)
		stop := running(t, b)
		for n := uint64(4); n < 8; n++ {
			r.set(func() {
				r.update = func(have ids.Revision) (routes.Update, error) {
					if have.Number >= n {
						return routes.Update{}, nil
					}
					return routes.Update{Delta: &routes.Delta{From: have, To: at(n), Codes: []routes.Code{
						{ID: ids.CodeID(n), Common: true, Organizer: 1, Text: "Spring", Canonical: "Spring"},
					}}}, nil
				}
			})
			synctest.Wait()
			if b.table.View().Revision() != at(n) {
				t.Fatalf("at %s, want %d, and no time has passed", b.table.View().Revision(), n)
			}
		}
		saved := func() uint64 {
			u, err := routes.Read(filepath.Join(dir, "routes.snapshot"))
			if err != nil {
				t.Fatal(err)
			}
			return u.Revision().Number
		}
		if n := saved(); n == 7 {
			t.Error("the copy was rewritten at every change")
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if n := saved(); n != 7 {
			t.Errorf("after a while the copy is at %d", n)
		}
		r.serve(someRoutes(8))
		synctest.Wait()
		stop()
		if n := saved(); n != 8 {
			t.Errorf("after the stop the copy is at %d", n)
		}
	})
}

// faults.md, part 1, row 19.
func TestReporterAwayForHoursIsServedStaleAndShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReporter(someRoutes(3), someSecrets("1"))
		b := newBench(t, t.TempDir(), r)
		defer running(t, b)()
		r.set(func() { r.err = errors.New("blackhole") })
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if age := b.metric(t, "footfall_routes_age_seconds"); age < 3*3600-10 || age > 3*3600+10 {
			t.Errorf("age %v s", age)
		}
		if got := resolve(b.table.View(), 1, 1, "spring"); got != "10 Spring false" || b.table.Ready() != nil {
			t.Errorf("serves %s, %v", got, b.table.Ready())
		}
		// Between half and all of five seconds lie between two tries of each document.
		if n := b.metric(t, "footfall_routes_feed_errors_total", "routes"); n < 3*3600/5 || n > 3*3600/2.5+10 {
			t.Errorf("%v tries in three hours", n)
		}
		r.set(func() { r.err = nil })
		r.serve(someRoutes(4))
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if b.table.View().Revision() != at(4) {
			t.Errorf("still at %s after the reporter is back", b.table.View().Revision())
		}
		if age := b.metric(t, "footfall_routes_age_seconds"); age > 6 {
			t.Errorf("age %v s", age)
		}
	})
}

// A day's key is gone 48 hours after its day: from use, from the copy, and from
// the blocks of the copy before.
func TestDayKeyIsOverwrittenEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		today, tomorrow := time.Now().UTC().Format(routes.DayFormat), time.Now().UTC().Add(24*time.Hour).Format(routes.DayFormat)
		r := newReporter(someRoutes(3), someSecrets("1", today, tomorrow))
		b := newBench(t, dir, r)
		stop := running(t, b)
		path := filepath.Join(dir, "secrets.json")
		old, err := os.Open(path) // keeps the old file's bytes in reach
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close() //nolint:errcheck // test
		time.Sleep(72*time.Hour - time.Minute)
		synctest.Wait()
		if told, _ := b.told(); len(told) != 1 {
			t.Fatalf("secrets changed %d times before their time", len(told)-1)
		}
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		told, _ := b.told()
		now := told[len(told)-1].DayKeys
		if len(now) != 1 || now[0].Day != tomorrow || cap(now) > 2 {
			t.Errorf("in use: %+v", now)
		}
		s, err := routes.ReadSecrets(path)
		if err != nil || len(s.DayKeys) != 1 || s.DayKeys[0].Day != tomorrow {
			t.Errorf("on disk: %+v, %v", s.DayKeys, err)
		}
		bytesOfOld := make([]byte, 4096)
		n, _ := old.Read(bytesOfOld)
		if n == 0 || len(bytes.Trim(bytesOfOld[:n], "\x00")) != 0 {
			t.Errorf("the old file still holds %q", bytesOfOld[:n])
		}
		if names, err := os.ReadDir(dir); err != nil || len(names) != 2 {
			t.Errorf("files: %v, %v", names, err)
		}
		if n := b.metric(t, "footfall_routes_day_keys_expired_total"); n != 1 {
			t.Errorf("%v keys counted", n)
		}
		stop()
		if strings.Contains(b.log.String(), "Wlpa") { // base64 of the key
			t.Error("a key is in the log")
		}
	})
}

// A crash between the new copy and the overwriting of the old one leaves the
// old one under its second name; the next start finishes it.
func TestCrashLeavesNoExpiredKeyBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secrets.json")
	if err := routes.WriteSecrets(path, someSecrets("1", "2026-11-01")); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, dir, newReporter(someRoutes(3), someSecrets("2")))
	if err := b.table.setAside(); err != nil {
		t.Fatal(err)
	}
	again := newBench(t, dir, b.reporter)
	if err := again.table.wipeExpired(); err != nil { // crash before the new copy
		t.Fatal(err)
	}
	if s, err := routes.ReadSecrets(path); err != nil || s.Version != "1" {
		t.Fatalf("the copy in use was wiped: %v, %v", s, err)
	}
	if err := b.table.setAside(); err != nil {
		t.Fatal(err)
	}
	if err := routes.WriteSecrets(path, someSecrets("2")); err != nil {
		t.Fatal(err)
	}
	if err := again.table.loadSecrets(); err != nil { // crash after it
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".expired"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

// A crash while a copy is written leaves a part of it under a name of its own,
// which no later copy takes the place of.
func TestCrashLeavesNoHalfWrittenKeyBehind(t *testing.T) {
	dir := t.TempDir()
	secrets, table := filepath.Join(dir, ".secrets.json.123"), filepath.Join(dir, ".routes.snapshot.456")
	for _, path := range []string{secrets, table} {
		if err := os.WriteFile(path, []byte("a key"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A second name shows what is left on the disk.
	seen := filepath.Join(dir, "seen")
	if err := os.Link(secrets, seen); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, dir, newReporter(someRoutes(3), someSecrets("1")))
	if err := b.table.loadSecrets(); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(seen); err != nil || !bytes.Equal(data, make([]byte, 5)) {
		t.Errorf("not overwritten: %q, %v", data, err)
	}
	for _, path := range []string{secrets, table} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("left behind: %s, %v", path, err)
		}
	}
}

func TestRefusedSecretsLeaveTheOldOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReporter(someRoutes(3), someSecrets("1"))
		b := newBench(t, t.TempDir(), r)
		defer running(t, b)()
		broken := someSecrets("2")
		broken.MintKey = 9
		r.set(func() { r.secrets = broken })
		time.Sleep(time.Second)
		synctest.Wait()
		if told, _ := b.told(); len(told) != 1 {
			t.Errorf("in use: %v", told)
		}
		if n := b.metric(t, "footfall_routes_updates_refused_total", "invalid"); n < 1 {
			t.Errorf("%v refusals counted", n)
		}
		r.set(func() { r.secrets = someSecrets("3") })
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if told, _ := b.told(); len(told) != 2 || told[1].Version != "3" {
			t.Errorf("in use: %v", told)
		}
	})
}

func TestCoveredMarksAreHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReporter(someRoutes(3), someSecrets("1"))
		r.covered = routes.Covered{Journals: []routes.CoveredJournal{{Journal: "visits", Epochs: []routes.CoveredEpoch{{Epoch: 7, Shards: []uint64{5}}}}}}
		b := newBench(t, t.TempDir(), r)
		defer running(t, b)()
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if _, told := b.told(); len(told) != 3 || told[0].Journals[0].Epochs[0].Epoch != 7 {
			t.Errorf("told %d times: %+v", len(told), told)
		}
	})
}

func TestConfigSaysEverythingThatIsWrong(t *testing.T) {
	err := Config{}.Validate()
	for _, name := range []string{"routes.dir", "start_wait_seconds", "save_seconds", "covered_poll_seconds", "backoff_max_seconds"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
