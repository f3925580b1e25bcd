package admin

import (
	"context"

	"footfall/schemas/ids"
)

// Role is what somebody who asks over the API may do.
type Role string

// The roles, the most powerful first. What each may ask is in the API's table.
const (
	RoleOperator  Role = "operator"  // the installation: everything. The unix socket's peers are operators
	RoleOwner     Role = "owner"     // of one organizer: everything of it
	RoleManager   Role = "manager"   // of one organizer: reads everything of it, and keeps its affiliates and codes
	RoleAnalyst   Role = "analyst"   // of one organizer: reads everything of it
	RoleViewer    Role = "viewer"    // of one organizer: reads reports, and no names of people beyond theirs
	RoleAffiliate Role = "affiliate" // of one organizer: reads its own rows
)

// Principal is who asks.
type Principal struct {
	Actor     string          `json:"actor"` // for the audit log
	Role      Role            `json:"role"`
	Organizer string          `json:"organizer,omitempty"` // slug; empty for an operator
	Affiliate ids.AffiliateID `json:"affiliate,omitempty"` // of role affiliate
}

type principalKey struct{}

// WithPrincipal puts who asks into a context.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalOf says who asks; a context without one has nobody, who may nothing.
func PrincipalOf(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}
