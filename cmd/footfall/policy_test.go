package main

import (
	"encoding/json"
	"strings"
	"testing"

	"footfall/schemas/policy"
)

// TestPolicyIsShownAndSetAtTheKeyboard: a version is added, never changed, and
// what isn't named stays.
func TestPolicyIsShownAndSetAtTheKeyboard(t *testing.T) {
	s := newDesk(t)
	if out := s.ok("policy", "show"); !strings.Contains(out, "click_id, then affiliate, then coupon, then visitor") || !strings.Contains(out, "the beginning") {
		t.Errorf("the built-in one: %s", out)
	}
	var p policy.Listed
	set := s.ok("policy", "set", "--window-days", "14", "--rules", "click_id,coupon", "--pick", "first", "--cut-at-event-end=false", "--format", "json")
	if err := json.Unmarshal([]byte(set), &p); err != nil {
		t.Fatal(err)
	}
	if p.Version != 2 || p.WindowDays != 14 || p.CutAtEventEnd || p.Pick != "first" || len(p.Rules) != 2 || p.InForce || p.From == nil {
		t.Errorf("set %+v", p)
	}
	if out := s.ok("policy", "list", "--format", "csv"); strings.Count(out, "\n") != 3 {
		t.Errorf("list %s", out)
	}
	if out := s.ok("policy", "show", "2"); !strings.Contains(out, "window 14 days") {
		t.Errorf("version 2: %s", out)
	}
	for _, wrong := range [][]string{
		{"policy", "set"},
		{"policy", "set", "--pick", "best"},
		{"policy", "set", "--rules", "luck"},
		{"policy", "set", "--window-days", "0"},
		{"policy", "show", "3"},
		{"exceptions", "--kind", "odd"},
		{"exceptions", "--from", "yesterday"},
		{"exceptions", "--limit", "-1"},
		{"explain", "order", "x", "--policy", "-1"},
	} {
		if code, _, complaint := s.run(wrong...); code != exitUsage || complaint == "" {
			t.Errorf("%v: exit %d %s", wrong, code, complaint)
		}
	}
}

// TestExceptionsAreListedInEveryFormat: also when there are none.
func TestExceptionsAreListedInEveryFormat(t *testing.T) {
	s := newDesk(t)
	if out := s.ok("exceptions"); !strings.Contains(out, "acme, exceptions") {
		t.Errorf("table %s", out)
	}
	if out := s.ok("exceptions", "--format", "csv", "--from", "2026-01-01", "--to", "2027-01-01", "--kind", "refund_waiting"); !strings.HasPrefix(out, "kind,dated,order_id,refund_id,") || strings.Count(out, "\n") != 1 {
		t.Errorf("csv %s", out)
	}
	if out := s.ok("exceptions", "--format", "json"); !json.Valid([]byte(out)) {
		t.Errorf("json %s", out)
	}
}
