package catalog

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

// paperPerson is what a porter would write on paper about a person.
type paperPerson struct {
	id       ids.PersonID
	email    string
	password string
	roles    map[string]admin.Role
	erased   bool
}

// paperLink is a link that opens once, of an invitation or to a new password.
type paperLink struct {
	token  string
	id     uint32
	org    string // of an invitation
	email  string
	role   admin.Role
	person *paperPerson // of a new password
	until  time.Time
	ended  bool
}

type paperSession struct {
	token         string
	id            uint32
	person        *paperPerson
	created, used time.Time
	ended         bool
}

// ledger is everything of people, by rules that are as plain as they can be.
type ledger struct {
	*fixture
	rt       *rapid.T
	people   []*paperPerson // once, for ever
	links    []*paperLink
	sessions []*paperSession
	owned    map[string]bool // organizers that ever had an owner
}

func (p *ledger) want(ok bool, err error, what string) {
	p.rt.Helper()
	if _, refused := admin.AsRefusal(err); ok != (err == nil) || err != nil && !refused {
		p.rt.Fatalf("%s: %v, the rules say that it may be: %v", what, err, ok)
	}
}

func (p *ledger) find(email string) *paperPerson {
	for _, one := range p.people {
		if one.email == email && !one.erased {
			return one
		}
	}
	return nil
}

func (p *ledger) pick() *paperPerson {
	one := p.find(p.email())
	if one == nil {
		p.rt.Skip()
	}
	return one
}

func (p *ledger) email() string {
	return rapid.SampledFrom([]string{"ann@acme.example", "bo@acme.example", "cy@acme.example"}).Draw(p.rt, "email")
}

func (p *ledger) org() string {
	return rapid.SampledFrom([]string{"acme", "beta"}).Draw(p.rt, "organizer")
}

func (p *ledger) role(more ...admin.Role) admin.Role {
	return rapid.SampledFrom(append(more, admin.RoleOwner, admin.RoleAnalyst)).Draw(p.rt, "role")
}

func (p *ledger) secret() string {
	return rapid.SampledFrom([]string{aPassword, "four other unrelated words"}).Draw(p.rt, "password")
}

// joins is somebody who becomes a member: nothing older opens the same.
func (p *ledger) joins(one *paperPerson, org string, role admin.Role) {
	one.roles[org] = role
	p.owned[org] = p.owned[org] || role == admin.RoleOwner
	p.endLinks(func(l *paperLink) bool { return l.person == one || l.org == org && l.email == one.email })
}

func (p *ledger) endLinks(which func(*paperLink) bool) {
	for _, l := range p.links {
		l.ended = l.ended || which(l)
	}
}

func (p *ledger) endSessions(which func(*paperSession) bool) {
	for _, s := range p.sessions {
		s.ended = s.ended || which(s)
	}
}

func (p *ledger) open(l *paperLink) bool { return !l.ended && p.clock.Now().Before(l.until) }

func (p *ledger) live(s *paperSession) bool {
	return !s.ended && p.clock.Now().Sub(s.created) < sessionLife && p.clock.Now().Sub(s.used) < sessionIdle
}

// sole says whether an organizer has no other owner.
func (p *ledger) sole(one *paperPerson, org string) bool {
	return one.roles[org] == admin.RoleOwner && !slices.ContainsFunc(p.people, func(o *paperPerson) bool { return o != one && o.roles[org] == admin.RoleOwner })
}

func (p *ledger) setUp() {
	token, err := p.SetupLink(p.ctx)
	must(p.t, err)
	email, free := p.email(), !slices.ContainsFunc(p.people, func(o *paperPerson) bool { return !o.erased })
	if free != (token != "") {
		p.rt.Fatalf("a set-up link %q, the rules say that there is one: %v", token, free)
	}
	if !free {
		return
	}
	got, err := p.SetUp(p.ctx, token, admin.SetUp{Name: "Somebody", Email: email, Password: aPassword})
	must(p.t, err)
	one := &paperPerson{id: got.ID, email: email, password: aPassword, roles: map[string]admin.Role{}}
	p.people = append(p.people, one)
	p.joins(one, "acme", admin.RoleOwner)
	p.joins(one, "beta", admin.RoleOwner)
}

func (p *ledger) invite() {
	org, email, role := p.org(), p.email(), p.role()
	one := p.find(email)
	i, err := p.Invite(p.ctx, "test", org, admin.InviteAdd{Email: email, Role: role})
	p.want(one == nil || one.roles[org] == "", err, "inviting")
	if err == nil {
		p.endLinks(func(l *paperLink) bool { return l.org == org && l.email == email })
		p.links = append(p.links, &paperLink{token: i.Token, id: i.ID, org: org, email: email, role: role, until: p.clock.Now().Add(invitationLife)})
	}
}

// link is one of the invitations, or of the links to a new password, that there
// ever were.
func (p *ledger) link(invitation bool) *paperLink {
	all := slices.DeleteFunc(slices.Clone(p.links), func(l *paperLink) bool { return (l.org != "") != invitation })
	if len(all) == 0 {
		p.rt.Skip()
	}
	return rapid.SampledFrom(all).Draw(p.rt, "link")
}

func (p *ledger) accept() {
	l, password := p.link(true), aPassword
	one, open := p.find(l.email), p.open(l)
	if one != nil {
		password = one.password
	}
	got, err := p.AcceptInvitation(p.ctx, l.token, admin.Accept{Name: "Somebody", Password: password})
	p.want(open, err, "accepting")
	if err != nil {
		return
	}
	if one == nil {
		one = &paperPerson{id: got.ID, email: l.email, password: password, roles: map[string]admin.Role{}}
		p.people = append(p.people, one)
	}
	l.ended = true
	p.joins(one, l.org, l.role)
}

func (p *ledger) setRole() {
	one, org, role := p.pick(), p.org(), p.role("", admin.RoleViewer)
	err := p.SetRole(p.ctx, "test", org, one.id, role)
	p.want(one.roles[org] != "" && (role == admin.RoleOwner || !p.sole(one, org)), err, "another role")
	if err == nil {
		p.owned[org] = p.owned[org] || role == admin.RoleOwner
		one.roles[org] = role
	}
}

func (p *ledger) erase() {
	one := p.pick()
	err := p.ErasePerson(p.ctx, "test", one.id)
	p.want(!p.sole(one, "acme") && !p.sole(one, "beta"), err, "erasing")
	if err == nil {
		one.erased = true
		clear(one.roles)
		p.endLinks(func(l *paperLink) bool { return l.person == one || l.email == one.email })
		p.endSessions(func(s *paperSession) bool { return s.person == one })
	}
}

func (p *ledger) signIn() {
	one := p.pick()
	token, s, err := p.SignIn(p.ctx, one.email, one.password, admin.Device{})
	p.want(true, err, "signing in")
	p.sessions = append(p.sessions, &paperSession{token: token, id: s.ID, person: one, created: p.clock.Now(), used: p.clock.Now()})
}

func (p *ledger) signOut() {
	all := slices.DeleteFunc(slices.Clone(p.sessions), func(s *paperSession) bool { return !p.live(s) })
	if len(all) == 0 {
		p.rt.Skip()
	}
	s := rapid.SampledFrom(all).Draw(p.rt, "session")
	p.want(true, p.EndSession(p.ctx, "test", s.person.id, s.id), "signing out")
	s.ended = true
}

func (p *ledger) changePassword() {
	one, password := p.pick(), p.secret()
	p.want(true, p.ChangePassword(p.ctx, one.id, one.password, password), "changing the password")
	p.setPassword(one, password)
}

func (p *ledger) setPassword(one *paperPerson, password string) {
	one.password = password
	p.endLinks(func(l *paperLink) bool { return l.person == one })
	p.endSessions(func(s *paperSession) bool { return s.person == one })
}

func (p *ledger) resetLink() {
	one, members := p.pick(), 0
	for _, role := range one.roles {
		if role != "" {
			members++
		}
	}
	token, err := p.ResetLink(p.ctx, "test", one.id)
	p.want(members < 2, err, "a link to a new password")
	if err == nil {
		p.endLinks(func(l *paperLink) bool { return l.person == one })
		p.links = append(p.links, &paperLink{token: token, person: one, until: p.clock.Now().Add(invitationLife)})
	}
}

func (p *ledger) reset() {
	l, password := p.link(false), p.secret()
	open := p.open(l)
	_, err := p.ResetPassword(p.ctx, l.token, password)
	p.want(open, err, "a new password by a link")
	if err == nil {
		p.setPassword(l.person, password)
	}
}

// check compares all that can be read with the paper.
func (p *ledger) check() {
	for _, org := range []string{"acme", "beta"} {
		list, err := p.People(p.ctx, org)
		must(p.t, err)
		got, want, owners := map[ids.PersonID]admin.Role{}, map[ids.PersonID]admin.Role{}, 0
		for _, one := range list {
			got[one.ID] = one.RoleIn(org)
			if one.RoleIn(org) == admin.RoleOwner {
				owners++
			}
		}
		for _, one := range p.people {
			if role := one.roles[org]; role != "" {
				want[one.id] = role
			}
		}
		if !maps.Equal(got, want) || p.owned[org] && owners == 0 {
			p.rt.Fatalf("people of %s are %v, want %v", org, got, want)
		}
	}
	for _, l := range p.links {
		if l.org == "" {
			_, err := oneTimeBy(p.ctx, p.reader, linkReset, l.token, p.clock.Now())
			p.want(p.open(l), err, "looking for a link to a new password")
			continue
		}
		i, err := p.Invitation(p.ctx, l.token)
		p.want(p.open(l), err, "looking at an invitation")
		if err == nil && i.Known != (p.find(l.email) != nil) {
			p.rt.Fatalf("invitation %+v", i)
		}
	}
	now := p.clock.Now()
	for _, s := range p.sessions {
		got, err := p.Session(p.ctx, s.token)
		p.want(p.live(s), err, "asking with a session")
		if err != nil {
			continue
		}
		if got.Person.ID != s.person.id || got.Person.RoleIn("acme") != s.person.roles["acme"] || got.Person.RoleIn("beta") != s.person.roles["beta"] {
			p.rt.Fatalf("session %+v, want of %+v", got, s.person)
		}
		if now.Sub(s.used) >= sessionStep {
			s.used = now
		}
	}
}

// TestModelOfPeople: whatever people do in whatever order, an organizer keeps an
// owner, and what was ended opens nothing.
func TestModelOfPeople(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := newClock()
		c, err := open(t, t.TempDir(), k, nil)
		must(t, err)
		defer func() { must(t, c.Close()) }()
		c.hasher.cost = hashCost{memoryKiB: 8, passes: 1, threads: 1}
		p := &ledger{fixture: &fixture{Catalog: c, t: t, clock: k, ctx: t.Context()}, owned: map[string]bool{}}
		p.organizer("acme", "Europe/Vienna")
		p.organizer("beta", "America/New_York")
		by := func(do func()) func(*rapid.T) {
			return func(rt *rapid.T) { p.rt = rt; do() }
		}
		rt.Repeat(map[string]func(*rapid.T){
			"set up": by(p.setUp), "invite": by(p.invite), "accept": by(p.accept), "role": by(p.setRole), "erase": by(p.erase),
			"sign in": by(p.signIn), "sign out": by(p.signOut), "password": by(p.changePassword), "reset link": by(p.resetLink), "reset": by(p.reset),
			// No sum of these is when anything ends: that is right to microseconds.
			"wait": by(func() {
				k.Advance(rapid.SampledFrom([]time.Duration{time.Minute, 31 * time.Hour, 192 * time.Hour, 361 * time.Hour}).Draw(p.rt, "time"))
			}),
			"": by(p.check),
		})
	})
}
