package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"footfall/schemas/admin"
	"footfall/schemas/filter"
)

// notThere answers for what is another's as for what nobody has.
func notThere(pointer, what string) error {
	return &problemError{status: http.StatusNotFound, pointer: pointer, detail: "there is no such " + what + ", or it is not this key's"}
}

// scopePath holds what the path names to the key's organizer.
func (a *API) scopePath(r *http.Request, p admin.Principal, x access) error {
	switch x.tenant {
	case tenantPath:
		if !strings.EqualFold(r.PathValue("organizer"), p.Organizer) {
			return notThere("/organizer", "organizer")
		}
	case tenantEvent:
		return a.ownEvent(r, p, r.PathValue("slug"))
	case tenantNone, tenantQuery, tenantBody:
	}
	return nil
}

// ownEvent refuses an event of another organizer.
func (a *API) ownEvent(r *http.Request, p admin.Principal, slug string) error {
	event, err := a.deps.Catalog.Event(r.Context(), slug)
	if _, refused := admin.AsRefusal(err); refused || err == nil && event.Organizer != p.Organizer {
		return notThere("/event", "event")
	}
	return err
}

// scopeQuery sets the parameter organizer to the key's, and refuses another one
// and another's event. It does so on every route: a parameter that the route
// doesn't read does no harm.
func (a *API) scopeQuery(r *http.Request, p admin.Principal) (*http.Request, error) {
	q := r.URL.Query()
	for _, given := range q["organizer"] {
		if given != "" && !strings.EqualFold(given, p.Organizer) {
			return nil, notThere("/organizer", "organizer")
		}
	}
	for _, event := range q["event"] {
		if event == "" {
			continue
		}
		if err := a.ownEvent(r, p, event); err != nil {
			return nil, err
		}
	}
	x, _ := r.Context().Value(accessKey{}).(access)
	if x.tenant != tenantQuery {
		return r, nil
	}
	q.Set("organizer", p.Organizer)
	return withQuery(r, q), nil
}

func withQuery(r *http.Request, q url.Values) *http.Request {
	r = r.WithContext(r.Context()) // a copy, so that the request's own URL stays
	at := *r.URL
	at.RawQuery = q.Encode()
	r.URL = &at
	return r
}

// scopeOwn holds an affiliate's key to what is the affiliate's.
func (a *API) scopeOwn(r *http.Request, p admin.Principal, x access) (*http.Request, error) {
	own := strconv.FormatUint(uint64(p.Affiliate), 10)
	q := r.URL.Query()
	if q.Has("policy") {
		return nil, &problemError{status: http.StatusForbidden, pointer: "/policy", detail: "an affiliate's key asks by the policy in force alone"}
	}
	switch x.own {
	case ownRows:
		if err := a.ownWords(r, p, q); err != nil {
			return nil, err
		}
		for _, given := range q["affiliate"] {
			if given != "" && given != own {
				return nil, notThere("/affiliate", "affiliate")
			}
		}
		q.Set("affiliate", own)
		return withQuery(r, q), nil
	case ownSelf:
		if r.PathValue("ref") != own {
			return nil, notThere("/affiliate", "affiliate")
		}
	case ownCode:
		code, err := a.deps.Catalog.Code(r.Context(), codeRef(r))
		if _, refused := admin.AsRefusal(err); refused || err == nil && code.Affiliate != p.Affiliate {
			return nil, notThere("/code", "code")
		}
		return r, err
	case ownAnswer:
	case ownNothing:
		return nil, &problemError{status: http.StatusForbidden, detail: "an affiliate's key may not ask this: docs/api.md says who may"}
	}
	return r, nil
}

// ownWords refuses words that could tell an affiliate whether another one, or
// another's code, is there.
func (a *API) ownWords(r *http.Request, p admin.Principal, q url.Values) error {
	for _, text := range q["where"] {
		where, err := filter.Parse(text)
		if err != nil {
			return admin.Refuse(admin.Question, "/where", "where: %s", err)
		}
		for _, term := range where {
			if term.Field == "affiliate" || term.Field == "code" {
				return &problemError{status: http.StatusForbidden, pointer: "/where", detail: "an affiliate's key narrows by the parameter code, not by " + term.Field + " in where"}
			}
		}
	}
	for _, text := range q["code"] {
		if text == "" {
			continue
		}
		code, err := a.deps.Catalog.Code(r.Context(), admin.CodeRef{Organizer: p.Organizer, Event: q.Get("event"), Text: text})
		_, refused := admin.AsRefusal(err)
		if err != nil && !refused {
			return err
		}
		if refused || !slices.ContainsFunc(code.Owners, func(o admin.CodeOwner) bool { return o.Affiliate == p.Affiliate }) {
			return notThere("/code", "code")
		}
	}
	return nil
}

// tenanted is a body that names an organizer.
type tenanted interface{ Tenant() *string }

// scopeBody holds what a body names to the key's organizer, and fills it in.
func scopeBody(r *http.Request, body any) error {
	p, ok := admin.PrincipalOf(r.Context())
	x, _ := r.Context().Value(accessKey{}).(access)
	if !ok || p.Role == admin.RoleOperator || x.tenant != tenantBody {
		return nil
	}
	t, ok := body.(tenanted)
	if !ok { // a body that can't be held to its organizer is nobody's
		return &problemError{status: http.StatusForbidden, detail: "only an operator may ask this"}
	}
	named := t.Tenant()
	if *named != "" && !strings.EqualFold(*named, p.Organizer) {
		return notThere("/organizer", "organizer")
	}
	*named = p.Organizer
	return nil
}
