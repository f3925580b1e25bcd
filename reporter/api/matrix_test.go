package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"footfall/reporter/api"
	"footfall/schemas/admin"
)

// logged is a log that several goroutines write.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// request is how a route is asked about the things of an organizer and affiliate.
type request struct {
	path, body string
	elsewhere  bool // no part of the request names an organizer or what is its
}

// requests has one for every route. n makes what is added new each time; named
// says whether the organizer is named where it may be left out.
func requests(slug, who string, n int, named bool) map[string]request {
	query, field := "", ""
	if named {
		query, field = "organizer="+slug, `"organizer":"`+slug+`",`
	}
	with := func(more string) string {
		if q := strings.Trim(query+"&"+more, "&"); q != "" {
			return "?" + q
		}
		return ""
	}
	id := map[string]string{"acme ann": "1", "acme bob": "2", "zebra ann": "3", "zebra bob": "4"}[slug+" "+who]
	secret, key := map[string]string{"acme": "1", zebra: "2"}[slug], map[string]string{"acme": "7", zebra: "8"}[slug]
	code, affiliate, event := "/v1/codes/"+slug+"-"+who, "/v1/affiliates/"+id, "/v1/events/"+slug+"-gala"
	return map[string]request{
		"GET /v1/openapi.yaml": {path: "/v1/openapi.yaml", elsewhere: true},
		"GET /v1/me":           {path: "/v1/me", elsewhere: true},

		"GET /v1/report": {path: "/v1/report" + with("by=code")},
		"GET /v1/orders/{organizer}/{id}/explanation": {path: "/v1/orders/" + slug + "/" + slug + "-order-" + who + "/explanation"},
		"GET /v1/orders/{id}/explanation":             {path: "/v1/orders/" + slug + "-order-" + who + "/explanation" + with("")},

		"GET /v1/exceptions": {path: "/v1/exceptions" + with("")},

		"GET /v1/organizers":               {path: "/v1/organizers", elsewhere: true},
		"GET /v1/organizers/{organizer}":   {path: "/v1/organizers/" + slug},
		"POST /v1/organizers":              {path: "/v1/organizers", body: fmt.Sprintf(`{"slug":"new-%d","name":"New","zone":"UTC","currency":"EUR"}`, n), elsewhere: true},
		"PATCH /v1/organizers/{organizer}": {path: "/v1/organizers/" + slug, body: fmt.Sprintf(`{"name":"Name %d"}`, n)},

		"GET /v1/events":          {path: "/v1/events" + with("")},
		"GET /v1/events/{slug}":   {path: event},
		"POST /v1/events":         {path: "/v1/events", body: fmt.Sprintf(`{%s"slug":"event-%d","name":"E","destination":"https://e.example.com/","start":"2036-01-01","end":"2036-01-02"}`, field, n)},
		"PATCH /v1/events/{slug}": {path: event, body: fmt.Sprintf(`{"name":"Gala %d"}`, n)},

		"GET /v1/affiliates":               {path: "/v1/affiliates" + with("")},
		"GET /v1/affiliates/{ref}":         {path: affiliate + with("")},
		"POST /v1/affiliates":              {path: "/v1/affiliates", body: fmt.Sprintf(`{%s"name":"Affiliate %d","email":"a%d@example.com"}`, field, n, n)},
		"PATCH /v1/affiliates/{ref}":       {path: affiliate + with(""), body: fmt.Sprintf(`{"nickname":"nick%d"}`, n)},
		"POST /v1/affiliates/{ref}/pause":  {path: affiliate + "/pause" + with("")},
		"POST /v1/affiliates/{ref}/resume": {path: affiliate + "/resume" + with("")},

		"GET /v1/codes":                  {path: "/v1/codes" + with("")},
		"GET /v1/codes/{code}":           {path: code + with("")},
		"GET /v1/codes/{code}/aliases":   {path: code + "/aliases" + with("")},
		"GET /v1/codes/{code}/link":      {path: code + "/link" + with("event="+slug+"-gala")},
		"POST /v1/codes":                 {path: "/v1/codes", body: fmt.Sprintf(`{%s"text":"new-%d","affiliate":"%s"}`, field, n, id)},
		"POST /v1/codes/{code}/pause":    {path: code + "/pause" + with("")},
		"POST /v1/codes/{code}/resume":   {path: code + "/resume" + with("")},
		"POST /v1/codes/{code}/rename":   {path: code + "/rename" + with(""), body: fmt.Sprintf(`{"text":"%s-renamed-%d"}`, slug, n)},
		"POST /v1/codes/{code}/reassign": {path: code + "/reassign" + with(""), body: fmt.Sprintf(`{"affiliate":"%s","from":"2036-01-%02d"}`, otherOf(id), 1+n%28)},

		"GET /v1/coupons":             {path: "/v1/coupons" + with("")},
		"POST /v1/coupons":            {path: "/v1/coupons", body: fmt.Sprintf(`{%s"text":"coupon-%d","code":"%s-ann"}`, field, n, slug)},
		"POST /v1/coupons/{text}/end": {path: "/v1/coupons/" + slug + "-ten/end" + with(""), body: `{}`},
		"GET /v1/policies":            {path: "/v1/policies" + with("")},
		"POST /v1/policies":           {path: "/v1/policies", body: fmt.Sprintf(`{%s"window_days":%d}`, field, 1+n%60)},

		"POST /v1/sql":                {path: "/v1/sql", body: fmt.Sprintf(`{%s"query":"SELECT count(*) AS n FROM orders"}`, field)},
		"POST /v1/imports/affiliates": {path: "/v1/imports/affiliates" + with(""), body: fmt.Sprintf("name,email\nImported %d,i%d@example.com\n", n, n)},
		"POST /v1/imports/codes":      {path: "/v1/imports/codes" + with(""), body: fmt.Sprintf("code,affiliate\nimported-%d,%s\n", n, id)},

		"GET /v1/keys/api":           {path: "/v1/keys/api" + with("")},
		"POST /v1/keys/api":          {path: "/v1/keys/api", body: fmt.Sprintf(`{%s"role":"viewer","label":"made %d"}`, field, n)},
		"POST /v1/keys/api/{id}/end": {path: "/v1/keys/api/" + key + "/end" + with("")},
		"GET /v1/secrets":            {path: "/v1/secrets" + with("")},
		"POST /v1/secrets":           {path: "/v1/secrets", body: strings.Replace("{"+field+"}", ",}", "}", 1)},
		"POST /v1/secrets/{id}/end":  {path: "/v1/secrets/" + secret + "/end" + with("")},

		"POST /v1/setup-link":             {path: "/v1/setup-link", elsewhere: true},
		"GET /v1/people":                  {path: "/v1/people" + with("")},
		"POST /v1/people":                 {path: "/v1/people" + with(""), body: `{"email":"dee@acme.example","role":"viewer"}`},
		"POST /v1/people/{id}/role":       {path: "/v1/people/2/role" + with(""), body: `{"role":"analyst"}`, elsewhere: true},
		"POST /v1/people/{id}/reset-link": {path: "/v1/people/1/reset-link", elsewhere: true},
		"POST /v1/people/{id}/erase":      {path: "/v1/people/2/erase", elsewhere: true},
		"GET /v1/invitations":             {path: "/v1/invitations" + with("")},
		"POST /v1/invitations":            {path: "/v1/invitations" + with(""), body: fmt.Sprintf(`{"email":"p%d@example.com","role":"manager"}`, n)},
		"POST /v1/invitations/{id}/end":   {path: "/v1/invitations/3/end" + with("")},
		"GET /v1/collectors":              {path: "/v1/collectors", elsewhere: true},
		"POST /v1/collectors":             {path: "/v1/collectors", body: fmt.Sprintf(`{"name":"edge %d","orders":false}`, n), elsewhere: true},
		"POST /v1/collectors/{id}/retire": {path: "/v1/collectors/1/retire", elsewhere: true},
		"POST /v1/collectors/{id}/token":  {path: "/v1/collectors/1/token", elsewhere: true},
		"GET /v1/keys/click":              {path: "/v1/keys/click", elsewhere: true},
		"POST /v1/keys/click":             {path: "/v1/keys/click", elsewhere: true},
		"POST /v1/keys/click/{id}/end":    {path: "/v1/keys/click/1/end", body: `{"ends":"2036-01-01T00:00:00Z"}`, elsewhere: true},
		"GET /v1/catalog":                 {path: "/v1/catalog", elsewhere: true},
		"GET /v1/catalog/check":           {path: "/v1/catalog/check", elsewhere: true},
		"GET /v1/audit":                   {path: "/v1/audit?limit=5", elsewhere: true},
		"POST /v1/backup":                 {path: "/v1/backup", body: `{"path":"relative"}`, elsewhere: true},
	}
}

func otherOf(id string) string {
	return map[string]string{"1": "2", "2": "1", "3": "4", "4": "3"}[id]
}

// roles are the keys that the test asks with, beside none and the operator's socket.
func roles() []string { return []string{"owner", "manager", "analyst", "viewer", "affiliate"} }

func allowed(line api.Line, role string) bool {
	return line.Public || slices.Contains(line.Roles, admin.Role(role))
}

// TestNoKeyReachesWhatIsAnothers walks every route × role × tenant on a real
// catalog and lake.
func TestNoKeyReachesWhatIsAnothers(t *testing.T) {
	for _, problem := range walk(newProduct(t), api.Table()) {
		t.Error(problem)
	}
}

// TestTheWalkSeesWhatADefenceKeepsOut takes each away.
func TestTheWalkSeesWhatADefenceKeepsOut(t *testing.T) {
	for _, c := range []struct {
		what                string
		roles, tenants, own bool
	}{{"the check of roles", true, false, false}, {"the check of organizers", false, true, false}, {"the check of affiliates", false, false, true}} {
		p, a := newCatalogProduct(t)
		var lines []api.Line
		for _, line := range api.Table() {
			if a.Serves(line.Pattern) && strings.HasPrefix(line.Pattern, "GET ") {
				lines = append(lines, line)
			}
		}
		if problems := walk(p, lines); len(problems) > 0 {
			t.Errorf("with every defence: %s", problems[0])
		}
		a.Without(c.roles, c.tenants, c.own)
		problems := walk(p, lines)
		if len(problems) == 0 {
			t.Errorf("without %s nothing is seen", c.what)
		}
		t.Logf("without %s: %d problems", c.what, len(problems))
	}
}

// newCatalogProduct serves a catalog without a lake.
func newCatalogProduct(t testing.TB) (*product, *api.API) {
	t.Helper()
	a := newAPIAt(t, time.Now)
	server := httptest.NewServer(a.Keyed())
	t.Cleanup(server.Close)
	p := &product{t: t, here: a.Local(), url: server.URL, keys: map[string]string{}, client: server.Client()}
	p.fill("")
	return p, a
}

// walk asks every route as every role about everybody's things, and says what was
// answered that may not be.
func walk(p *product, lines []api.Line) (problems []string) {
	n := 0
	for _, line := range lines {
		if _, known := requests("acme", "ann", 0, true)[line.Pattern]; !known {
			problems = append(problems, line.Pattern+": the table has it and this test does not ask it")
			continue
		}
		method, _, _ := strings.Cut(line.Pattern, " ")
		for _, role := range append(roles(), "", "other") {
			for _, to := range []struct {
				what, slug, who string
				named           bool
			}{
				{"its own", "acme", "ann", true},
				{"its own, not named", "acme", "ann", false},
				{"another affiliate's", "acme", "bob", true},
				{"another organizer's", zebra, "ann", true},
				{"another organizer's, not named", zebra, "bob", false},
			} {
				n++
				r := requests(to.slug, to.who, n, to.named)[line.Pattern]
				got := p.ask(p.keys[role], method, r.path, r.body)
				for _, wrong := range holds(line, role, to.slug, to.who, r, got) {
					problems = append(problems, fmt.Sprintf("%s with a key of role %q about %s: %s\n%d %.200s", line.Pattern, role, to.what, wrong, got.status, got.body))
				}
			}
		}
	}
	p.t.Logf("%d requests", n)
	return problems
}

// holds says what is wrong with an answer to a key of acme.
func holds(line api.Line, role, slug, who string, r request, got answer) (wrong []string) {
	body := strings.ToLower(got.body)
	for _, word := range regexp.MustCompile(zebra+`-[a-z-]+`).FindAllString(r.path+r.body, -1) {
		body = strings.ReplaceAll(body, word, "") // what was asked may be said again
	}
	if got.status >= http.StatusInternalServerError {
		wrong = append(wrong, "a failure")
	}
	if line.Public {
		return wrong
	}
	if strings.Contains(body, zebra) {
		wrong = append(wrong, "shows what is another organizer's")
	}
	if role == "viewer" && strings.Contains(body, "@") {
		wrong = append(wrong, "shows an email")
	}
	switch {
	case role == "":
		if got.status != http.StatusUnauthorized && got.status != http.StatusTooManyRequests {
			wrong = append(wrong, "want 401, or 429 after some")
		}
		return wrong
	case !allowed(line, strings.Replace(role, "other", "affiliate", 1)):
		if got.status != http.StatusForbidden {
			wrong = append(wrong, "want 403")
		}
		return wrong
	}
	about := r.elsewhere || slug == "acme" || !strings.Contains(strings.ToLower(r.path+r.body), zebra) // its own organizer
	if !about && got.status != http.StatusNotFound {
		wrong = append(wrong, "want 404")
	}
	if own := map[string]string{"affiliate": "ann", "other": "bob"}[role]; own != "" {
		return append(wrong, holdsOwn(own, slug, who, r, body, got.status)...)
	}
	// A coupon ends once, and a code is given to somebody once.
	again := got.status == http.StatusConflict && (strings.HasSuffix(line.Pattern, "{text}/end") || strings.HasSuffix(line.Pattern, "/reassign"))
	if slug == "acme" && got.status >= http.StatusBadRequest && !again {
		wrong = append(wrong, "want an answer")
	}
	return wrong
}

// holdsOwn is the same of an affiliate, who gets its own.
func holdsOwn(own, slug, who string, r request, body string, status int) (wrong []string) {
	rival := map[string]string{"ann": "bob", "bob": "ann"}[own]
	if strings.Contains(body, "acme-"+rival) || strings.Contains(body, rival+" ") || strings.Contains(body, rival+"@") {
		wrong = append(wrong, "shows the other affiliate")
	}
	names := strings.Contains(r.path, "acme-"+rival) || strings.HasPrefix(r.path, "/v1/affiliates/"+map[string]string{"ann": "1", "bob": "2"}[rival])
	switch {
	case slug == "acme" && names && status != http.StatusNotFound:
		wrong = append(wrong, "want 404")
	case slug == "acme" && who == own && status >= http.StatusBadRequest:
		wrong = append(wrong, "want an answer")
	}
	return wrong
}

// TestAManagerIsToldWhoHasACode as owners are: it is a manager's to mend.
func TestAManagerIsToldWhoHasACode(t *testing.T) {
	p, _ := newCatalogProduct(t)
	for _, role := range []string{"owner", "manager"} {
		got := p.ask(p.keys[role], http.MethodPost, "/v1/codes", `{"text":"acme-ann","affiliate":"2"}`)
		if got.status != http.StatusConflict || !strings.Contains(got.body, "Ann") {
			t.Errorf("%s: %d %s", role, got.status, got.body)
		}
	}
}

// TestAViewerLearnsNoEmail by trying some.
func TestAViewerLearnsNoEmail(t *testing.T) {
	p := newProduct(t)
	for _, path := range []string{
		"/v1/report?affiliate=ann@acme.example", "/v1/report?where=" + url.QueryEscape(`affiliate="ann@acme.example"`), "/v1/codes?affiliate=ann@acme.example",
		"/v1/affiliates/ann@acme.example", "/v1/affiliates/ann%40acme.example", "/v1/affiliates/none@acme.example", "/v1/report?affiliate=none@acme.example",
	} {
		if got := p.ask(p.keys["viewer"], http.MethodGet, path, ""); got.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		if got := p.ask(p.keys["analyst"], http.MethodGet, path, ""); strings.Contains(path, "ann") && got.status != http.StatusOK {
			t.Errorf("an analyst: %s: %d %s", path, got.status, got.body)
		}
	}
}

// TestAnAffiliateLearnsNothingByAskingAround tries what the parameters of a report
// could tell.
func TestAnAffiliateLearnsNothingByAskingAround(t *testing.T) {
	p := newProduct(t)
	for _, c := range []struct {
		query  string
		status int
	}{
		{"by=affiliate", 200},
		{"by=affiliate&affiliate=1", 200},
		{"by=affiliate&affiliate=2", 404},
		{"by=affiliate&affiliate=bob", 404},
		{"by=affiliate&affiliate=direct", 404},
		{"by=affiliate&affiliate=nobody", 404},
		{"by=code&code=acme-bob", 404},
		{"by=code&code=nothing", 404},
		{"by=code&code=acme-ann", 200},
		{"by=code&event=zebra-gala", 404},
		{"by=code&event=nothing", 404},
		{"by=code&organizer=zebra", 404},
		{"by=organizer&organizer=", 200}, // an empty one is the key's, not everybody's
		{"by=code&policy=1", 403},
		{"where=" + url.QueryEscape("affiliate=bob"), 403},
		{"where=" + url.QueryEscape("visits>1 and code=acme-bob"), 403},
	} {
		got := p.ask(p.keys["affiliate"], "GET", "/v1/report?"+c.query, "")
		if got.status != c.status || strings.Contains(got.body, "bob") || strings.Contains(got.body, "Bob") || strings.Contains(got.body, zebra) {
			t.Errorf("%s: %d %s, want %d", c.query, got.status, got.body, c.status)
		}
	}
}
