package catalog

import (
	"crypto/sha256"
	"net/netip"
	"strings"
	"sync"
	"time"

	"footfall/internal/ops"
	"footfall/schemas/admin"
)

const (
	// guardWindow is how long the count of wrong passwords lasts.
	guardWindow = time.Minute
	// pairTries is for who forgot a password; more come from nobody by hand.
	pairTries = 10
	// networkTries is for an office behind one address.
	networkTries = 60
	// accountTries bounds who guesses one person's from many addresses: 144,000 a
	// day, against passwords of minPasswordChars and more.
	accountTries = 100
	// keptKnown bounds the memory of who signed in from where.
	keptKnown = 10_000
)

// account stands for an email, also one that nobody has.
type account [16]byte

// pair is somebody who tries from somewhere.
type pair struct {
	account account
	network netip.Addr // zero: not told
	inside  bool       // has a session or an invitation
}

func pairOf(email string, network netip.Addr) pair {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(email))))
	return pair{account: account(sum[:len(account{})]), network: network}
}

// insideOf is who has a session or an invitation, and gives the password of the
// email once more. Those count for themselves.
func insideOf(email string) pair {
	who := pairOf(email, netip.Addr{})
	who.inside = true
	return who
}

// paired says whether the try can be told from others of the person's.
func (p pair) paired() bool { return p.inside || p.network.IsValid() }

// guard tells those to wait who try passwords: by person and network, by network,
// and by person. The last is not for networks that the person signed in from, so
// that nobody locks a person out by guessing from elsewhere. All of it is in memory
// alone.
type guard struct {
	pairs    *ops.Backoff[pair]
	networks *ops.Backoff[netip.Addr]
	accounts *ops.Backoff[account]

	mu    sync.Mutex
	known map[pair]struct{} // guarded by mu: signed in since the start
}

func newGuard() *guard {
	return &guard{
		pairs: ops.NewBackoff[pair](pairTries, guardWindow), networks: ops.NewBackoff[netip.Addr](networkTries, guardWindow), accounts: ops.NewBackoff[account](accountTries, guardWindow),
		known: map[pair]struct{}{},
	}
}

// admit counts a try before its work, as many may come at once; good takes it back.
func (g *guard) admit(who pair, now time.Time) error {
	// A try that is refused for where it comes from is not the person's: else one
	// network could fill the person's count.
	if who.paired() && g.pairs.Failed(who, now) > 0 ||
		who.network.IsValid() && g.networks.Failed(who.network, now) > 0 ||
		!who.inside && !g.knows(who) && g.accounts.Failed(who.account, now) > 0 {
		return admin.Refuse(admin.Busy, "", "too many wrong passwords: wait a minute, then try again")
	}
	return nil
}

func (g *guard) knows(who pair) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.known[who]
	return ok
}

func (g *guard) good(who pair) {
	if who.paired() {
		g.pairs.Forgive(who)
	}
	if who.network.IsValid() {
		g.networks.Forgive(who.network)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.known[who]; !ok && !who.inside {
		g.accounts.Forgive(who.account)
	}
	if len(g.known) >= keptKnown {
		clear(g.known)
	}
	if who.network.IsValid() {
		g.known[who] = struct{}{}
	}
}
