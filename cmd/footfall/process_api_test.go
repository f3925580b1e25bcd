package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestAKeyOpensTheServerForItsRoleAlone makes a key as a person does, asks the
// running server over TCP, and ends the key.
func TestAKeyOpensTheServerForItsRoleAlone(t *testing.T) {
	s := newServer(t)
	s.command("organizer", "add", "acme", "--name", "Acme", "--zone", "Europe/Rome", "--currency", "EUR")
	var made struct {
		Key    string
		Prefix string
	}
	line := s.command("key", "api", "add", "--role", "viewer", "--label", "nightly", "--format", "json")
	if err := json.Unmarshal([]byte(line[strings.Index(line, "{"):strings.LastIndex(line, "}")+1]), &made); err != nil || made.Key == "" {
		t.Fatalf("%v in %s", err, line)
	}
	for _, c := range []struct {
		key, method, path string
		status            int
		says              string
	}{
		{made.Key, "GET", "/v1/report?format=csv", http.StatusOK, "affiliate"},
		{made.Key, "GET", "/v1/organizers", http.StatusOK, `"slug":"acme"`},
		{made.Key, "POST", "/v1/keys/click", http.StatusForbidden, "viewer"},
		{"", "GET", "/v1/organizers", http.StatusUnauthorized, "footfall key api add"},
		{"", "GET", "/v1/openapi.yaml", http.StatusOK, "openapi: 3"},
	} {
		status, body := askOver(t, "http://"+s.api, c.key, c.method, c.path)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s: %d %.300s, want %d with %q", c.method, c.path, status, body, c.status, c.says)
		}
	}
	if list := s.command("key", "api", "list"); !strings.Contains(list, made.Prefix) || strings.Contains(list, made.Key) || !strings.Contains(list, "nightly") {
		t.Errorf("the list of keys:\n%s", list)
	}
	if found := s.command("doctor"); !strings.Contains(found, "answers at "+s.api) {
		t.Errorf("the doctor does not see the listener:\n%s", found)
	}
	s.command("key", "api", "end", "1")
	if status, body := askOver(t, "http://"+s.api, made.Key, "GET", "/v1/me"); status != http.StatusUnauthorized {
		t.Errorf("an ended key: %d %s", status, body)
	}
	s.Stop(startTimeout)
	if out := s.Output(); strings.Contains(out, made.Key) || !strings.Contains(out, "http://"+s.api+"/v1/") {
		t.Errorf("what the server wrote:\n%s", out)
	}
}

func askOver(t *testing.T, url, key, method, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	got, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got.StatusCode, string(text)
}
