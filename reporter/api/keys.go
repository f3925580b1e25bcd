package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

func (a *API) registerKeys(rs *routes) {
	a.registerCollectors(rs)
	a.registerSecrets(rs)
	a.registerAPIKeys(rs)
}

func (a *API) registerCollectors(rs *routes) {
	c := a.deps.Catalog
	a.handle(rs, "GET /v1/collectors", http.StatusOK, func(r *http.Request) (any, error) {
		list, err := c.Collectors(r.Context())
		if err != nil {
			return nil, err
		}
		return page(r, list, func(k admin.Collector) string { return strconv.FormatUint(uint64(k.ID), 10) })
	})
	a.handle(rs, "POST /v1/collectors", http.StatusCreated, body(func(r *http.Request, enrol admin.CollectorEnrol) (any, error) {
		return c.EnrolCollector(r.Context(), actor(r), enrol)
	}))
	for action, do := range map[string]func(context.Context, string, ids.CollectorID) (admin.Collector, error){"retire": c.RetireCollector, "token": c.RenewToken} {
		a.handle(rs, "POST /v1/collectors/{id}/"+action, http.StatusOK, func(r *http.Request) (any, error) {
			id, err := pathNumber[ids.CollectorID](r, 32)
			if err != nil {
				return nil, err
			}
			return do(r.Context(), actor(r), id)
		})
	}
}

func (a *API) registerSecrets(rs *routes) {
	c := a.deps.Catalog
	a.handle(rs, "GET /v1/secrets", http.StatusOK, func(r *http.Request) (any, error) {
		list, err := c.WebhookSecrets(r.Context(), r.URL.Query().Get("organizer"))
		if err != nil {
			return nil, err
		}
		return page(r, list, func(s admin.WebhookSecret) string { return strconv.FormatUint(uint64(s.ID), 10) })
	})
	a.handle(rs, "POST /v1/secrets", http.StatusCreated, body(func(r *http.Request, add admin.WebhookSecretAdd) (any, error) {
		return c.AddWebhookSecret(r.Context(), actor(r), add.Organizer, add.Secret)
	}))
	a.handle(rs, "POST /v1/secrets/{id}/end", http.StatusOK, func(r *http.Request) (any, error) {
		id, err := pathNumber[uint32](r, 32)
		if err != nil {
			return nil, err
		}
		return c.EndWebhookSecret(r.Context(), actor(r), r.URL.Query().Get("organizer"), id)
	})
	a.handle(rs, "GET /v1/keys/click", http.StatusOK, func(r *http.Request) (any, error) {
		list, err := c.ClickKeys(r.Context())
		if err != nil {
			return nil, err
		}
		return page(r, list, func(k admin.ClickKey) string { return strconv.FormatUint(uint64(k.ID), 10) })
	})
	a.handle(rs, "POST /v1/keys/click", http.StatusCreated, func(r *http.Request) (any, error) { return c.RotateClickKey(r.Context(), actor(r)) })
	a.handle(rs, "POST /v1/keys/click/{id}/end", http.StatusOK, body(func(r *http.Request, end clickKeyEnd) (any, error) {
		id, err := pathNumber[uint8](r, 8)
		if err != nil {
			return nil, err
		}
		if end.Ends.IsZero() {
			return nil, admin.Refuse(admin.Invalid, "/ends", "say from when on the key's clicks earn nothing, like 2026-11-22T12:00:00Z")
		}
		return c.EndClickKey(r.Context(), actor(r), id, end.Ends)
	}))
}

func (a *API) registerAPIKeys(rs *routes) {
	c := a.deps.Catalog
	a.handle(rs, "GET /v1/keys/api", http.StatusOK, func(r *http.Request) (any, error) {
		list, err := c.APIKeys(r.Context(), r.URL.Query().Get("organizer"))
		if err != nil {
			return nil, err
		}
		return page(r, list, func(k admin.APIKey) string { return strconv.FormatUint(uint64(k.ID), 10) })
	})
	a.handle(rs, "POST /v1/keys/api", http.StatusCreated, body(func(r *http.Request, add admin.APIKeyAdd) (any, error) {
		return c.AddAPIKey(r.Context(), actor(r), add)
	}))
	a.handle(rs, "POST /v1/keys/api/{id}/end", http.StatusOK, func(r *http.Request) (any, error) {
		id, err := pathNumber[uint32](r, 32)
		if err != nil {
			return nil, err
		}
		return c.EndAPIKey(r.Context(), actor(r), r.URL.Query().Get("organizer"), id)
	})
}

// clickKeyEnd asks to end a click key.
type clickKeyEnd struct {
	Ends time.Time `json:"ends"`
}

func pathNumber[T ~uint8 | ~uint32](r *http.Request, bits int) (T, error) {
	n, err := strconv.ParseUint(r.PathValue("id"), 10, bits)
	if err != nil {
		return 0, admin.Refuse(admin.NotFound, "/id", "there is none with the id %q", r.PathValue("id"))
	}
	return T(n), nil
}
