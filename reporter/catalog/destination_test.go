package catalog

import (
	"net/url"
	"strings"
	"testing"

	"footfall/schemas/admin"
)

func TestDestinationsThatCouldSteerABuyerElsewhereAreRefused(t *testing.T) {
	own := []string{"go.example.com", "127.0.0.1:8080"}
	for name, c := range map[string]struct{ text, says string }{
		"empty":                 {"", "absolute https"},
		"script":                {"javascript:alert(1)", "absolute https"},
		"script, many slashes":  {"javascript://tickets.example.com/%0aalert(1)", "absolute https"},
		"data":                  {"data:text/html,x", "absolute https"},
		"relative":              {"/spring", "absolute https"},
		"host only":             {"tickets.example.com/spring", "absolute https"},
		"scheme-relative":       {"//tickets.example.com/", "absolute https"},
		"backslashes":           {`https:\\evil.example`, ""},
		"backslash before host": {`https://tickets.example.com\@evil.example/`, ""},
		"no host":               {"https:///spring", "absolute https"},
		"opaque":                {"https:tickets.example.com", "absolute https"},
		"plain http":            {"http://tickets.example.com/", "not https"},
		"user":                  {"https://user@tickets.example.com/", "user name"},
		"user and password":     {"https://user:secret@tickets.example.com/", "user name"},
		"empty user":            {"https://@tickets.example.com/", "user name"},
		"line feed":             {"https://tickets.example.com/\nSet-Cookie: a=b", "line break"},
		"return":                {"https://tickets.example.com/\r\nX: y", "line break"},
		"trailing line feed":    {"https://tickets.example.com/\n", "line break"},
		"zero":                  {"https://tickets.example.com/\x00", "line break"},
		"line separator":        {"https://tickets.example.com/\u2028", "line break"},
		"international":         {"https://tickéts.example.com/", "xn--"},
		"look-alike dot":        {"https://tickets。example.com/", "xn--"},
		"bad escape":            {"https://tickets.example.com/%zz", "can't be read"},
		"escaped host":          {"https://tickets%2eexample.com/", ""},
		"space in host":         {"https://tickets example.com/", ""},
		"underscore host":       {"https://a_b.example.com/", "host name"},
		"port 0":                {"https://tickets.example.com:0/", "port"},
		"port 70000":            {"https://tickets.example.com:70000/", "port"},
		"port missing":          {"https://tickets.example.com:/", "port"},
		"long":                  {"https://tickets.example.com/" + strings.Repeat("a", 2021), "2048"},
		"own host":              {"https://go.example.com/e/gala/", "own host"},
		"own host, capitals":    {"https://GO.Example.Com/", "own host"},
		"own host, final dot":   {"https://go.example.com./", "own host"},
		"own host, other port":  {"https://go.example.com:8443/", "own host"},
		"own address":           {"http://127.0.0.1:8080/e/gala/", "own host"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cleanDestination(c.text, own)
			r, refused := admin.AsRefusal(err)
			if !refused || r.Pointer != "/destination" || !strings.Contains(r.Detail, c.says) {
				t.Errorf("%q gave %q, %v; want a refusal saying %q", c.text, got, err, c.says)
			}
			if refused && strings.Contains(r.Detail, "secret") {
				t.Errorf("the refusal shows a password: %s", r.Detail)
			}
		})
	}
}

func TestDestinationsAreSavedPercentEncoded(t *testing.T) {
	for text, want := range map[string]string{
		"https://tickets.example.com":                    "https://tickets.example.com/",
		"  https://tickets.example.com/a  ":              "https://tickets.example.com/a",
		"HTTPS://Tickets.Example.Com/A?B=c":              "https://tickets.example.com/A?B=c",
		"https://tickets.example.com/a b":                "https://tickets.example.com/a%20b",
		"https://tickets.example.com/ä?q=ö ü":            "https://tickets.example.com/%C3%A4?q=%C3%B6%20%C3%BC",
		"https://tickets.example.com/%C3%A4?x=%0d%0a":    "https://tickets.example.com/%C3%A4?x=%0d%0a",
		`https://tickets.example.com/?a="<b>"&c=d|e`:     "https://tickets.example.com/?a=%22%3Cb%3E%22&c=d%7Ce",
		"https://tickets.example.com/?a=100%&b=1":        "https://tickets.example.com/?a=100%25&b=1",
		`https://tickets.example.com/a\b`:                "https://tickets.example.com/a%5Cb",
		"https://tickets.example.com/app#/events/ä":      "https://tickets.example.com/app#/events/%C3%A4",
		"https://tickets.example.com:8443/a?x=1&x=2":     "https://tickets.example.com:8443/a?x=1&x=2",
		"https://xn--tickts-fva.example.com/":            "https://xn--tickts-fva.example.com/",
		"http://127.0.0.1:9000/shop":                     "http://127.0.0.1:9000/shop",
		"http://localhost/":                              "http://localhost/",
		"http://[::1]:9000/":                             "http://[::1]:9000/",
		"https://tickets.example.com/?next=https://x.y/": "https://tickets.example.com/?next=https://x.y/",
	} {
		got, err := cleanDestination(text, []string{"127.0.0.1:8080", "go.example.com"})
		if err != nil || got != want {
			t.Errorf("%q gave %q, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzSavedDestinationIsOneSafeHeaderLine(f *testing.F) {
	for _, seed := range []string{"https://tickets.example.com/a b?c=%0d#d", "http://127.0.0.1/", "https://a@b/", "https://a/\x7f", "https://a/?%%%2", "https://[::1]:1/#%25"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := cleanDestination(text, []string{"go.example.com"})
		if err != nil {
			return
		}
		for i := range len(got) {
			if got[i] <= ' ' || got[i] >= 0x7f {
				t.Fatalf("%q gave %q: byte %d", text, got, i)
			}
		}
		u, err := url.Parse(got)
		if err != nil || u.User != nil || u.Host == "" || strings.EqualFold(u.Hostname(), "go.example.com") {
			t.Fatalf("%q gave %q: %v %+v", text, got, err, u)
		}
		again, err := cleanDestination(got, nil)
		if len(got) <= maxDestinationChars && (err != nil || again != got) {
			t.Fatalf("%q gave %q, then %q, %v", text, got, again, err)
		}
	})
}
