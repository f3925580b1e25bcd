package catalog

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

const aPassword = "three unrelated words"

// owner sets the first person up.
func (f *fixture) owner() admin.Person {
	f.t.Helper()
	token, err := f.SetupLink(f.ctx)
	must(f.t, err)
	p, err := f.SetUp(f.ctx, token, admin.SetUp{Name: "Ann", Email: "ann@acme.example", Password: aPassword})
	must(f.t, err)
	return p
}

func (f *fixture) member(email string, role admin.Role) admin.Person {
	f.t.Helper()
	i, err := f.Invite(f.ctx, "test", "acme", admin.InviteAdd{Email: email, Role: role})
	must(f.t, err)
	p, err := f.AcceptInvitation(f.ctx, i.Token, admin.Accept{Name: "Bo", Password: aPassword})
	must(f.t, err)
	return p
}

func peopleFixture(t *testing.T) (*fixture, *clock) {
	t.Helper()
	k := newClock()
	f := openFixture(t, t.TempDir(), k, nil)
	f.organizer("acme", "Europe/Vienna")
	return f, k
}

func refusedFor(t *testing.T, err error, reason admin.Reason) {
	t.Helper()
	if r, ok := admin.AsRefusal(err); !ok || r.Reason != reason {
		t.Errorf("got %v, want a refusal: %s", err, reason)
	}
}

func TestASetupLinkMakesOneOwnerAndNoSecond(t *testing.T) {
	f, _ := peopleFixture(t)
	first, err := f.SetupLink(f.ctx)
	must(t, err)
	second, err := f.SetupLink(f.ctx)
	must(t, err)
	ask := admin.SetUp{Name: "Ann", Email: "ann@acme.example", Password: aPassword}
	_, err = f.SetUp(f.ctx, first, ask)
	refusedFor(t, err, admin.NotFound) // a later one has taken its place
	_, err = f.SetUp(f.ctx, second, admin.SetUp{Name: "Ann", Email: "ann@acme.example", Password: "short"})
	refusedFor(t, err, admin.Invalid)
	p, err := f.SetUp(f.ctx, second, ask)
	must(t, err)
	if p.RoleIn("acme") != admin.RoleOwner {
		t.Errorf("the first person is %+v", p)
	}
	_, err = f.SetUp(f.ctx, second, ask)
	refusedFor(t, err, admin.NotFound)
	if token, err := f.SetupLink(f.ctx); err != nil || token != "" {
		t.Errorf("with an owner there, a setup link %q, %v", token, err)
	}

	g, gNow := peopleFixture(t)
	late, err := g.SetupLink(g.ctx)
	must(t, err)
	gNow.Advance(setupLife)
	_, err = g.SetUp(g.ctx, late, ask)
	refusedFor(t, err, admin.NotFound)
}

func TestSetupBringsItsOrganizer(t *testing.T) {
	f := openFixture(t, t.TempDir(), newClock(), nil)
	token, err := f.SetupLink(f.ctx)
	must(t, err)
	ask := admin.SetUp{Name: "Ann", Email: "ann@acme.example", Password: aPassword}
	_, err = f.SetUp(f.ctx, token, ask)
	refusedFor(t, err, admin.Invalid)
	_, err = f.SetUp(f.ctx, "guessed", admin.SetUp{Name: "Eve", Email: "eve@acme.example", Password: aPassword, NewOrganizer: &admin.Organizer{Slug: "eve", Name: "Eve", Zone: "UTC", Currency: "EUR"}})
	refusedFor(t, err, admin.NotFound)
	if list, err := f.Organizers(f.ctx); err != nil || len(list) != 0 {
		t.Errorf("a guessed token made %v, %v", list, err)
	}
	ask.NewOrganizer = &admin.Organizer{Slug: "acme", Name: "Acme", Zone: "Europe/Vienna", Currency: "EUR"}
	p, err := f.SetUp(f.ctx, token, ask)
	must(t, err)
	if p.RoleIn("acme") != admin.RoleOwner {
		t.Errorf("the first person is %+v", p)
	}
}

// An unknown email and a wrong password are one answer after one hash.
func TestWhoSignsInIsNotToldByAWrongPassword(t *testing.T) {
	f, _ := peopleFixture(t)
	f.owner()
	hashes := 0
	f.hasher.began = func() func() { hashes++; return func() {} }
	var said []string
	for _, email := range []string{"ann@acme.example", "nobody@acme.example", "", "ANN@acme.example "} {
		before := hashes
		_, _, err := f.SignIn(f.ctx, email, "a wrong password", admin.Device{})
		if hashes != before+1 {
			t.Errorf("%q: %d hashes", email, hashes-before)
		}
		refusedFor(t, err, admin.Invalid)
		said = append(said, err.Error())
	}
	for _, text := range said {
		if text != said[0] {
			t.Errorf("answers differ: %q", said)
		}
	}
	if _, s, err := f.SignIn(f.ctx, "Ann@Acme.example", aPassword, admin.Device{Label: "Firefox on Linux"}); err != nil || s.Label != "Firefox on Linux" {
		t.Errorf("the right password: %+v, %v", s, err)
	}
}

func TestFiftySignInsAtOnceMakeTwoHashesAtATime(t *testing.T) {
	f, _ := peopleFixture(t)
	f.owner()
	var now, most atomic.Int64
	f.hasher.began = func() func() {
		for n, m := now.Add(1), most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return func() { now.Add(-1) }
	}
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			if _, _, err := f.SignIn(f.ctx, "ann@acme.example", aPassword, admin.Device{Address: network(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := most.Load(); n < 1 || n > hashers {
		t.Errorf("%d hashes at one time", most.Load())
	}
}

func TestASessionEndsByTimeBySignOutAndByPassword(t *testing.T) {
	f, now := peopleFixture(t)
	p := f.owner()
	open := func() string {
		t.Helper()
		token, _, err := f.SignIn(f.ctx, "ann@acme.example", aPassword, admin.Device{})
		must(t, err)
		_, err = f.Session(f.ctx, token)
		must(t, err)
		return token
	}
	ended := func(token, why string) {
		t.Helper()
		if _, err := f.Session(f.ctx, token); err == nil {
			t.Errorf("the session still opens: %s", why)
		}
	}
	idle := open()
	now.Advance(sessionIdle)
	ended(idle, "nobody used it")
	old := open()
	for range 10 {
		now.Advance(sessionIdle - time.Hour)
		_, _ = f.Session(f.ctx, old)
	}
	ended(old, "it is old")
	one, other := open(), open()
	if one == other {
		t.Error("two sessions have one token")
	}
	s, err := f.Session(f.ctx, one)
	must(t, err)
	must(t, f.EndSession(f.ctx, "test", p.ID, s.ID))
	ended(one, "it was signed out")
	if _, err := f.Session(f.ctx, other); err != nil {
		t.Errorf("another device was signed out too: %v", err)
	}
	must(t, f.ChangePassword(f.ctx, p.ID, aPassword, "four other unrelated words"))
	ended(other, "the password changed")
	refusedFor(t, f.ChangePassword(f.ctx, p.ID, aPassword, "four other unrelated words"), admin.Invalid)
}

func TestAMembershipThatEndsIsSeenAtOnceAndTheLastOwnerStays(t *testing.T) {
	f, _ := peopleFixture(t)
	owner, member := f.owner(), f.member("bo@acme.example", admin.RoleManager)
	token, _, err := f.SignIn(f.ctx, "bo@acme.example", aPassword, admin.Device{})
	must(t, err)
	role := func() admin.Role {
		t.Helper()
		s, err := f.Session(f.ctx, token)
		must(t, err)
		return s.Person.RoleIn("acme")
	}
	if got := role(); got != admin.RoleManager {
		t.Errorf("role %q", got)
	}
	must(t, f.SetRole(f.ctx, "test", "acme", member.ID, admin.RoleViewer))
	if got := role(); got != admin.RoleViewer {
		t.Errorf("after the change role %q", got)
	}
	must(t, f.SetRole(f.ctx, "test", "acme", member.ID, ""))
	if got := role(); got != "" {
		t.Errorf("after the end role %q", got)
	}
	for _, role := range []admin.Role{"", admin.RoleManager} {
		refusedFor(t, f.SetRole(f.ctx, "test", "acme", owner.ID, role), admin.Conflict)
	}
	refusedFor(t, f.ErasePerson(f.ctx, "test", owner.ID), admin.Conflict)
	refusedFor(t, f.SetRole(f.ctx, "test", "acme", owner.ID, admin.RoleOperator), admin.Invalid)
}

func TestALinkOpensOnceAndOnlyItsOwnThing(t *testing.T) {
	f, now := peopleFixture(t)
	f.organizer("other", "UTC")
	owner := f.owner()
	i, err := f.Invite(f.ctx, "test", "acme", admin.InviteAdd{Email: "bo@acme.example", Role: admin.RoleAnalyst})
	must(t, err)
	_, err = f.ResetPassword(f.ctx, i.Token, aPassword)
	refusedFor(t, err, admin.NotFound)
	again, err := f.Invite(f.ctx, "test", "acme", admin.InviteAdd{Email: "BO@acme.example", Role: admin.RoleViewer})
	must(t, err)
	_, err = f.AcceptInvitation(f.ctx, i.Token, admin.Accept{Name: "Bo", Password: aPassword})
	refusedFor(t, err, admin.NotFound) // the later invitation has taken its place
	p, err := f.AcceptInvitation(f.ctx, again.Token, admin.Accept{Name: "Bo", Password: aPassword})
	must(t, err)
	if p.RoleIn("acme") != admin.RoleViewer || p.RoleIn("other") != "" {
		t.Errorf("became %+v", p)
	}
	_, err = f.AcceptInvitation(f.ctx, again.Token, admin.Accept{Name: "Bo", Password: aPassword})
	refusedFor(t, err, admin.NotFound)

	second, err := f.Invite(f.ctx, "test", "other", admin.InviteAdd{Email: "bo@acme.example", Role: admin.RoleOwner})
	must(t, err)
	_, err = f.AcceptInvitation(f.ctx, second.Token, admin.Accept{Name: "Eve", Password: "not Bo's password"})
	refusedFor(t, err, admin.Invalid) // who has the link is not yet who has the account
	_, err = f.AcceptInvitation(f.ctx, second.Token, admin.Accept{Password: aPassword})
	must(t, err)

	reset, err := f.OperatorResetLink(f.ctx, "test", owner.ID)
	must(t, err)
	now.Advance(invitationLife)
	_, err = f.ResetPassword(f.ctx, reset, "four other unrelated words")
	refusedFor(t, err, admin.NotFound)
	reset, err = f.OperatorResetLink(f.ctx, "test", owner.ID)
	must(t, err)
	_, err = f.ResetPassword(f.ctx, reset, "four other unrelated words")
	must(t, err)
	if _, _, err := f.SignIn(f.ctx, "ann@acme.example", "four other unrelated words", admin.Device{}); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

// Nothing that opens something stands in a file or a backup, and a restored
// backup opens nothing by itself.
func TestNothingThatOpensStandsAtRest(t *testing.T) {
	f, _ := peopleFixture(t)
	p := f.owner()
	token, _, err := f.SignIn(f.ctx, "ann@acme.example", aPassword, admin.Device{})
	must(t, err)
	i, err := f.Invite(f.ctx, "test", "acme", admin.InviteAdd{Email: "bo@acme.example", Role: admin.RoleViewer})
	must(t, err)
	reset, err := f.ResetLink(f.ctx, "test", p.ID)
	must(t, err)
	share, err := f.AddShare(f.ctx, "test", "acme", admin.ShareAdd{Label: "the band", Query: "by=code", Expires: f.clock.Now().AddDate(0, 0, 7).Format(time.DateOnly)})
	must(t, err)
	for _, path := range f.atRest(f.backup()) {
		text, err := os.ReadFile(path)
		must(t, err)
		for what, secret := range map[string]string{"password": aPassword, "session": token, "invitation": i.Token, "reset link": reset, "share link": share.Token} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds the %s", path, what)
			}
		}
	}
}

func TestARestoreOpensNothingThatWasClosed(t *testing.T) {
	f, now := peopleFixture(t)
	ann := f.owner()
	now.Advance(time.Second)
	bo, cy, dee := f.member("bo.unmistakable@acme.example", admin.RoleViewer), f.member("cy@acme.example", admin.RoleManager), f.member("dee@acme.example", admin.RoleManager)
	token, _, err := f.SignIn(f.ctx, "ann@acme.example", aPassword, admin.Device{})
	must(t, err)
	share, err := f.AddShare(f.ctx, "test", "acme", admin.ShareAdd{Label: "the band", Expires: f.clock.Now().AddDate(0, 0, 7).Format(time.DateOnly)})
	must(t, err)
	invitation, err := f.Invite(f.ctx, "test", "acme", admin.InviteAdd{Email: "eve@acme.example", Role: admin.RoleOwner})
	must(t, err)
	path := f.backup()
	must(t, f.ErasePerson(f.ctx, "test", bo.ID))
	must(t, f.SetRole(f.ctx, "test", "acme", cy.ID, ""))
	must(t, f.SetRole(f.ctx, "test", "acme", dee.ID, admin.RoleViewer))
	must(t, f.ChangePassword(f.ctx, ann.ID, aPassword, "four other unrelated words"))
	f.organizer("later", "UTC")
	i, err := f.Invite(f.ctx, "test", "later", admin.InviteAdd{Email: "ann@acme.example", Role: admin.RoleOwner})
	must(t, err)
	_, err = f.AcceptInvitation(f.ctx, i.Token, admin.Accept{Password: "four other unrelated words"})
	must(t, err)

	_, err = restore(f, path, Seen{})
	must(t, err)
	text, err := os.ReadFile(f.path())
	must(t, err)
	if bytes.Contains(text, []byte("unmistakable")) {
		t.Error("who was erased is back")
	}
	f = openFixture(t, f.config.Dir, now, nil)
	_, err = f.Session(f.ctx, token)
	refusedFor(t, err, admin.NotFound)
	_, err = f.Share(f.ctx, share.Token)
	refusedFor(t, err, admin.NotFound)
	_, err = f.Invitation(f.ctx, invitation.Token)
	refusedFor(t, err, admin.NotFound)
	_, _, err = f.SignIn(f.ctx, "ann@acme.example", aPassword, admin.Device{})
	refusedFor(t, err, admin.Invalid)
	_, s, err := f.SignIn(f.ctx, "ann@acme.example", "four other unrelated words", admin.Device{})
	must(t, err)
	if len(s.Person.Memberships) != 1 || s.Person.RoleIn("acme") != admin.RoleOwner {
		t.Errorf("Ann is %+v", s.Person)
	}
	people, err := f.People(f.ctx, "acme")
	must(t, err)
	if len(people) != 2 || people[1].ID != dee.ID || people[1].RoleIn("acme") != admin.RoleViewer {
		t.Errorf("people %+v", people)
	}
}

// Where the catalog was lost and begun anew, its people are not the backup's.
func TestARestoreKeepsTheBackupsPeopleFromAnotherCatalogs(t *testing.T) {
	f, _ := peopleFixture(t)
	f.owner()
	path := f.backup()
	g, now := peopleFixture(t)
	now.Advance(time.Hour)
	token, err := g.SetupLink(g.ctx)
	must(t, err)
	_, err = g.SetUp(g.ctx, token, admin.SetUp{Name: "Eve", Email: "eve@acme.example", Password: aPassword})
	must(t, err)
	_, err = restore(g, path, Seen{})
	must(t, err)
	g = openFixture(t, g.config.Dir, now, nil)
	people, err := g.People(g.ctx, "acme")
	must(t, err)
	if len(people) != 1 || people[0].Email != "ann@acme.example" {
		t.Errorf("people %+v", people)
	}
}

func TestAShareLinkEndsByDayAndByRevocation(t *testing.T) {
	f, now := peopleFixture(t)
	add := func(days int) (admin.ShareLink, error) {
		return f.AddShare(f.ctx, "test", "acme", admin.ShareAdd{Label: "the band", Query: "by=code&event=gala", Expires: f.clock.Now().AddDate(0, 0, days).Format(time.DateOnly)})
	}
	for _, days := range []int{-2, 400} {
		_, err := add(days)
		refusedFor(t, err, admin.Invalid)
	}
	share, err := add(7)
	must(t, err)
	got, err := f.Share(f.ctx, share.Token)
	must(t, err)
	if got.Query != "by=code&event=gala" || got.Organizer != "acme" || got.Token != "" {
		t.Errorf("shares %+v", got)
	}
	now.Advance(9 * 24 * time.Hour)
	_, err = f.Share(f.ctx, share.Token)
	refusedFor(t, err, admin.NotFound)
	again, err := add(7)
	must(t, err)
	must(t, f.EndShare(f.ctx, "test", "acme", again.ID))
	_, err = f.Share(f.ctx, again.Token)
	refusedFor(t, err, admin.NotFound)
	list, err := f.Shares(f.ctx, "acme")
	must(t, err)
	if len(list) != 2 || list[0].Ended == nil || list[1].LastUsed == nil {
		t.Errorf("lists %+v", list)
	}
}

func TestSavedViewsAreTheirPersonsUnlessShared(t *testing.T) {
	f, _ := peopleFixture(t)
	ann, bo := f.owner(), f.member("bo@acme.example", admin.RoleAnalyst)
	save := func(p ids.PersonID, name string, shared bool) admin.SavedView {
		t.Helper()
		v, err := f.SaveView(f.ctx, "acme", admin.SavedView{Person: p, Name: name, Query: "by=day", Shared: shared})
		must(t, err)
		return v
	}
	mine, shared := save(ann.ID, "mine", false), save(ann.ID, "ours", true)
	save(ann.ID, "mine", false) // takes the place of the first
	list, err := f.SavedViews(f.ctx, "acme", bo.ID)
	must(t, err)
	if len(list) != 1 || list[0].Name != "ours" {
		t.Errorf("somebody else sees %+v", list)
	}
	refusedFor(t, f.DeleteView(f.ctx, "test", "acme", bo.ID, shared.ID), admin.NotFound)
	if list, err = f.SavedViews(f.ctx, "acme", ann.ID); err != nil || len(list) != 2 {
		t.Errorf("Ann sees %+v, %v", list, err)
	}
	must(t, f.DeleteView(f.ctx, "test", "acme", 0, shared.ID))
	if list, err = f.SavedViews(f.ctx, "acme", ann.ID); err != nil || len(list) != 1 || list[0].ID == mine.ID {
		t.Errorf("Ann sees %+v, %v", list, err)
	}
	_, err = f.SaveView(f.ctx, "acme", admin.SavedView{Person: ann.ID, Name: "long", Query: strings.Repeat("a", maxViewBytes+1)})
	refusedFor(t, err, admin.Invalid)
}

func TestAnErasedPersonLeavesNoName(t *testing.T) {
	f, _ := peopleFixture(t)
	f.owner()
	bo := f.member("bo.unmistakable@acme.example", admin.RoleViewer)
	token, _, err := f.SignIn(f.ctx, "bo.unmistakable@acme.example", aPassword, admin.Device{})
	must(t, err)
	must(t, f.ErasePerson(f.ctx, "test", bo.ID))
	if _, err := f.Session(f.ctx, token); err == nil {
		t.Error("an erased person is still signed in")
	}
	text, err := os.ReadFile(f.backup())
	must(t, err)
	if bytes.Contains(text, []byte("unmistakable")) {
		t.Error("the email stands in a backup that was made afterwards")
	}
}
