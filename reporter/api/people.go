package api

import (
	"net/http"
	"strconv"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

// oneTimeLink is a page of the dashboard that opens once. Only the answer that
// made it has it.
type oneTimeLink struct {
	URL string `json:"url"` // a path where the dashboard's address isn't known
}

// invited is an invitation and its link.
type invited struct {
	admin.Invitation
	oneTimeLink
}

func (a *API) oneTimeLink(path string) oneTimeLink {
	if a.deps.Dashboard == nil {
		return oneTimeLink{path}
	}
	return oneTimeLink{a.deps.Dashboard() + path}
}

// roleSet asks for another role; empty: no member any more.
type roleSet struct {
	Role admin.Role `json:"role"`
}

// registerPeople registers what an operator does where nobody can sign in, or an
// owner is not enough. Everything else of people is the dashboard's.
func (a *API) registerPeople(rs *routes) {
	c := a.deps.Catalog
	a.handle(rs, "POST /v1/setup-link", http.StatusCreated, func(r *http.Request) (any, error) {
		token, err := c.SetupLink(r.Context())
		if err == nil && token == "" {
			err = admin.Refuse(admin.Conflict, "", "somebody can sign in already: an owner invites others, or «footfall person invite» does")
		}
		return a.oneTimeLink("/setup/" + token), err
	})
	a.handle(rs, "GET /v1/people", http.StatusOK, func(r *http.Request) (any, error) {
		list, err := c.People(r.Context(), r.URL.Query().Get("organizer"))
		if err != nil {
			return nil, err
		}
		return page(r, list, func(p admin.Person) string { return strconv.FormatUint(uint64(p.ID), 10) })
	})
	a.handle(rs, "POST /v1/people", http.StatusCreated, body(func(r *http.Request, add admin.MemberAdd) (any, error) {
		return c.AddMember(r.Context(), actor(r), r.URL.Query().Get("organizer"), add)
	}))
	a.handle(rs, "POST /v1/people/{id}/role", http.StatusOK, body(func(r *http.Request, set roleSet) (any, error) {
		id, err := pathNumber[ids.PersonID](r, 32)
		if err != nil {
			return nil, err
		}
		return set, c.SetRole(r.Context(), actor(r), r.URL.Query().Get("organizer"), id, set.Role)
	}))
	a.handle(rs, "POST /v1/people/{id}/reset-link", http.StatusCreated, func(r *http.Request) (any, error) {
		id, err := pathNumber[ids.PersonID](r, 32)
		if err != nil {
			return nil, err
		}
		token, err := c.OperatorResetLink(r.Context(), actor(r), id)
		return a.oneTimeLink("/reset/" + token), err
	})
	a.handle(rs, "POST /v1/people/{id}/erase", http.StatusOK, func(r *http.Request) (any, error) {
		id, err := pathNumber[ids.PersonID](r, 32)
		if err != nil {
			return nil, err
		}
		return struct{}{}, c.ErasePerson(r.Context(), actor(r), id)
	})
	a.registerInvitations(rs)
}

func (a *API) registerInvitations(rs *routes) {
	c := a.deps.Catalog
	a.handle(rs, "GET /v1/invitations", http.StatusOK, func(r *http.Request) (any, error) {
		list, err := c.Invitations(r.Context(), r.URL.Query().Get("organizer"))
		if err != nil {
			return nil, err
		}
		return page(r, list, func(i admin.Invitation) string { return strconv.FormatUint(uint64(i.ID), 10) })
	})
	a.handle(rs, "POST /v1/invitations", http.StatusCreated, body(func(r *http.Request, add admin.InviteAdd) (any, error) {
		i, err := c.Invite(r.Context(), actor(r), r.URL.Query().Get("organizer"), add)
		return invited{i, a.oneTimeLink("/invitation/" + i.Token)}, err
	}))
	a.handle(rs, "POST /v1/invitations/{id}/end", http.StatusOK, func(r *http.Request) (any, error) {
		id, err := pathNumber[uint32](r, 32)
		if err != nil {
			return nil, err
		}
		return struct{}{}, c.EndInvitation(r.Context(), actor(r), r.URL.Query().Get("organizer"), id)
	})
}
