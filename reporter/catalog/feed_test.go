package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/routes"
)

// apply is what a collector does with an update.
func apply(have routes.Snapshot, update routes.Update) routes.Snapshot {
	if update.Snapshot != nil {
		return *update.Snapshot
	}
	d := update.Delta
	have.Revision = d.To
	for _, o := range d.Organizers {
		have.Organizers = upsert(have.Organizers, o, func(o routes.Organizer) string { return fmt.Sprint(o.ID) })
	}
	for _, e := range d.Events {
		have.Events = upsert(have.Events, e, func(e routes.Event) string { return fmt.Sprint(e.ID) })
	}
	for _, c := range d.Codes {
		have.Codes = upsert(have.Codes, c, func(c routes.Code) string {
			return fmt.Sprint(c.Organizer, c.Event, routes.FoldString(c.Text))
		})
	}
	return have
}

func upsert[T any](rows []T, row T, key func(T) string) []T {
	for i := range rows {
		if key(rows[i]) == key(row) {
			rows[i] = row
			return rows
		}
	}
	return append(rows, row)
}

func sorted(s routes.Snapshot) string {
	m := map[string]bool{}
	for _, o := range s.Organizers {
		m[fmt.Sprintf("%+v", o)] = true
	}
	for _, e := range s.Events {
		m[fmt.Sprintf("%+v", e)] = true
	}
	for _, c := range s.Codes {
		m[fmt.Sprintf("%+v", c)] = true
	}
	return fmt.Sprint(s.Revision, m) // maps print sorted
}

func TestDeltasLeadToTheSnapshot(t *testing.T) {
	f := newFixture(t)
	feed := f.Feed(1)
	var have routes.Snapshot
	follow := func() {
		t.Helper()
		update, err := feed.Routes(f.ctx, have.Revision)
		must(t, err)
		have = apply(have, update)
		var b bytes.Buffer
		must(t, routes.Encode(&b, update)) // every update fits the format
	}
	follow()
	for _, step := range []func() error{
		func() error { f.organizer("acme", "UTC"); return nil },
		func() error { f.event("acme", "gala"); return nil },
		func() error { f.affiliate("acme", "Ann"); return nil },
		func() error { f.code("acme", "", "SPRING", "Ann"); return nil },
		func() error { f.code("acme", "gala", "G1", "Ann"); return nil },
		func() error {
			_, err := f.RenameCode(f.ctx, "t", admin.CodeRef{Text: "SPRING"}, admin.CodeRename{Text: "Summer"})
			return err
		},
		func() error {
			_, err := f.RenameCode(f.ctx, "t", admin.CodeRef{Text: "SPRING"}, admin.CodeRename{Text: "spring"})
			return err
		},
		func() error { _, err := f.PauseCode(f.ctx, "t", admin.CodeRef{Text: "g1"}, true); return err },
		func() error { _, err := f.PauseAffiliate(f.ctx, "t", "", "Ann", true); return err },
		func() error {
			yes := true
			_, err := f.EditOrganizer(f.ctx, "t", "acme", admin.OrganizerEdit{Cookies: &yes})
			return err
		},
		func() error {
			end := "2027-01-01"
			_, err := f.EditEvent(f.ctx, "t", "gala", admin.EventEdit{End: &end})
			return err
		},
	} {
		must(t, step())
		follow()
		update, err := feed.Routes(f.ctx, ids.Revision{})
		must(t, err)
		if got, want := sorted(have), sorted(*update.Snapshot); got != want {
			t.Fatalf("the deltas lead to\n%s\nthe snapshot is\n%s", got, want)
		}
	}
	// Another incarnation's revision never gets a delta, nor one from the future.
	for _, r := range []ids.Revision{{Incarnation: 7, Number: 3}, {Incarnation: have.Revision.Incarnation, Number: 999}} {
		if update, err := feed.Routes(f.ctx, r); err != nil || update.Snapshot == nil {
			t.Errorf("at %v: %+v, %v", r, update, err)
		}
	}
}

func TestDeltaReadsNoWholeTable(t *testing.T) {
	f := newFixture(t)
	rows, err := f.reader.Query(`EXPLAIN QUERY PLAN `+routeCodesQuery(5), 5)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		must(t, rows.Scan(&id, &parent, &unused, &step))
		if strings.HasPrefix(step, "SCAN") {
			t.Errorf("a delta does: %s", step)
		}
	}
	must(t, rows.Err())
}

func TestWaitingCollectorLearnsOfAChange(t *testing.T) {
	f := newFixture(t)
	now, err := f.Revision(f.ctx)
	must(t, err)
	type answer struct {
		update routes.Update
		err    error
	}
	got := make(chan answer)
	for _, have := range []ids.Revision{now, now} { // two wait, both wake
		go func() {
			update, err := f.Feed(1).Routes(f.ctx, have)
			got <- answer{update, err}
		}()
	}
	f.organizer("acme", "UTC")
	for range 2 {
		if a := <-got; a.err != nil || a.update.Delta == nil || len(a.update.Delta.Organizers) != 1 {
			t.Errorf("got %+v, %v", a.update, a.err)
		}
	}
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	now, err = f.Revision(f.ctx)
	must(t, err)
	if _, err := f.Feed(1).Routes(ctx, now); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that is over: %v", err)
	}
}

func TestControlListenerServesOnlyEnrolledCollectors(t *testing.T) {
	var logged bytes.Buffer
	lake, err := lakelog.OpenDir(t.TempDir())
	must(t, err)
	f := openFixture(t, t.TempDir(), newClock(), func(_ *Config, d *Deps) {
		d.Logs, d.Lake = lake, lakelog.NewView(lake)
		d.Log = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	f.organizer("acme", "UTC")
	k, err := f.EnrolCollector(f.ctx, "test", admin.CollectorEnrol{Name: "edge", Orders: true})
	must(t, err)
	h := f.Control()
	get := func(path, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	var refused string
	for _, token := range []string{"", "x", k.Token + "x", k.Token[:len(k.Token)-1], "ffc_2_" + k.Token[6:], "ffc_0_", "ffc_99999999999_a"} {
		w := get("/control/v1/secrets", token)
		if refused == "" {
			refused = w.Body.String()
		}
		if w.Code != http.StatusUnauthorized || w.Body.String() != refused {
			t.Errorf("token %q: %d %s", token, w.Code, w.Body)
		}
	}
	w := get("/control/v1/routes", k.Token)
	update, err := routes.Decode(w.Body)
	if err != nil || update.Snapshot == nil || len(update.Snapshot.Organizers) != 1 {
		t.Fatalf("routes: %d %+v %v", w.Code, update, err)
	}
	have := update.Revision()
	if w = get(fmt.Sprintf("/control/v1/routes?incarnation=%s&revision=%d", have.Incarnation, have.Number), k.Token); w.Code != http.StatusNoContent {
		t.Errorf("nothing new: %d", w.Code)
	}
	for _, bad := range []string{"incarnation=x&revision=1", "incarnation=0000000000000001&revision=x", "wait=x", "wait=-1"} {
		if w = get("/control/v1/routes?"+bad, k.Token); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, w.Code)
		}
	}
	var secrets routes.Secrets
	must(t, json.Unmarshal(get("/control/v1/secrets", k.Token).Body.Bytes(), &secrets))
	must(t, secrets.Validate())
	if w = get("/control/v1/secrets?have="+secrets.Version, k.Token); w.Code != http.StatusNoContent {
		t.Errorf("same secrets: %d", w.Code)
	}
	if w = get("/control/v1/logs", k.Token); !strings.Contains(w.Body.String(), `"log":"c1-orders"`) {
		t.Errorf("logs: %s", w.Body)
	}
	if w = get("/control/v1/covered", k.Token); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"journals":[]`) {
		t.Errorf("covered: %d %s", w.Code, w.Body)
	}
	_, err = f.RetireCollector(f.ctx, "test", k.ID)
	must(t, err)
	if w = get("/control/v1/routes", k.Token); w.Code != http.StatusUnauthorized {
		t.Errorf("a retired collector got %d", w.Code)
	}
	if strings.Contains(logged.String(), k.Token) || strings.Contains(logged.String(), k.Token[6:]) {
		t.Error("the log holds the token")
	}
	raw, err := os.ReadFile(f.path())
	must(t, err)
	if bytes.Contains(raw, []byte(k.Token)) {
		t.Error("the file holds the token")
	}
}

func TestSecretsNeverCrossTheNetworkInTheClear(t *testing.T) {
	for listen, ok := range map[string]bool{
		"": true, "127.0.0.1:8090": true, "[::1]:8090": true, "localhost:0": true,
		":8090": false, "0.0.0.0:8090": false, "10.0.0.1:8090": false, "reporter.internal:8090": false, "8090": false,
	} {
		if err := (Control{Listen: listen}).Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", listen, err)
		}
	}
	if err := (Control{Listen: "10.0.0.1:8090", TLSCert: "c", TLSKey: "k"}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestRunningControlListenerStops(t *testing.T) {
	port := make(chan string, 1)
	log := slog.New(slog.NewJSONHandler(writerFunc(func(p []byte) (int, error) {
		var line struct{ Address string }
		if json.Unmarshal(p, &line) == nil && line.Address != "" {
			port <- line.Address
		}
		return len(p), nil
	}), nil))
	f := openFixture(t, t.TempDir(), newClock(), func(c *Config, d *Deps) {
		c.Control.Listen, d.Log = "127.0.0.1:0", log
	})
	k, err := f.EnrolCollector(f.ctx, "test", admin.CollectorEnrol{Name: "edge"})
	must(t, err)
	ctx, cancel := context.WithCancel(f.ctx)
	done := make(chan error, 1)
	must(t, f.OpenControl(ctx))
	go func() { done <- f.RunControl(ctx) }()
	now, err := f.Revision(f.ctx)
	must(t, err)
	r, err := http.NewRequestWithContext(f.ctx, http.MethodGet, fmt.Sprintf("http://%s/control/v1/routes?incarnation=%s&revision=%d&wait=50", <-port, now.Incarnation, now.Number), http.NoBody)
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+k.Token)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answered := make(chan string, 1)
	go func() {
		answer, err := client.Do(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		answered <- answer.Status + " " + fmt.Sprint(len(text))
	}()
	f.organizer("acme", "UTC") // wakes the wait, or is there before it
	if got := <-answered; !strings.HasPrefix(got, "200 ") {
		t.Errorf("the waiting collector got %s", got)
	}
	cancel()
	must(t, <-done)
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func TestLogsOfACollectorOpenAndCloseAboveEveryWatermark(t *testing.T) {
	lake, err := lakelog.OpenDir(t.TempDir())
	must(t, err)
	view := lakelog.NewView(lake)
	f := openFixture(t, t.TempDir(), newClock(), func(_ *Config, d *Deps) { d.Logs, d.Lake = lake, view })
	ahead := f.clock.Now().Add(time.Hour).UnixMicro()
	must(t, f.NoteWatermark(f.ctx, ahead))
	k, err := f.EnrolCollector(f.ctx, "test", admin.CollectorEnrol{Name: "edge"})
	must(t, err)
	for log, kind := range map[string]string{"c1-visits": lakelog.KindVisits, "c1-orders": lakelog.KindOrders} {
		head, err := lake.Head(log)
		must(t, err)
		if !head.Open || head.Kind != kind || head.Collector != k.ID || head.KnownAtUS != ahead+1 {
			t.Errorf("%s: %+v, want it open from %d on", log, head, ahead+1)
		}
	}
	w, err := lake.Writer("c1-visits")
	must(t, err)
	must(t, w.Append(lakelog.Entry{KnownAtUS: ahead + 5, State: &lakelog.State{Epochs: []lakelog.Epoch{
		{Epoch: ids.Epoch(9).String(), Ordinal: 1, Collector: k.ID, Closed: true, Shards: []lakelog.Shard{{Mark: 7}, {Mark: 3}}},
	}}}))
	covered, err := f.Feed(k.ID).Covered(f.ctx)
	must(t, err)
	want := routes.Covered{Journals: []routes.CoveredJournal{{Journal: "visits", Epochs: []routes.CoveredEpoch{{Epoch: 9, Closed: true, Shards: []uint64{7, 3}}}}}}
	if !reflect.DeepEqual(covered, want) {
		t.Errorf("covered %+v, want %+v", covered, want)
	}
	_, err = f.RetireCollector(f.ctx, "test", k.ID)
	must(t, err)
	if head, err := lake.Head("c1-visits"); err != nil || !head.Closed {
		t.Errorf("retired, but %+v %v", head, err)
	}
	// A second one opens above what the first one's log reached.
	_, err = f.EnrolCollector(f.ctx, "test", admin.CollectorEnrol{Name: "edge"})
	must(t, err)
	if head, err := lake.Head("c2-visits"); err != nil || head.KnownAtUS <= ahead+5 {
		t.Errorf("opened %+v %v", head, err)
	}
}

// failingLogs fails until it is mended.
type failingLogs struct {
	*lakelog.Dir
	broken bool
}

func (l *failingLogs) Open(log, kind string, collector ids.CollectorID, us int64) error {
	if l.broken {
		return errors.New("the lake is away")
	}
	return l.Dir.Open(log, kind, collector, us)
}

func TestInterruptedEnrolmentIsFinishedLater(t *testing.T) {
	lake, err := lakelog.OpenDir(t.TempDir())
	must(t, err)
	logs := &failingLogs{Dir: lake, broken: true}
	f := openFixture(t, t.TempDir(), newClock(), func(_ *Config, d *Deps) { d.Logs = logs })
	k, err := f.EnrolCollector(f.ctx, "test", admin.CollectorEnrol{Name: "edge"})
	must(t, err)
	if k.Token == "" {
		t.Error("the token is lost")
	}
	if n := counted(t, f, "footfall_catalog_failures_total", stepLogs); n != 1 {
		t.Errorf("counted %v failures", n)
	}
	logs.broken = false
	must(t, f.upkeep(f.ctx))
	if head, err := lake.Head("c1-orders"); err != nil || !head.Open {
		t.Errorf("%+v %v", head, err)
	}
}
