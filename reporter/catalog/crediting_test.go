package catalog

import (
	"strings"
	"testing"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/policy"
)

// crediting is a world with a code, in a zone whose midnights are at 03:30 UTC.
func crediting(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.organizer("acme", "America/St_Johns")
	f.organizer("beta", "UTC")
	f.affiliate("acme", "Ann")
	f.affiliate("beta", "Bea")
	f.code("acme", "", "SPRING", "Ann")
	f.code("acme", "", "AUTUMN", "Ann")
	f.code("beta", "", "BETA", "Bea")
	return f
}

func refusedWith(t *testing.T, err error, pointer, says string) {
	t.Helper()
	r, refused := admin.AsRefusal(err)
	if !refused || r.Pointer != pointer || !strings.Contains(r.Detail, says) {
		t.Errorf("got %v, want a refusal of %s saying %q", err, pointer, says)
	}
}

func (f *fixture) coupon(text, code, from, until string) (admin.Coupon, error) {
	return f.AddCoupon(f.ctx, "test", admin.CouponAdd{Organizer: "acme", Text: text, Code: code, From: from, Until: until})
}

// TestCouponLeadsToOneCodeAtATime: in its organizer, whatever the case, and ended
// it is free for another.
func TestCouponLeadsToOneCodeAtATime(t *testing.T) {
	f := crediting(t)
	k, err := f.coupon(" Ten % ", "spring", "2026-11-20", "2026-12-01")
	must(t, err)
	if k.Text != "Ten %" || k.Code != "SPRING" || k.From.UTC().Format(time.RFC3339) != "2026-11-20T03:30:00Z" || k.Until.UTC().Format(time.RFC3339) != "2026-12-01T03:30:00Z" || k.State != admin.CouponActive {
		t.Errorf("coupon %+v", k)
	}
	for _, dates := range [][2]string{{"", ""}, {"2026-11-01", ""}, {"2026-11-01", "2026-11-21"}, {"2026-11-30", "2026-12-05"}, {"2026-11-21", "2026-11-22"}} {
		_, err = f.coupon("TEN %", "AUTUMN", dates[0], dates[1])
		refusedWith(t, err, "/text", "leads to the code SPRING from 2026-11-20T00:00:00-03:30 until 2026-12-01T00:00:00-03:30")
	}
	if _, err := f.coupon("ten %", "AUTUMN", "2026-12-01", ""); err != nil {
		t.Errorf("right after the other: %v", err)
	}
	if _, err := f.coupon("ten %", "AUTUMN", "2026-11-10", "2026-11-20"); err != nil {
		t.Errorf("right before the other: %v", err)
	}
	if _, err := f.AddCoupon(f.ctx, "test", admin.CouponAdd{Organizer: "beta", Text: "Ten %", Code: "BETA"}); err != nil {
		t.Errorf("another organizer's: %v", err)
	}
	_, err = f.coupon("Y", "BETA", "", "")
	refusedWith(t, err, "/code", "has no code")
	_, err = f.coupon("Y", "SPRING", "2026-12-02", "2026-12-02")
	refusedWith(t, err, "/until", "not after its beginning")
	_, err = f.coupon(" ", "SPRING", "", "")
	refusedWith(t, err, "/text", "1 to 256 bytes")
	_, err = f.coupon("a\nb", "SPRING", "", "")
	refusedWith(t, err, "/text", "one line")
	_, err = f.coupon("Y", "SPRING", "soon", "")
	refusedWith(t, err, "/from", "2026-12-01")
}

// TestEndedCouponKeepsWhatItCredited: an end never reaches back, and the audit log
// says what does.
func TestEndedCouponKeepsWhatItCredited(t *testing.T) {
	f := crediting(t)
	_, err := f.coupon("TEN", "SPRING", "2026-11-01", "")
	must(t, err)
	entries, err := f.Audit(f.ctx, 0, 1)
	must(t, err)
	if entries[0].Action != "coupon add" || entries[0].After["reaches_back_to"] != "2026-11-01T00:00:00-02:30" || entries[0].After["from"] != nil { // the clocks went back that night
		t.Errorf("audit %+v", entries[0])
	}
	_, err = f.EndCoupon(f.ctx, "test", "acme", "ten", admin.CouponEnd{Until: "2026-11-22"})
	refusedWith(t, err, "/until", "the next one in America/St_Johns begins 2026-11-23")
	k, err := f.EndCoupon(f.ctx, "test", "acme", "ten", admin.CouponEnd{Until: "2026-12-01"})
	must(t, err)
	if k.State != admin.CouponActive || k.Until == nil {
		t.Errorf("ended at a coming midnight: %+v", k)
	}
	_, err = f.EndCoupon(f.ctx, "test", "acme", "ten", admin.CouponEnd{Until: "2026-12-05"})
	refusedWith(t, err, "/until", "ends 2026-12-01T00:00:00-03:30 already")
	k, err = f.EndCoupon(f.ctx, "test", "acme", "ten", admin.CouponEnd{})
	must(t, err)
	if k.State != admin.CouponEnded || !k.Until.Equal(f.clock.Now()) {
		t.Errorf("ended at once: %+v", k)
	}
	_, err = f.EndCoupon(f.ctx, "test", "acme", "ten", admin.CouponEnd{})
	refusedWith(t, err, "/text", "has ended")
	_, err = f.EndCoupon(f.ctx, "test", "acme", "eleven", admin.CouponEnd{})
	refusedWith(t, err, "/text", "no coupon")
	// One that is to come and is ended never held, and leaves its time free.
	_, err = f.coupon("SOON", "SPRING", "2026-12-01", "")
	must(t, err)
	if k, err = f.EndCoupon(f.ctx, "test", "acme", "soon", admin.CouponEnd{}); err != nil || !k.Until.Equal(k.From) || k.State != admin.CouponEnded {
		t.Errorf("ended before it began: %+v, %v", k, err)
	}
	_, err = f.coupon("SOON", "AUTUMN", "2026-12-01", "")
	must(t, err)
	list, err := f.Coupons(f.ctx, "acme")
	must(t, err)
	if len(list) != 3 || list[2].State != admin.CouponEnded && list[1].State != admin.CouponEnded {
		t.Errorf("coupons %+v", list)
	}
	d, err := f.Dimensions(f.ctx, newestUS)
	must(t, err)
	if len(d.Coupons) != 3 || d.Coupons[0].UntilMS != f.clock.Now().UnixMilli() || d.Coupons[1].FromMS != d.Coupons[1].UntilMS || d.Coupons[2].UntilMS != foreverMS || d.Coupons[2].Folded != "soon" {
		t.Errorf("dimensions %+v", d.Coupons)
	}
}

// TestPolicyBeginsAtAComingMidnightAndIsNeverOverwritten.
func TestPolicyBeginsAtAComingMidnightAndIsNeverOverwritten(t *testing.T) {
	f := crediting(t)
	days := func(n int) *int { return &n }
	set := func(from string, window int) (policy.Listed, error) {
		return f.SetPolicy(f.ctx, "test", policy.Set{Organizer: "acme", WindowDays: days(window), From: from})
	}
	was, err := f.StateAt(f.ctx, newestUS)
	must(t, err)
	second, err := set("", 7)
	must(t, err)
	if second.Version != 2 || second.WindowDays != 7 || second.Pick != policy.PickLast || second.InForce || second.From.UTC().Format(time.RFC3339) != "2026-11-23T03:30:00Z" {
		t.Errorf("policy %+v", second)
	}
	_, err = set("2026-11-22", 9)
	refusedWith(t, err, "/from", "a policy begins at a coming midnight: the next one in America/St_Johns begins 2026-11-23")
	_, err = set("", 0)
	refusedWith(t, err, "/window_days", "want 1 to 3650")
	_, err = f.SetPolicy(f.ctx, "test", policy.Set{Organizer: "acme", Rules: []string{"luck"}})
	refusedWith(t, err, "/rules", "not known")
	// The watermark is ahead of the clock: a midnight before it is settled.
	must(t, f.NoteWatermark(f.ctx, time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC).UnixMicro()))
	_, err = set("2026-11-23", 9)
	refusedWith(t, err, "/from", "begins 2026-11-24")
	third, err := set("2026-12-24", 14)
	must(t, err)
	for at, want := range map[string]int{"2026-11-23T03:29:59Z": 30, "2026-11-23T03:30:00Z": 7, "2026-12-24T03:29:59Z": 7, "2026-12-24T03:30:00Z": 14} {
		instant, err := time.Parse(time.RFC3339, at)
		must(t, err)
		if p, err := f.PolicyAt(f.ctx, "acme", instant.UnixMilli()); err != nil || p.WindowDays != want {
			t.Errorf("at %s the window is %d days, %v; want %d", at, p.WindowDays, err, want)
		}
	}
	// What is known from a midnight on doesn't begin at it, but at the next one.
	must(t, f.NoteWatermark(f.ctx, time.Date(2026, 12, 25, 3, 30, 0, 0, time.UTC).UnixMicro()-1))
	_, err = set("2026-12-25", 9)
	refusedWith(t, err, "/from", "begins 2026-12-26")
	list, err := f.Policies(f.ctx, "acme")
	must(t, err)
	if len(list) != 3 || third.Version != 3 || list[0].Version != 1 || !list[0].InForce || list[0].From != nil {
		t.Errorf("policies %+v", list)
	}
	d, err := f.Dimensions(f.ctx, was.KnownAtUS)
	must(t, err)
	if len(d.Policies) != 2 { // the built-in one of each organizer
		t.Errorf("an older as-of has the policies %+v", d.Policies)
	}
	entries, err := f.Audit(f.ctx, 0, 1)
	must(t, err)
	if entries[0].Action != "policy set" || entries[0].Before["window_days"] != 7.0 || entries[0].After["window_days"] != 14.0 {
		t.Errorf("audit %+v", entries[0])
	}
}

// TestPolicyFromTheBeginningOnlyWhileNothingIsSold.
func TestPolicyFromTheBeginningOnlyWhileNothingIsSold(t *testing.T) {
	f := crediting(t)
	pick := policy.PickFirst
	first, err := f.SetPolicy(f.ctx, "test", policy.Set{Organizer: "acme", Pick: &pick, From: FromBeginning})
	must(t, err)
	if first.From != nil || !first.InForce {
		t.Errorf("policy %+v", first)
	}
	if p, err := f.PolicyAt(f.ctx, "acme", 0); err != nil || p.Version != 2 {
		t.Errorf("in force in 1970: %+v, %v", p, err)
	}
	f.event("acme", "gala")
	_, err = f.SetPolicy(f.ctx, "test", policy.Set{Organizer: "acme", Pick: &pick, From: FromBeginning})
	refusedWith(t, err, "/from", "has events")
	if _, err = f.SetPolicy(f.ctx, "test", policy.Set{Organizer: "beta", Pick: &pick, From: FromBeginning}); err != nil {
		t.Errorf("another organizer's events are no matter: %v", err)
	}
}

// TestEndOfAClickKeyIsKnownFromItsRevisionOn: an older as-of doesn't see it, also
// when the clock ran behind a watermark, and the newest does at once.
func TestEndOfAClickKeyIsKnownFromItsRevisionOn(t *testing.T) {
	f := newFixture(t)
	ahead := f.clock.Now().Add(time.Hour).UnixMicro()
	must(t, f.NoteWatermark(f.ctx, ahead))
	ends := f.clock.Now().Add(-time.Hour)
	_, err := f.EndClickKey(f.ctx, "test", 1, ends)
	must(t, err)
	s, err := f.StateAt(f.ctx, newestUS)
	must(t, err)
	for asOf, want := range map[int64][2]int64{ahead: {1, 0}, s.KnownAtUS: {2, ends.UnixMilli()}, newestUS: {2, ends.UnixMilli()}} {
		keys, err := f.VerifyingKeys(f.ctx, asOf)
		must(t, err)
		if int64(len(keys)) != want[0] || keys[0].EndsMS != want[1] {
			t.Errorf("as of %d: %d keys, the first ends %d; want %v", asOf, len(keys), keys[0].EndsMS, want)
		}
	}
	later := ends.Add(time.Minute)
	_, err = f.EndClickKey(f.ctx, "test", 1, later)
	must(t, err)
	if keys, err := f.VerifyingKeys(f.ctx, s.KnownAtUS); err != nil || keys[0].EndsMS != ends.UnixMilli() {
		t.Errorf("the first end became %+v, %v", keys, err)
	}
	if keys, err := f.ClickKeys(f.ctx); err != nil || !keys[0].Ends.Equal(later) || keys[0].Minting || !keys[1].Minting {
		t.Errorf("keys %+v, %v", keys, err)
	}
	_, err = f.EndClickKey(f.ctx, "test", 1, time.Time{})
	refusedWith(t, err, "/ends", "before 1970")
}

// TestClaimIsForWhoOwnedTheCodeInAllOfItsTime.
func TestClaimIsForWhoOwnedTheCodeInAllOfItsTime(t *testing.T) {
	f := newFixture(t)
	f.organizer("acme", "UTC")
	f.affiliate("acme", "Ann")
	f.affiliate("acme", "Bob")
	f.code("acme", "", "SPRING", "Ann")
	_, err := f.ReassignCode(f.ctx, "test", admin.CodeRef{Text: "SPRING"}, admin.CodeReassign{Affiliate: "Bob", From: "2026-11-25"})
	must(t, err)
	f.clock.Advance(10 * 24 * time.Hour) // 2 December
	_, err = f.RenameCode(f.ctx, "test", admin.CodeRef{Text: "SPRING"}, admin.CodeRename{Text: "SPRNG"})
	must(t, err)
	// Visits with SPRNG came for weeks while it was unknown.
	claim := func(who, from string) error { return claimed(f, who, "SPRNG", from) }
	refusedWith(t, claim("Ann", "2026-11-20"), "/claim_from", "(Bob)")
	refusedWith(t, claim("Bob", "2026-11-20"), "/claim_from", "(Ann)")
	must(t, claim("Bob", "2026-11-26"))
	before, err := f.Revision(f.ctx)
	must(t, err)
	must(t, claim("Bob", "2026-11-28")) // reached already
	if after, err := f.Revision(f.ctx); err != nil || after != before {
		t.Errorf("a claim that changes nothing made revision %v, %v", after, err)
	}
	must(t, claim("Bob", "2026-11-25"))
	refusedWith(t, claim("Bob", "2026-11-24"), "/claim_from", "(Ann)")
	must(t, claim("Ann", "2026-11-20"))                // up to where Bob's time begins it was hers
	must(t, claimed(f, "Ann", "SPRING", "2026-11-01")) // the older text was Ann's in all of that time
	d, err := f.Dimensions(f.ctx, newestUS)
	must(t, err)
	for at, want := range map[string]string{"2026-11-25T00:00:00Z": "Bob", "2026-11-24T23:59:59Z": "Ann", "2026-11-20T00:00:00Z": "Ann", "2026-11-19T23:59:59Z": "nobody"} {
		instant, err := time.Parse(time.RFC3339, at)
		must(t, err)
		who := "nobody"
		if code := d.Resolve(1, 1, "sprng", instant.UnixMilli()); code != 0 {
			who = d.Affiliates[d.OwnerAt(code, instant.UnixMilli())-1].Name
		}
		if who != want {
			t.Errorf("a visit with SPRNG at %s is %s's, want %s", at, who, want)
		}
	}
}

func claimed(f *fixture, who, text, from string) error {
	_, err := f.AddCode(f.ctx, "test", claimOf(text, who, from))
	return err
}

// TestTakeoversFallOnTheOrganizersMidnightWhateverTheClocksDo: through the catalog
// itself, on days of 23 and 25 hours and without a midnight.
func TestTakeoversFallOnTheOrganizersMidnightWhateverTheClocksDo(t *testing.T) {
	for _, c := range []struct{ zone, now, from, want string }{
		{"America/St_Johns", "2026-10-30T12:00:00Z", "2026-11-02", "2026-11-02T03:30:00Z"},    // the day before has 25 hours
		{"America/St_Johns", "2026-03-06T12:00:00Z", "2026-03-09", "2026-03-09T02:30:00Z"},    // 23 hours
		{"Australia/Lord_Howe", "2026-04-01T00:00:00Z", "2026-04-06", "2026-04-05T13:30:00Z"}, // 24.5 hours before
		{"Australia/Lord_Howe", "2026-10-01T00:00:00Z", "2026-10-05", "2026-10-04T13:00:00Z"},
		{"Asia/Kathmandu", "2026-11-22T12:00:00Z", "", "2026-11-22T18:15:00Z"},
		{"Africa/Cairo", "2026-04-20T12:00:00Z", "2026-04-24", "2026-04-23T22:00:00Z"},   // no midnight: the day begins at 01:00
		{"America/Havana", "2026-10-30T12:00:00Z", "2026-11-01", "2026-11-01T04:00:00Z"}, // two midnights: the first
	} {
		k := newClock()
		now, err := time.Parse(time.RFC3339, c.now)
		must(t, err)
		k.Set(now)
		f := openFixture(t, t.TempDir(), k, nil)
		f.organizer("acme", c.zone)
		f.affiliate("acme", "Ann")
		f.affiliate("acme", "Bob")
		f.code("acme", "", "SPRING", "Ann")
		code, err := f.ReassignCode(f.ctx, "test", admin.CodeRef{Text: "SPRING"}, admin.CodeReassign{Affiliate: "Bob", From: c.from})
		must(t, err)
		at := code.Owners[1].From
		if got := at.UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s: the code changes hands %s, want %s", c.zone, got, c.want)
		}
		d, err := f.Dimensions(f.ctx, newestUS)
		must(t, err)
		if d.OwnerAt(1, at.UnixMilli()-1) != 1 || d.OwnerAt(1, at.UnixMilli()) != 2 {
			t.Errorf("%s: the owners around %s are %d and %d", c.zone, at, d.OwnerAt(1, at.UnixMilli()-1), d.OwnerAt(1, at.UnixMilli()))
		}
	}
}
