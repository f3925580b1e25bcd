package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"footfall/bench/ledger"
	"footfall/internal/testkit"
	"footfall/schemas/admin"
	"footfall/schemas/lake"
)

// The addresses that must be nowhere. None is a substring of another, and none
// stands in the product itself.
var ( //nolint:gochecknoglobals // constants
	buyers = []netip.Addr{ // as the last hop of X-Forwarded-For
		netip.MustParseAddr("203.0.113.177"), netip.MustParseAddr("198.51.100.213"),
		netip.MustParseAddr("2001:db8:dead:beef:cafe:1234:5678:9abc"), netip.MustParseAddr("2001:db8::f00d:6ed1"),
	}
	proxies = netip.MustParseAddr("192.0.2.146")  // an earlier hop, and other headers
	peer    = netip.MustParseAddr("127.77.88.99") // the connection's own
)

// fromPeer is a client whose connections come from peer.
func fromPeer() *http.Client {
	client := demoClient()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: peer.AsSlice()}}
	client.Transport = &http.Transport{DialContext: dialer.DialContext}
	return client
}

// TestNoRawAddressAtRest drives every path that an address takes into the
// product and looks at everything that it wrote: while it runs, after it was
// killed and its journal damaged, and after a clean stop.
func TestNoRawAddressAtRest(t *testing.T) {
	// Small segments: every byte of them is searched.
	s := newServer(t, "FOOTFALL_COLLECTOR_EDGE_TRUSTED_HOPS=1", "FOOTFALL_LOG_LEVEL=debug", "FOOTFALL_LOG_FORMAT=json",
		"FOOTFALL_COLLECTOR_VISITS_JOURNAL_SEGMENT_BYTES=262144", "FOOTFALL_COLLECTOR_ORDERS_JOURNAL_SEGMENT_BYTES=262144")
	world := ledger.World{
		Organizers: []ledger.Organizer{{Slug: "plain", Zone: "UTC"}, {Slug: "baker", Zone: "UTC"}},
		Events:     []ledger.Event{{Slug: "p-fair", Organizer: "plain", Currency: "EUR"}, {Slug: "b-fair", Organizer: "baker", Currency: "EUR"}},
		Codes:      []ledger.Code{{Organizer: "plain", Text: "one", Affiliate: "ann"}, {Organizer: "baker", Text: "two", Affiliate: "bob"}},
	}
	s.seed(&world, map[string]string{})
	cookies := true
	s.call(http.MethodPatch, "/v1/organizers/baker", admin.OrganizerEdit{Cookies: &cookies}, nil)
	awaitEdge(t, s, &world)
	everyone := hide(append([]netip.Addr{proxies, peer}, buyers...)...)
	output := ""
	look := func(when string) {
		t.Helper()
		found, files, values, err := hiddenBelow(s.data, everyone)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(found, hiddenIn([]byte(output+s.Output()), everyone)...) {
			t.Errorf("%s: %s", when, f)
		}
		t.Logf("%s: %d files, %d values of Parquet, %d bytes of output", when, files, values, len(output)+len(s.Output()))
		if files < 10 || values < 1000 || !strings.Contains(output+s.Output(), `"level":"DEBUG"`) {
			t.Errorf("%s: %d files, %d values: too little was written for this to prove anything", when, files, values)
		}
	}
	values := sendPrivateVisits(t, s)
	if len(values) == 0 {
		t.Fatal("no visit was offered a cookie")
	}
	everyone = append(everyone, hideCookie(t, values[0]))
	sendPrivateOrders(t, s, &world, values[0])
	sendBroken(t, s)
	testkit.Eventually(t, startTimeout, func() error {
		d, _ := s.report(map[string][]string{"organizer": {"plain"}})
		if len(d.Totals) == 0 || number(t, d.Totals[0]["visits"]) == 0 || number(t, d.Totals[0]["orders"]) == 0 {
			return errors.New("nothing is in the report yet")
		}
		return nil
	})
	testkit.Eventually(t, startTimeout, func() error { return joinedByVisitor(t, s) })
	look("while it runs")
	s.Kill()
	damageJournal(t, s.data)
	output += s.Output()
	s.start()
	look("after a kill")
	if code := s.Stop(startTimeout); code != exitOK {
		t.Errorf("exit code %d\n%s", code, s.Output())
	}
	look("after a stop")
}

// joinedByVisitor says that an order that came with a cookie has the key of the
// cookie's visits.
func joinedByVisitor(t *testing.T, s *server) error {
	t.Helper()
	keys, joined := map[int64]bool{}, 0
	for _, path := range lakeFiles(t, s, "visits") {
		rows, err := parquet.ReadFile[lake.VisitRow](path)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if row.VisitorSource == "cookie" {
				keys[row.VisitorKey] = true
			}
		}
	}
	for _, path := range lakeFiles(t, s, "orders") {
		rows, err := parquet.ReadFile[lake.OrderRow](path)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if row.VisitorKey != 0 && keys[row.VisitorKey] {
				joined++
			}
		}
	}
	if joined != 1 {
		return fmt.Errorf("%d orders have the key of a cookie's visit, want 1", joined)
	}
	return nil
}

// sendPrivateVisits sends visits of every buyer, with cookies where they are
// offered, and gives the values of those that came back.
func sendPrivateVisits(t *testing.T, s *server) (returned []string) {
	t.Helper()
	client := fromPeer()
	for _, a := range buyers {
		bracketed := a.String()
		if a.Is6() {
			bracketed = "[" + bracketed + "]"
		}
		for _, forwarded := range []string{a.String(), proxies.String() + ", " + bracketed + ":4711", strings.ToUpper(a.StringExpanded()), a.String() + "%eth0", "\"" + bracketed + "\""} {
			for _, target := range []string{"/e/p-fair/?affiliate=one", "/e/b-fair/?affiliate=two", "/e/nowhere/?affiliate=two", "/nothing/at/all", "/e/b-fair/?affiliate=nobody"} {
				cookie := ""
				for range 2 {
					request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.clicks+target, http.NoBody)
					if err != nil {
						t.Fatal(err)
					}
					request.Header.Set("X-Forwarded-For", forwarded)
					request.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
					for _, name := range []string{"X-Real-IP", "True-Client-IP", "CF-Connecting-IP"} {
						request.Header.Set(name, proxies.String())
					}
					request.Header.Set("Forwarded", "for="+a.String()+";proto=https")
					if cookie != "" {
						request.Header.Set("Cookie", cookie)
						returned = append(returned, strings.TrimPrefix(cookie, "footfall_visitor="))
					}
					answer, err := client.Do(request)
					if err != nil {
						t.Fatal(err)
					}
					cookie, _, _ = strings.Cut(answer.Header.Get("Set-Cookie"), ";")
					if err := answer.Body.Close(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	return returned
}

// sendPrivateOrders sends orders that are taken, repeated, malformed and wrongly signed.
func sendPrivateOrders(t *testing.T, s *server, world *ledger.World, cookie string) {
	t.Helper()
	client := fromPeer()
	client.Transport = forwarding{client.Transport}
	order := func(id string) []byte {
		return fmt.Appendf(nil, `{"id":%q,"event":"p-fair","ordered_at":%q,"currency":"EUR","affiliate":"one","lines":[{"id":"1","ticket_type":"day","quantity":1,"unit_price":100}]}`,
			id, time.Now().UTC().Format(time.RFC3339))
	}
	withVisitor := func(visitor string) []byte {
		body := bytes.Replace(order("o-v"), []byte(`"p-fair"`), []byte(`"b-fair"`), 1)
		return append(bytes.TrimSuffix(body, []byte("}")), fmt.Sprintf(`,"visitor":%q}`, visitor)...)
	}
	wrong := "whsec_" + strings.Repeat("QUFB", 8)
	for _, c := range []struct {
		path, secret string
		body         []byte
		status       int
		organizer    string
	}{
		{"/v1/orders", world.Organizers[0].Secret, order("o-1"), http.StatusCreated, "plain"},
		{"/v1/orders", world.Organizers[0].Secret, order("o-2"), http.StatusCreated, "plain"},
		{"/v1/refunds", world.Organizers[0].Secret, fmt.Appendf(nil, `{"id":"r-1","order_id":"o-2","refunded_at":%q,"currency":"EUR"}`, time.Now().UTC().Format(time.RFC3339)), http.StatusCreated, "plain"},
		{"/v1/orders", wrong, order("o-3"), http.StatusUnauthorized, "plain"},
		{"/v1/orders", world.Organizers[0].Secret, []byte(`{"id":`), http.StatusBadRequest, "plain"},
		{"/v1/orders", world.Organizers[0].Secret, bytes.Repeat([]byte("x"), 70<<10), http.StatusRequestEntityTooLarge, "plain"},
		{"/v1/orders", world.Organizers[1].Secret, withVisitor(cookie), http.StatusCreated, "baker"},
		{"/v1/orders", world.Organizers[1].Secret, withVisitor(cookie), http.StatusOK, "baker"},
		{"/v1/orders", world.Organizers[1].Secret, withVisitor(cookie[:21]), http.StatusConflict, "baker"},
		{"/v1/orders", world.Organizers[1].Secret, withVisitor(cookie + "\n"), http.StatusConflict, "baker"},
		{"/v1/orders", wrong, withVisitor(cookie), http.StatusUnauthorized, "baker"},
		{"/v1/orders", world.Organizers[1].Secret, append(withVisitor(cookie), 'x'), http.StatusBadRequest, "baker"},
		{"/v1/nothing", world.Organizers[0].Secret, order("o-4"), http.StatusNotFound, "plain"},
	} {
		status, answer, err := postSigned(t.Context(), client, signedPost{URL: "http://" + s.orders + c.path, Organizer: c.organizer, Secret: c.secret, Body: c.body, At: time.Now()})
		if err != nil || status != c.status {
			t.Errorf("%s %.40s: %d %s %v, want %d", c.path, c.body, status, answer, err, c.status)
		}
	}
}

// forwarding adds the headers of proxies.
type forwarding struct{ http.RoundTripper }

func (f forwarding) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", buyers[0].String())
	r.Header.Set("X-Real-Ip", proxies.String())
	return f.RoundTripper.RoundTrip(r)
}

// sendBroken sends every listener what is no request, or none to be trusted.
func sendBroken(t *testing.T, s *server) {
	t.Helper()
	forwarded := "X-Forwarded-For: " + buyers[1].String() + "\r\n"
	for _, raw := range []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x7f", 400), // TLS
		"GET /e/p-fair/ HTTP/3.9\r\nHost: a\r\n" + forwarded + "\r\n",
		"GET /e/p-fair/ HTTP/1.1\r\nHost: a\r\n" + forwarded + " folded\r\n\r\n",
		"GET /e/p-fair/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + forwarded + "\r\n",
		"GET /e/p-fair/ HTTP/1.1\nHost: a\n" + forwarded + "\n",
		"TRACE /e/p-fair/ HTTP/1.1\r\nHost: a\r\n" + forwarded + "\r\n",
		"POST /e/p-fair/ HTTP/1.1\r\nHost: a\r\n" + forwarded + "Content-Length: 5\r\n\r\nhello",
		"GET /e/p-fair/ HTTP/1.1\r\nHost: a\r\n" + forwarded + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"GET /e/p-fair/ HTTP/1.1\r\nHost: a\r\n" + forwarded + "Expect: 100-continue\r\n\r\n",
		"GET /e/p-fair/?" + strings.Repeat("a=b&", 5000) + " HTTP/1.1\r\nHost: a\r\n" + forwarded + "\r\n",
		"no request at all\r\n\r\n", forwarded, "\x00\x00\x00\x00",
	} {
		for _, address := range []string{s.clicks, s.orders, s.admin} {
			exchangeRaw(t, address, raw)
		}
	}
}

// exchangeRaw sends bytes from peer and waits for the other side to end it.
func exchangeRaw(t *testing.T, address, raw string) {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: peer.AsSlice()}}
	conn, err := dialer.DialContext(context.WithoutCancel(t.Context()), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T is no TCP connection", conn)
	}
	// A listener may close before it has read all, so neither call must work.
	_, _ = io.WriteString(tcp, raw)
	_ = tcp.CloseWrite()
	if err := tcp.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, tcp)
	if err := tcp.Close(); err != nil {
		t.Fatal(err)
	}
}

// damageJournal makes every record in the second half of the visits' segments a
// bad one. The next start cuts them off and keeps a copy, visits among them.
func damageJournal(t *testing.T, data string) {
	t.Helper()
	const shortestRecord = 24 // bytes
	segments, err := filepath.Glob(filepath.Join(data, "journal", "visits", "*", "*.seg"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no segments: %v", err)
	}
	damaged := 0
	for _, path := range segments {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		end := len(bytes.TrimRight(content, "\x00"))
		if end < 4096 {
			continue
		}
		for at := end / 2; at < end; at += shortestRecord {
			content[at] ^= 0x40
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		damaged++
	}
	if damaged == 0 {
		t.Fatal("no segment holds records")
	}
	t.Cleanup(func() {
		copies, err := filepath.Glob(filepath.Join(data, "journal", "visits", "*", "*.broken"))
		if !t.Failed() && (err != nil || len(copies) == 0) {
			t.Errorf("damage was not copied aside: %v", err)
		}
	})
}

// TestAPlantedAddressIsFound shows that the search of TestNoRawAddressAtRest
// finds what it looks for.
func TestAPlantedAddressIsFound(t *testing.T) {
	type row struct {
		Note   string `parquet:"note,zstd,dict"`
		Number int64  `parquet:"number,zstd,delta"`
	}
	inParquet := func(note string, number int64) []byte {
		var b bytes.Buffer
		rows := make([]row, 500)
		for i := range rows {
			rows[i] = row{"Mozilla/5.0", int64(i)}
		}
		rows[250] = row{note, number}
		if err := parquet.Write(&b, rows); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	v4, v6 := buyers[0], buyers[2]
	for name, planted := range map[string][]byte{
		"text.log": []byte(`{"peer":"` + v4.String() + `:4711"}`), "six.log": []byte("from " + strings.ToUpper(v6.String())),
		"full.log": []byte(v6.StringExpanded()), "four.seg": append(bytes.Repeat([]byte{0}, 1<<16), v4.AsSlice()...),
		"sixteen.db": append([]byte("SQLite"), v6.AsSlice()...), "number.json": []byte(`{"ip":3405803953}`),
		"cookie.db": []byte("x ABCDEFGHIJKL_v_9AQIDBA y"), "cookie.seg": append([]byte{9}, "\x00\x10\x83\x10Q\x87 \x92\x8b\xfe\xff\xfd\x01\x02\x03\x04"...),
		"note.parquet": inParquet(v6.String(), 0), "number.parquet": inParquet("", 3405803953),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), planted, 0o600); err != nil {
			t.Fatal(err)
		}
		found, _, _, err := hiddenBelow(dir, append(hide(buyers...), hideCookie(t, "ABCDEFGHIJKL_v_9AQIDBA")))
		if err != nil || len(found) == 0 {
			t.Errorf("%s: found %v, %v", name, found, err)
		}
		if others, _, _, err := hiddenBelow(dir, hide(proxies, peer)); err != nil || len(others) > 0 {
			t.Errorf("%s: found %v, which is not there, %v", name, others, err)
		}
	}
}
