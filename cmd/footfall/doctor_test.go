package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"footfall/internal/testkit"
	"footfall/schemas/lake/lakelog"
)

// inProcess runs a command here, on the server's data.
func (s *server) inProcess(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(append([]string{"--data", s.data}, args...), &o, &e)
	return code, o.String(), e.String()
}

// onDisk gives the path of a live file of a table.
func onDisk(t *testing.T, s *server, table string) string {
	t.Helper()
	dir, err := lakelog.OpenDir(filepath.Join(s.data, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	view := lakelog.NewView(dir)
	if err := view.Refresh(); err != nil {
		t.Fatal(err)
	}
	files := view.Snapshot().FilesOf(table)
	if len(files) == 0 {
		t.Fatalf("the lake has no file of %s", table)
	}
	return dir.Abs(files[0].Path)
}

func TestDamagedLakeIsNamedAndNeverReported(t *testing.T) {
	s := newServer(t)
	world := ledgerWorld()
	s.seed(&world, map[string]string{})
	awaitEdge(t, s, &world)
	player := &demoPlayer{ClickURL: "http://" + s.clicks, Client: demoClient()}
	browser := http.Header{"User-Agent": {demoBrowsers()[0]}}
	for range 10 {
		if _, err := player.click(context.Background(), &demoVisit{Method: "GET", Target: "/e/n-fair/?affiliate=foodie", Header: browser}); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, startTimeout, func() error {
		if d, _ := s.report(url.Values{"organizer": {"north"}, "by": {"event"}}); len(d.Rows) == 0 {
			return errors.New("the report has no visit yet")
		}
		return nil
	})
	if code, out, errs := s.inProcess("doctor"); code != exitOK || !strings.Contains(out, "last commit") || strings.Contains(out, "not Footfall's") {
		t.Errorf("doctor beside a sound server: exit code %d\n%s%s", code, out, errs)
	}
	if code := s.Stop(startTimeout); code != exitOK {
		t.Fatalf("exit code %d after SIGTERM\n%s", code, s.Output())
	}
	foreign := filepath.Join(s.data, "lake", "visits", "v1", "mine.parquet")
	if err := os.WriteFile(foreign, []byte("PAR1"), 0o600); err != nil {
		t.Fatal(err)
	}
	live := onDisk(t, s, "visits")
	copied := live[:strings.LastIndexByte(live, '-')] + "-00000000000000ff.parquet"
	if err := os.Link(live, copied); err != nil {
		t.Fatal(err)
	}
	code, out, errs := s.inProcess("doctor", "--deep")
	if code != exitOK || !strings.Contains(out, "mine.parquet") || !strings.Contains(out, filepath.Base(copied)) || !strings.Contains(out, "every checksum holds") {
		t.Errorf("doctor with a foreign file: exit code %d\n%s%s", code, out, errs)
	}
	if code, _, errs := s.inProcess("report", "--organizer", "north"); code != exitOK {
		t.Errorf("a foreign file stops a report: %s", errs)
	}

	path := onDisk(t, s, "visits")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"doctor", "--deep"}, {"report", "--organizer", "north"}} {
		code, out, errs := s.inProcess(args...)
		if code != exitFailure || !strings.Contains(out+errs, filepath.Base(path)) {
			t.Errorf("%s over a flipped bit: exit code %d, and the file is not named\n%s%s", args[0], code, out, errs)
		}
	}
}

// Sources commit once a minute at least, and other logs only what changed.
func TestDoctorTakesNoQuietCatalogForAStoppedConsumer(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	e := &env{Now: func() time.Time { return now }}
	for kind, want := range map[string]string{lakelog.KindCatalog: stateOK, lakelog.KindVisits: stateFail} {
		f, worth := e.examineLog("c1", lakelog.LogHead{Kind: kind, Collector: 1, KnownAtUS: now.Add(-time.Hour).UnixMicro(), Open: true}, true)
		if !worth || f.State != want {
			t.Errorf("%s, an hour quiet: %+v", kind, f)
		}
	}
}
