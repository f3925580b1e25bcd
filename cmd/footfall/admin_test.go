package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"footfall/internal/testkit"
	"footfall/reporter"
	"footfall/schemas/admin"
)

// desk runs commands on one data directory, in this process.
type desk struct {
	t    *testing.T
	data string
}

func (s desk) run(args ...string) (code int, out, complaint string) {
	s.t.Helper()
	var o, e bytes.Buffer
	code = run(append([]string{"--data", s.data}, args...), &o, &e)
	return code, o.String(), e.String()
}

func (s desk) ok(args ...string) string {
	s.t.Helper()
	code, out, complaint := s.run(args...)
	if code != exitOK {
		s.t.Fatalf("footfall %s: exit %d: %s", strings.Join(args, " "), code, complaint)
	}
	return out
}

func newDesk(t *testing.T) desk {
	t.Helper()
	s := desk{t: t, data: filepath.Join(t.TempDir(), "data")}
	s.ok("organizer", "add", "acme", "--name", "Acme Tickets", "--zone", "Europe/Vienna", "--currency", "EUR")
	s.ok("event", "add", "gala", "--name", "Winter Gala", "--destination", "https://tickets.example.com/gala", "--start", "2126-12-24T19:30", "--end", "2126-12-24T23:00")
	s.ok("affiliate", "add", "Ann Lee", "--nickname", "ann", "--email", "ann@example.com")
	s.ok("affiliate", "add", "Bob", "--email", "bob@example.com")
	s.ok("code", "add", "SPRING", "--affiliate", "ann")
	return s
}

// TestRefusedFormatChangesNothing: a secret or token that was drawn and then
// couldn't be shown would be lost.
func TestRefusedFormatChangesNothing(t *testing.T) {
	s := newDesk(t)
	for _, args := range [][]string{
		{"organizer", "secret", "add"}, {"code", "pause", "SPRING"}, {"collector", "enrol", "edge"}, {"backup", filepath.Join(s.data, "b.db")},
	} {
		code, _, complaint := s.run(append(args, "--format", "xml")...)
		if code != exitUsage || !strings.Contains(complaint, "table, csv or json") {
			t.Errorf("%v --format xml: exit %d, %q", args, code, complaint)
		}
	}
	if list := s.ok("organizer", "secret", "list", "--format", "json"); strings.TrimSpace(list) != "[]" {
		t.Errorf("secrets: %s", list)
	}
	if list := s.ok("collector", "list", "--format", "json"); strings.TrimSpace(list) != "[]" {
		t.Errorf("collectors: %s", list)
	}
	if show := s.ok("code", "show", "SPRING", "--format", "json"); !strings.Contains(show, `"state": "active"`) {
		t.Errorf("code: %s", show)
	}
}

// TestWhatTheServerRedirectsIsAnError: a path that cleans to another one is
// answered with a redirect, which is no answer.
func TestWhatTheServerRedirectsIsAnError(t *testing.T) {
	s := newDesk(t)
	for _, args := range [][]string{{"explain", "order", ".."}, {"code", "pause", ".."}, {"code", "show", "."}} {
		if code, out, complaint := s.run(args...); code == exitOK || out != "" || complaint == "" {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, complaint)
		}
	}
}

// TestJournalsHereAreRecognized: under another collector's id they would have no
// reader, and the product would not start again.
func TestJournalsHereAreRecognized(t *testing.T) {
	found, err := embeddedIn("../../collector/journal/testdata/v1")
	if err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
	if found, err = embeddedIn(filepath.Join(t.TempDir(), "none")); err != nil || len(found) > 0 {
		t.Errorf("without a journal: %v, %v", found, err)
	}
}

// TestDestinationNeverLeadsBackToTheCollector: a buyer would go round for ever.
func TestDestinationNeverLeadsBackToTheCollector(t *testing.T) {
	t.Setenv("FOOTFALL_COLLECTOR_EDGE_LISTEN", "0.0.0.0:8600")
	t.Setenv("FOOTFALL_COLLECTOR_EDGE_HOSTS", "go.example.com")
	s := newDesk(t)
	for _, destination := range []string{
		"http://127.0.0.1:8600/e/gala/", "https://localhost:8600/", "http://[::1]:8600/", "https://GO.example.com/e/gala/",
		"https://go.example.com.:8443/", "http://127.0.0.1:8601/v1/orders",
	} {
		code, _, complaint := s.run("event", "edit", "gala", "--destination", destination)
		if code != exitUsage || !strings.Contains(complaint, "own host") {
			t.Errorf("%s: exit %d, %q", destination, code, complaint)
		}
	}
	s.ok("event", "edit", "gala", "--destination", "http://127.0.0.1:8680/tickets")
}

// TestWrongArgumentsAreTheAskersMistake: scripts tell a mistake from a failure
// by the exit code.
func TestWrongArgumentsAreTheAskersMistake(t *testing.T) {
	s := desk{t: t, data: filepath.Join(t.TempDir(), "data")}
	for _, line := range []string{
		"report extra", "explain order", "explain order A B", "explain orderr A", "collector frob", "all now", "journal verify", "version 2", "reprt",
	} {
		if code, _, complaint := s.run(strings.Fields(line)...); code != exitUsage || complaint == "" {
			t.Errorf("%s: exit %d, want %d: %q", line, code, exitUsage, complaint)
		}
	}
	for _, args := range [][]string{{"explain", "order", ""}, {"code", "pause", " "}, {"organizer", "show", ""}} {
		if code, out, complaint := s.run(args...); code != exitUsage || !strings.Contains(complaint, "is empty") {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, complaint)
		}
	}
	if _, err := os.Stat(s.data); err == nil {
		t.Error("a mistyped command made a data directory")
	}
}

func TestPeopleLearnWhatToDoFromARefusal(t *testing.T) {
	s := newDesk(t)
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"organizer", "add"}, exitUsage, "say the slug"},
		{[]string{"organizer", "add", "x"}, exitUsage, "--name and --zone and --currency"},
		{[]string{"organizer", "add", "X!", "--name", "x", "--zone", "UTC", "--currency", "EUR"}, exitUsage, "a-z 0-9 -"},
		{[]string{"organizer", "show", "nobody"}, exitFailure, "footfall organizer list"},
		{[]string{"organizer", "remove"}, exitUsage, `has no "remove"`},
		{[]string{"event", "edit", "gala"}, exitUsage, "say what to change"},
		{[]string{"event", "add", "x", "--name", "x", "--destination", "http://a.example", "--start", "2126-01-01", "--end", "2126-01-02"}, exitUsage, "not https"},
		{[]string{"affiliate", "show", "nobody"}, exitFailure, "footfall affiliate list"},
		{[]string{"affiliate", "add", "Ann", "Lee", "--email", "a@b.example"}, exitUsage, "in quotes"},
		{[]string{"code", "add", "spring", "--affiliate", "bob"}, exitFailure, "Ann Lee"},
		{[]string{"code", "add", "none", "--affiliate", "bob"}, exitUsage, "reserved"},
		{[]string{"code", "reassign", "SPRING", "--affiliate", "bob", "--from", "2020-01-01"}, exitUsage, "coming midnight"},
		{[]string{"code", "list", "--format", "xml"}, exitUsage, "table, csv or json"},
		{[]string{"link", "SPRING"}, exitUsage, "--event"},
		{[]string{"link", "SPRING", "--event", "gala", "--base", "go.example.com"}, exitUsage, "https://go.example.com"},
		{[]string{"collector", "retire", "9"}, exitFailure, "footfall collector list"},
		{[]string{"restore", filepath.Join(t.TempDir(), "none.db")}, exitFailure, "none.db"},
	} {
		code, _, complaint := s.run(c.args...)
		if code != c.exit || !strings.Contains(complaint, c.says) {
			t.Errorf("footfall %s: exit %d: %swant exit %d saying %q", strings.Join(c.args, " "), code, complaint, c.exit, c.says)
		}
	}
}

func TestCatalogIsKeptByCommandsAlone(t *testing.T) {
	s := newDesk(t)
	if got, want := s.ok("link", "spring", "--event", "gala", "--base", "https://go.example.com/"), "https://go.example.com/e/gala/?affiliate=SPRING\n"; got != want {
		t.Errorf("link %q, want %q", got, want)
	}
	s.ok("code", "rename", "SPRING", "SUMMER")
	s.ok("code", "pause", "SUMMER")
	if _, _, warning := s.run("link", "SPRING", "--event", "gala"); !strings.Contains(warning, "paused") {
		t.Errorf("link of a paused code: %s", warning)
	}
	var code admin.Code
	if err := json.Unmarshal([]byte(s.ok("code", "show", "spring", "--format", "json")), &code); err != nil {
		t.Fatal(err)
	}
	if code.Text != "SUMMER" || code.State != "paused" || len(code.Aliases) != 1 {
		t.Errorf("code %+v", code)
	}
	_, _, warning := s.run("affiliate", "add", "=HYPERLINK(1)", "--email", "ann@example.com")
	if !strings.Contains(warning, "Ann Lee) has the same email") {
		t.Errorf("warning %q", warning)
	}
	if out := s.ok("affiliate", "list", "--format", "csv"); !strings.Contains(out, ",'=HYPERLINK(1),") {
		t.Errorf("a spreadsheet would run %s", out)
	}
	secret := s.ok("organizer", "secret", "add", "--format", "json")
	if !strings.Contains(secret, "whsec_") || strings.Contains(s.ok("organizer", "secret", "list", "--format", "json"), "whsec_") {
		t.Error("a secret is shown once, when it is made")
	}
	if out := s.ok("event", "list"); !strings.Contains(out, "2126-12-24 19:30 CET") {
		t.Errorf("events %s", out)
	}
	if out := s.ok("code", "list", "--affiliate", "bob", "--format", "json"); out != "[]\n" {
		t.Errorf("no codes are %q", out)
	}
	backup := filepath.Join(s.data, "b.db")
	s.ok("backup", backup)
	s.ok("code", "add", "LATER", "--affiliate", "bob")
	s.ok("restore", backup)
	if code, _, _ := s.run("code", "show", "LATER"); code != exitFailure {
		t.Error("what came after the backup is still there")
	}
}

func TestCommandsBesideAServerGoThroughItsSocket(t *testing.T) {
	s := newDesk(t)
	bin := testkit.Build(t, "./cmd/footfall")
	server := testkit.StartCommand(t, testkit.Command{
		Path: bin, Args: []string{"reporter", "--data", s.data}, Env: []string{"FOOTFALL_ADMIN_LISTEN=127.0.0.1:0", "FOOTFALL_REPORTER_API_LISTEN=127.0.0.1:0", "FOOTFALL_REPORTER_WEB_LISTEN=127.0.0.1:0"},
	})
	server.WaitLine("answering commands", startTimeout)
	s.ok("code", "add", "BESIDE", "--affiliate", "bob")
	info, err := os.Stat(reporter.SocketPath(s.data))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v %v", info.Mode(), err)
	}
	// A second writer is refused, with the first one's process id.
	code, _, complaint := s.run("restore", filepath.Join(s.data, "catalog.db"))
	if code != exitFailure || !strings.Contains(complaint, "process "+strconv.Itoa(server.Pid())) {
		t.Errorf("a second writer: exit %d: %s", code, complaint)
	}
	// Killed, it leaves lock and socket behind: neither is in the way.
	server.Kill()
	if out := s.ok("code", "show", "beside"); !strings.Contains(out, "Bob") {
		t.Errorf("what the server took is %s", out)
	}
}
