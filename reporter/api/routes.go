package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"footfall/schemas/admin"
)

// routes is what can be asked. Each goes through the table of access first.
type routes struct {
	api      *API
	mux      *http.ServeMux
	access   map[string]access // by pattern
	patterns []string          // in the order of their registration
}

func newRoutes(a *API) *routes {
	rs := &routes{api: a, mux: http.NewServeMux(), access: map[string]access{}}
	for _, x := range table() {
		rs.access[x.pattern] = x
	}
	return rs
}

// HandleFunc registers a route. One without a line in the table is the
// operator's alone.
func (rs *routes) HandleFunc(pattern string, serve http.HandlerFunc) {
	x, ok := rs.access[pattern]
	if !ok {
		x = access{pattern: pattern}
	}
	rs.patterns = append(rs.patterns, pattern)
	rs.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		scoped, err := rs.api.admit(r, x)
		if err != nil {
			rs.api.metrics.denied.Inc()
			rs.api.fail(w, r, err)
			return
		}
		serve(w, scoped)
	})
}

// handle answers with what serve gives, or its refusal.
func (a *API) handle(rs *routes, pattern string, status int, serve func(*http.Request) (any, error)) {
	rs.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		answer, err := serve(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.answer(w, r, status, answer)
	})
}

// accessKey is the context key of the route's line in the table.
type accessKey struct{}

// admit refuses who may not ask the route, and holds a key to its organizer: what
// comes out names the key's organizer wherever the route names one.
func (a *API) admit(r *http.Request, x access) (*http.Request, error) {
	p, ok := admin.PrincipalOf(r.Context())
	if x.public || ok && p.Role == admin.RoleOperator {
		return r, nil
	}
	if !ok || !slices.Contains(x.roles, p.Role) && !a.without.roles {
		return nil, &problemError{status: http.StatusForbidden, detail: "the key's role " + string(p.Role) + " may not ask this: docs/api.md says which may"}
	}
	r = r.WithContext(context.WithValue(r.Context(), accessKey{}, x))
	if !a.without.tenants {
		if err := a.scopePath(r, p, x); err != nil {
			return nil, err
		}
		var err error
		if r, err = a.scopeQuery(r, p); err != nil {
			return nil, err
		}
	}
	if p.Role == admin.RoleAffiliate && !a.without.own {
		return a.scopeOwn(r, p, x)
	}
	if p.Role == admin.RoleViewer && triesEmail(r) {
		return nil, notThere("/affiliate", "affiliate")
	}
	return r, nil
}

// triesEmail says whether a request could tell whose an email is, which is not a
// viewer's to know.
func triesEmail(r *http.Request) bool {
	q := r.URL.Query()
	for _, text := range []string{r.PathValue("ref"), strings.Join(q["affiliate"], " "), strings.Join(q["where"], " ")} {
		if strings.Contains(text, "@") {
			return true
		}
	}
	return false
}
