package reporter_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestAShareLinkShowsItsViewAlone, whatever its reader adds to the URL.
func TestAShareLinkShowsItsViewAlone(t *testing.T) {
	s := peopled(t, nil)
	share := func(query, expires string) (token string, page string) {
		w := s.ask("owner", "/o/acme/shares", url.Values{"Label": {"the band"}, "Query": {query}, "Expires": {expires}})
		m := regexp.MustCompile(`/s/([A-Za-z0-9_-]+)`).FindStringSubmatch(w.Body.String())
		if m == nil {
			return "", w.Body.String()
		}
		return m[1], ""
	}
	if token, page := share("by=affiliate", "2026-12-01"); token != "" || !strings.Contains(page, "choose one affiliate or one code") {
		t.Error("a link to every affiliate was made")
	}
	token, _ := share("affiliate=1&by=code", "2026-12-01")
	for _, add := range []string{"", "?by=affiliate", "?by=order", "?affiliate=2", "?affiliate=", "?code=galaonly", "?where=", "?columns=all", "?event=gala", "?sort=share", "?by=affiliate,order&columns=share"} {
		for _, path := range []string{"/s/" + token + add, "/s/" + token + "/export" + add + map[bool]string{true: "?", false: "&"}[add == ""] + "format=csv"} {
			w := s.ask("", path, nil)
			text := w.Body.String()
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d %s", path, w.Code, text)
			}
			for _, secret := range []string{"unmistakable.example", "alert(1)", "longlong", "galaonly", "direct", "Share", "share", "order_id", "Save this view", "/o/acme"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s shows %q", path, secret)
				}
			}
		}
	}
	s.ask("owner", "/o/acme/shares/1/end", url.Values{})
	if w := s.ask("", "/s/"+token, nil); w.Code != http.StatusNotFound {
		t.Errorf("a revoked link: %d", w.Code)
	}
	if token, _ := share("affiliate=1", "2026-11-20"); token != "" {
		t.Error("a link was made that has ended already")
	}
}
