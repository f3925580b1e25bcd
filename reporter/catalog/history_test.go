package catalog

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/policy"
)

// chronicle changes a catalog at random and remembers what each as-of saw when it
// was the newest.
type chronicle struct {
	*fixture
	r     *rand.Rand
	names int
	seen  []sight
}

type sight struct {
	asOfUS int64
	what   string
}

func newChronicle(t *testing.T, seed uint64) *chronicle {
	t.Helper()
	h := &chronicle{fixture: newFixture(t), r: rand.New(rand.NewPCG(seed, 1))}
	h.organizer("acme", "Australia/Lord_Howe")
	h.event("acme", "gala")
	h.event("acme", "ball")
	h.affiliate("acme", "a0")
	h.code("acme", "", "K0", "a0")
	return h
}

// reopen restarts the catalog, so that nothing is remembered but what the file has.
func (h *chronicle) reopen() {
	h.t.Helper()
	must(h.t, h.Close())
	h.fixture = openFixture(h.t, h.config.Dir, h.clock, nil)
}

// look gives everything that a report as of an instant takes from the catalog,
// names and emails apart.
func (h *chronicle) look(asOfUS int64) string {
	h.t.Helper()
	d, err := h.Dimensions(h.ctx, asOfUS)
	must(h.t, err)
	plain := *d
	plain.Organizers, plain.Affiliates = append([]DimOrganizer(nil), d.Organizers...), append([]DimAffiliate(nil), d.Affiliates...)
	for i := range plain.Organizers {
		plain.Organizers[i].Name = ""
	}
	for i := range plain.Affiliates {
		plain.Affiliates[i].Name, plain.Affiliates[i].Nickname, plain.Affiliates[i].Email = "", "", ""
	}
	keys, err := h.VerifyingKeys(h.ctx, asOfUS)
	must(h.t, err)
	text, err := json.Marshal(map[string]any{"dimensions": plain, "keys": fmt.Sprint(keys)})
	must(h.t, err)
	return string(text)
}

func (h *chronicle) remember() {
	h.t.Helper()
	s, err := h.StateAt(h.ctx, newestUS)
	must(h.t, err)
	h.seen = append(h.seen, sight{s.KnownAtUS, h.look(s.KnownAtUS)})
}

func (h *chronicle) code(organizer, event, text, affiliate string) {
	h.t.Helper()
	h.fixture.code(organizer, event, text, affiliate)
}

// step makes one change at random; a refusal is none.
func (h *chronicle) step() {
	h.names++
	r, ctx := h.r, h.ctx
	code := admin.CodeRef{Organizer: "acme", Text: fmt.Sprint("K", r.IntN(h.names))}
	someone := fmt.Sprintf("a%d", r.IntN(h.names))
	fresh := fmt.Sprint("K", h.names)
	day := func(days int) string { return h.clock.Now().AddDate(0, 0, days).Format(time.DateOnly) }
	event := []string{"", "gala", "ball"}[r.IntN(3)]
	var err error
	switch r.IntN(15) {
	case 0:
		_, err = h.AddAffiliate(ctx, "test", admin.AffiliateAdd{Organizer: "acme", Name: fmt.Sprint("a", h.names), Email: "a@example.com"})
	case 1:
		_, err = h.AddCode(ctx, "test", admin.CodeAdd{Organizer: "acme", Event: event, Text: fresh, Affiliate: someone})
	case 2:
		_, err = h.AddCode(ctx, "test", admin.CodeAdd{Organizer: "acme", Event: event, Text: fresh, Affiliate: someone, ClaimFrom: day(-r.IntN(9) - 2)})
	case 3:
		_, err = h.AddCode(ctx, "test", admin.CodeAdd{Organizer: "acme", Text: code.Text, Affiliate: someone, ClaimFrom: day(-r.IntN(20) - 2)})
	case 4:
		_, err = h.RenameCode(ctx, "test", code, admin.CodeRename{Text: fresh})
	case 5, 6:
		_, err = h.ReassignCode(ctx, "test", code, admin.CodeReassign{Affiliate: someone, From: day(1 + r.IntN(4))})
	case 7:
		_, err = h.PauseCode(ctx, "test", code, r.IntN(2) == 0)
	case 8, 9:
		_, err = h.PauseAffiliate(ctx, "test", "acme", someone, r.IntN(2) == 0)
	case 10:
		_, err = h.AddCoupon(ctx, "test", admin.CouponAdd{Organizer: "acme", Text: fmt.Sprint("Save", r.IntN(3)), Code: code.Text, From: day(-r.IntN(5))})
	case 11:
		_, err = h.EndCoupon(ctx, "test", "acme", fmt.Sprint("save", r.IntN(3)), admin.CouponEnd{Until: []string{"", day(3)}[r.IntN(2)]})
	case 12:
		days, pick := 1+r.IntN(90), []string{policy.PickFirst, policy.PickLast}[r.IntN(2)]
		_, err = h.SetPolicy(ctx, "test", policy.Set{Organizer: "acme", WindowDays: &days, Pick: &pick, From: day(2 + r.IntN(9))})
	case 13:
		end := day(40 + r.IntN(9))
		_, err = h.EditEvent(ctx, "test", "gala", admin.EventEdit{End: &end})
	case 14:
		if _, err = h.RotateClickKey(ctx, "test"); err == nil {
			_, err = h.EndClickKey(ctx, "test", uint8(1+r.IntN(2)), h.clock.Now().Add(-time.Hour))
		}
	}
	if _, refused := admin.AsRefusal(err); !refused {
		must(h.t, err)
	}
	switch r.IntN(12) {
	case 0:
		h.clock.Advance(-2 * time.Hour)
	case 1:
		h.clock.Advance(24 * time.Hour)
	case 2:
		must(h.t, h.NoteWatermark(ctx, h.clock.Now().Add(time.Hour).UnixMicro()))
	default:
		h.clock.Advance(time.Duration(r.IntN(8)) * time.Hour)
	}
	if r.IntN(3) == 0 {
		must(h.t, h.upkeep(ctx))
	}
}

// changed says the first as-of that sees something else than when it was the
// newest.
func (h *chronicle) changed() string {
	h.t.Helper()
	for _, i := range h.r.Perm(len(h.seen)) {
		if is := h.look(h.seen[i].asOfUS); is != h.seen[i].what {
			return fmt.Sprintf("as of %d, the %d. of %d:\n%s\nbecame\n%s", h.seen[i].asOfUS, i+1, len(h.seen), h.seen[i].what, is)
		}
	}
	return ""
}

// TestLaterChangesNeverChangeAnOlderAsOf: what a report took from the catalog it
// takes again, whatever was changed since, across restarts, steps of the clock
// and a restore.
func TestLaterChangesNeverChangeAnOlderAsOf(t *testing.T) {
	for seed := range uint64(2) {
		h := newChronicle(t, seed)
		for range 40 {
			h.step()
			h.remember()
		}
		if is := h.changed(); is != "" {
			t.Fatalf("seed %d: %s", seed, is)
		}
		backup, kept := h.backup(), len(h.seen)
		for range 10 {
			h.step()
			h.remember()
		}
		h.reopen()
		if is := h.changed(); is != "" {
			t.Fatalf("seed %d, opened again: %s", seed, is)
		}
		_, err := restore(h.fixture, backup, Seen{})
		must(t, err)
		h.fixture, h.seen = openFixture(t, h.config.Dir, h.clock, nil), h.seen[:kept]
		for range 10 {
			h.step()
		}
		if is := h.changed(); is != "" {
			t.Fatalf("seed %d, restored: %s", seed, is)
		}
		// The defence is that no row is ever overwritten: without it, this is seen.
		_, err = h.writer.Exec(`DROP TRIGGER code_owners_update; UPDATE code_owners SET from_ms = from_ms + 1 WHERE from_ms = 0`)
		must(t, err)
		h.reopen()
		if h.changed() == "" {
			t.Errorf("seed %d: rows were overwritten and nothing was seen", seed)
		}
	}
}

// TestChangesAreTheDifferenceOfTwoStates: what a state has beyond an earlier one
// is told with all rows of each thing that changed, names too.
func TestChangesAreTheDifferenceOfTwoStates(t *testing.T) {
	h := newChronicle(t, 9)
	from, err := h.StateAt(h.ctx, newestUS)
	must(t, err)
	name := "Other"
	_, err = h.EditAffiliate(h.ctx, "test", "acme", "a0", admin.AffiliateEdit{Name: &name})
	must(t, err)
	h.affiliate("acme", "Bob")
	_, err = h.ReassignCode(h.ctx, "test", admin.CodeRef{Organizer: "acme", Text: "K0"}, admin.CodeReassign{Affiliate: "Bob"})
	must(t, err)
	h.code("acme", "", "K1", "Bob")
	to, err := h.StateAt(h.ctx, newestUS)
	must(t, err)
	d, err := h.Changes(h.ctx, from, to)
	must(t, err)
	if d == nil || len(d.Organizers) != 0 || len(d.Events) != 0 || len(d.Affiliates) != 2 || d.Affiliates[0].Name != name || len(d.Codes) != 2 || len(d.Owners) != 3 || len(d.Policies) != 1 {
		t.Errorf("changes %+v", d)
	}
	between := to
	// A pause changes every code that the affiliate owns, or is going to.
	_, err = h.PauseAffiliate(h.ctx, "test", "acme", "Bob", true)
	must(t, err)
	to, err = h.StateAt(h.ctx, newestUS)
	must(t, err)
	d, err = h.Changes(h.ctx, between, to)
	must(t, err)
	if len(d.Codes) != 2 || len(d.CodeStates) != 4 || !d.CodeStates[1].Paused || d.CodeStates[1].FromMS != d.Owners[1].FromMS {
		t.Errorf("changes of a pause %+v", d)
	}
	for _, pair := range [][2]State{{to, from}, {{}, to}} {
		if d, err := h.Changes(h.ctx, pair[0], pair[1]); err != nil || d != nil {
			t.Errorf("from %+v to %+v: %+v, %v", pair[0], pair[1], d, err)
		}
	}
	// Who is too far behind reads everything.
	for range maxRenamed/2 + 1 {
		h.mu.Lock()
		h.noteRenamed(renamed{affiliates: []ids.AffiliateID{1, 2}})
		h.mu.Unlock()
	}
	if _, told := h.renamedBetween(from.Names, to.Names); told {
		t.Error("names that were forgotten are told")
	}
}
