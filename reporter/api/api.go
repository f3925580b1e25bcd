// Package api is the JSON API that people and programs ask Footfall through: on
// a unix socket, whose peers are operators, and on a TCP listener, where every
// request shows a key.
//
// Invariant: nobody gets anything that the table in access.go doesn't give to
// their role, and nobody but an operator anything of another organizer: what is
// another's is answered as if it weren't there. A request changes everything
// that it asks for or nothing; a refusal is problem+json that points at the field
// and says the remedy; an answer that can't be finished is cut, so that nobody
// takes half for whole. A body is read strictly: unknown or repeated fields,
// trailing data and other content types are refused.
//
// It holds no state but who failed to show a key, and knows no rule of the
// catalog and no figure: it translates. It writes no query string and no key
// into a log.
package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/internal/ops"
	"footfall/schemas"
	"footfall/schemas/admin"
)

// Deps are what the API serves.
type Deps struct {
	Catalog Catalog
	Reports Reports // nil: no reports are served
	SQL     SQL     // nil: no statements are run
	// Dashboard is where people open it, as https://figures.example.com; nil or empty:
	// nobody knows, and links are paths.
	Dashboard func() string
	Clock     func() time.Time
	Log       *slog.Logger
	Metrics   prometheus.Registerer
}

// API answers requests. Safe for concurrent use.
type API struct {
	config  Config
	deps    Deps
	metrics *metrics
	routes  *routes
	backoff *ops.Backoff[netip.Addr]
	slots   chan struct{} // one for each request over TCP that is answered now

	without without

	socket   string // after Open
	listener net.Listener
	tcp      net.Listener // after OpenTCP; nil without an address
}

// without names defences that a test takes away, to see that their tests fail
// then. Nothing but a test sets it.
type without struct {
	roles, tenants, own bool
}

// New builds the routes; it listens on nothing.
func New(config Config, deps Deps) (*API, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if deps.Catalog == nil || deps.Clock == nil || deps.Log == nil || deps.Metrics == nil {
		return nil, errors.New("api: catalog, clock, log and metrics are needed")
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	a := &API{config: config, deps: deps, metrics: m, backoff: ops.NewBackoff[netip.Addr](failures, failureWindow), slots: make(chan struct{}, config.Requests)}
	a.routes = newRoutes(a)
	a.registerCatalog(a.routes)
	a.registerCodes(a.routes)
	a.registerCrediting(a.routes)
	a.registerKeys(a.routes)
	a.registerPeople(a.routes)
	a.registerImports(a.routes)
	a.registerReports(a.routes)
	a.registerSQL(a.routes)
	a.routes.HandleFunc("GET "+openAPIPath, a.serveOpenAPI)
	return a, nil
}

// openAPIPath is the one path that needs no key: it says how to ask.
const openAPIPath = "/v1/openapi.yaml"

func (a *API) serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, err := w.Write(schemas.OpenAPI)
	a.sent(r, err)
}

// Local answers whoever may open the data directory: the socket's peers, and the
// commands of this process. They are operators.
func (a *API) Local() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.serve(w, a.received(w, r, admin.Principal{Actor: peerOf(r.Context()), Role: admin.RoleOperator}))
	})
}

// requestKey is the context key of a request's id.
type requestKey struct{}

// received gives a request its id and who asks.
func (a *API) received(w http.ResponseWriter, r *http.Request, p admin.Principal) *http.Request {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	id := hex.EncodeToString(random[:])
	h.Set(headerRequest, id)
	return r.WithContext(context.WithValue(admin.WithPrincipal(r.Context(), p), requestKey{}, id))
}

// headerRequest names a request in the answer and in the log.
const headerRequest = "Footfall-Request-Id"

func requestID(r *http.Request) string {
	id, _ := r.Context().Value(requestKey{}).(string)
	return id
}

// serve answers a request of a principal.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	escaped := r.URL.EscapedPath()
	if path.Clean(escaped) != escaped { // the mux would redirect
		a.fail(w, r, nowhere(r))
		return
	}
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		a.fail(w, r, &problemError{status: http.StatusBadRequest, detail: "the query is no list of name=value: " + err.Error()})
		return
	}
	if h, pattern := a.routes.mux.Handler(r); pattern == "" {
		a.fail(w, r, a.unrouted(w, r, h))
		return
	}
	a.routes.mux.ServeHTTP(w, r)
}

// unrouted says 405 with the methods that there are, or 404; h is the mux's own
// answer.
func (a *API) unrouted(w http.ResponseWriter, r *http.Request, h http.Handler) error {
	probe := &headOnly{header: http.Header{}}
	h.ServeHTTP(probe, r)
	allow := probe.header.Get("Allow")
	if probe.status != http.StatusMethodNotAllowed || allow == "" {
		return nowhere(r)
	}
	w.Header().Set("Allow", allow)
	return &problemError{status: http.StatusMethodNotAllowed, detail: fmt.Sprintf("%s takes %s, not %s", r.URL.Path, allow, r.Method)}
}

func nowhere(r *http.Request) error {
	return &problemError{status: http.StatusNotFound, detail: fmt.Sprintf("there is no %s %s", r.Method, r.URL.Path)}
}

// headOnly keeps an answer's status and header.
type headOnly struct {
	header http.Header
	status int
}

func (w *headOnly) Header() http.Header         { return w.header }
func (w *headOnly) WriteHeader(status int)      { w.status = status }
func (w *headOnly) Write(p []byte) (int, error) { return len(p), nil }

// peerKey is the context key of the socket's peer.
type peerKey struct{}

// peerOf is who is at the other end of the socket, else this process's own user.
func peerOf(ctx context.Context) string {
	if who, ok := ctx.Value(peerKey{}).(string); ok {
		return who
	}
	return "uid " + strconv.Itoa(os.Getuid())
}

// actor is who asks, for the audit log.
func actor(r *http.Request) string {
	p, _ := admin.PrincipalOf(r.Context())
	return p.Actor
}
