package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter/api"
	"footfall/reporter/catalog"
	"footfall/schemas"
	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// description is schemas/openapi.yaml, held against what is asked and answered.
type description struct {
	doc    *openapi3.T
	router routers.Router
	seen   map[string]map[bool]int // by method and path: answers and refusals
}

func describe(t testing.TB) *description {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(schemas.OpenAPI)
	must(t, err)
	must(t, doc.Validate(t.Context(), openapi3.EnableExamplesValidation()))
	doc.Servers = nil // a test's server has a port of its own
	router, err := legacy.NewRouter(doc)
	must(t, err)
	return &description{doc: doc, router: router, seen: map[string]map[bool]int{}}
}

// check holds one exchange against the description. r's body is body.
func (d *description) check(r *http.Request, body string, got answer) error {
	route, parameters, err := d.router.FindRoute(r)
	if err != nil {
		return fmt.Errorf("finding %s %s: %w", r.Method, r.URL.Path, err)
	}
	name := r.Method + " " + route.Path
	if d.seen[name] == nil {
		d.seen[name] = map[bool]int{}
	}
	d.seen[name][got.status < http.StatusBadRequest]++
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(strings.NewReader(body))
	asked := &openapi3filter.RequestValidationInput{Request: r, PathParams: parameters, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
	}}
	media, _, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("reading the content type: %w", err)
	}
	response := route.Operation.Responses.Status(got.status)
	if response == nil && got.status < http.StatusBadRequest {
		return fmt.Errorf("status %d is not described", got.status)
	}
	if response == nil {
		response = route.Operation.Responses.Default()
	}
	if response.Value.Content[media] == nil {
		return fmt.Errorf("status %d has no content %s in the description", got.status, media)
	}
	if got.status < http.StatusBadRequest {
		asked.Options.ExcludeRequestBody = strings.HasPrefix(r.URL.Path, "/v1/imports/") // CSV is a string
		if err := openapi3filter.ValidateRequest(r.Context(), asked); err != nil {
			return fmt.Errorf("a request that the server takes is not described: %w", err)
		}
	}
	asked.Options.ExcludeResponseBody = !strings.HasSuffix(media, "json") || media == "application/x-ndjson"
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: got.status, Header: got.header, Body: io.NopCloser(strings.NewReader(got.body)), Options: asked.Options,
	})
	if err != nil {
		return fmt.Errorf("the answer is not as described: %w", err)
	}
	return nil
}

// operations are what is described, as the mux names routes.
func (d *description) operations() []string {
	var all []string
	for path, item := range d.doc.Paths.Map() {
		for method := range item.Operations() {
			all = append(all, method+" "+path)
		}
	}
	slices.Sort(all)
	return all
}

// never is a part that is registered and not asked.
type never struct{}

func (never) SQL(context.Context, admin.SQL, func(context.Context, *reports.Table) error) error {
	return errors.New("asked")
}

// registered are the routes of an API with every part.
func registered(t testing.TB) []string {
	t.Helper()
	config := catalog.DefaultConfig()
	config.Dir = t.TempDir()
	deps := api.Deps{
		Reports: struct{ api.Reports }{}, SQL: never{},
		Clock: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}
	var err error
	deps.Catalog, err = catalog.New(config, catalog.Deps{Clock: deps.Clock, Log: deps.Log, Metrics: deps.Metrics})
	must(t, err)
	all, err := api.Patterns(deps)
	must(t, err)
	slices.Sort(all)
	return all
}

func TestDescriptionTableAndServerNameTheSameRoutes(t *testing.T) {
	server, described := registered(t), describe(t).operations()
	var table []string
	for _, line := range api.Table() {
		table = append(table, line.Pattern)
	}
	slices.Sort(table)
	for what, list := range map[string][]string{"the description": described, "the table of access": table} {
		for _, route := range server {
			if !slices.Contains(list, route) {
				t.Errorf("%s lacks %s", what, route)
			}
		}
		for _, route := range list {
			if !slices.Contains(server, route) {
				t.Errorf("%s has %s, which the server lacks", what, route)
			}
		}
	}
}

// TestEveryAnswerIsAsDescribed asks every route as an operator, with a key that may,
// with one that may not and with none, and holds all of it against the description.
func TestEveryAnswerIsAsDescribed(t *testing.T) {
	p, d := newProduct(t), describe(t)
	n := 1000
	for _, line := range api.Table() {
		method, _, _ := strings.Cut(line.Pattern, " ")
		for _, as := range []string{"operator", "owner", "affiliate", "nobody", "wrong"} {
			n++
			r := requests("acme", "ann", n, true)[line.Pattern]
			if line.Pattern == "POST /v1/backup" && as == "operator" {
				r.body = fmt.Sprintf(`{"path":%q}`, filepath.Join(t.TempDir(), "backup.db"))
			}
			if as == "wrong" {
				r = wrong(r, method)
			}
			at := p
			if line.Pattern == "POST /v1/setup-link" && as == "operator" {
				at, _ = newCatalogProduct(t) // where nobody can sign in yet
			}
			if err := at.exchange(d, as, method, r); err != nil {
				t.Errorf("%s as %s: %v", line.Pattern, as, err)
			}
		}
	}
	for _, more := range []string{
		"/v1/report?by=day&from=2026-01-01&to=2026-02-01&compare=previous&columns=all", "/v1/report?by=affiliate,day&sort=-visits&limit=1", "/v1/report?format=csv&bom=1&raw=1",
		"/v1/report?format=ndjson", "/v1/report?format=xlsx", "/v1/report?format=parquet", "/v1/report?format=table", "/v1/report?format=pdf", "/v1/report?nonsense=1",
		"/v1/orders/acme-order-ann/explanation?format=table", "/v1/orders/none/explanation", "/v1/codes?limit=1", "/v1/codes?limit=0", "/v1/affiliates?after=x", "/v1/codes?event=acme-gala",
	} {
		if err := p.exchange(d, "owner", http.MethodGet, request{path: more}); err != nil {
			t.Errorf("%s: %v", more, err)
		}
	}
	for _, route := range d.operations() {
		if d.seen[route][true] == 0 || d.seen[route][false] == 0 && !strings.Contains(route, "openapi") {
			t.Errorf("%s: %d answers and %d refusals were seen, want both", route, d.seen[route][true], d.seen[route][false])
		}
	}
}

// wrong makes a request that is refused for its form.
func wrong(r request, method string) request {
	if method == http.MethodGet {
		return request{path: r.path + map[bool]string{true: "&", false: "?"}[strings.Contains(r.path, "?")] + "limit=none&organizer=none"}
	}
	return request{path: r.path, body: `{"nonsense":1}`}
}

func (p *product) exchange(d *description, as, method string, r request) error {
	p.t.Helper()
	target := p.url + r.path
	q, err := http.NewRequestWithContext(context.Background(), method, target, bytes.NewReader([]byte(r.body)))
	if err != nil {
		return err
	}
	if r.body != "" {
		q.Header.Set("Content-Type", contentType(r.path))
	}
	if as == "operator" {
		w := p.local(method, r.path, r.body)
		return d.check(q, r.body, answer{w.Code, w.Header(), w.Body.String()})
	}
	key := p.keys[map[string]string{"wrong": "owner"}[as]+map[bool]string{true: as}[as != "wrong"]]
	if key != "" {
		q.Header.Set("Authorization", "Bearer "+key)
	}
	got := p.do(q)
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Footfall-Request-Id") == "" {
		return errors.New("the answer may be cached, or has no id")
	}
	if got.status >= http.StatusBadRequest {
		var problem struct{ Title, Detail string }
		if err := json.Unmarshal([]byte(got.body), &problem); err != nil || problem.Title == "" || problem.Detail == "" {
			return fmt.Errorf("a refusal without words: %s", got.body)
		}
	}
	return d.check(q, r.body, got)
}
