package catalog

import (
	"testing"

	"footfall/schemas/admin"
)

// Who was invited to less before set-up made them owner can't lose that by the
// older link: the organizer would be without an owner.
func TestAnOlderInvitationDemotesNoOwner(t *testing.T) {
	f, _ := peopleFixture(t)
	i, err := f.Invite(f.ctx, "test", "acme", admin.InviteAdd{Email: "ANN@acme.example", Role: admin.RoleViewer})
	must(t, err)
	ann := f.owner()
	_, err = f.AcceptInvitation(f.ctx, i.Token, admin.Accept{Password: aPassword})
	refusedFor(t, err, admin.NotFound)
	people, err := f.People(f.ctx, "acme")
	must(t, err)
	if len(people) != 1 || people[0].ID != ann.ID || people[0].RoleIn("acme") != admin.RoleOwner {
		t.Errorf("people %+v", people)
	}
	if list, err := f.Invitations(f.ctx, "acme"); err != nil || len(list) != 0 {
		t.Errorf("an invitation of a member still opens: %+v, %v", list, err)
	}
}

// An organizer that the operator added has no owner until one is invited.
func TestWhereNobodyIsOwnerYetAMemberCanStillLeave(t *testing.T) {
	f, _ := peopleFixture(t)
	bo := f.member("bo@acme.example", admin.RoleViewer)
	must(t, f.SetRole(f.ctx, "test", "acme", bo.ID, admin.RoleAnalyst))
	must(t, f.SetRole(f.ctx, "test", "acme", bo.ID, ""))
	if people, err := f.People(f.ctx, "acme"); err != nil || len(people) != 0 {
		t.Errorf("people %+v, %v", people, err)
	}
}

// An operator adds an organizer for somebody who is there: no link is needed, and
// who is signed in sees it with the next request.
func TestWhoSignsInAlreadyNeedsNoLinkToOneMoreOrganizer(t *testing.T) {
	f, _ := peopleFixture(t)
	ann := f.owner()
	token := f.signedIn()
	_, err := f.Session(f.ctx, token)
	must(t, err)
	f.organizer("later", "UTC")
	add := admin.MemberAdd{Email: " Ann@acme.example", Role: admin.RoleOwner}
	_, err = f.AddMember(f.ctx, "test", "later", admin.MemberAdd{Email: "nobody@acme.example", Role: admin.RoleOwner})
	refusedFor(t, err, admin.NotFound)
	_, err = f.AddMember(f.ctx, "test", "later", admin.MemberAdd{Email: add.Email, Role: admin.RoleOperator})
	refusedFor(t, err, admin.Invalid)
	p, err := f.AddMember(f.ctx, "test", "later", add)
	must(t, err)
	if p.ID != ann.ID || p.RoleIn("later") != admin.RoleOwner || p.RoleIn("acme") != admin.RoleOwner {
		t.Errorf("became %+v", p)
	}
	if s, err := f.Session(f.ctx, token); err != nil || s.Person.RoleIn("later") != admin.RoleOwner {
		t.Errorf("who is signed in: %+v, %v", s.Person, err)
	}
	add.Role = admin.RoleViewer
	_, err = f.AddMember(f.ctx, "test", "later", add)
	refusedFor(t, err, admin.Conflict)
}
