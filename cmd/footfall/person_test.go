package main

import (
	"encoding/json"
	"strings"
	"testing"

	"footfall/schemas/admin"
)

// TestWhereNobodyCanSignInTheKeeperCanHelp walks from the set-up link to an erased
// person without a dashboard.
func TestWhereNobodyCanSignInTheKeeperCanHelp(t *testing.T) {
	s := newDesk(t)
	first, second := s.ok("setup-link", "--format", "csv"), s.ok("setup-link", "--format", "csv")
	if first == second || !strings.Contains(first, "/setup/") {
		t.Errorf("links %s and %s", first, second)
	}
	var i invited
	if err := json.Unmarshal([]byte(s.ok("person", "invite", "ann@acme.example", "--role", "owner", "--organizer", "acme", "--format", "json")), &i); err != nil || i.Token == "" || i.URL != "/invitation/"+i.Token || i.Role != admin.RoleOwner {
		t.Fatalf("invitation %+v, %v", i, err)
	}
	if out := s.ok("person", "invite", "bo@acme.example", "--role", "viewer"); !strings.Contains(out, "/invitation/") {
		t.Errorf("invitation %s", out)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"person", "invite", "ann@acme.example"}, exitUsage, "--role"},
		{[]string{"person", "invite", "ann", "--role", "viewer"}, exitUsage, "email"},
		{[]string{"person", "invite", "ann@acme.example", "--role", "operator"}, exitUsage, "owner, manager"},
		{[]string{"person", "add", "ann@acme.example"}, exitUsage, "--role"},
		{[]string{"person", "add", "nobody@acme.example", "--role", "viewer"}, exitFailure, "footfall person invite"},
		{[]string{"person", "reset-link", "7"}, exitFailure, "no such person"},
		{[]string{"person", "remove", "7"}, exitFailure, "no such member"},
		{[]string{"person", "erase", "7"}, exitFailure, "no such person"},
	} {
		if code, _, complaint := s.run(c.args...); code != c.code || !strings.Contains(complaint, c.says) {
			t.Errorf("%v: exit %d %s", c.args, code, complaint)
		}
	}
	t.Setenv("FOOTFALL_REPORTER_WEB_URL", "https://figures.example.com")
	if out := s.ok("setup-link", "--format", "csv"); !strings.Contains(out, "https://figures.example.com/setup/") {
		t.Errorf("link %s", out)
	}
	if out := s.ok("person", "list", "--format", "json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("people %s", out)
	}
	if out := s.ok("audit", "--action", "member invite"); strings.Contains(out, "acme.example") {
		t.Errorf("the audit log has an email: %s", out)
	}
}
