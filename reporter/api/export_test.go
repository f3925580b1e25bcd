package api

import (
	"net/netip"
	"slices"
	"time"

	"footfall/internal/ops"
	"footfall/schemas/admin"
)

// Line is one line of the table of access.
type Line struct {
	Pattern, Does string
	Roles         []admin.Role
	Public        bool
	Tenant, Own   uint8
}

// Table is the table of access, for the tests and for docs/api.md.
func Table() []Line {
	var lines []Line
	for _, x := range table() {
		lines = append(lines, Line{x.pattern, x.does, x.roles, x.public, uint8(x.tenant), uint8(x.own)})
	}
	return lines
}

// Without takes defences away.
func (a *API) Without(roles, tenants, own bool) { a.without = without{roles, tenants, own} }

// Serves says whether a route is registered.
func (a *API) Serves(pattern string) bool { return slices.Contains(a.routes.patterns, pattern) }

// Patterns are what an API with every part registers. It is only looked at, never
// asked.
func Patterns(deps Deps) ([]string, error) {
	a, err := New(DefaultConfig(), deps)
	if err != nil {
		return nil, err
	}
	return a.routes.patterns, nil
}

// Backoff is who failed to show a key.
type Backoff struct{ b *ops.Backoff[netip.Addr] }

// NewBackoff remembers nobody.
func NewBackoff() Backoff { return Backoff{ops.NewBackoff[netip.Addr](failures, failureWindow)} }

// Failed notes a failure of a peer.
func (b Backoff) Failed(remote string, now time.Time) time.Duration {
	return b.b.Failed(ops.PeerNetwork(remote), now)
}

// Len is how many addresses are remembered.
func (b Backoff) Len() int { return b.b.Len() }
