package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"footfall/reporter/api"
	"footfall/reporter/catalog"
	"footfall/schemas/admin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ api.Catalog = (*catalog.Catalog)(nil)

func newAPI(t testing.TB) *api.API {
	t.Helper()
	return newAPIAt(t, func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) })
}

func newAPIAt(t testing.TB, now func() time.Time) *api.API {
	t.Helper()
	log, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	config := catalog.DefaultConfig()
	config.Dir = t.TempDir()
	c, err := catalog.New(config, catalog.Deps{Clock: now, Log: log, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	a, err := api.New(api.DefaultConfig(), api.Deps{Catalog: c, Clock: now, Log: log, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func send(h *api.API, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.Local().ServeHTTP(w, r)
	return w
}

const (
	addOrganizer = `{"slug":"acme","name":"Acme","zone":"Europe/Vienna","currency":"EUR"}`
	addEvent     = `{"slug":"gala","name":"Gala","destination":"https://tickets.example.com/gala","start":"2026-12-24T19:30","end":"2026-12-24T23:00"}`
	addAffiliate = `{"name":"Ann Lee","nickname":"ann","email":"ann@example.com"}`
)

func setUp(t *testing.T) *api.API {
	t.Helper()
	a := newAPI(t)
	for _, step := range [][2]string{
		{"/v1/organizers", addOrganizer},
		{"/v1/events", addEvent},
		{"/v1/affiliates", addAffiliate},
		{"/v1/codes", `{"text":"SPRING","affiliate":"ann"}`},
	} {
		if w := send(a, "POST", step[0], step[1]); w.Code != http.StatusCreated {
			t.Fatalf("POST %s: %d %s", step[0], w.Code, w.Body)
		}
	}
	return a
}

func TestAskerLearnsWhichFieldIsWrong(t *testing.T) {
	a := setUp(t)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		pointer, says            string
	}{
		{"not JSON", "POST", "/v1/organizers", `slug=acme`, 400, "", "not a JSON object"},
		{"an array", "POST", "/v1/organizers", `[]`, 400, "", "not a JSON object"},
		{"trailing data", "POST", "/v1/organizers", addOrganizer + `{}`, 400, "", "more after"},
		{"field twice", "POST", "/v1/organizers", `{"slug":"a","slug":"b"}`, 400, "/slug", "twice"},
		{"field twice in other letters", "POST", "/v1/organizers", `{"slug":"a","Slug":"b"}`, 400, "/Slug", "twice"},
		{"unknown field", "POST", "/v1/organizers", `{"slag":"a"}`, 422, "/slag", "not known"},
		{"wrong type", "POST", "/v1/organizers", `{"slug":7}`, 422, "/slug", "want string"},
		{"deep", "POST", "/v1/organizers", `{"slug":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, 400, "", "too deeply"},
		{"long", "POST", "/v1/organizers", `{"slug":"` + strings.Repeat("a", 70000) + `"}`, 413, "", "longer than"},
		{"unknown zone", "POST", "/v1/organizers", `{"slug":"b","name":"B","zone":"Mars/Base","currency":"EUR"}`, 422, "/zone", "Europe/Vienna"},
		{"unknown currency", "POST", "/v1/organizers", `{"slug":"b","name":"B","zone":"UTC","currency":"XQQ"}`, 422, "/currency", "ISO 4217"},
		{"slug taken", "POST", "/v1/organizers", addOrganizer, 409, "/slug", "Acme"},
		{"no such event", "GET", "/v1/events/none", ``, 404, "/event", "footfall event list"},
		{"no such code", "POST", "/v1/codes/NIX/pause", ``, 404, "/code", "footfall code list"},
		{"code taken", "POST", "/v1/codes", `{"text":"spring","affiliate":"ann"}`, 409, "/text", "Ann Lee"},
		{"bad limit", "GET", "/v1/codes?limit=-1", ``, 422, "/limit", "number"},
		{"wrong method", "DELETE", "/v1/codes", ``, 405, "", "GET, HEAD, POST"},
		{"a path that is another's", "GET", "/v1//codes", ``, 404, "", "no GET"},
		{"no such path", "GET", "/v1/nothing", ``, 404, "", "/v1/nothing"},
		{"no such collector", "POST", "/v1/collectors/seven/retire", ``, 404, "/id", "seven"},
		{"relative backup", "POST", "/v1/backup", `{"path":"b.db"}`, 422, "/path", "absolute"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := send(a, c.method, c.path, c.body)
			var p struct {
				Status          int
				Detail, Pointer string
			}
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%d %s: %v", w.Code, w.Body, err)
			}
			if w.Code != c.status || p.Status != c.status || c.pointer != "" && p.Pointer != c.pointer || !strings.Contains(p.Detail, c.says) {
				t.Errorf("got %d %s, want %d at %q saying %q", w.Code, w.Body, c.status, c.pointer, c.says)
			}
			if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type %s", got)
			}
		})
	}
	if w := httptest.NewRecorder(); true {
		r := httptest.NewRequest(http.MethodPost, "/v1/organizers", strings.NewReader(addOrganizer))
		r.Header.Set("Content-Type", "text/plain") // what a foreign page's form could send
		if a.Local().ServeHTTP(w, r); w.Code != http.StatusUnsupportedMediaType {
			t.Errorf("a plain text body: %d", w.Code)
		}
	}
}

func TestEverythingCanBeDoneThroughTheAPI(t *testing.T) {
	a := setUp(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/v1/organizers", ``, 200, `"slug":"acme"`},
		{"GET", "/v1/organizers/acme", ``, 200, `"zone":"Europe/Vienna"`},
		{"PATCH", "/v1/organizers/acme", `{"cookies":true}`, 200, `"cookies":true`},
		{"GET", "/v1/events?organizer=acme", ``, 200, `"start":"2026-12-24T19:30:00+01:00"`},
		{"PATCH", "/v1/events/gala", `{"end":"2026-12-25T01:00"}`, 200, `"end":"2026-12-25T01:00:00+01:00"`},
		{"GET", "/v1/affiliates/ann%40example.com", ``, 200, `"nickname":"ann"`},
		{"GET", "/v1/affiliates/Ann%20Lee", ``, 200, `"id":1`},
		{"PATCH", "/v1/affiliates/1", `{"nickname":"annie"}`, 200, `"nickname":"annie"`},
		{"POST", "/v1/affiliates/annie/pause", ``, 200, `"state":"paused"`},
		{"GET", "/v1/codes/spring", ``, 200, `"owner_paused":true`},
		{"POST", "/v1/affiliates/1/resume", ``, 200, `"state":"active"`},
		{"POST", "/v1/codes/SPRING/rename", `{"text":"SUMMER"}`, 200, `"aliases":["SPRING"]`},
		{"GET", "/v1/codes/summer/aliases", ``, 200, `"text":"SPRING"`},
		{"GET", "/v1/codes/spring/link?event=gala", ``, 200, `"path":"/e/gala/?affiliate=SUMMER"`},
		{"POST", "/v1/codes/summer/pause", ``, 200, `"state":"paused"`},
		{"POST", "/v1/codes/summer/resume", ``, 200, `"state":"active"`},
		{"POST", "/v1/affiliates", `{"name":"Bob","email":"ann@example.com"}`, 201, `has the same email`},
		{"POST", "/v1/codes/summer/reassign", `{"affiliate":"Bob"}`, 200, `"from":"2026-11-23T00:00:00+01:00"`},
		{"GET", "/v1/codes?affiliate=1", ``, 200, `"text":"SUMMER"`},
		{"POST", "/v1/collectors", `{"name":"edge-1","orders":true}`, 201, `"token":"ffc_1_`},
		{"POST", "/v1/collectors/1/token", ``, 200, `"token":"ffc_1_`},
		{"POST", "/v1/collectors/1/retire", ``, 200, `"state":"retired"`},
		{"GET", "/v1/collectors", ``, 200, `"name":"edge-1"`},
		{"POST", "/v1/secrets", `{}`, 201, `"secret":"whsec_`},
		{"GET", "/v1/secrets", ``, 200, `"hint":"…`},
		{"POST", "/v1/secrets/1/end", ``, 200, `"ended":"`},
		{"POST", "/v1/keys/click", ``, 201, `"id":2`},
		{"POST", "/v1/keys/click/1/end", `{"ends":"2026-11-22T12:00:00Z"}`, 200, `"ends":"2026-11-22T12:00:00Z"`},
		{"GET", "/v1/keys/click", ``, 200, `"minting":true`},
		{"GET", "/v1/audit?limit=1", ``, 200, `"action":"key end"`},
		{"GET", "/v1/catalog", ``, 200, `"incarnation":"`},
		{"GET", "/v1/catalog/check", ``, 200, `"ok"`},
	} {
		w := send(a, c.method, c.path, c.body)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s: %d %s, want %d with %s", c.method, c.path, w.Code, w.Body, c.status, c.says)
		}
	}
	if w := send(a, "GET", "/v1/secrets", ``); strings.Contains(w.Body.String(), "whsec_") {
		t.Errorf("a list shows a secret: %s", w.Body)
	}
	backup := filepath.Join(t.TempDir(), "b.db")
	if w := send(a, "POST", "/v1/backup", `{"path":"`+backup+`"}`); w.Code != http.StatusCreated {
		t.Errorf("backup: %d %s", w.Code, w.Body)
	}
}

func TestAuditLogNamesTheSocketsPeer(t *testing.T) {
	a := setUp(t)
	socket := filepath.Join(t.TempDir(), "s.sock")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	if err := a.Open(ctx, socket); err != nil {
		t.Fatal(err)
	}
	go func() { done <- a.Run(ctx) }()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		for {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "unix", socket)
			if err == nil || ctx.Err() != nil {
				return conn, err
			}
		}
	}}}
	answer, err := client.Post("http://footfall/v1/codes/spring/pause", "application/json", bytes.NewReader(nil))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%d %s %v", answer.StatusCode, text, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	var page admin.Page[admin.AuditEntry]
	if err := json.Unmarshal(send(a, "GET", "/v1/audit?limit=1", "").Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	entries := page.Items
	if len(entries) != 1 || entries[0].Action != "code pause" || !strings.HasPrefix(entries[0].Actor, "uid ") {
		t.Errorf("audit: %+v", entries)
	}
}
