package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"footfall/schemas/clickid"
	"footfall/schemas/visit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// story is what a request led to, as the golden file holds it.
type story struct {
	Request  string
	Status   int
	Location string         `json:",omitempty"`
	Cookie   string         `json:",omitempty"`
	Visit    map[string]any `json:",omitempty"`
}

// facts gives the visit's fields that are not zero.
func facts(v *visit.Visit) map[string]any {
	out := map[string]any{"Organizer": v.Organizer, "Event": v.Event, "CodeState": v.CodeState.String(), "Source": v.VisitorSource.String()}
	if v.Code != 0 {
		out["Code"] = v.Code
	}
	for name, b := range map[string][]byte{"CodeText": v.CodeText, "UserAgent": v.UserAgent, "Referrer": v.Referrer} {
		if len(b) > 0 {
			out[name] = string(b)
		}
	}
	for i := range v.Sub {
		if len(v.Sub[i]) > 0 {
			out[fmt.Sprintf("Sub%d", i+1)] = string(v.Sub[i])
		}
		if len(v.UTM[i]) > 0 {
			out[fmt.Sprintf("UTM%d", i)] = string(v.UTM[i])
		}
	}
	for name, holds := range map[string]bool{
		"Ended": v.Ended, "Test": v.Test, "Head": v.Head, "Prefetch": v.Prefetch, "Repeated": v.RepeatedAffiliate, "GPC": v.GPC,
	} {
		if holds {
			out[name] = true
		}
	}
	if v.Consent != visit.ConsentUnset {
		out["Consent"] = v.Consent.String()
	}
	return out
}

// The requests of faults.md, part 2, rows 1 to 7, 11, 15 and 16, and the rules
// of semantics.md, "The redirect".
func TestRequestNeverChangesWhatItMeant(t *testing.T) {
	long := strings.Repeat("x", 1000)
	requests := []struct {
		target string
		lines  []string
	}{
		{"GET /e/fair/", nil},
		{"GET /e/fair", nil},
		{"GET /e/fair?affiliate=spring", nil},
		{"GET /e/fair/?affiliate=spring", []string{"User-Agent: Mozilla/5.0 (X11)", "Referer: https://blog.example/post?a=1"}},
		{"GET /e/fair/?affiliate=OLD", nil},
		{"GET /e/fair/?affiliate=both", nil},
		{"GET /e/query/?affiliate=both", nil},
		{"GET /e/query/?affiliate=only", nil},
		{"GET /e/fair/?affiliate=other", nil},
		{"GET /e/fair/?affiliate=rest", nil},
		{"GET /e/past/?affiliate=spring", nil},
		{"GET /e/nowhere/?affiliate=spring", nil},
		{"GET /e/Fair/", nil},
		{"GET /e/fair/?affiliate=nobody&affiliate=spring&affiliate=both", nil},
		{"GET /e/fair/?affiliate=nobody&affiliate=nowhere", nil},
		{"GET /e/fair/?affiliate=test", nil},
		{"GET /e/fair/?affiliate=TEST&affiliate=spring", nil},
		{"GET /e/fair/?affiliate=none", nil},
		{"GET /e/fair/?affiliate=Direct&affiliate=spring", nil},
		{"GET /e/fair/?Affiliate=spring", nil},
		{"GET /e/fair/?affiliate[]=spring", nil},
		{"GET /e/fair/?a=1;affiliate=spring", nil},
		{"GET /e/fair/?%61ffiliate=spring", nil},
		{"GET /e/fair/?affiliate=", nil},
		{"GET /e/fair/?affiliate", nil},
		{"GET /e/fair/?affiliate=" + long, nil},
		{"GET /e/fair/?affiliate=%F0%9F%8E%AB", nil},
		{"GET /e/fair/?affiliate=%20spring+", nil},
		{"GET /e/fair/?affiliate=sp%72ing", nil},
		{"GET /e/fair/?affiliate=sp%2572ing", nil},
		{"GET /e/fair/?affiliate=two+words", nil},
		{"GET /e/fair/?affiliate=%zz", nil},
		{"GET /e/fair/?affiliate=spring%00", nil},
		{"GET /e/fair/?affiliate=%ff%fe", nil},
		{"GET /e/fair/?affiliate=sprin\u0261", nil},
		{"GET /e/fair/?affiliate=" + strings.Repeat("%F0", 30), nil},
		{"GET /e/fair/?click_id=a&b=2&click%5Fid=c&&d", nil},
		{"GET /e/query/?x=%0d%0aSet-Cookie:a&y=\"<>\\^`{|}'&z=%&q=1%2", nil},
		{"GET /e/fair/?sub1=a&sub2=b%20c&sub3=%C3%BCber&sub4=%ff&sub5=&sub1=second&sub6=x", nil},
		{"GET /e/fair/?utm_source=news&utm_medium=e+mail&utm_campaign=" + long + "&utm_term=%0A&utm_content=ad", nil},
		{"HEAD /e/fair/?affiliate=spring", nil},
		{"GET /e/fair/", []string{"Sec-Purpose: prefetch;prerender"}},
		{"GET /e/fair/", []string{"Purpose: Prefetch"}},
		{"GET /e/fair/", []string{"X-Moz: prefetch"}},
		{"GET /e/fair/", []string{"Sec-GPC: 1"}},
		{"GET /e/fair/?consent=1", nil},
		{"GET /e/fair/?consent=yes", nil},
		{"GET /e/fair/", []string{"User-Agent: caf\xe9 " + long}},
		{"GET /e/cookie/", nil},
		{"GET /e/cookie/", []string{"Cookie: a=b; footfall_visitor=AAAAAAAAAAAAAAAAAAAAAA; c=d"}},
		{"GET /e/cookie/", []string{"Cookie: footfall_visitor=AAAAAAAAAAAAAAAAAAAAAB"}},
		{"GET /e/cookie/", []string{"Cookie: footfall_visitor=" + long}},
		{"GET /e/cookie/", []string{"Cookie: footfall_visitor=AAAAAAAAAAAAAAAAAAAAAA", "Sec-GPC: 1"}},
		{"GET /e/cookie/?consent=0", []string{"Cookie: footfall_visitor=AAAAAAAAAAAAAAAAAAAAAA"}},
		{"GET /e/cookie/?consent=0&consent=1", nil},
		{"GET /e/nokey/", nil},
	}
	b := newBench(t, nil)
	b.serve(t)
	var golden bytes.Buffer
	encoder := json.NewEncoder(&golden)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	for _, r := range requests {
		method, target, _ := strings.Cut(r.target, " ")
		before := len(b.journal.visits(t))
		answer := b.get(t, method, target, r.lines...)
		got := story{Request: strings.Join(append([]string{r.target}, r.lines...), " | "), Status: answer.StatusCode}
		got.Location = hideClick(t, b, answer.Header.Get("Location"))
		if name, rest, ok := strings.Cut(answer.Header.Get("Set-Cookie"), "="); ok {
			got.Cookie = name + "=" + strings.Repeat("*", strings.IndexByte(rest, ';')) + rest[strings.IndexByte(rest, ';'):]
		}
		if visits := b.journal.visits(t); len(visits) > before {
			got.Visit = facts(&visits[before])
		}
		if err := encoder.Encode(got); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join("testdata", "redirects.json")
	if *update {
		if err := os.WriteFile(path, golden.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(golden.Bytes(), want) {
		t.Errorf("redirects differ from %s (run with -update and read the difference):\n%s", path, golden.String())
	}
}

// hideClick puts a star where a valid click id stood.
func hideClick(t *testing.T, b *bench, location string) string {
	t.Helper()
	before, id, ok := strings.Cut(location, "click_id=")
	if !ok {
		return location
	}
	if _, status := b.edge.deps.Secrets().clicks.Decode([]byte(id[:clickid.Length])); status != clickid.Valid {
		t.Errorf("%s: %s click id", location, status)
	}
	return before + "click_id=*" + id[clickid.Length:]
}

// What makes a redirect open: CWE-601's payloads and those of the path
// confusion that proxies and browsers know.
func openRedirects() []string {
	hosts := []string{"evil.example", "//evil.example", "https://evil.example", "\\\\evil.example", "/\\evil.example", "@evil.example", "%2f%2fevil.example", "%5c%5cevil.example", "https:evil.example", "javascript:alert(1)"}
	frames := []string{
		"/e/fair/?url=%s", "/e/fair/?affiliate=%s", "/e/fair/?click_id=%s", "/e/fair?%s", "/e/fair/?%s", "/e/fair/?next=%s&affiliate=spring",
		"/e/%s", "/e/%s/", "/e/fair/%s", "/e/fair/%s/", "/%s", "/e//%s", "/e/../%s", "/e/fair/..%%2f%s", "/e/fair%%0d%%0aLocation:%%20%s",
		"/e/fair/?x=%%0d%%0aLocation:%%20%s", "/e/fair/?affiliate=a%%0aLocation:%s", "/e/fair/?#%s", "/e/fair/?affiliate=spring#@%s",
		"/e/fair/?%%61ffiliate=%s&affiliate=%s",
	}
	var out []string
	for _, frame := range frames {
		for _, host := range hosts {
			out = append(out, strings.ReplaceAll(strings.ReplaceAll(frame, "%s", host), "%%", "%"))
		}
	}
	return append(out, "//evil.example/e/fair/", "http://evil.example/e/fair/", "https://evil.example/e/fair/", "/\\evil.example/e/fair/",
		"/e/%2e%2e%2fadmin", "/e/a%2Fb/", "//host/e/fair", "/e/./fair/", "/e/fair/.", "/E/fair/")
}

func TestNothingInARequestSteersTheRedirect(t *testing.T) {
	payloads := openRedirects()
	if len(payloads) < 200 {
		t.Fatalf("%d payloads", len(payloads))
	}
	b := newBench(t, func(c *Config, _ *Deps) { c.FallbackURL = "https://home.example/" })
	b.serve(t)
	redirects := 0
	for _, target := range payloads {
		answer := b.get(t, "GET", target, "X-Forwarded-Host: evil.example", "X-Original-URL: /e/fair/", "Forwarded: host=evil.example")
		location := answer.Header.Get("Location")
		switch answer.StatusCode {
		case http.StatusFound:
			redirects++
			u, err := url.Parse(location)
			if err != nil || (u.Host != "tickets.example" && location != "https://home.example/") || len(answer.Header["Location"]) != 1 {
				t.Errorf("%s: led to %q", target, location)
			}
		case http.StatusNotFound, http.StatusBadRequest:
			if location != "" {
				t.Errorf("%s: %d with a location", target, answer.StatusCode)
			}
		default:
			t.Errorf("%s: status %d", target, answer.StatusCode)
		}
	}
	if redirects < 60 {
		t.Errorf("only %d of the payloads were redirected at all: the test shows little", redirects)
	}
}

func TestHostsBeyondTheListAreMisdirected(t *testing.T) {
	b := newBench(t, func(c *Config, _ *Deps) { c.Hosts = []string{"go.example"} })
	b.serve(t)
	for host, want := range map[string]string{
		"go.example": "302", "GO.Example:8443": "302", "evil.example": "421", "go.example.evil": "421", "": "400",
		"a" + strings.Repeat("b", 300): "421", "[::1]:80": "421",
	} {
		answer := b.raw(t, "GET /e/fair/ HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 "+want) {
			t.Errorf("host %q: %.40q", host, answer)
		}
	}
}

func TestVisitThatCannotBeKeptIsStillRedirectedWithoutClick(t *testing.T) {
	b := newBench(t, nil)
	b.serve(t)
	b.journal.fail = errors.New("disk full")
	answer := b.get(t, "GET", "/e/query/?affiliate=SPRING&click_id=forged")
	if got := answer.Header.Get("Location"); answer.StatusCode != http.StatusFound || got != "https://shop.example:8443/buy?show=7&affiliate=Spring#seats" {
		t.Errorf("%d to %q", answer.StatusCode, got)
	}
	if n := b.counter(t, "footfall_edge_visits_lost_total"); n != 1 {
		t.Errorf("%v visits counted as lost", n)
	}
	if n := b.counter(t, "footfall_edge_visits_total", "resolved"); n != 0 {
		t.Errorf("%v visits counted as recorded", n)
	}
}

func TestVisitIsKeptWithoutSecrets(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Secrets = func() *Secrets { return nil } })
	b.serve(t)
	if got := b.get(t, "GET", "/e/fair/?affiliate=spring").Header.Get("Location"); got != fairDestination+"?affiliate=Spring" {
		t.Errorf("led to %q", got)
	}
	v := b.journal.visits(t)[0]
	if v.VisitorKey != 0 || v.VisitorSource != visit.VisitorNone || v.Code != 100 {
		t.Errorf("visit %+v", v)
	}
	if n := b.counter(t, "footfall_edge_click_ids_missing_total"); n != 1 {
		t.Errorf("%v missing ids counted", n)
	}
	if n := b.counter(t, "footfall_edge_visitor_keys_missing_total", "day"); n != 1 {
		t.Errorf("%v missing keys counted", n)
	}
}

func TestUnknownEventIsCountedAndIsNoVisit(t *testing.T) {
	for _, fallback := range []string{"", "https://home.example/all"} {
		b := newBench(t, func(c *Config, _ *Deps) { c.FallbackURL = fallback })
		b.serve(t)
		answer := b.get(t, "GET", "/e/unknown/?affiliate=spring")
		status, kind := 404, "page"
		if fallback != "" {
			status, kind = 302, "fallback"
		}
		if answer.StatusCode != status || answer.Header.Get("Location") != fallback || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("fallback %q: %d %v", fallback, answer.StatusCode, answer.Header)
		}
		if n := b.counter(t, "footfall_edge_unknown_events_total", kind); n != 1 {
			t.Errorf("%v counted as %s", n, kind)
		}
		if len(b.journal.visits(t)) != 0 {
			t.Error("a visit was recorded")
		}
	}
}

// The catalog's URL stands in front byte for byte, and no byte that a header
// or a URL can't hold gets into the Location.
func FuzzLocationStaysInsideTheCatalog(f *testing.F) {
	for _, target := range openRedirects() {
		_, query, _ := strings.Cut(target, "?")
		f.Add([]byte(query), true)
	}
	f.Add([]byte("affiliate=a\x00b\xff&click_id=\r\nX: y&\n=\r"), false)
	catalog := newCatalog()
	secrets := testSecrets(f)
	f.Fuzz(func(t *testing.T, query []byte, withKeys bool) {
		for slug, event := range catalog.events {
			s := newScratch()
			s.readQuery(catalog, &event, query)
			keys := secrets.clicks
			if !withKeys {
				keys = nil
			}
			minted := s.buildLocation(event.Destination, query, keys, clickid.Fields{Event: event.ID, State: s.visit.CodeState})
			if minted != withKeys {
				t.Fatalf("%s: minted %v", slug, minted)
			}
			before, _, _ := bytes.Cut(event.Destination, []byte("#"))
			if !bytes.HasPrefix(s.location, before) {
				t.Fatalf("%s: %q does not begin with the destination", slug, s.location)
			}
			for _, c := range s.location {
				if c <= ' ' || c >= 0x7F || c == '"' || c == '<' || c == '>' || c == '\\' {
					t.Fatalf("%s: byte %q in %q", slug, c, s.location)
				}
			}
			checkLocation(t, string(s.location), &event, &s.visit, withKeys)
		}
	})
}

func checkLocation(t *testing.T, location string, event *Event, v *visit.Visit, withKeys bool) {
	t.Helper()
	u, err := url.Parse(location)
	want, wantErr := url.Parse(string(event.Destination))
	if err != nil || wantErr != nil {
		t.Fatalf("%q: %v, %v", location, err, wantErr)
	}
	if u.Host != want.Host || u.Scheme != want.Scheme || u.Path != want.Path || u.Fragment != want.Fragment || u.User != nil {
		t.Fatalf("%q leaves %q", location, event.Destination)
	}
	ids, affiliates := 0, 0
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if p := nameOf([]byte(name)); p == clickID {
			ids++
		} else if p == affiliate {
			affiliates++
		}
	}
	if (ids == 1) != withKeys || ids > 1 || (v.Code != 0 && affiliates != 1) {
		t.Fatalf("%q: %d click ids, %d affiliates", location, ids, affiliates)
	}
	if len(v.CodeText) > visit.MaxCodeText || !plain(v.CodeText, false) {
		t.Fatalf("code text %q", v.CodeText)
	}
}
