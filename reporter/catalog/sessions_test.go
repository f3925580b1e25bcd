package catalog

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	"footfall/schemas/admin"
)

func (f *fixture) signedIn() string {
	f.t.Helper()
	token, _, err := f.SignIn(f.ctx, "ann@acme.example", aPassword, admin.Device{})
	must(f.t, err)
	return token
}

// What is read of a session before its end may not be remembered after it.
func TestASignOutWhileASessionIsReadIsSeenByTheNextRequest(t *testing.T) {
	f, _ := peopleFixture(t)
	p := f.owner()
	token := f.signedIn()
	f.sessions.read = func() {
		f.sessions.read = nil
		must(t, f.EndSession(f.ctx, "test", p.ID, 0))
	}
	if _, err := f.Session(f.ctx, token); err != nil {
		t.Fatalf("the request that was under way: %v", err)
	}
	_, err := f.Session(f.ctx, token)
	refusedFor(t, err, admin.NotFound)
}

func TestASignInThatThePasswordChangesUnderOpensNothing(t *testing.T) {
	f, _ := peopleFixture(t)
	p := f.owner()
	f.hasher.began = func() func() {
		f.hasher.began = func() func() { return func() {} }
		must(t, f.ChangePassword(f.ctx, p.ID, aPassword, "four other unrelated words"))
		return func() {}
	}
	_, _, err := f.SignIn(f.ctx, "ann@acme.example", aPassword, admin.Device{})
	refusedFor(t, err, admin.Invalid)
	if list, err := f.Sessions(f.ctx, p.ID); err != nil || len(list) != 0 {
		t.Errorf("sessions %+v, %v", list, err)
	}
}

// Fixation: a token that somebody chose, or had before, is never whom it signs in.
func TestATokenOfBeforeASignInOpensNothingAfterIt(t *testing.T) {
	f, _ := peopleFixture(t)
	p := f.owner()
	chosen := strings.Repeat("A", len(f.signedIn()))
	before := f.signedIn()
	must(t, f.EndSession(f.ctx, "test", p.ID, 0))
	after := f.signedIn()
	for what, token := range map[string]string{"chosen": chosen, "of before": before, "empty": "", "a hash's": string(hashOf(after))} {
		if _, err := f.Session(f.ctx, token); err == nil || token == after {
			t.Errorf("a token that is %s opens", what)
		}
	}
	if raw, err := base64.RawURLEncoding.DecodeString(after); err != nil || len(raw) < 16 {
		t.Errorf("a token of %d bytes, %v", len(raw), err)
	}
}

func TestOnlyOnesOwnDeviceCanBeSignedOut(t *testing.T) {
	f, _ := peopleFixture(t)
	f.owner()
	bo := f.member("bo@acme.example", admin.RoleOwner)
	token := f.signedIn()
	s, err := f.Session(f.ctx, token)
	must(t, err)
	refusedFor(t, f.EndSession(f.ctx, "test", bo.ID, s.ID), admin.NotFound)
	if _, err := f.Session(f.ctx, token); err != nil {
		t.Errorf("somebody else signed it out: %v", err)
	}
}

func TestSignInsAreBoundedByPersonAndTheOldestEnds(t *testing.T) {
	f, now := peopleFixture(t)
	p := f.owner()
	var tokens []string
	for range maxDevices + 1 {
		now.Advance(sessionStep)
		token, _, err := f.OpenSession(f.ctx, p.ID, "")
		must(t, err)
		tokens = append(tokens, token)
	}
	for i, token := range tokens {
		if _, err := f.Session(f.ctx, token); (err == nil) != (i > 0) {
			t.Errorf("device %d of %d: %v", i, len(tokens), err)
		}
	}
}

func TestAPasswordKeptAtOtherCostsStillOpensAndIsKeptAnew(t *testing.T) {
	f, _ := peopleFixture(t)
	p := f.owner()
	of := *f.hasher
	of.cost = hashCost{memoryKiB: 8 << 10, passes: 1, threads: 1}
	old, err := of.hash(f.ctx, aPassword)
	must(t, err)
	set := func(kept string) {
		t.Helper()
		_, err := f.writer.Exec(`UPDATE people SET password = ? WHERE id = ?`, kept, p.ID)
		must(t, err)
	}
	set(old)
	for range 2 {
		token := f.signedIn()
		if _, err := f.Session(f.ctx, token); err != nil {
			t.Errorf("the session of the sign-in that kept it anew: %v", err)
		}
	}
	var kept string
	must(t, f.reader.QueryRow(`SELECT password FROM people WHERE id = ?`, p.ID).Scan(&kept))
	if !strings.HasPrefix(kept, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("kept as %s", kept)
	}
	for _, broken := range []string{"$argon2id$v=19$m=0,t=0,p=0$!$!", "$argon2id$v=18$m=8,t=1,p=1$AA$AA", "$argon2i$v=19$m=8,t=1,p=1$AA$AA", "$argon2id$v=19$m=8,t=0,p=1$AA$AA", "$argon2id$v=19$m=8,t=1,p=0$AA$AA"} {
		set(broken)
		if _, _, err := f.SignIn(f.ctx, "ann@acme.example", aPassword, admin.Device{}); err == nil {
			t.Errorf("%s opens", broken)
		} else if _, refused := admin.AsRefusal(err); refused {
			t.Errorf("%s is the asker's to mend: %v", broken, err)
		}
	}
}

func TestMoreSignInsThanMayWaitAreToldToComeAgain(t *testing.T) {
	f, _ := peopleFixture(t)
	f.owner()
	for range cap(f.hasher.waiting) {
		f.hasher.waiting <- struct{}{}
	}
	_, _, err := f.SignIn(f.ctx, "ann@acme.example", aPassword, admin.Device{})
	refusedFor(t, err, admin.Busy)
	for range cap(f.hasher.waiting) {
		<-f.hasher.waiting
	}
	f.signedIn()
}

// A guessed link costs no hash: whoever has none can't keep those who sign in waiting.
func TestAGuessedLinkMakesNoHash(t *testing.T) {
	f, _ := peopleFixture(t)
	hashes := 0
	f.hasher.began = func() func() { hashes++; return func() {} }
	_, err := f.SetUp(f.ctx, "guessed", admin.SetUp{Name: "Eve", Email: "eve@acme.example", Password: aPassword})
	refusedFor(t, err, admin.NotFound)
	_, err = f.ResetPassword(f.ctx, "guessed", aPassword)
	refusedFor(t, err, admin.NotFound)
	_, err = f.AcceptInvitation(f.ctx, "guessed", admin.Accept{Name: "Eve", Password: aPassword})
	refusedFor(t, err, admin.NotFound)
	if hashes != 0 {
		t.Errorf("%d hashes", hashes)
	}
}

func TestWhoNeverCameLeavesNoEmail(t *testing.T) {
	f, now := peopleFixture(t)
	f.owner()
	_, err := f.Invite(f.ctx, "test", "acme", admin.InviteAdd{Email: "unmistakable@acme.example", Role: admin.RoleViewer})
	must(t, err)
	now.Advance(invitationLife)
	_, err = f.Invite(f.ctx, "test", "acme", admin.InviteAdd{Email: "cy@acme.example", Role: admin.RoleViewer})
	must(t, err)
	text, err := os.ReadFile(f.backup())
	must(t, err)
	if bytes.Contains(text, []byte("unmistakable")) {
		t.Error("the email of an invitation that is over still stands")
	}
}

func TestAnErasedPersonIsFoundByNothing(t *testing.T) {
	f, _ := peopleFixture(t)
	f.owner()
	bo := f.member("bo@acme.example", admin.RoleViewer)
	f.organizer("other", "UTC")
	_, err := f.Invite(f.ctx, "test", "other", admin.InviteAdd{Email: "BO@Acme.example", Role: admin.RoleViewer})
	must(t, err)
	must(t, f.ErasePerson(f.ctx, "test", bo.ID))
	_, err = f.ResetLink(f.ctx, "test", bo.ID)
	refusedFor(t, err, admin.NotFound)
	_, _, err = f.OpenSession(f.ctx, bo.ID, "")
	refusedFor(t, err, admin.NotFound)
	refusedFor(t, f.ErasePerson(f.ctx, "test", bo.ID), admin.NotFound)
	if list, err := f.Invitations(f.ctx, "other"); err != nil || len(list) != 0 {
		t.Errorf("an invitation still has the email: %+v, %v", list, err)
	}
	if again := f.member("bo@acme.example", admin.RoleViewer); again.ID == bo.ID {
		t.Error("who comes again is who was erased")
	}
}

// An owner who could set the password of a member could sign in as the member, also
// to an organizer that isn't the owner's.
func TestAnOwnerSetsNoPasswordOfWhoIsAnothersToo(t *testing.T) {
	f, _ := peopleFixture(t)
	f.owner()
	bo := f.member("bo@acme.example", admin.RoleViewer)
	_, err := f.ResetLink(f.ctx, "test", bo.ID)
	must(t, err)
	f.organizer("other", "UTC")
	i, err := f.Invite(f.ctx, "test", "other", admin.InviteAdd{Email: "bo@acme.example", Role: admin.RoleOwner})
	must(t, err)
	token, err := f.ResetLink(f.ctx, "test", bo.ID)
	must(t, err) // made before Bo was the other's, opened after it
	_, err = f.AcceptInvitation(f.ctx, i.Token, admin.Accept{Password: aPassword})
	must(t, err)
	_, err = f.ResetPassword(f.ctx, token, "four other unrelated words")
	refusedFor(t, err, admin.NotFound)
	_, err = f.ResetLink(f.ctx, "test", bo.ID)
	refusedFor(t, err, admin.Conflict)
	token, err = f.OperatorResetLink(f.ctx, "test", bo.ID)
	must(t, err)
	_, err = f.ResetPassword(f.ctx, token, "four other unrelated words")
	must(t, err)
}

func TestViewsAndShareLinksAreBounded(t *testing.T) {
	f, _ := peopleFixture(t)
	p := f.owner()
	full := func(table, columns, values string, most int) {
		t.Helper()
		_, err := f.writer.Exec(fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO %s (%s) SELECT %s FROM n`, most, table, columns, values))
		must(t, err)
	}
	full("saved_views", "id, organizer, person, name, query, shared, created_us", "1000 + i, 1, 1, 'v' || i, '', 0, 0", maxViews)
	_, err := f.SaveView(f.ctx, "acme", admin.SavedView{Person: p.ID, Name: "one more"})
	refusedFor(t, err, admin.Conflict)
	_, err = f.SaveView(f.ctx, "acme", admin.SavedView{Person: p.ID, Name: "v7"})
	must(t, err) // takes the place of one
	full("share_links", "id, organizer, hash, label, query, created_us, expires_us", "1000 + i, 1, randomblob(32), 's', '', 0, 9e15", maxShares)
	expires := f.clock.Now().AddDate(0, 0, 7).Format("2006-01-02")
	_, err = f.AddShare(f.ctx, "test", "acme", admin.ShareAdd{Label: "one more", Expires: expires})
	refusedFor(t, err, admin.Conflict)
	must(t, f.EndShare(f.ctx, "test", "acme", 1001))
	_, err = f.AddShare(f.ctx, "test", "acme", admin.ShareAdd{Label: "one more", Expires: expires})
	must(t, err)
}
