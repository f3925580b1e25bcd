package reporter_test

import (
	"context"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter"
	"footfall/schemas/admin"
)

const (
	webPassword = "three unrelated words"
	hostile     = `<script>alert(1)</script> "quoted" & שלום 🎟`
)

// site is a dashboard over an empty lake, with people of every role.
type site struct {
	t       *testing.T
	handler http.Handler
	rep     *reporter.Reporter
	cookies map[string]string // of people, by role
	cookie  string            // its name
}

var webNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func newSite(t *testing.T, change func(*reporter.Config)) *site {
	t.Helper()
	config := reporter.DefaultConfig()
	config.Place(t.TempDir())
	if change != nil {
		change(&config)
	}
	r, err := reporter.New(config, reporter.Deps{Clock: func() time.Time { return webNow }, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	r.PointAt(func() string { return "http://127.0.0.1:8600" }, func() string { return "http://127.0.0.1:8601" })
	s := &site{t: t, handler: r.Web().Handler(), rep: r, cookies: map[string]string{}, cookie: "footfall"}
	if config.Web.URL != "" {
		s.cookie = "__Host-footfall"
	}
	return s
}

// api asks what an operator may.
func (s *site) api(path, body string) string {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := ask(s.rep.Handler(), r)
	if w.Code >= http.StatusBadRequest {
		s.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

// ask sends a request as somebody; form nil: GET.
func (s *site) ask(who, target string, form url.Values) *httptest.ResponseRecorder {
	s.t.Helper()
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(s.t.Context(), method, target, body)
	r.Host, r.RemoteAddr = "127.0.0.1:8603", "127.0.0.1:4711"
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if token := s.cookies[who]; token != "" {
		r.AddCookie(&http.Cookie{Name: s.cookie, Value: token})
	}
	return ask(s.handler, r)
}

// keep takes the session's cookie of an answer.
func (s *site) keep(who string, w *httptest.ResponseRecorder) {
	s.t.Helper()
	for _, c := range w.Result().Cookies() {
		if c.Name == s.cookie && c.Value != "" {
			s.cookies[who] = c.Value
			return
		}
	}
	s.t.Fatalf("%s has no session: %d %s", who, w.Code, w.Body)
}

// peopled is a site with two organizers, some rows of everything, and one person
// of each role in acme; stranger is an owner elsewhere.
func peopled(t *testing.T, change func(*reporter.Config)) *site {
	t.Helper()
	s := newSite(t, change)
	s.api("/v1/organizers", `{"slug":"acme","name":"Acme <Concerts>","zone":"America/New_York","currency":"USD"}`)
	s.api("/v1/events", `{"organizer":"acme","slug":"gala","name":"Gala `+`<b>","destination":"https://tickets.example/gala","start":"2026-12-24T19:30","end":"2026-12-24T23:00"}`)
	for i, name := range []string{"Ann Unmistakable", strings.ReplaceAll(hostile, `"`, `\"`), strings.Repeat("long", 50)} {
		s.api("/v1/affiliates", fmt.Sprintf(`{"organizer":"acme","name":"%s","email":"partner%d@unmistakable.example"}`, name, i))
	}
	s.api("/v1/codes", `{"organizer":"acme","text":"spring","affiliate":"partner0@unmistakable.example"}`)
	s.api("/v1/codes", `{"organizer":"acme","text":"galaonly","event":"gala","affiliate":"partner1@unmistakable.example"}`)
	setup, err := s.rep.SetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.keep("owner", s.ask("", "/setup/"+setup, url.Values{"Name": {"Olga"}, "Email": {"owner@acme.example"}, "Password": {webPassword}}))
	for _, role := range []string{"manager", "analyst", "viewer"} {
		s.join("acme", role, role)
	}
	s.api("/v1/organizers", `{"slug":"other","name":"Other","zone":"UTC","currency":"EUR"}`)
	s.join("other", "owner", "stranger")
	return s
}

var invited = regexp.MustCompile(`/invitation/([A-Za-z0-9_-]+)`)

// join invites somebody through the page, or over the API, and accepts.
func (s *site) join(organizer, role, who string) {
	s.t.Helper()
	var text string
	if organizer == "acme" {
		text = s.ask("owner", "/o/acme/people", url.Values{"Email": {who + "@acme.example"}, "Role": {role}}).Body.String()
	} else {
		text = s.api("/v1/invitations?organizer="+organizer, fmt.Sprintf(`{"email":"%s@other.example","role":%q}`, who, role))
		text = strings.NewReplacer(`"token":"`, "/invitation/").Replace(text)
	}
	m := invited.FindStringSubmatch(text)
	if m == nil {
		s.t.Fatalf("no invitation in %s", text)
	}
	s.keep(who, s.ask("", "/invitation/"+m[1], url.Values{"Name": {who}, "Password": {webPassword}}))
}

// pathOf fills a pattern in with what there is.
func pathOf(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	path = strings.NewReplacer("{$}", "", "{organizer}", "acme", "{code}", "spring", "{token}", "unknown").Replace(path)
	if strings.Contains(path, "/orders/") {
		return method, strings.Replace(path, "{id}", "A-1", 1)
	}
	return method, strings.Replace(path, "{id}", "1", 1)
}

// TestEveryRouteIsOpenToItsRolesAlone asks all routes as everybody: what is another
// organizer's is not there, what a role may not is refused, whoever is not signed in
// is sent to do so.
func TestEveryRouteIsOpenToItsRolesAlone(t *testing.T) {
	s := peopled(t, nil)
	roles := []string{"owner", "manager", "analyst", "viewer"}
	asked := 0
	for _, x := range s.rep.Web().Accesses() {
		method, path := pathOf(x.Pattern)
		if x.Roles == nil {
			continue
		}
		var form url.Values
		if method == http.MethodPost {
			form = url.Values{}
		}
		for _, who := range append(roles, "stranger", "") {
			asked++
			if strings.HasSuffix(path, "/live") && who != "stranger" && who != "" {
				continue // a stream, which doesn't end; others have the same gate
			}
			if form != nil && slices.Contains(x.Roles, admin.Role(who)) && strings.Contains(path, "/people/1/role") {
				continue // it would take the last owner's role
			}
			w := s.ask(who, path, form)
			switch {
			case who == "":
				if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/sign-in") {
					t.Errorf("%s as nobody: %d to %q", x.Pattern, w.Code, w.Header().Get("Location"))
				}
			case who == "stranger":
				if w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "Acme") {
					t.Errorf("%s as a stranger: %d", x.Pattern, w.Code)
				}
			case !slices.Contains(x.Roles, admin.Role(who)):
				if w.Code != http.StatusForbidden {
					t.Errorf("%s as %s: %d, want 403", x.Pattern, who, w.Code)
				}
			case w.Code == http.StatusForbidden || w.Code >= http.StatusInternalServerError:
				t.Errorf("%s as %s: %d %s", x.Pattern, who, w.Code, w.Body)
			}
		}
	}
	if asked < 200 {
		t.Errorf("only %d questions were asked", asked)
	}
}

// TestEveryAnswerHasItsHeaders: no page is framed, kept, guessed at, or runs what
// isn't ours; files are kept for ever.
func TestEveryAnswerHasItsHeaders(t *testing.T) {
	s := peopled(t, nil)
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "private, no-store",
	}
	files := map[string]bool{}
	for _, x := range s.rep.Web().Accesses() {
		method, path := pathOf(x.Pattern)
		if strings.HasSuffix(path, "/live") {
			continue
		}
		var form url.Values
		if method == http.MethodPost {
			form = url.Values{}
		}
		for _, who := range []string{"viewer", ""} {
			w := s.ask(who, path, form)
			for name, value := range want {
				if got := w.Header().Get(name); got != value {
					t.Errorf("%s: %s is %q", x.Pattern, name, got)
				}
			}
			csp := w.Header().Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "script-src 'self'", "style-src 'self'"} {
				if !strings.Contains(csp, part) || strings.Contains(csp, "unsafe") {
					t.Errorf("%s: policy %q", x.Pattern, csp)
				}
			}
			for _, m := range regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`).FindAllStringSubmatch(w.Body.String(), -1) {
				files[m[1]] = true
			}
		}
	}
	if len(files) < 5 {
		t.Errorf("files %v", files)
	}
	for file := range files {
		w := s.ask("", file, nil)
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d %v", file, w.Code, w.Header())
		}
	}
}

// TestAViewerSeesNoEmailAndNoControl of what the role may not do.
func TestAViewerSeesNoEmailAndNoControl(t *testing.T) {
	s := peopled(t, nil)
	for _, path := range []string{"/o/acme/affiliates", "/o/acme/affiliates/1", "/o/acme/codes", "/o/acme/codes/spring", "/o/acme/performance", "/o/acme/codes/links.csv", "/o/acme/export?format=csv", "/o/acme/start"} {
		viewer, manager := s.ask("viewer", path, nil), s.ask("manager", path, nil)
		if viewer.Code != http.StatusOK || manager.Code != http.StatusOK {
			t.Errorf("%s: %d, %d", path, viewer.Code, manager.Code)
		}
		if strings.Contains(viewer.Body.String(), "unmistakable.example") {
			t.Errorf("%s shows a viewer an email", path)
		}
		for _, control := range []string{"Add Affiliate", "Add Tracking Code", "Pause", "Rename", "Import CSV", "Save this view", "Share this view", "/settings"} {
			if strings.Contains(viewer.Body.String(), control) && !strings.Contains(path, "start") {
				t.Errorf("%s shows a viewer %q", path, control)
			}
		}
	}
	if w := s.ask("manager", "/o/acme/affiliates", nil); !strings.Contains(w.Body.String(), "partner0@unmistakable.example") || !strings.Contains(w.Body.String(), "Pause") {
		t.Error("a manager lacks what the role has")
	}
	if w := s.ask("manager", "/o/acme/performance", nil); strings.Contains(w.Body.String(), "/settings") {
		t.Error("a manager is shown the owner's settings")
	}
}

// TestNoNameIsMarkup on any page.
func TestNoNameIsMarkup(t *testing.T) {
	s := peopled(t, nil)
	for _, path := range []string{"/o/acme/affiliates", "/o/acme/affiliates/2", "/o/acme/codes?add=1", "/o/acme/codes/galaonly?of=gala", "/o/acme/performance?event=gala", "/o/acme/settings"} {
		w := s.ask("owner", path, nil)
		text := w.Body.String()
		if w.Code != http.StatusOK || strings.Contains(text, "<script>alert") || strings.Contains(text, "Gala <b>") || strings.Contains(text, "Acme <Concerts>") {
			t.Errorf("%s: %d has a name as markup", path, w.Code)
		}
	}
	if text := s.ask("owner", "/o/acme/affiliates", nil).Body.String(); !strings.Contains(text, html.EscapeString("<script>alert(1)</script>")) {
		t.Error("the name is not shown")
	}
	for _, q := range []string{"where=" + url.QueryEscape(`"><script>alert(1)</script>`), "code=" + url.QueryEscape(`"><img onerror=x>`), "by=%3Cscript%3E", "sort=%22%3E%3Cscript%3E", "range=custom&from=%3Cscript%3E&to=x"} {
		if text := s.ask("owner", "/o/acme/performance?"+q, nil).Body.String(); strings.Contains(text, "<script>alert") || strings.Contains(text, "<img onerror") || strings.Contains(text, "<script>\"") {
			t.Errorf("%s comes back as markup", q)
		}
	}
}

// TestFormsOfOtherSitesAreRefused, and plain http from another machine.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	s := peopled(t, nil)
	for name, change := range map[string]func(*http.Request){
		"fetched from another site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another origin":            func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") },
		"plain http to a name":      func(r *http.Request) { r.Host = "figures.example" },
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/o/acme/affiliates", strings.NewReader("Name=Eve&Email=eve@acme.example"))
		r.Host, r.RemoteAddr = "127.0.0.1:8603", "127.0.0.1:4711"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.AddCookie(&http.Cookie{Name: s.cookie, Value: s.cookies["owner"]})
		change(r)
		if w := ask(s.handler, r); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if text := s.ask("owner", "/o/acme/affiliates", nil).Body.String(); strings.Contains(text, "eve@acme.example") {
		t.Error("a refused form was taken")
	}
}

// TestASessionsCookieIsTheBrowsersAlone: over https with its prefix, always unseen by
// scripts; a session that is signed out opens nothing.
func TestASessionsCookieIsTheBrowsersAlone(t *testing.T) {
	for name, change := range map[string]func(*reporter.Config){
		"loopback": nil, "https": func(c *reporter.Config) { c.Web.URL = "https://127.0.0.1" },
	} {
		s := peopled(t, change)
		w := s.ask("", "/sign-in", url.Values{"Email": {"owner@acme.example"}, "Password": {webPassword}, "To": {"//evil.example"}})
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
			t.Fatalf("%s: signing in: %d to %q", name, w.Code, w.Header().Get("Location"))
		}
		c := w.Result().Cookies()[0]
		if c.Name != s.cookie || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != (name == "https") {
			t.Errorf("%s: cookie %+v", name, c)
		}
		if c.Value == s.cookies["owner"] {
			t.Errorf("%s: two sessions have one token", name)
		}
		s.cookies["again"] = c.Value
		if w := s.ask("again", "/sign-out", url.Values{}); w.Code != http.StatusSeeOther {
			t.Errorf("%s: signing out: %d", name, w.Code)
		}
		if w := s.ask("again", "/o/acme/performance", nil); w.Code != http.StatusSeeOther {
			t.Errorf("%s: signed out, and still in: %d", name, w.Code)
		}
		if w := s.ask("", "/sign-in", url.Values{"Email": {"owner@acme.example"}, "Password": {"a wrong password"}}); w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "a wrong password") {
			t.Errorf("%s: a wrong password: %d", name, w.Code)
		}
	}
}

// TestThePromotersStepsWorkWithoutJavaScript: what the forms say is done, and what is
// wrong stands beside its field with what was typed.
func TestThePromotersStepsWorkWithoutJavaScript(t *testing.T) {
	s := peopled(t, nil)
	form := func(path string, pairs ...string) *httptest.ResponseRecorder {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return s.ask("manager", path, v)
	}
	says := func(w *httptest.ResponseRecorder, status int, texts ...string) {
		t.Helper()
		if w.Code != status {
			t.Errorf("answered %d, want %d: %.600s", w.Code, status, w.Body)
		}
		for _, text := range texts {
			if !strings.Contains(html.UnescapeString(w.Body.String()), text) {
				t.Errorf("the page lacks %q", text)
			}
		}
	}
	says(form("/o/acme/affiliates", "Name", "Foodie", "Email", "no address"), http.StatusBadRequest, "no address", `aria-invalid="true"`, `value="Foodie"`)
	says(form("/o/acme/affiliates", "Name", "Foodie", "Email", "PARTNER0@unmistakable.example"), http.StatusConflict, "Ann Unmistakable has this email address already", `name="Anyway"`)
	says(form("/o/acme/affiliates", "Name", "Foodie", "Nickname", "foodie", "Email", "foodie@partners.example"), http.StatusSeeOther)
	says(s.ask("manager", "/o/acme/affiliates?new=4", nil), http.StatusOK, "Foodie", "foodie@partners.example", `id="affiliate-4" tabindex="-1"`)
	says(form("/o/acme/codes", "Scope", "common", "Text", "Spring", "Affiliate", "4"), http.StatusConflict, "Ann Unmistakable")
	says(form("/o/acme/codes", "Scope", "event", "Text", "atlfoodie", "Affiliate", "4"), http.StatusBadRequest, "Choose the event")
	says(form("/o/acme/codes", "Scope", "common", "Text", "atlfoodie", "Affiliate", "4"), http.StatusSeeOther)
	says(s.ask("manager", "/o/acme/codes/check?Text=ATLFOODIE", nil), http.StatusOK, "ATLFOODIE is taken: common code of Foodie.")
	says(s.ask("manager", "/o/acme/codes/check?Text=free", nil), http.StatusOK, "free is free.")
	says(s.ask("manager", "/o/acme/codes/atlfoodie", nil), http.StatusOK, "http://127.0.0.1:8600/e/gala/?affiliate=atlfoodie", "buyers can't reach it", "mailto:foodie@partners.example")
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"]*/qr\.[^"]+)"`).FindAllStringSubmatch(s.ask("manager", "/o/acme/codes/galaonly?of=gala", nil).Body.String(), -1) {
		path := html.UnescapeString(m[1])
		if w := s.ask("manager", path, nil); w.Code != http.StatusOK || !strings.Contains(path, "of=gala") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, m := range regexp.MustCompile(`href="(/o/acme/performance\?[^"]+)"`).FindAllStringSubmatch(s.ask("manager", "/o/acme/performance?by=code&code=spring&where=visits%3E%3D0", nil).Body.String(), -1) {
		path := html.UnescapeString(m[1])
		if w := s.ask("manager", path, nil); w.Code != http.StatusOK || !strings.Contains(path, "=") || strings.Contains(path, "%3d") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	says(s.ask("manager", "/o/acme/codes/atlfoodie/qr.svg", nil), http.StatusOK, "<svg")
	says(s.ask("manager", "/o/acme/codes/atlfoodie/qr.png", nil), http.StatusOK, "PNG")
	says(s.ask("manager", "/o/acme/codes/links.csv", nil), http.StatusOK, "Foodie,atlfoodie,common,gala,active,http://127.0.0.1:8600/e/gala/?affiliate=atlfoodie")
	w := form("/o/acme/codes/atlfoodie/reassign", "Affiliate", "1")
	says(w, http.StatusOK, "From 25 Nov 00:00 (America/New_York) visits belong to Ann Unmistakable. Earlier ones stay with Foodie.")
	revision := regexp.MustCompile(`name="Revision" value="([^"]+)"`).FindStringSubmatch(w.Body.String())[1]
	says(form("/o/acme/codes/atlfoodie/pause"), http.StatusSeeOther)
	says(form("/o/acme/codes/atlfoodie/reassign", "Affiliate", "1", "Confirm", "1", "Revision", html.UnescapeString(revision)), http.StatusConflict, "The catalog has changed", "then, ")
	says(s.ask("manager", "/o/acme/codes/atlfoodie", nil), http.StatusOK, "New visits are kept as paused and credit no one")
	says(form("/o/acme/codes/atlfoodie/rename", "Text", "atl.foodie"), http.StatusOK, "stays an alias")
	bulk := func(path string, pairs ...string) *httptest.ResponseRecorder {
		v := url.Values{"Pick": {"1", "4"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return s.ask("manager", path, v)
	}
	says(bulk("/o/acme/affiliates/bulk", "Do", "preview", "Pattern", "same"), http.StatusBadRequest, "has no {nickname}")
	says(bulk("/o/acme/affiliates/bulk", "Do", "preview", "Pattern", "{nickname}2026"), http.StatusOK, "foodie2026", "AnnUnmistakable2026", "Make the codes")
	says(bulk("/o/acme/affiliates/bulk", "Do", "make", "Pattern", "{nickname}2026"), http.StatusSeeOther)
	says(form("/o/acme/codes", "Scope", "common", "Text", "foodie27", "Affiliate", "1"), http.StatusSeeOther)
	says(bulk("/o/acme/affiliates/bulk", "Do", "make", "Pattern", "{nickname}27"), http.StatusConflict, "Nothing was made", "foodie27")
	if text := s.ask("manager", "/o/acme/codes", nil).Body.String(); !strings.Contains(text, "foodie2026") || strings.Contains(text, "AnnUnmistakable27") {
		t.Error("codes were not made all or none")
	}
	says(bulk("/o/acme/affiliates/bulk", "Do", "pause"), http.StatusSeeOther)
	says(s.ask("manager", "/o/acme/codes", nil), http.StatusOK, "paused with its affiliate")
	says(bulk("/o/acme/affiliates/bulk", "Do", "resume"), http.StatusSeeOther)
	says(s.ask("manager", "/o/acme/codes/bulk", url.Values{"Pick": {"foodie2026|"}, "Do": {"pause"}}), http.StatusSeeOther)
	says(s.ask("manager", "/o/acme/codes/foodie2026", nil), http.StatusOK, "Paused: links still take buyers")
	says(s.ask("manager", "/o/acme/codes/qr.zip", nil), http.StatusOK, "foodie2026_gala.svg")
	says(s.ask("manager", "/o/acme/performance", nil), http.StatusOK, "No visits in this range")
	says(s.ask("manager", "/o/acme/performance?where=visits+or+1", nil), http.StatusBadRequest, "where")
	says(s.ask("manager", "/o/acme/start", nil), http.StatusOK, "affiliate=test", "Done:")
}

// TestAStreamEndsWithItsPage: one computation for all who watch, none when nobody does.
func TestAStreamEndsWithItsPage(t *testing.T) {
	s := peopled(t, nil)
	server := httptest.NewServer(s.handler)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 3 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/o/acme/live?range=7d", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: s.cookie, Value: s.cookies["viewer"]})
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Body.Close() }) //nolint:errcheck,gosec // test
		buffer := make([]byte, 4096)
		for text := ""; !strings.Contains(text, `data: {"evidence":"Days in America/New_York`); {
			n, err := w.Body.Read(buffer)
			if err != nil {
				t.Fatal(err)
			}
			text += string(buffer[:n])
		}
	}
	cancel()
}
