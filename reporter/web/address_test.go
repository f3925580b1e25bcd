package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter/catalog"
	"footfall/schemas/admin"
)

func TestAForwardedAddressIsOnlyTakenFromTrustedHops(t *testing.T) {
	for _, c := range []struct {
		hops      int
		peer      string
		forwarded []string
		want      string
	}{
		{0, "203.0.113.9:1", nil, "203.0.113.9"},
		{0, "203.0.113.9:1", []string{"198.51.100.7"}, "203.0.113.9"},
		{0, "[2001:db8::7]:1", nil, "2001:db8::7"},
		{0, "127.0.0.1:1", []string{"198.51.100.7"}, "invalid IP"}, // a proxy that was not told of: nobody's
		{0, "[::1]:1", nil, "invalid IP"},
		{0, "@", nil, "invalid IP"},
		{1, "127.0.0.1:1", []string{"192.0.2.1, 198.51.100.7"}, "198.51.100.7"},
		{2, "127.0.0.1:1", []string{"192.0.2.1", "198.51.100.7:4711, 10.0.0.1"}, "198.51.100.7"},
		{1, "127.0.0.1:1", nil, "invalid IP"},
		{2, "127.0.0.1:1", []string{"198.51.100.7"}, "invalid IP"},
		{1, "127.0.0.1:1", []string{"unknown"}, "invalid IP"},
	} {
		w := &Web{config: Config{TrustedHops: c.hops}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/sign-in", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.forwarded
		if got := w.addressOf(r).String(); got != c.want {
			t.Errorf("%d hops, %s, %q: %s, want %s", c.hops, c.peer, c.forwarded, got, c.want)
		}
	}
}

// Who guesses is told to wait by a page with the form; whoever comes from elsewhere
// with the right password gets in.
func TestWhoGuessesAPasswordIsToldToWait(t *testing.T) {
	config := catalog.DefaultConfig()
	config.Dir = t.TempDir()
	log, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	c, err := catalog.New(config, catalog.Deps{Clock: time.Now, Log: log, Metrics: registry})
	if err == nil {
		err = c.Open(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	token, err := c.SetupLink(t.Context())
	if err == nil {
		_, err = c.SetUp(t.Context(), token, admin.SetUp{
			Name: "Ann", Email: "ann@acme.example", Password: "three unrelated words", NewOrganizer: &admin.Organizer{Slug: "acme", Name: "Acme", Zone: "UTC", Currency: "EUR"},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(DefaultConfig(), Deps{Catalog: c, People: c, Reports: struct{ Reports }{}, Clock: time.Now, Log: log, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(from, password string) *httptest.ResponseRecorder {
		form := url.Values{"Email": {"ann@acme.example"}, "Password": {password}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:8603/sign-in", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.RemoteAddr = from
		got := httptest.NewRecorder()
		w.Handler().ServeHTTP(got, r)
		return got
	}
	var got *httptest.ResponseRecorder
	tries := 0
	for got = ask("203.0.113.9:1", "a wrong password"); got.Code == http.StatusBadRequest && tries < 100; tries++ {
		got = ask("203.0.113.9:1", "a wrong password")
	}
	if got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") != "60" || !strings.Contains(got.Body.String(), "wait a minute") || !strings.Contains(got.Body.String(), "ann@acme.example") {
		t.Errorf("after %d tries: %d %v", tries, got.Code, got.Header())
	}
	if got := ask("198.51.100.7:1", "three unrelated words"); got.Code != http.StatusSeeOther || len(got.Result().Cookies()) != 1 {
		t.Errorf("from elsewhere: %d", got.Code)
	}
}
