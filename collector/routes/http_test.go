package routes

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

const token = "ffc_very-secret-token"

// control is a reporter's control listener as the contract of the feed says.
func control(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func feed(t *testing.T, url, token string) *HTTPFeed {
	t.Helper()
	f, err := NewHTTPFeed(HTTPFeedConfig{URL: url, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.client.CloseIdleConnections)
	return f
}

func TestHTTPFeedBringsWhatTheReporterServes(t *testing.T) {
	var asked []string
	s := control(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		switch {
		case len(asked) == 1:
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Path == "/control/v1/routes":
			if err := routes.Encode(w, routes.Update{Snapshot: someRoutes(3)}); err != nil {
				t.Error(err)
			}
		case r.URL.Path == "/control/v1/secrets":
			json.NewEncoder(w).Encode(someSecrets("2")) //nolint:errcheck // test
		default:
			w.Write([]byte(`{"journals":[{"journal":"orders","epochs":[{"epoch":"7","closed":true,"shards":[3]}]}]}`)) //nolint:errcheck // test
		}
	})
	f := feed(t, s.URL, token)
	u, err := f.Routes(t.Context(), at(2))
	if err != nil || !reflect.DeepEqual(u.Snapshot, someRoutes(3)) {
		t.Fatalf("%+v, %v", u, err)
	}
	if len(asked) != 2 || asked[0] != "/control/v1/routes?incarnation=000000000000000a&revision=2&wait=30" {
		t.Errorf("asked %q", asked)
	}
	if _, err := f.Routes(t.Context(), ids.Revision{}); err != nil || asked[2] != "/control/v1/routes?wait=30" {
		t.Errorf("asked %q, %v", asked, err)
	}
	if got, err := f.Secrets(t.Context(), "1"); err != nil || !reflect.DeepEqual(got, someSecrets("2")) || asked[3] != "/control/v1/secrets?have=1&wait=30" {
		t.Errorf("%v, %v, asked %q", got, err, asked[3])
	}
	covered, err := f.Covered(t.Context())
	want := routes.CoveredJournal{Journal: "orders", Epochs: []routes.CoveredEpoch{{Epoch: 7, Closed: true, Shards: []uint64{3}}}}
	if err != nil || len(covered.Journals) != 1 || !reflect.DeepEqual(covered.Journals[0], want) {
		t.Errorf("%+v, %v", covered, err)
	}
}

func TestTokenGoesNowhereElse(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect was followed with %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	answers := map[string]http.HandlerFunc{
		"redirect":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"error":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"garbage":   func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("whsec_hidden " + token)) }, //nolint:errcheck // test
		"truncated": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("FFROUTES\x01")) },          //nolint:errcheck // test
	}
	for name, answer := range answers {
		f := feed(t, control(t, answer).URL, token)
		_, err := f.Routes(t.Context(), ids.Revision{})
		_, secretsErr := f.Secrets(t.Context(), "")
		_, coveredErr := f.Covered(t.Context())
		for _, err := range []error{err, secretsErr, coveredErr} {
			if err == nil || strings.Contains(err.Error(), "secret-token") || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	f := feed(t, control(t, nil).URL, "wrong-token")
	if _, err := f.Covered(t.Context()); !errors.Is(err, ErrToken) || strings.Contains(err.Error(), "wrong-token") {
		t.Errorf("wrong token: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Routes(ctx, ids.Revision{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestFeedInTheClearIsForLoopbackOnly(t *testing.T) {
	for url, want := range map[string]error{
		"http://127.0.0.1:8643": nil, "http://[::1]:8643": nil, "http://localhost:8643": nil, "https://reporter.example": nil,
		"http://reporter.example:8643": ErrInsecureFeed, "http://10.0.0.1": ErrInsecureFeed, "http://127.0.0.1.evil.example": ErrInsecureFeed,
	} {
		if _, err := NewHTTPFeed(HTTPFeedConfig{URL: url, Token: "t"}); !errors.Is(err, want) {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, c := range []HTTPFeedConfig{
		{URL: "ftp://localhost", Token: "t"},
		{URL: "https://", Token: "t"},
		{URL: "https://u@h", Token: "t"},
		{URL: "https://h", Token: ""},
		{URL: "https://h", Token: "a\r\nb"},
		{URL: "https://h", Token: "t", CAFile: "/nowhere"},
		{URL: "https://h", Token: "t", CAFile: "http_test.go"},
	} {
		if _, err := NewHTTPFeed(c); err == nil || (c.Token != "" && len(c.Token) > 1 && strings.Contains(err.Error(), c.Token)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestTLSIsCheckedAgainstTheGivenAuthority(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) })) //nolint:errcheck // test
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)                                                // a refused handshake is the point
	s.StartTLS()
	defer s.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := feed(t, s.URL, token).Covered(t.Context()); err == nil {
		t.Error("an unknown authority was trusted")
	}
	f, err := NewHTTPFeed(HTTPFeedConfig{URL: s.URL, Token: token, CAFile: authority})
	if err != nil {
		t.Fatal(err)
	}
	defer f.client.CloseIdleConnections()
	if _, err := f.Covered(t.Context()); err != nil {
		t.Error(err)
	}
}
