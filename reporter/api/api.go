// Package api is the JSON API that people and commands administer Footfall
// with, served on a unix socket.
//
// Invariant: a request changes everything that it asks for or nothing, and a
// refusal is problem+json that points at the field and says the remedy. A body
// is read strictly: unknown or repeated fields, trailing data and other content
// types are refused.
//
// It holds no state and knows no rule of the catalog: it translates.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

// Catalog is what the API asks and changes; reporter/catalog is one. An error
// that holds an *admin.Refusal is the asker's to mend.
type Catalog interface {
	Organizers
	Affiliates
	Codes
	Keys
	Revision(ctx context.Context) (ids.Revision, error)
	Audit(ctx context.Context, before int64, limit int) ([]admin.AuditEntry, error)
	Backup(ctx context.Context, actor, path string) (admin.Backup, error)
	Check(ctx context.Context) error
}

// Organizers are tenants and their events.
type Organizers interface {
	AddOrganizer(ctx context.Context, actor string, o admin.Organizer) (admin.Organizer, error)
	EditOrganizer(ctx context.Context, actor, slug string, edit admin.OrganizerEdit) (admin.Organizer, error)
	Organizers(ctx context.Context) ([]admin.Organizer, error)
	Organizer(ctx context.Context, slug string) (admin.Organizer, error)
	AddEvent(ctx context.Context, actor string, add admin.EventAdd) (admin.Event, error)
	EditEvent(ctx context.Context, actor, slug string, edit admin.EventEdit) (admin.Event, error)
	Events(ctx context.Context, organizer string) ([]admin.Event, error)
	Event(ctx context.Context, slug string) (admin.Event, error)
}

// Affiliates are partners who are credited.
type Affiliates interface {
	AddAffiliate(ctx context.Context, actor string, add admin.AffiliateAdd) (admin.Affiliate, error)
	EditAffiliate(ctx context.Context, actor, organizer, ref string, edit admin.AffiliateEdit) (admin.Affiliate, error)
	PauseAffiliate(ctx context.Context, actor, organizer, ref string, paused bool) (admin.Affiliate, error)
	Affiliates(ctx context.Context, organizer string) ([]admin.Affiliate, error)
	Affiliate(ctx context.Context, organizer, ref string) (admin.Affiliate, error)
}

// Codes are tracking codes and their links.
type Codes interface {
	AddCode(ctx context.Context, actor string, add admin.CodeAdd) (admin.Code, error)
	PauseCode(ctx context.Context, actor string, ref admin.CodeRef, paused bool) (admin.Code, error)
	RenameCode(ctx context.Context, actor string, ref admin.CodeRef, rename admin.CodeRename) (admin.Code, error)
	ReassignCode(ctx context.Context, actor string, ref admin.CodeRef, to admin.CodeReassign) (admin.Code, error)
	Codes(ctx context.Context, query admin.CodeQuery) (admin.CodePage, error)
	Code(ctx context.Context, ref admin.CodeRef) (admin.Code, error)
	Aliases(ctx context.Context, ref admin.CodeRef) ([]admin.Alias, error)
	Link(ctx context.Context, ref admin.CodeRef) (admin.Link, error)
}

// Keys are collectors with their tokens, webhook secrets and click keys.
type Keys interface {
	EnrolCollector(ctx context.Context, actor string, enrol admin.CollectorEnrol) (admin.Collector, error)
	RenewToken(ctx context.Context, actor string, id ids.CollectorID) (admin.Collector, error)
	RetireCollector(ctx context.Context, actor string, id ids.CollectorID) (admin.Collector, error)
	Collectors(ctx context.Context) ([]admin.Collector, error)
	AddWebhookSecret(ctx context.Context, actor, organizer, secret string) (admin.WebhookSecret, error)
	EndWebhookSecret(ctx context.Context, actor, organizer string, id uint32) (admin.WebhookSecret, error)
	WebhookSecrets(ctx context.Context, organizer string) ([]admin.WebhookSecret, error)
	RotateClickKey(ctx context.Context, actor string) (admin.ClickKey, error)
	EndClickKey(ctx context.Context, actor string, id uint8, ends time.Time) (admin.ClickKey, error)
	ClickKeys(ctx context.Context) ([]admin.ClickKey, error)
}

// Deps are what the API serves.
type Deps struct {
	Catalog Catalog
	Reports Reports // nil: no reports are served
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// API is an http.Handler.
type API struct {
	deps    Deps
	metrics *metrics
	mux     *http.ServeMux

	socket   string // after Open
	listener net.Listener
}

// New builds the routes; it listens on nothing.
func New(deps Deps) (*API, error) {
	if deps.Catalog == nil || deps.Log == nil || deps.Metrics == nil {
		return nil, errors.New("api: catalog, log and metrics are needed")
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	a := &API{deps: deps, metrics: m, mux: http.NewServeMux()}
	a.registerCatalog(a.mux)
	a.registerCodes(a.mux)
	a.registerKeys(a.mux)
	a.registerReports(a.mux)
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, &problemError{status: http.StatusNotFound, detail: fmt.Sprintf("there is no %s %s", r.Method, r.URL.Path)})
	})
	return a, nil
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	a.mux.ServeHTTP(w, r)
}

// handle answers with what serve gives, or its refusal.
func (a *API) handle(mux *http.ServeMux, pattern string, status int, serve func(*http.Request) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		answer, err := serve(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.answer(w, r, status, answer)
	})
}

func (a *API) registerCatalog(mux *http.ServeMux) {
	c := a.deps.Catalog
	a.handle(mux, "GET /v1/organizers", http.StatusOK, func(r *http.Request) (any, error) { return c.Organizers(r.Context()) })
	a.handle(mux, "GET /v1/organizers/{slug}", http.StatusOK, func(r *http.Request) (any, error) {
		return c.Organizer(r.Context(), r.PathValue("slug"))
	})
	a.handle(mux, "POST /v1/organizers", http.StatusCreated, body(func(r *http.Request, o admin.Organizer) (any, error) {
		return c.AddOrganizer(r.Context(), actor(r), o)
	}))
	a.handle(mux, "PATCH /v1/organizers/{slug}", http.StatusOK, body(func(r *http.Request, edit admin.OrganizerEdit) (any, error) {
		return c.EditOrganizer(r.Context(), actor(r), r.PathValue("slug"), edit)
	}))
	a.handle(mux, "GET /v1/events", http.StatusOK, func(r *http.Request) (any, error) {
		return c.Events(r.Context(), r.URL.Query().Get("organizer"))
	})
	a.handle(mux, "GET /v1/events/{slug}", http.StatusOK, func(r *http.Request) (any, error) {
		return c.Event(r.Context(), r.PathValue("slug"))
	})
	a.handle(mux, "POST /v1/events", http.StatusCreated, body(func(r *http.Request, add admin.EventAdd) (any, error) {
		return c.AddEvent(r.Context(), actor(r), add)
	}))
	a.handle(mux, "PATCH /v1/events/{slug}", http.StatusOK, body(func(r *http.Request, edit admin.EventEdit) (any, error) {
		return c.EditEvent(r.Context(), actor(r), r.PathValue("slug"), edit)
	}))
	a.handle(mux, "GET /v1/affiliates", http.StatusOK, func(r *http.Request) (any, error) {
		return c.Affiliates(r.Context(), r.URL.Query().Get("organizer"))
	})
	a.handle(mux, "GET /v1/affiliates/{ref}", http.StatusOK, func(r *http.Request) (any, error) {
		return c.Affiliate(r.Context(), r.URL.Query().Get("organizer"), r.PathValue("ref"))
	})
	a.handle(mux, "POST /v1/affiliates", http.StatusCreated, body(func(r *http.Request, add admin.AffiliateAdd) (any, error) {
		return c.AddAffiliate(r.Context(), actor(r), add)
	}))
	a.handle(mux, "PATCH /v1/affiliates/{ref}", http.StatusOK, body(func(r *http.Request, edit admin.AffiliateEdit) (any, error) {
		return c.EditAffiliate(r.Context(), actor(r), r.URL.Query().Get("organizer"), r.PathValue("ref"), edit)
	}))
	for action, paused := range map[string]bool{"pause": true, "resume": false} {
		a.handle(mux, "POST /v1/affiliates/{ref}/"+action, http.StatusOK, func(r *http.Request) (any, error) {
			return c.PauseAffiliate(r.Context(), actor(r), r.URL.Query().Get("organizer"), r.PathValue("ref"), paused)
		})
	}
	a.handle(mux, "GET /v1/catalog", http.StatusOK, func(r *http.Request) (any, error) {
		revision, err := c.Revision(r.Context())
		return map[string]any{"incarnation": revision.Incarnation.String(), "revision": revision.Number}, err
	})
	a.handle(mux, "GET /v1/catalog/check", http.StatusOK, func(r *http.Request) (any, error) {
		return map[string]string{"integrity": "ok"}, c.Check(r.Context())
	})
	a.handle(mux, "GET /v1/audit", http.StatusOK, func(r *http.Request) (any, error) {
		before, err := number[int64](r, "before")
		if err != nil {
			return nil, err
		}
		limit, err := number[int](r, "limit")
		if err != nil {
			return nil, err
		}
		return c.Audit(r.Context(), before, limit)
	})
	a.handle(mux, "POST /v1/backup", http.StatusCreated, body(func(r *http.Request, ask admin.BackupRequest) (any, error) {
		return c.Backup(r.Context(), actor(r), ask.Path)
	}))
}

func codeRef(r *http.Request) admin.CodeRef {
	q := r.URL.Query()
	return admin.CodeRef{Organizer: q.Get("organizer"), Event: q.Get("event"), Text: r.PathValue("code")}
}

func (a *API) registerCodes(mux *http.ServeMux) {
	c := a.deps.Catalog
	a.handle(mux, "GET /v1/codes", http.StatusOK, func(r *http.Request) (any, error) {
		q := r.URL.Query()
		query := admin.CodeQuery{Organizer: q.Get("organizer"), Event: q.Get("event"), Affiliate: q.Get("affiliate")}
		var err error
		if query.Limit, err = number[int](r, "limit"); err != nil {
			return nil, err
		}
		if query.After, err = number[ids.CodeID](r, "after"); err != nil {
			return nil, err
		}
		return c.Codes(r.Context(), query)
	})
	a.handle(mux, "POST /v1/codes", http.StatusCreated, body(func(r *http.Request, add admin.CodeAdd) (any, error) {
		return c.AddCode(r.Context(), actor(r), add)
	}))
	a.handle(mux, "GET /v1/codes/{code}", http.StatusOK, func(r *http.Request) (any, error) { return c.Code(r.Context(), codeRef(r)) })
	a.handle(mux, "GET /v1/codes/{code}/aliases", http.StatusOK, func(r *http.Request) (any, error) { return c.Aliases(r.Context(), codeRef(r)) })
	a.handle(mux, "GET /v1/codes/{code}/link", http.StatusOK, func(r *http.Request) (any, error) { return c.Link(r.Context(), codeRef(r)) })
	for action, paused := range map[string]bool{"pause": true, "resume": false} {
		a.handle(mux, "POST /v1/codes/{code}/"+action, http.StatusOK, func(r *http.Request) (any, error) {
			return c.PauseCode(r.Context(), actor(r), codeRef(r), paused)
		})
	}
	a.handle(mux, "POST /v1/codes/{code}/rename", http.StatusOK, body(func(r *http.Request, rename admin.CodeRename) (any, error) {
		return c.RenameCode(r.Context(), actor(r), codeRef(r), rename)
	}))
	a.handle(mux, "POST /v1/codes/{code}/reassign", http.StatusOK, body(func(r *http.Request, to admin.CodeReassign) (any, error) {
		return c.ReassignCode(r.Context(), actor(r), codeRef(r), to)
	}))
}

func (a *API) registerKeys(mux *http.ServeMux) {
	c := a.deps.Catalog
	a.handle(mux, "GET /v1/collectors", http.StatusOK, func(r *http.Request) (any, error) { return c.Collectors(r.Context()) })
	a.handle(mux, "POST /v1/collectors", http.StatusCreated, body(func(r *http.Request, enrol admin.CollectorEnrol) (any, error) {
		return c.EnrolCollector(r.Context(), actor(r), enrol)
	}))
	for action, do := range map[string]func(context.Context, string, ids.CollectorID) (admin.Collector, error){"retire": c.RetireCollector, "token": c.RenewToken} {
		a.handle(mux, "POST /v1/collectors/{id}/"+action, http.StatusOK, func(r *http.Request) (any, error) {
			id, err := pathNumber[ids.CollectorID](r, 32)
			if err != nil {
				return nil, err
			}
			return do(r.Context(), actor(r), id)
		})
	}
	a.handle(mux, "GET /v1/secrets", http.StatusOK, func(r *http.Request) (any, error) {
		return c.WebhookSecrets(r.Context(), r.URL.Query().Get("organizer"))
	})
	a.handle(mux, "POST /v1/secrets", http.StatusCreated, body(func(r *http.Request, add secretAdd) (any, error) {
		return c.AddWebhookSecret(r.Context(), actor(r), add.Organizer, add.Secret)
	}))
	a.handle(mux, "POST /v1/secrets/{id}/end", http.StatusOK, func(r *http.Request) (any, error) {
		id, err := pathNumber[uint32](r, 32)
		if err != nil {
			return nil, err
		}
		return c.EndWebhookSecret(r.Context(), actor(r), r.URL.Query().Get("organizer"), id)
	})
	a.handle(mux, "GET /v1/keys/click", http.StatusOK, func(r *http.Request) (any, error) { return c.ClickKeys(r.Context()) })
	a.handle(mux, "POST /v1/keys/click", http.StatusCreated, func(r *http.Request) (any, error) { return c.RotateClickKey(r.Context(), actor(r)) })
	a.handle(mux, "POST /v1/keys/click/{id}/end", http.StatusOK, body(func(r *http.Request, end keyEnd) (any, error) {
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

// secretAdd asks for a webhook secret; an empty one is drawn.
type secretAdd struct {
	Organizer string `json:"organizer,omitempty"`
	Secret    string `json:"secret,omitempty"`
}

// keyEnd asks to end a click key.
type keyEnd struct {
	Ends time.Time `json:"ends"`
}

// number reads a parameter of the query; absent is 0.
func number[T ~int | ~int64 | ~uint32](r *http.Request, name string) (T, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	const bits = 31 // fits every T
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return 0, admin.Refuse(admin.Invalid, "/"+name, "%s %q: want a number", name, text)
	}
	return T(n), nil
}

func pathNumber[T ~uint8 | ~uint32](r *http.Request, bits int) (T, error) {
	n, err := strconv.ParseUint(r.PathValue("id"), 10, bits)
	if err != nil {
		return 0, admin.Refuse(admin.NotFound, "/id", "there is none with the id %q", r.PathValue("id"))
	}
	return T(n), nil
}

// actorKey is the context key of who asks.
type actorKey struct{}

// actor is who asks, for the audit log: the peer of the socket, else this
// process's own user.
func actor(r *http.Request) string {
	if who, ok := r.Context().Value(actorKey{}).(string); ok {
		return who
	}
	return "uid " + strconv.Itoa(os.Getuid())
}
