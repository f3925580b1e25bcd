package catalog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"footfall/schemas/admin"
)

func claimOf(text, affiliate, from string) admin.CodeAdd {
	return admin.CodeAdd{Text: text, Affiliate: affiliate, ClaimFrom: from}
}

// world has two organizers, three events, two affiliates and some codes.
func world(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.organizer("acme", "Europe/Vienna")
	f.organizer("beta", "UTC")
	f.event("acme", "gala")
	f.event("acme", "expo")
	f.event("beta", "fest")
	f.affiliate("acme", "Ann")
	f.affiliate("acme", "Bob")
	f.affiliate("beta", "Cleo")
	f.code("acme", "", "SPRING", "Ann")
	f.code("acme", "gala", "Gala-Only", "Bob")
	f.code("acme", "expo", "NEW", "Bob")
	_, err := f.RenameCode(f.ctx, "test", admin.CodeRef{Organizer: "acme", Text: "new"}, admin.CodeRename{Text: "NEWER"})
	must(t, err)
	return f
}

func TestNoLinkHasTwoOwners(t *testing.T) {
	f := world(t)
	for _, c := range []struct {
		name, organizer, event, text string
		says                         []string // empty: it is free
	}{
		{"common again", "acme", "", "SPRING", []string{"common code", "Ann"}},
		{"common in other letters", "acme", "", "sPrInG", []string{"common code", "Ann"}},
		{"common with spaces around", "acme", "", "  SPRING ", []string{"common code", "Ann"}},
		{"event code that is a common code", "acme", "gala", "spring", []string{"common code", "Ann", "both"}},
		{"event code again", "acme", "gala", "GALA-ONLY", []string{"event gala", "Bob"}},
		{"common code that is an event code", "acme", "", "gala-only", []string{"event gala", "Bob", "both"}},
		{"alias of an event code", "acme", "expo", "new", []string{"alias of NEWER", "event expo", "Bob"}},
		{"common code that is an alias of an event code", "acme", "", "New", []string{"alias of NEWER", "event expo", "Bob"}},
		{"the same text for another event", "acme", "expo", "Gala-Only", nil},
		{"the alias for another event", "acme", "gala", "NEW", nil},
		{"the same text of another organizer", "beta", "", "SPRING", nil},
		{"the same text for another organizer's event", "beta", "fest", "Gala-Only", nil},
		{"look-alike", "acme", "", "SPRlNG", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			affiliate := map[string]string{"acme": "Bob", "beta": "Cleo"}[c.organizer]
			_, err := f.AddCode(f.ctx, "test", admin.CodeAdd{Organizer: c.organizer, Event: c.event, Text: c.text, Affiliate: affiliate})
			if c.says == nil {
				must(t, err)
				return
			}
			r, refused := admin.AsRefusal(err)
			if !refused || r.Reason != admin.Conflict || r.Pointer != "/text" {
				t.Fatalf("got %v, want a conflict of the text", err)
			}
			for _, word := range c.says {
				if !strings.Contains(r.Detail, word) {
					t.Errorf("%q does not say %q", r.Detail, word)
				}
			}
		})
	}
}

func TestTextsOutsideTheGrammarAreRefused(t *testing.T) {
	f := world(t)
	for _, text := range []string{"", " ", "-a", ".a", "_a", "a b", "a/b", "ä", "a\nb", "a\x00", "none", "NONE", "Direct", "test", "TEST", strings.Repeat("a", 65), "a?b", "😀"} {
		_, err := f.AddCode(f.ctx, "test", admin.CodeAdd{Organizer: "acme", Text: text, Affiliate: "Ann"})
		if r, refused := admin.AsRefusal(err); !refused || r.Pointer != "/text" {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"a", "0", "A.b_c-d", strings.Repeat("a", 64), "tests", "nones"} {
		f.code("acme", "", text, "Ann")
	}
}

func TestRenamedTextStaysItsCodesAlias(t *testing.T) {
	f := world(t)
	ref := admin.CodeRef{Organizer: "acme", Text: "SPRING"}
	code, err := f.RenameCode(f.ctx, "test", ref, admin.CodeRename{Text: "SUMMER"})
	must(t, err)
	if code.Text != "SUMMER" || fmt.Sprint(code.Aliases) != "[SPRING]" {
		t.Errorf("renamed to %+v", code)
	}
	// By its alias, back to it, in other letters.
	code, err = f.RenameCode(f.ctx, "test", ref, admin.CodeRename{Text: "spring"})
	must(t, err)
	if code.Text != "spring" || fmt.Sprint(code.Aliases) != "[SUMMER]" {
		t.Errorf("renamed back to %+v", code)
	}
	if _, err = f.RenameCode(f.ctx, "test", ref, admin.CodeRename{Text: "gala-only"}); err == nil || !strings.Contains(err.Error(), "Bob") {
		t.Errorf("taking another's text: %v", err)
	}
	update, err := f.Feed(1).Routes(f.ctx, zero())
	must(t, err)
	texts := map[string]string{}
	for _, c := range update.Snapshot.Codes {
		if c.ID == code.ID {
			texts[c.Text] = c.Canonical
		}
	}
	if len(texts) != 2 || texts["spring"] != "spring" || texts["SUMMER"] != "spring" {
		t.Errorf("routes have %v", texts)
	}
}

func TestOwnerChangesOnlyAtAComingMidnightOfTheOrganizersZone(t *testing.T) {
	f := world(t) // 2026-11-22 13:00 in Vienna
	ref := admin.CodeRef{Organizer: "acme", Text: "SPRING"}
	for _, from := range []string{"2026-11-22", "2026-11-01", "yesterday", "2026-11-23T12:00"} {
		if _, err := f.ReassignCode(f.ctx, "test", ref, admin.CodeReassign{Affiliate: "Bob", From: from}); err == nil {
			t.Errorf("reassigned from %s", from)
		}
	}
	if _, err := f.ReassignCode(f.ctx, "test", ref, admin.CodeReassign{Affiliate: "Ann"}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("reassigned to its owner: %v", err)
	}
	code, err := f.ReassignCode(f.ctx, "test", ref, admin.CodeReassign{Affiliate: "Bob"})
	must(t, err)
	midnight := time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)
	if code.AffiliateName != "Ann" || len(code.Owners) != 2 || !code.Owners[1].From.Equal(midnight) {
		t.Errorf("owners %+v", code.Owners)
	}
	d, err := f.Dimensions(f.ctx, newestUS)
	must(t, err)
	for at, want := range map[int64]string{0: "Ann", midnight.UnixMilli() - 1: "Ann", midnight.UnixMilli(): "Bob"} {
		owner := d.OwnerAt(code.ID, at)
		if got := d.Affiliates[owner-1].Name; got != want {
			t.Errorf("at %d owned by %s, want %s", at, got, want)
		}
	}
	// A later plan takes the place of one at or after it.
	code, err = f.ReassignCode(f.ctx, "test", ref, admin.CodeReassign{Affiliate: "Ann", From: "2026-11-23"})
	must(t, err)
	if n := len(code.Owners); n != 2 || code.Owners[1].Name != "Ann" {
		t.Errorf("owners %+v", code.Owners)
	}
}

func TestOnlyAClaimReachesBackAndTheAuditLogSaysSo(t *testing.T) {
	f := world(t)
	if _, err := f.AddCode(f.ctx, "test", claimOf("LOST", "Ann", "2026-11-01")); err == nil {
		t.Fatal("two organizers, none named")
	}
	claim := claimOf("LOST", "Ann", "2026-11-01")
	claim.Organizer = "acme"
	code, err := f.AddCode(f.ctx, "test", claim)
	must(t, err)
	plain := f.code("acme", "", "LATE", "Ann")
	d, err := f.Dimensions(f.ctx, newestUS)
	must(t, err)
	midnight := time.Date(2026, 10, 31, 23, 0, 0, 0, time.UTC).UnixMilli()
	now := f.clock.Now().UnixMilli()
	gala := d.Events[0]
	for _, c := range []struct {
		text string
		at   int64
		want any
	}{
		{"lost", midnight, code.ID}, {"LOST", midnight - 1, zero().Number}, {"LATE", now + 1, plain.ID}, {"LATE", now - 1000, zero().Number}, {"nix", now, zero().Number},
	} {
		if got := d.Resolve(gala.Organizer, gala.ID, c.text, c.at); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s at %d resolves to %d, want %v", c.text, c.at, got, c.want)
		}
	}
	entries, err := f.Audit(f.ctx, 0, 2)
	must(t, err)
	if e := entries[1]; e.Action != "code claim" || e.After["reaches_back_to"] != "2026-11-01T00:00:00+01:00" {
		t.Errorf("audit %+v", e)
	}
	// What came in time stays another's; what is still to come is no claim.
	for name, add := range map[string]admin.CodeAdd{
		"another's": {Organizer: "acme", Text: "SPRING", Affiliate: "Bob", ClaimFrom: "2026-11-01"},
		"future":    {Organizer: "acme", Text: "FUTURE", Affiliate: "Bob", ClaimFrom: "2026-11-23"},
	} {
		if _, err := f.AddCode(f.ctx, "test", add); err == nil {
			t.Errorf("claimed %s", name)
		}
	}
	// Its owner may claim a code that was added before.
	again := admin.CodeAdd{Organizer: "acme", Text: "late", Affiliate: "Ann", ClaimFrom: "2026-11-10"}
	claimed, err := f.AddCode(f.ctx, "test", again)
	must(t, err)
	if claimed.ID != plain.ID {
		t.Errorf("the claim made another code: %d", claimed.ID)
	}
	before := knownAt(t, f) - 1
	for asOf, want := range map[int64]int{before: 0, newestUS: int(plain.ID)} {
		d, err := f.Dimensions(f.ctx, asOf)
		must(t, err)
		if got := d.Resolve(gala.Organizer, gala.ID, "LATE", now-3*24*3600_000); int(got) != want {
			t.Errorf("as of %d it resolves to %d, want %d", asOf, got, want)
		}
	}
}

func TestPauseOfAnAffiliateFollowsItsCodes(t *testing.T) {
	f := world(t)
	_, err := f.PauseAffiliate(f.ctx, "test", "acme", "Bob", true)
	must(t, err)
	paused := func() string {
		t.Helper()
		update, err := f.Feed(1).Routes(f.ctx, zero())
		must(t, err)
		var texts []string
		for _, c := range update.Snapshot.Codes {
			if c.Paused {
				texts = append(texts, c.Text)
			}
		}
		return strings.Join(texts, " ")
	}
	if got := paused(); got != "Gala-Only NEW NEWER" {
		t.Errorf("paused: %s", got)
	}
	// One goes to an active affiliate, one comes from one.
	_, err = f.ReassignCode(f.ctx, "test", admin.CodeRef{Organizer: "acme", Text: "gala-only"}, admin.CodeReassign{Affiliate: "Ann"})
	must(t, err)
	_, err = f.ReassignCode(f.ctx, "test", admin.CodeRef{Organizer: "acme", Text: "spring"}, admin.CodeReassign{Affiliate: "Bob"})
	must(t, err)
	must(t, f.upkeep(f.ctx))
	if got := paused(); got != "Gala-Only NEW NEWER" {
		t.Errorf("before midnight paused: %s", got)
	}
	f.clock.Set(time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC))
	must(t, f.upkeep(f.ctx))
	if got := paused(); got != "SPRING NEW NEWER" {
		t.Errorf("after midnight paused: %s", got)
	}
	before, err := f.Revision(f.ctx)
	must(t, err)
	must(t, f.upkeep(f.ctx))
	after, err := f.Revision(f.ctx)
	must(t, err)
	if before != after {
		t.Errorf("the upkeep made revision %v without need", after)
	}
}
