package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"footfall/schemas/admin"
)

// route is one thing that can be asked of the dashboard, and by whom.
type route struct {
	pattern string
	roles   []admin.Role // of the organizer in the path; nil: whoever has the URL
	signed  bool         // for whoever is signed in, whatever the role
	serve   func(*ask) error
}

// Access says who may ask for a route: its roles in the organizer of the path, else
// whoever is signed in, else whoever has the URL.
type Access struct {
	Pattern string
	Roles   []admin.Role
	Signed  bool
}

// Accesses are all routes of the dashboard, those of files apart.
func (w *Web) Accesses() []Access {
	var list []Access
	for _, x := range w.routes {
		list = append(list, Access{x.pattern, x.roles, x.signed})
	}
	return list
}

// ask is one request and who asks.
type ask struct {
	*http.Request
	rw        http.ResponseWriter
	session   *admin.Session // nil: nobody is signed in
	organizer admin.Organizer
	role      admin.Role
}

// actor is who asks, for the audit log: a number, which outlives no erasure.
func (a *ask) actor() string { return "person " + formatInt(int64(a.session.Person.ID)) }

// may says whether the asker's role is one of some.
func (a *ask) may(roles ...admin.Role) bool { return slices.Contains(roles, a.role) }

// register builds every route. The test of all routes and roles is made from the
// list.
func (w *Web) register() {
	w.routes = append(w.routes, []route{
		{pattern: "GET /{$}", serve: w.home},
		{pattern: "GET /setup/{token}", serve: w.showSetup},
		{pattern: "POST /setup/{token}", serve: w.doSetup},
		{pattern: "GET /sign-in", serve: w.showSignIn},
		{pattern: "POST /sign-in", serve: w.doSignIn},
		{pattern: "GET /invitation/{token}", serve: w.showInvitation},
		{pattern: "POST /invitation/{token}", serve: w.doInvitation},
		{pattern: "GET /reset/{token}", serve: w.showReset},
		{pattern: "POST /reset/{token}", serve: w.doReset},
		{pattern: "POST /sign-out", signed: true, serve: w.doSignOut},
		{pattern: "GET /account", signed: true, serve: w.showAccount},
		{pattern: "POST /account/password", signed: true, serve: w.doPassword},
		{pattern: "POST /account/devices/{id}/end", signed: true, serve: w.doEndDevice},
		{pattern: "GET /s/{token}", serve: w.showShared},
		{pattern: "GET /s/{token}/export", serve: w.exportShared},
	}...)
	if w.config.Styleguide {
		w.routes = append(w.routes, route{pattern: "GET /styleguide", serve: w.styleguide})
	}
	w.routes = append(w.routes, w.organizerRoutes()...)
	for _, x := range w.routes {
		w.mux.HandleFunc(x.pattern, func(rw http.ResponseWriter, r *http.Request) {
			a := &ask{rw: rw, Request: r}
			err := w.admit(a, x) //nolint:contextcheck // an ask carries its request
			if err == nil {
				err = x.serve(a)
			}
			if err != nil {
				w.fail(rw, r, err)
			}
		})
	}
	w.mux.HandleFunc("GET /assets/{name}", w.serveAsset)
	w.mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) { w.fail(rw, r, errNotThere) })
}

// organizerRoutes are those of one organizer, each with the roles that may ask it.
func (w *Web) organizerRoutes() []route {
	all := []admin.Role{admin.RoleOwner, admin.RoleManager, admin.RoleAnalyst, admin.RoleViewer}
	keepers, analysts, owners := all[:2], all[:3], all[:1]
	return []route{
		{pattern: "GET /o/{organizer}", roles: all, serve: w.opens},
		{pattern: "GET /o/{organizer}/performance", roles: all, serve: w.showPerformance},
		{pattern: "GET /o/{organizer}/live", roles: all, serve: w.live},
		{pattern: "GET /o/{organizer}/export", roles: all, serve: w.export},
		{pattern: "GET /o/{organizer}/orders/{id}", roles: all, serve: w.showOrder},
		{pattern: "GET /o/{organizer}/start", roles: all, serve: w.showStart},

		{pattern: "GET /o/{organizer}/affiliates", roles: all, serve: w.showAffiliates},
		{pattern: "POST /o/{organizer}/affiliates", roles: keepers, serve: w.addAffiliate},
		{pattern: "POST /o/{organizer}/affiliates/bulk", roles: keepers, serve: w.bulkAffiliates},
		{pattern: "GET /o/{organizer}/affiliates/{id}", roles: all, serve: w.showAffiliates},
		{pattern: "POST /o/{organizer}/affiliates/{id}", roles: keepers, serve: w.editAffiliate},
		{pattern: "POST /o/{organizer}/affiliates/{id}/pause", roles: keepers, serve: w.pauseAffiliate},
		{pattern: "POST /o/{organizer}/affiliates/{id}/resume", roles: keepers, serve: w.pauseAffiliate},

		{pattern: "GET /o/{organizer}/codes", roles: all, serve: w.showCodes},
		{pattern: "POST /o/{organizer}/codes", roles: keepers, serve: w.addCode},
		{pattern: "GET /o/{organizer}/codes/check", roles: keepers, serve: w.checkCode},
		{pattern: "GET /o/{organizer}/codes/links.csv", roles: all, serve: w.linksCSV},
		{pattern: "GET /o/{organizer}/codes/qr.zip", roles: all, serve: w.qrZIP},
		{pattern: "POST /o/{organizer}/codes/bulk", roles: keepers, serve: w.bulkCodesState},
		{pattern: "GET /o/{organizer}/codes/{code}", roles: all, serve: w.showCode},
		{pattern: "GET /o/{organizer}/codes/{code}/qr.svg", roles: all, serve: w.qrSVG},
		{pattern: "GET /o/{organizer}/codes/{code}/qr.png", roles: all, serve: w.qrPNG},
		{pattern: "POST /o/{organizer}/codes/{code}/pause", roles: keepers, serve: w.pauseCode},
		{pattern: "POST /o/{organizer}/codes/{code}/resume", roles: keepers, serve: w.pauseCode},
		{pattern: "POST /o/{organizer}/codes/{code}/rename", roles: keepers, serve: w.renameCode},
		{pattern: "POST /o/{organizer}/codes/{code}/reassign", roles: keepers, serve: w.reassignCode},

		{pattern: "GET /o/{organizer}/import", roles: keepers, serve: w.showImport},
		{pattern: "POST /o/{organizer}/import", roles: keepers, serve: w.doImport},

		{pattern: "POST /o/{organizer}/views", roles: analysts, serve: w.saveView},
		{pattern: "POST /o/{organizer}/views/{id}/delete", roles: analysts, serve: w.deleteView},
		{pattern: "GET /o/{organizer}/shares", roles: keepers, serve: w.showShares},
		{pattern: "POST /o/{organizer}/shares", roles: keepers, serve: w.addShare},
		{pattern: "POST /o/{organizer}/shares/{id}/end", roles: keepers, serve: w.endShare},

		{pattern: "GET /o/{organizer}/settings", roles: owners, serve: w.showSettings},
		{pattern: "POST /o/{organizer}/events", roles: owners, serve: w.addEvent},
		{pattern: "POST /o/{organizer}/secrets", roles: owners, serve: w.addSecret},
		{pattern: "POST /o/{organizer}/people", roles: owners, serve: w.invite},
		{pattern: "POST /o/{organizer}/people/{id}/role", roles: owners, serve: w.setRole},
		{pattern: "POST /o/{organizer}/people/{id}/reset", roles: owners, serve: w.resetLink},
		{pattern: "POST /o/{organizer}/invitations/{id}/end", roles: owners, serve: w.endInvitation},
	}
}

// admit finds out who asks, and refuses who may not.
func (w *Web) admit(a *ask, x route) error {
	if x.roles == nil && !x.signed && !strings.HasSuffix(x.pattern, "{$}") {
		return nil // whoever has the URL
	}
	s, err := w.sessionOf(a.Request)
	if err != nil {
		return err
	}
	a.session = s
	if x.roles == nil && !x.signed {
		return nil
	}
	if s == nil {
		return &signInFirst{to: a.URL.RequestURI(), get: a.Method == http.MethodGet}
	}
	if x.roles == nil {
		return nil
	}
	slug := strings.ToLower(a.PathValue("organizer"))
	a.role = s.Person.RoleIn(slug)
	if a.role == "" {
		return errNotThere
	}
	if !a.may(x.roles...) {
		return &pageError{http.StatusForbidden, "Your role here, " + string(a.role) + ", may not do this. Ask an owner of " + slug + "."}
	}
	a.organizer, err = w.deps.Catalog.Organizer(a.Context(), slug)
	return err
}

// signInFirst sends somebody to sign in, and back.
type signInFirst struct {
	to  string
	get bool
}

func (*signInFirst) Error() string { return "sign in first" }

// fail answers with what went wrong.
func (w *Web) fail(rw http.ResponseWriter, r *http.Request, err error) {
	if s, ok := errors.AsType[*signInFirst](err); ok {
		to := "/sign-in"
		if s.get {
			to += "?to=" + urlEscape(s.to)
		}
		http.Redirect(rw, r, to, http.StatusSeeOther)
		return
	}
	status, detail := statusOf(err)
	if _, refused := admin.AsRefusal(err); status >= http.StatusInternalServerError && !refused && r.Context().Err() == nil {
		w.metrics.requests.WithLabelValues(answeredFailed).Inc()
		w.log.Error("a page could not be made", "error", err)
	} else {
		w.metrics.requests.WithLabelValues(answeredRefused).Inc()
	}
	w.write(rw, status, "error", frame{Title: http.StatusText(status), Body: detail})
}
