package edge

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dchest/siphash"

	"footfall/schemas/routes"
	"footfall/schemas/visit"
)

func TestVisitorKeyIsTheDocumentedHash(t *testing.T) {
	s := testSecrets(t)
	want := func(key routes.Key, parts ...[]byte) uint64 {
		h := hmac.New(sha256.New, key[:])
		h.Write([]byte("footfall visitor key 1"))
		keyed := siphash.New(h.Sum(nil)[:16])
		for _, part := range parts {
			keyed.Write(part)
		}
		return keyed.Sum64()
	}
	organizer := []byte{0, 0, 0, 20}
	address := netip.MustParseAddr("192.0.2.1").As16()
	longest := bytes.Repeat([]byte("a"), visit.MaxHeader)
	for _, agent := range [][]byte{nil, []byte("agent"), longest} {
		got := s.byAddress(testNow.UnixMilli(), 20, netip.MustParseAddr("192.0.2.1"), agent)
		if got != want(routes.Key{2}, organizer, address[:], agent) {
			t.Errorf("by address and %.10s: %x", agent, got)
		}
	}
	if got := s.byCookie(20, make([]byte, 16)); got != want(routes.Key{3}, organizer, make([]byte, 16)) {
		t.Errorf("by cookie: %x", got)
	}
}

func TestVisitorKeyTellsDaysAndOrganizersApart(t *testing.T) {
	s := testSecrets(t)
	client := netip.MustParseAddr("192.0.2.1")
	midnight := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).UnixMilli()
	keys := map[uint64]string{}
	for name, key := range map[string]uint64{
		"last ms of the day before": s.byAddress(midnight-1, 10, client, nil),
		"first ms of the day":       s.byAddress(midnight, 10, client, nil),
		"another organizer":         s.byAddress(midnight, 11, client, nil),
		"another agent":             s.byAddress(midnight, 10, client, []byte("a")),
		"another address":           s.byAddress(midnight, 10, client.Next(), nil),
	} {
		if other, taken := keys[key]; taken || key == 0 {
			t.Errorf("%s and %s share key %x", name, other, key)
		}
		keys[key] = name
	}
	if s.byAddress(midnight, 10, client, nil) != s.byAddress(midnight+msPerDay-1, 10, client, nil) {
		t.Error("the key changed within its day")
	}
	if s.byAddress(midnight+msPerDay, 10, client, nil) != 0 || s.byAddress(midnight-msPerDay-1, 10, client, nil) != 0 {
		t.Error("a key on a day without a day key")
	}
}

func TestForwardedAddressIsOnlyTakenFromTrustedHops(t *testing.T) {
	peer := &net.TCPAddr{IP: net.IPv4(198, 51, 100, 9)}
	for _, c := range []struct {
		lines []string
		hops  int
		want  string
	}{
		{[]string{"203.0.113.1"}, 0, "198.51.100.9"},
		{[]string{"203.0.113.1"}, 1, "203.0.113.1"},
		{[]string{"1.1.1.1, 203.0.113.1"}, 1, "203.0.113.1"},
		{[]string{"1.1.1.1, 203.0.113.1, 10.0.0.1"}, 2, "203.0.113.1"},
		{[]string{"1.1.1.1", "203.0.113.1", "10.0.0.1"}, 2, "203.0.113.1"},
		{[]string{"a", "b", "c", "203.0.113.1", "d", "e"}, 3, "203.0.113.1"},
		{[]string{"203.0.113.1"}, 2, "198.51.100.9"},
		{nil, 1, "198.51.100.9"},
		{[]string{"unknown"}, 1, "198.51.100.9"},
		{[]string{""}, 1, "198.51.100.9"},
		{[]string{"203.0.113.1:8080"}, 1, "203.0.113.1"},
		{[]string{"[2001:db8::1]:443"}, 1, "2001:db8::1"},
		{[]string{"2001:db8::1"}, 1, "2001:db8::1"},
		{[]string{"::ffff:203.0.113.1"}, 1, "203.0.113.1"},
		{[]string{"fe80::1%eth0"}, 1, "198.51.100.9"},
		{[]string{"[::1"}, 1, "198.51.100.9"},
		{[]string{strings.Repeat("1", 500)}, 1, "198.51.100.9"},
	} {
		var h head
		raw := ""
		for _, line := range c.lines {
			raw += "X-Forwarded-For: " + line + "\r\n"
		}
		h.parse([]byte(raw))
		if got := clientAddress(peerAddress(peer), &h, c.hops); got.String() != c.want {
			t.Errorf("%q behind %d hops: %s, want %s", c.lines, c.hops, got, c.want)
		}
	}
}

// A cookie of another organizer's link is the same cookie under another key:
// organizers share nothing.
func TestCookieFollowsConsentAndOrganizer(t *testing.T) {
	b := newBench(t, nil)
	b.serve(t)
	first := b.get(t, "GET", "/e/cookie/").Header.Get("Set-Cookie")
	pair, attributes, _ := strings.Cut(first, ";")
	if attributes != " Path=/e/; Max-Age=7776000; HttpOnly; SameSite=Lax; Secure" {
		t.Errorf("attributes %q", attributes)
	}
	if again := b.get(t, "GET", "/e/cookie/", "Cookie: "+pair).Header.Get("Set-Cookie"); again != "" {
		t.Errorf("set again: %q", again)
	}
	if other := b.get(t, "GET", "/e/cookie/").Header.Get("Set-Cookie"); other == first || other == "" {
		t.Errorf("two visitors got %q and %q", first, other)
	}
	for _, refusal := range [][]string{{"/e/cookie/", "Sec-GPC: 1"}, {"/e/cookie/?consent=0"}, {"/e/fair/"}} {
		if set := b.get(t, "GET", refusal[0], refusal[1:]...).Header.Get("Set-Cookie"); set != "" {
			t.Errorf("%v: set %q", refusal, set)
		}
	}
	visits := b.journal.visits(t)
	if visits[0].VisitorKey != visits[1].VisitorKey || visits[0].VisitorKey == visits[2].VisitorKey ||
		visits[0].VisitorSource != visit.VisitorCookie || visits[3].VisitorSource != visit.VisitorAddress {
		t.Errorf("keys %x %x %x", visits[0].VisitorKey, visits[1].VisitorKey, visits[2].VisitorKey)
	}
	if n := b.counter(t, "footfall_edge_cookies_set_total"); n != 2 {
		t.Errorf("%v cookies counted", n)
	}
}

func TestCleanKeepsTextWholeAndBounded(t *testing.T) {
	for _, c := range []struct {
		in      string
		limit   int
		escapes bool
		want    string
	}{
		{"plain", 256, true, "plain"},
		{"plain", 3, true, "pla"},
		{"a+b%20c", 256, true, "a b c"},
		{"a+b%20c", 256, false, "a+b%20c"},
		{"%C3%BC%C3%BC", 3, true, "ü"},
		{"%C3", 256, true, "%C3"},
		{"%C3", 2, true, ""},
		{"a%00b%7Fc%C2%85", 256, true, "a%00b%7Fc%C2%85"},
		{"\xff\xfe", 256, false, "%FF%FE"},
		{"tab\there", 256, false, "tab%09here"},
		{strings.Repeat("é", 300), 512, false, strings.Repeat("é", 256)},
		{strings.Repeat("%e2%82%ac", 100), 256, true, strings.Repeat("€", 85)},
	} {
		room := make([]byte, 0, c.limit)
		if got := clean(&room, []byte(c.in), c.limit, c.escapes); string(got) != c.want || cap(room) != c.limit {
			t.Errorf("%.20q in %d: %q", c.in, c.limit, got)
		}
	}
}

func FuzzCleanIsBoundedAndValid(f *testing.F) {
	f.Add([]byte("a%C3%BC+\xff"), 7, true)
	f.Fuzz(func(t *testing.T, text []byte, limit int, escapes bool) {
		if limit < 0 || limit > visit.MaxHeader {
			return
		}
		room := make([]byte, 0, limit)
		got := clean(&room, text, limit, escapes)
		if len(got) > limit || strings.ToValidUTF8(string(got), "") != string(got) || cap(room) != limit {
			t.Fatalf("%q in %d: %q", text, limit, got)
		}
		for _, c := range got {
			if c < ' ' || c == 0x7F {
				t.Fatalf("control byte in %q", got)
			}
		}
		slow := true
		for _, c := range text {
			slow = slow && c >= ' ' && c < 0x7F && (!escapes || (c != '%' && c != '+'))
		}
		if plain(text, escapes) != slow {
			t.Fatalf("plain(%q, %v) is %v", text, escapes, !slow)
		}
	})
}
