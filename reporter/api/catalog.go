package api

import (
	"net/http"
	"strconv"

	"footfall/schemas/admin"
)

func (a *API) registerCatalog(rs *routes) {
	a.registerOrganizers(rs)
	a.registerAffiliates(rs)
	c := a.deps.Catalog
	a.handle(rs, "GET /v1/me", http.StatusOK, func(r *http.Request) (any, error) {
		p, _ := admin.PrincipalOf(r.Context())
		return p, nil
	})
	a.handle(rs, "GET /v1/catalog", http.StatusOK, func(r *http.Request) (any, error) {
		revision, err := c.Revision(r.Context())
		return map[string]any{"incarnation": revision.Incarnation.String(), "revision": revision.Number}, err
	})
	a.handle(rs, "GET /v1/catalog/check", http.StatusOK, func(r *http.Request) (any, error) {
		return map[string]string{"integrity": "ok"}, c.Check(r.Context())
	})
	a.handle(rs, "GET /v1/audit", http.StatusOK, a.auditPage)
	a.handle(rs, "POST /v1/backup", http.StatusCreated, body(func(r *http.Request, ask admin.BackupRequest) (any, error) {
		return c.Backup(r.Context(), actor(r), ask.Path)
	}))
}

// auditPage lists the audit log, newest first.
func (a *API) auditPage(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	after, err := afterOf(r)
	if err != nil {
		return nil, err
	}
	list, err := a.deps.Catalog.Audit(r.Context(), after, limit)
	if err != nil {
		return nil, err
	}
	p := admin.Page[admin.AuditEntry]{Items: list}
	if len(list) == limit && list[limit-1].ID > 1 { // ids begin with 1 and have no holes
		p.Next = strconv.FormatInt(list[limit-1].ID, 10)
	}
	return p, nil
}

func (a *API) registerOrganizers(rs *routes) {
	c := a.deps.Catalog
	a.handle(rs, "GET /v1/organizers", http.StatusOK, func(r *http.Request) (any, error) {
		if p, _ := admin.PrincipalOf(r.Context()); p.Role != admin.RoleOperator {
			o, err := c.Organizer(r.Context(), p.Organizer)
			return admin.Page[admin.Organizer]{Items: []admin.Organizer{o}}, err
		}
		list, err := c.Organizers(r.Context())
		if err != nil {
			return nil, err
		}
		return page(r, list, func(o admin.Organizer) string { return o.Slug })
	})
	a.handle(rs, "GET /v1/organizers/{organizer}", http.StatusOK, func(r *http.Request) (any, error) {
		return c.Organizer(r.Context(), r.PathValue("organizer"))
	})
	a.handle(rs, "POST /v1/organizers", http.StatusCreated, body(func(r *http.Request, o admin.Organizer) (any, error) {
		return c.AddOrganizer(r.Context(), actor(r), o)
	}))
	a.handle(rs, "PATCH /v1/organizers/{organizer}", http.StatusOK, body(func(r *http.Request, edit admin.OrganizerEdit) (any, error) {
		return c.EditOrganizer(r.Context(), actor(r), r.PathValue("organizer"), edit)
	}))
	a.handle(rs, "GET /v1/events", http.StatusOK, func(r *http.Request) (any, error) {
		list, err := c.Events(r.Context(), r.URL.Query().Get("organizer"))
		if err != nil {
			return nil, err
		}
		return page(r, list, func(e admin.Event) string { return e.Slug })
	})
	a.handle(rs, "GET /v1/events/{slug}", http.StatusOK, func(r *http.Request) (any, error) {
		return c.Event(r.Context(), r.PathValue("slug"))
	})
	a.handle(rs, "POST /v1/events", http.StatusCreated, body(func(r *http.Request, add admin.EventAdd) (any, error) {
		return c.AddEvent(r.Context(), actor(r), add)
	}))
	a.handle(rs, "PATCH /v1/events/{slug}", http.StatusOK, body(func(r *http.Request, edit admin.EventEdit) (any, error) {
		return c.EditEvent(r.Context(), actor(r), r.PathValue("slug"), edit)
	}))
}

func (a *API) registerAffiliates(rs *routes) {
	c := a.deps.Catalog
	a.handle(rs, "GET /v1/affiliates", http.StatusOK, func(r *http.Request) (any, error) {
		list, err := c.Affiliates(r.Context(), r.URL.Query().Get("organizer"))
		if err != nil {
			return nil, err
		}
		for i := range list {
			list[i] = seenBy(r, list[i])
		}
		return page(r, list, func(f admin.Affiliate) string { return strconv.FormatUint(uint64(f.ID), 10) })
	})
	a.handle(rs, "GET /v1/affiliates/{ref}", http.StatusOK, func(r *http.Request) (any, error) {
		affiliate, err := c.Affiliate(r.Context(), r.URL.Query().Get("organizer"), r.PathValue("ref"))
		return seenBy(r, affiliate), err
	})
	a.handle(rs, "POST /v1/affiliates", http.StatusCreated, body(func(r *http.Request, add admin.AffiliateAdd) (any, error) {
		return c.AddAffiliate(r.Context(), actor(r), add)
	}))
	a.handle(rs, "PATCH /v1/affiliates/{ref}", http.StatusOK, body(func(r *http.Request, edit admin.AffiliateEdit) (any, error) {
		return c.EditAffiliate(r.Context(), actor(r), r.URL.Query().Get("organizer"), r.PathValue("ref"), edit)
	}))
	for action, paused := range map[string]bool{"pause": true, "resume": false} {
		a.handle(rs, "POST /v1/affiliates/{ref}/"+action, http.StatusOK, func(r *http.Request) (any, error) {
			return c.PauseAffiliate(r.Context(), actor(r), r.URL.Query().Get("organizer"), r.PathValue("ref"), paused)
		})
	}
}

// seenBy leaves out the email for a viewer.
func seenBy(r *http.Request, f admin.Affiliate) admin.Affiliate {
	if p, _ := admin.PrincipalOf(r.Context()); p.Role == admin.RoleViewer {
		f.Email = ""
	}
	return f
}
