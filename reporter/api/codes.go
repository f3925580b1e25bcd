package api

import (
	"net/http"
	"slices"
	"strconv"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

func codeRef(r *http.Request) admin.CodeRef {
	q := r.URL.Query()
	return admin.CodeRef{Organizer: q.Get("organizer"), Event: q.Get("event"), Text: r.PathValue("code")}
}

func (a *API) registerCodes(rs *routes) {
	c := a.deps.Catalog
	a.handle(rs, "GET /v1/codes", http.StatusOK, a.codesPage)
	a.handle(rs, "POST /v1/codes", http.StatusCreated, body(func(r *http.Request, add admin.CodeAdd) (any, error) {
		return c.AddCode(r.Context(), actor(r), add)
	}))
	a.handle(rs, "GET /v1/codes/{code}", http.StatusOK, func(r *http.Request) (any, error) {
		code, err := c.Code(r.Context(), codeRef(r))
		return ownersSeenBy(r, code), err
	})
	a.handle(rs, "GET /v1/codes/{code}/aliases", http.StatusOK, func(r *http.Request) (any, error) {
		list, err := c.Aliases(r.Context(), codeRef(r))
		if err != nil {
			return nil, err
		}
		return page(r, list, func(t admin.Alias) string { return t.Text })
	})
	a.handle(rs, "GET /v1/codes/{code}/link", http.StatusOK, func(r *http.Request) (any, error) { return c.Link(r.Context(), codeRef(r)) })
	for action, paused := range map[string]bool{"pause": true, "resume": false} {
		a.handle(rs, "POST /v1/codes/{code}/"+action, http.StatusOK, func(r *http.Request) (any, error) {
			return c.PauseCode(r.Context(), actor(r), codeRef(r), paused)
		})
	}
	a.handle(rs, "POST /v1/codes/{code}/rename", http.StatusOK, body(func(r *http.Request, rename admin.CodeRename) (any, error) {
		return c.RenameCode(r.Context(), actor(r), codeRef(r), rename)
	}))
	a.handle(rs, "POST /v1/codes/{code}/reassign", http.StatusOK, body(func(r *http.Request, to admin.CodeReassign) (any, error) {
		return c.ReassignCode(r.Context(), actor(r), codeRef(r), to)
	}))
}

func (a *API) codesPage(r *http.Request) (any, error) {
	q := r.URL.Query()
	query := admin.CodeQuery{Organizer: q.Get("organizer"), Event: q.Get("event"), Affiliate: q.Get("affiliate")}
	after, err := afterOf(r)
	if err != nil {
		return nil, err
	}
	query.After = ids.CodeID(min(after, 1<<32-1)) //nolint:gosec // bounded in the same line
	if query.Limit, err = limitOf(r); err != nil {
		return nil, err
	}
	found, err := a.deps.Catalog.Codes(r.Context(), query)
	if err != nil {
		return nil, err
	}
	p := admin.Page[admin.Code]{Items: found.Codes}
	for i := range p.Items {
		p.Items[i] = ownersSeenBy(r, p.Items[i])
	}
	if found.Next != 0 {
		p.Next = strconv.FormatUint(uint64(found.Next), 10)
	}
	return p, nil
}

// ownersSeenBy leaves an affiliate only its own times as a code's owner.
func ownersSeenBy(r *http.Request, code admin.Code) admin.Code {
	if p, _ := admin.PrincipalOf(r.Context()); p.Role == admin.RoleAffiliate {
		code.Owners = slices.DeleteFunc(slices.Clone(code.Owners), func(o admin.CodeOwner) bool { return o.Affiliate != p.Affiliate })
	}
	return code
}
