package catalog

import (
	"math/rand/v2"
	"testing"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

// TestCodeIsPausedExactlyWhileItOrItsOwnerOfTheInstantIs, against the sentence
// itself, instant by instant.
func TestCodeIsPausedExactlyWhileItOrItsOwnerOfTheInstantIs(t *testing.T) {
	const span, seed = 60, 3
	r := rand.New(rand.NewPCG(seed, 0))
	paused := func() (h pauseHistory, at [span]bool) {
		is := r.IntN(4) == 0
		h = h.then(is, int64(r.IntN(span)))
		for ms := range at {
			if r.IntN(20) == 0 {
				is = !is
				h = h.then(is, int64(ms))
			}
			at[ms] = is
		}
		return h, at
	}
	for range 300 {
		own, ownAt := paused()
		pauses, pausedAt := map[ids.AffiliateID]pauseHistory{}, map[ids.AffiliateID][span]bool{}
		for _, a := range []ids.AffiliateID{1, 2} {
			pauses[a], pausedAt[a] = paused()
		}
		owner := ids.AffiliateID(1 + r.IntN(3)) // the third was never paused
		owners := []CodeOwner{{Code: 9, Affiliate: owner}}
		var ownerOf [span]ids.AffiliateID
		for ms := range ownerOf {
			if ms > 0 && r.IntN(15) == 0 {
				owner = ids.AffiliateID(1 + r.IntN(3))
				owners = append(owners, CodeOwner{Code: 9, Affiliate: owner, FromMS: int64(ms)})
			}
			ownerOf[ms] = owner
		}
		states := statesOf(9, own, owners, pauses)
		for ms := range ownerOf {
			is := false
			for i, s := range states {
				if s.FromMS <= int64(ms) {
					is = s.Paused
				}
				if i > 0 && (states[i-1].Paused == s.Paused || states[i-1].FromMS >= s.FromMS) {
					t.Fatalf("states %+v", states)
				}
			}
			if want := ownAt[ms] || pausedAt[ownerOf[ms]][ms]; is != want || states[0].FromMS != 0 {
				t.Fatalf("seed %d, at %d: paused %v, want %v; own %+v owners %+v pauses %+v states %+v", seed, ms, is, want, own, owners, pauses, states)
			}
		}
	}
}

// TestMidnightPassedWithoutAReporterIsNotMissed: a paused affiliate's code goes to
// an active one while nothing runs. Reports know it from the midnight on, not from
// the next start on; edges are told at the next start, also after the clock went
// back.
func TestMidnightPassedWithoutAReporterIsNotMissed(t *testing.T) {
	k := newClock()
	f := openFixture(t, t.TempDir(), k, nil)
	f.organizer("acme", "America/St_Johns")
	f.affiliate("acme", "Ann")
	f.affiliate("acme", "Bob")
	f.code("acme", "", "SPRING", "Ann")
	k.Advance(time.Hour)
	_, err := f.PauseAffiliate(f.ctx, "test", "acme", "Ann", true)
	must(t, err)
	pausedMS := k.Now().UnixMilli()
	_, err = f.ReassignCode(f.ctx, "test", admin.CodeRef{Text: "SPRING"}, admin.CodeReassign{Affiliate: "Bob", From: "2026-11-24"})
	must(t, err)
	midnight := time.Date(2026, 11, 24, 3, 30, 0, 0, time.UTC)
	before, err := f.Dimensions(f.ctx, newestUS)
	must(t, err)
	want := []CodeState{{1, false, 0}, {1, true, pausedMS}, {1, false, midnight.UnixMilli()}}
	check := func(d *Dimensions) {
		t.Helper()
		if len(d.CodeStates) != 3 || d.CodeStates[0] != want[0] || d.CodeStates[1] != want[1] || d.CodeStates[2] != want[2] {
			t.Errorf("states %+v, want %+v", d.CodeStates, want)
		}
	}
	check(before)
	edge := func() bool {
		t.Helper()
		update, err := f.Feed(1).Routes(f.ctx, zero())
		must(t, err)
		return update.Snapshot.Codes[0].Paused
	}
	must(t, f.Close())

	k.Set(midnight.AddDate(0, 0, 3))
	f = openFixture(t, f.config.Dir, k, nil)
	after, err := f.Dimensions(f.ctx, newestUS)
	must(t, err)
	check(after)
	if edge() || after.Codes[0].Paused {
		t.Error("edges still hold the code for paused")
	}
	// The clock was wrong: it is the day before the midnight. What was told is
	// taken back, and told again when its time comes.
	k.Set(midnight.Add(-time.Hour))
	must(t, f.upkeep(f.ctx))
	if !edge() {
		t.Error("before the midnight the paused affiliate's code is active")
	}
	k.Set(midnight)
	must(t, f.upkeep(f.ctx))
	if edge() {
		t.Error("after the second midnight the code is paused")
	}
	last, err := f.Dimensions(f.ctx, newestUS)
	must(t, err)
	check(last)
}
