package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"footfall/schemas/admin"
)

// TestCouponsKeysAndAuditAreAtHand: what the API has, a person at the keyboard
// has too.
func TestCouponsKeysAndAuditAreAtHand(t *testing.T) {
	s := newDesk(t)
	var k admin.Coupon
	if err := json.Unmarshal([]byte(s.ok("coupon", "add", "Ann10", "--code", "spring", "--organizer", "ACME", "--from", "2026-11-01", "--format", "json")), &k); err != nil {
		t.Fatal(err)
	}
	if k.Text != "Ann10" || k.Code != "SPRING" || k.State != admin.CouponActive || k.From.Format("2006-01-02T15:04Z07:00") != "2026-11-01T00:00+01:00" {
		t.Errorf("coupon %+v", k)
	}
	if code, _, complaint := s.run("coupon", "add", "ANN10", "--code", "SPRING"); code == exitOK || !strings.Contains(complaint, "leads to the code SPRING") {
		t.Errorf("bound twice: exit %d %s", code, complaint)
	}
	s.ok("coupon", "end", "ann10")
	if out := s.ok("coupon", "list"); !strings.Contains(out, "ended") {
		t.Errorf("list %s", out)
	}
	if code, _, complaint := s.run("coupon", "add", "X"); code != exitUsage || !strings.Contains(complaint, "--code") {
		t.Errorf("without a code: exit %d %s", code, complaint)
	}

	s.ok("key", "click", "rotate")
	s.ok("key", "click", "end", "1", "--at", "2026-11-22T12:00:00Z")
	if out := s.ok("key", "click", "list", "--format", "csv"); !strings.Contains(out, "1,") || !strings.Contains(out, "2026-11-22 12:00 UTC") || strings.Count(out, "\n") < 3 {
		t.Errorf("keys %s", out)
	}
	if code, _, complaint := s.run("key", "click", "end", "1", "--at", "noon"); code != exitUsage || !strings.Contains(complaint, "2026-11-22T12:00:00Z") {
		t.Errorf("a wrong time: exit %d %s", code, complaint)
	}

	if out := s.ok("audit", "--action", "coupon"); !strings.Contains(out, "reaches_back_to") || strings.Contains(out, "code add") {
		t.Errorf("audit %s", out)
	}
	var entries []admin.AuditEntry
	if err := json.Unmarshal([]byte(s.ok("audit", "--limit", "2", "--since", "2020-01-01", "--subject", "click key", "--format", "json")), &entries); err != nil || len(entries) != 2 || entries[0].Action != "key end" {
		t.Errorf("audit %+v, %v", entries, err)
	}
	if code, _, _ := s.run("audit", "--limit", "0"); code != exitUsage {
		t.Errorf("limit 0: exit %d", code)
	}
	if code, _, _ := s.run("audit", "--since", "yesterday"); code != exitUsage {
		t.Errorf("since yesterday: exit %d", code)
	}
}

// TestDamageIsSaidByTheCheck: exit code 1 and the remedy, never a guess.
func TestDamageIsSaidByTheCheck(t *testing.T) {
	s := newDesk(t)
	if out := s.ok("catalog", "check"); !strings.Contains(out, "ok") {
		t.Errorf("check %s", out)
	}
	path := filepath.Join(s.data, "catalog.db")
	if _, err := os.Stat(path); err != nil { // the catalog's own place
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("not a catalog at all, though its name says so"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, complaint := s.run("catalog", "check"); code != exitFailure || !strings.Contains(complaint, "restore") {
		t.Errorf("damaged: exit %d %s", code, complaint)
	}
}

// TestOrganizerIsFoundInAnyCase of letters, wherever one is named.
func TestOrganizerIsFoundInAnyCase(t *testing.T) {
	s := newDesk(t)
	for _, args := range [][]string{
		{"organizer", "show", "Acme"},
		{"event", "list", "--organizer", "ACME"},
		{"event", "show", "Gala"},
		{"affiliate", "list", "--organizer", "Acme"},
		{"code", "list", "--organizer", "Acme", "--event", "GALA"},
		{"link", "spring", "--organizer", "aCME", "--event", "Gala"},
		{"report", "--organizer", "Acme", "--event", "GALA"},
		{"organizer", "secret", "list", "--organizer", "Acme"},
		{"policy", "list", "--organizer", "Acme"},
		{"exceptions", "--organizer", "ACME"},
		{"coupon", "list", "--organizer", "Acme"},
	} {
		if code, _, complaint := s.run(args...); code != exitOK {
			t.Errorf("footfall %s: exit %d: %s", strings.Join(args, " "), code, complaint)
		}
	}
}
