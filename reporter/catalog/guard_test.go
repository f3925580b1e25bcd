package catalog

import (
	"net/netip"
	"testing"
	"time"

	"footfall/schemas/admin"
)

func network(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// tried is how many of many wrong passwords are looked at.
func tried(g *guard, now time.Time, who func(int) pair) (n int) {
	for i := range 1000 {
		if g.admit(who(i), now) == nil {
			n++
		}
	}
	return n
}

func TestAThousandGuessesAreNotAThousandTries(t *testing.T) {
	now := newClock().Now()
	for _, c := range []struct {
		what string
		who  func(int) pair
		most int
	}{
		{"one person's from one address", func(int) pair { return pairOf("ann@acme.example", network(1)) }, pairTries},
		{"one person's, told by no address", func(int) pair { return pairOf("ann@acme.example", netip.Addr{}) }, accountTries},
		{"one person's by who has a session", func(int) pair { return insideOf("ann@acme.example") }, pairTries},
		{"one person's from a thousand addresses", func(i int) pair { return pairOf("Ann@acme.example ", network(i)) }, accountTries},
		{"a thousand people's from one address", func(i int) pair { return pairOf(network(i).String(), network(1)) }, networkTries},
	} {
		g := newGuard()
		if n := tried(g, now, c.who); n != c.most {
			t.Errorf("%s: %d tries", c.what, n)
		}
		if n := tried(g, now.Add(guardWindow), c.who); n != c.most {
			t.Errorf("%s, a minute later: %d tries", c.what, n)
		}
	}
}

func TestWhoGuessesElsewhereLocksNobodyOut(t *testing.T) {
	now := newClock().Now()
	g := newGuard()
	home, away := pairOf("ann@acme.example", network(7)), pairOf("ann@acme.example", network(8))
	if err := g.admit(home, now); err != nil {
		t.Fatal(err)
	}
	g.good(home)
	// One network alone doesn't fill the person's count.
	tried(g, now, func(int) pair { return pairOf("ann@acme.example", network(1)) })
	if err := g.admit(away, now); err != nil {
		t.Errorf("from a new address: %v", err)
	}
	tried(g, now, func(i int) pair { return pairOf("ann@acme.example", network(1000+i)) })
	if err := g.admit(home, now); err != nil {
		t.Errorf("from where the person signed in before: %v", err)
	}
	if err := g.admit(insideOf("ann@acme.example"), now); err != nil {
		t.Errorf("who has a session: %v", err)
	}
	refusedFor(t, g.admit(away, now), admin.Busy)
	if err := g.admit(away, now.Add(guardWindow)); err != nil {
		t.Errorf("from a new address, a minute later: %v", err)
	}
}

func TestRightPasswordsAreNotCounted(t *testing.T) {
	g, now := newGuard(), newClock().Now()
	for i := range 10 * accountTries {
		for _, who := range []pair{pairOf("ann@acme.example", network(1)), pairOf("ann@acme.example", network(i)), pairOf("ann@acme.example", netip.Addr{}), insideOf("ann@acme.example")} {
			if err := g.admit(who, now); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			g.good(who)
		}
	}
	if len(g.known) > keptKnown || g.pairs.Len() != 0 || g.networks.Len() != 0 || g.accounts.Len() != 0 {
		t.Errorf("%d are known; %d, %d and %d count", len(g.known), g.pairs.Len(), g.networks.Len(), g.accounts.Len())
	}
}

func TestWhereSomebodySignedInIsBoundedAndNotKept(t *testing.T) {
	g := newGuard()
	for i := range 2 * keptKnown {
		g.good(pairOf("ann@acme.example", network(i)))
	}
	if len(g.known) > keptKnown {
		t.Errorf("%d are known", len(g.known))
	}
}

// Wherever a password is asked for, guessing it is told to wait; an address of the
// same IPv6 customer is no other one.
func TestGuessesAreToldToWaitWhereverAPasswordIsAsked(t *testing.T) {
	f, now := peopleFixture(t)
	p := f.owner()
	f.organizer("other", "UTC")
	i, err := f.Invite(f.ctx, "test", "other", admin.InviteAdd{Email: "ann@acme.example", Role: admin.RoleViewer})
	must(t, err)
	hashes := 0
	f.hasher.began = func() func() { hashes++; return func() {} }
	address := netip.MustParseAddr("2001:db8::1")
	for what, guess := range map[string]func() error{
		"sign in": func() error {
			address = address.Next()
			_, _, err := f.SignIn(f.ctx, "ann@acme.example", "a wrong password", admin.Device{Address: address})
			return err
		},
		"change": func() error { return f.ChangePassword(f.ctx, p.ID, "a wrong password", "four other unrelated words") },
		"accept": func() error {
			_, err := f.AcceptInvitation(f.ctx, i.Token, admin.Accept{Password: "a wrong password"})
			return err
		},
	} {
		now.Advance(guardWindow)
		hashes = 0
		for range pairTries {
			refusedFor(t, guess(), admin.Invalid)
		}
		refusedFor(t, guess(), admin.Busy)
		if hashes != pairTries {
			t.Errorf("%s: %d hashes", what, hashes)
		}
	}
	if n := counted(t, f, "footfall_catalog_refusals_total", string(admin.Busy)); n != 3 {
		t.Errorf("counted %v refusals", n)
	}
	now.Advance(guardWindow)
	f.signedIn()
}
