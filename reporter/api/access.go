package api

import (
	"slices"

	"footfall/schemas/admin"
)

// tenant is where a route names its organizer.
type tenant uint8

const (
	tenantNone  tenant = iota // of the installation, or the answer itself is cut to the key's
	tenantQuery               // parameter organizer; a key's is filled in
	tenantBody                // field organizer; a key's is filled in
	tenantPath                // {organizer}
	tenantEvent               // {slug}, an event
)

// own is how a route is held to an affiliate.
type own uint8

const (
	ownNothing own = iota // not for affiliates
	ownRows               // parameter affiliate; the key's is filled in
	ownCode               // {code} must be the affiliate's now
	ownSelf               // {ref} must be the affiliate's id
	ownAnswer             // the answer itself is cut to what is the affiliate's
)

// access is one line of the table: who may ask a route, beside the operator.
type access struct {
	pattern string
	does    string
	roles   []admin.Role
	tenant  tenant
	own     own
	public  bool // needs no key
}

// table is the whole of what keys may do. What doesn't stand here is the
// operator's alone. docs/api.md and the test of all routes are made from it.
func table() []access {
	everyone := []admin.Role{admin.RoleOwner, admin.RoleManager, admin.RoleAnalyst, admin.RoleViewer, admin.RoleAffiliate}
	viewers, readers, keepers, owner := everyone[:4], everyone[:3], everyone[:2], everyone[:1]
	return slices.Concat(figures(everyone, viewers, readers), wares(viewers, owner), partners(everyone, viewers, keepers, owner), keyring(owner), installation())
}

// figures are what is asked of visits, orders and money.
func figures(everyone, viewers, readers []admin.Role) []access {
	return []access{
		{pattern: "GET /v1/openapi.yaml", does: "the API's description", public: true},
		{pattern: "GET /v1/me", does: "whose key this is", roles: everyone, own: ownAnswer},

		{pattern: "GET /v1/report", does: "make a report", roles: everyone, tenant: tenantQuery, own: ownRows},
		{pattern: "GET /v1/orders/{organizer}/{id}/explanation", does: "explain an order's credit", roles: everyone, tenant: tenantPath, own: ownAnswer},
		{pattern: "GET /v1/orders/{id}/explanation", does: "the same, of the key's organizer", roles: everyone, own: ownAnswer},
		{pattern: "GET /v1/exceptions", does: "list what a person should look at", roles: viewers, tenant: tenantQuery},
		{pattern: "POST /v1/sql", does: "run one SELECT", roles: readers, tenant: tenantBody},
	}
}

// wares are what is sold.
func wares(viewers, owner []admin.Role) []access {
	return []access{
		{pattern: "GET /v1/organizers", does: "list organizers", roles: viewers},
		{pattern: "GET /v1/organizers/{organizer}", does: "show an organizer", roles: viewers, tenant: tenantPath},
		{pattern: "POST /v1/organizers", does: "add an organizer"},
		{pattern: "PATCH /v1/organizers/{organizer}", does: "change an organizer", roles: owner, tenant: tenantPath},

		{pattern: "GET /v1/events", does: "list events", roles: viewers, tenant: tenantQuery},
		{pattern: "GET /v1/events/{slug}", does: "show an event", roles: viewers, tenant: tenantEvent},
		{pattern: "POST /v1/events", does: "add an event", roles: owner, tenant: tenantBody},
		{pattern: "PATCH /v1/events/{slug}", does: "change an event", roles: owner, tenant: tenantEvent},
	}
}

// partners are who is credited, and by what rules.
func partners(everyone, viewers, keepers, owner []admin.Role) []access {
	return []access{
		{pattern: "GET /v1/affiliates", does: "list affiliates", roles: viewers, tenant: tenantQuery},
		{pattern: "GET /v1/affiliates/{ref}", does: "show an affiliate", roles: everyone, tenant: tenantQuery, own: ownSelf},
		{pattern: "POST /v1/affiliates", does: "add an affiliate", roles: keepers, tenant: tenantBody},
		{pattern: "PATCH /v1/affiliates/{ref}", does: "change an affiliate", roles: keepers, tenant: tenantQuery},
		{pattern: "POST /v1/affiliates/{ref}/pause", does: "pause an affiliate", roles: keepers, tenant: tenantQuery},
		{pattern: "POST /v1/affiliates/{ref}/resume", does: "resume an affiliate", roles: keepers, tenant: tenantQuery},

		{pattern: "GET /v1/codes", does: "list tracking codes", roles: everyone, tenant: tenantQuery, own: ownRows},
		{pattern: "GET /v1/codes/{code}", does: "show a tracking code", roles: everyone, tenant: tenantQuery, own: ownCode},
		{pattern: "GET /v1/codes/{code}/aliases", does: "list a code's texts", roles: everyone, tenant: tenantQuery, own: ownCode},
		{pattern: "GET /v1/codes/{code}/link", does: "the link to hand out", roles: everyone, tenant: tenantQuery, own: ownCode},
		{pattern: "POST /v1/codes", does: "add a tracking code", roles: keepers, tenant: tenantBody},
		{pattern: "POST /v1/codes/{code}/pause", does: "pause a code", roles: keepers, tenant: tenantQuery},
		{pattern: "POST /v1/codes/{code}/resume", does: "resume a code", roles: keepers, tenant: tenantQuery},
		{pattern: "POST /v1/codes/{code}/rename", does: "rename a code", roles: keepers, tenant: tenantQuery},
		{pattern: "POST /v1/codes/{code}/reassign", does: "give a code to another affiliate", roles: keepers, tenant: tenantQuery},

		{pattern: "GET /v1/coupons", does: "list coupon codes", roles: viewers, tenant: tenantQuery},
		{pattern: "POST /v1/coupons", does: "bind a coupon to a code", roles: keepers, tenant: tenantBody},
		{pattern: "POST /v1/coupons/{text}/end", does: "end a coupon's binding", roles: keepers, tenant: tenantQuery},
		{pattern: "GET /v1/policies", does: "list attribution policies", roles: viewers, tenant: tenantQuery},
		{pattern: "POST /v1/policies", does: "set the attribution policy", roles: owner, tenant: tenantBody},

		{pattern: "POST /v1/imports/affiliates", does: "import affiliates from CSV", roles: keepers, tenant: tenantQuery},
		{pattern: "POST /v1/imports/codes", does: "import tracking codes from CSV", roles: keepers, tenant: tenantQuery},
	}
}

// keyring is the keys and secrets of an organizer.
func keyring(owner []admin.Role) []access {
	return []access{
		{pattern: "GET /v1/keys/api", does: "list API keys", roles: owner, tenant: tenantQuery},
		{pattern: "POST /v1/keys/api", does: "make an API key", roles: owner, tenant: tenantBody},
		{pattern: "POST /v1/keys/api/{id}/end", does: "end an API key", roles: owner, tenant: tenantQuery},
		{pattern: "GET /v1/secrets", does: "list webhook secrets", roles: owner, tenant: tenantQuery},
		{pattern: "POST /v1/secrets", does: "add a webhook secret", roles: owner, tenant: tenantBody},
		{pattern: "POST /v1/secrets/{id}/end", does: "end a webhook secret", roles: owner, tenant: tenantQuery},
	}
}

// installation is what no key may ask: it has no roles.
func installation() []access {
	return []access{
		{pattern: "POST /v1/setup-link", does: "make the link that makes the first person"},
		{pattern: "GET /v1/people", does: "list an organizer's people"},
		{pattern: "POST /v1/people", does: "make a member of who signs in already"},
		{pattern: "POST /v1/people/{id}/role", does: "give a member another role, or none"},
		{pattern: "POST /v1/people/{id}/reset-link", does: "make a link to a new password"},
		{pattern: "POST /v1/people/{id}/erase", does: "erase a person"},
		{pattern: "GET /v1/invitations", does: "list open invitations"},
		{pattern: "POST /v1/invitations", does: "invite somebody"},
		{pattern: "POST /v1/invitations/{id}/end", does: "take an invitation back"},
		{pattern: "GET /v1/collectors", does: "list collectors"},
		{pattern: "POST /v1/collectors", does: "enrol a collector"},
		{pattern: "POST /v1/collectors/{id}/token", does: "renew a collector's token"},
		{pattern: "POST /v1/collectors/{id}/retire", does: "retire a collector"},
		{pattern: "GET /v1/keys/click", does: "list keys of click ids"},
		{pattern: "POST /v1/keys/click", does: "rotate the key of click ids"},
		{pattern: "POST /v1/keys/click/{id}/end", does: "end a key of click ids"},
		{pattern: "GET /v1/catalog", does: "the catalog's revision"},
		{pattern: "GET /v1/catalog/check", does: "check the catalog's file"},
		{pattern: "GET /v1/audit", does: "read the audit log"},
		{pattern: "POST /v1/backup", does: "write a backup"},
	}
}
