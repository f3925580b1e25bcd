package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"footfall/bench/ledger"
)

const worldJSON = `{"organizers":[{"slug":"north","zone":"Europe/Berlin","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}],
"events":[{"slug":"opera","organizer":"north","currency":"EUR"}],"codes":[{"organizer":"north","text":"anna","affiliate":"anna"}]}`

func TestRunLeavesALedgerWithItsEnd(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://t.example/?click_id="+r.URL.Query().Get("sub1"))
		w.WriteHeader(http.StatusFound)
	}))
	defer server.Close()
	dir := t.TempDir()
	world, path := filepath.Join(dir, "world.json"), filepath.Join(dir, "ledger.jsonl")
	if err := os.WriteFile(world, []byte(worldJSON), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	args := []string{"--world", world, "--ledger", path, "--visits-url", server.URL, "--visits", "50", "--rate", "5000", "--orders", "0", "--refunds", "0"}
	if err := run(t.Context(), args, &out, &log); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Read(path)
	if err != nil || l.Summary == nil || l.Summary.Visits.Acknowledged != 50 || !strings.Contains(out.String(), "visits") {
		t.Errorf("%+v, error %v, printed %q", l, err, out.String())
	}
	out.Reset()
	if err := run(t.Context(), []string{"--ledger", path, "--expect", "affiliate"}, &out, &log); err != nil || !strings.Contains(out.String(), "north,anna,,EUR,") {
		t.Errorf("expected %q, error %v", out.String(), err)
	}
	if err := run(t.Context(), args, &out, &log); err == nil {
		t.Error("a second run wrote over the ledger of the first")
	}
}

func TestUsageIsExplained(t *testing.T) {
	var out, log bytes.Buffer
	for _, args := range [][]string{{}, {"--world", "x", "more"}, {"--no-such"}, {"--expect", "hour"}} {
		if err := run(t.Context(), args, &out, &log); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
	path := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(path, []byte(worldJSON), 0o600); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(t.TempDir(), "ledger")
	if err := run(t.Context(), []string{"--world", path, "--ledger", made, "--visits-url", "http://192.0.2.1:80"}, &out, &log); err == nil {
		t.Error("load was sent to another machine")
	}
	if _, err := os.Stat(made); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a run that never began left a ledger: %v", err)
	}
}
