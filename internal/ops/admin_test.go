package ops

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func newAdmin(t *testing.T, c AdminConfig, checks ...Check) *Admin {
	t.Helper()
	a, err := NewAdmin(c, AdminDeps{Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(), Checks: checks})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func get(t *testing.T, h http.Handler, host, path string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestOneFailingCheckMakesTheRoleUnready(t *testing.T) {
	full := errors.New("disk full:\n free some")
	var state error
	a := newAdmin(t, DefaultAdminConfig(), Check{"routes", func(context.Context) error { return nil }})
	a.AddCheck(Check{"journal", func(context.Context) error { return state }})
	if code, text := get(t, a.Handler(), "localhost:7070", "/readyz"); code != 200 || text != "routes: ok\njournal: ok\n" {
		t.Errorf("ready: %d %q", code, text)
	}
	state = full
	if code, text := get(t, a.Handler(), "127.0.0.1", "/readyz"); code != 503 || text != "routes: ok\njournal: disk full: free some\n" {
		t.Errorf("disk full: %d %q", code, text)
	}
	if code, text := get(t, a.Handler(), "[::1]:7070", "/healthz"); code != 200 || text != "ok\n" {
		t.Errorf("healthz: %d %q", code, text)
	}
}

func TestARebindingPageReadsNoAdminPage(t *testing.T) {
	a := newAdmin(t, DefaultAdminConfig())
	for _, path := range []string{"/metrics", "/healthz", "/debug/pprof/cmdline"} {
		if code, _ := get(t, a.Handler(), "evil.example:7070", path); code != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", path, code)
		}
		if code, _ := get(t, a.Handler(), "localhost", path); code != 200 {
			t.Errorf("%s on loopback: %d", path, code)
		}
	}
	remote := newAdmin(t, AdminConfig{Listen: "0.0.0.0:0", AllowRemote: true})
	if code, text := get(t, remote.Handler(), "node7", "/metrics"); code != 200 || !strings.Contains(text, "footfall_build_info{") {
		t.Errorf("allowed from elsewhere: %d %q", code, text)
	}
}

func TestAdminIsNeverOpenedBeyondTheMachineByAccident(t *testing.T) {
	for _, listen := range []string{":7070", "0.0.0.0:7070", "[::]:7070", "192.0.2.1:7070", "admin.example:7070"} {
		_, err := NewAdmin(AdminConfig{Listen: listen}, AdminDeps{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
		if !errors.Is(err, ErrNotLoopback) || !strings.Contains(err.Error(), "allow_remote") {
			t.Errorf("%s: %v", listen, err)
		}
	}
	if err := CheckLoopback("admin.listen", "7070", ""); !errors.Is(err, ErrConfig) {
		t.Errorf("no host: %v", err)
	}
}

func TestAPortInUseIsNamedWithTheRemedy(t *testing.T) {
	first := newAdmin(t, AdminConfig{Listen: "127.0.0.1:0"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := first.Open(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- first.Run(ctx) }()
	second := newAdmin(t, AdminConfig{Listen: first.Addr()})
	err := second.Run(ctx)
	if !errors.Is(err, ErrAddressInUse) || !strings.Contains(err.Error(), "set admin.listen to another port") {
		t.Errorf("got %v", err)
	}
	response, err := http.Get("http://" + first.Addr() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "ok\n" {
		t.Errorf("got %q, %v", body, err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stopping: %v", err)
	}
	if _, err := Listen(t.Context(), "edge.listen", "80"); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "edge.listen") {
		t.Errorf("without a host: %v", err)
	}
}

func TestNoAdminAddressMeansNoListener(t *testing.T) {
	a := newAdmin(t, AdminConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Run(ctx); err != nil || a.Addr() != "" {
		t.Errorf("address %q, %v", a.Addr(), err)
	}
}
