package edge

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"footfall/schemas/visit"
)

// told is a connection in memory: one read gives the request, the next its end.
type told struct {
	addressed
	request []byte
	answer  []byte
}

func (c *told) Read(b []byte) (int, error) {
	if len(c.request) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.request)
	c.request = c.request[n:]
	return n, nil
}

func (c *told) Write(b []byte) (int, error) {
	c.answer = append(c.answer, b...)
	return len(b), nil
}

func (c *told) Close() error                     { return nil }
func (c *told) SetReadDeadline(time.Time) error  { return nil }
func (c *told) SetWriteDeadline(time.Time) error { return nil }

// lane is an edge that is asked over connections in memory.
type lane struct {
	*bench
	server bool // everything is left to the HTTP server
}

func newLane(t testing.TB, server bool, change func(*Config, *Deps)) *lane {
	t.Helper()
	l := &lane{bench: newBench(t, change), server: server}
	l.edge.listener = newListener(nil, l.edge)
	return l
}

// ask gives the whole answer to a request, and whether the HTTP server saw it.
func (l *lane) ask(t testing.TB, request []byte) (answer string, served bool) {
	t.Helper()
	raw := &told{request: bytes.Clone(request)}
	c := &conn{Conn: raw, listener: l.edge.listener, client: peerAddress(client), served: l.server}
	if err := l.edge.server.ServeConn(c); err != nil && !strings.Contains(err.Error(), "EOF") && !served {
		t.Logf("serving %q: %v", request, err)
	}
	return string(raw.answer), c.served
}

// meaning is an answer without what differs between two that mean the same: the
// order of its header's lines, the date, and the random parts of ids.
func (l *lane) meaning(t testing.TB, answer string) []string {
	t.Helper()
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	for i, line := range lines {
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "Date":
			if _, err := http.ParseTime(value); err != nil {
				t.Errorf("date %q: %v", value, err)
			}
			lines[i] = "Date"
		case "Set-Cookie":
			name, rest, _ := strings.Cut(value, "=")
			_, attributes, _ := strings.Cut(rest, ";")
			lines[i] = "Set-Cookie: " + name + ";" + attributes
		case "Location":
			lines[i] = "Location: " + hideClickOf(l.bench, value)
		}
	}
	slices.Sort(lines[1:])
	return append(lines, body)
}

func hideClickOf(b *bench, location string) string {
	before, id, ok := strings.Cut(location, "click_id=")
	if len(id) < 48 || !ok {
		return location
	}
	fields, status := b.edge.deps.Secrets().clicks.Decode([]byte(id[:48]))
	fields.Sequence = 0
	return before + status.String() + id[48:] + string(rune('0'+fields.Event))
}

// clickRequests are requests as browsers, proxies and strangers send them.
func clickRequests() []string {
	var out []string
	for _, target := range append(openRedirects(), "/e/fair/?affiliate=SPRING", "/e/cookie/?consent=1", "/e/cookie/", "/e/nowhere/", "/e/past/?affiliate=both",
		"/e/query/?affiliate=both&utm_source=a%20b&sub1=c#d", "/e/fair/?a b", "/e/fair/?\x7f", "/e/fair/?caf\xe9") {
		out = append(out, "GET "+target+" HTTP/1.1\r\n"+browser)
	}
	fair := "GET /e/fair/?affiliate=both HTTP/1.1\r\n"
	for _, lines := range []string{
		host, "Host: go.example:8600\r\n", "Host: [::1]:8600\r\n", "Host: a b\r\n", "Host:\r\n", "Host: a,b\r\n", "", host + host, "host:go.example\r\n", "HOST: \t go.example \t\r\n",
		host + "Connection: keep-alive\r\n", host + "Connection: close\r\n", host + "Connection: Upgrade\r\nUpgrade: h2c\r\n", host + "Connection: keep-alive, close\r\n",
		host + "Content-Length: 0\r\n", host + "Content-Length: 1\r\n", host + "Transfer-Encoding: chunked\r\n", host + "Expect: 100-continue\r\n", host + "Expect: nothing\r\n",
		host + "X-A: b\r\n c\r\n", host + "X A: b\r\n", host + "X-A : b\r\n", host + ": b\r\n", host + "X-A\r\n", host + "X-A: b\rc\r\n", host + "X-A: b\nc: d\r\n", host + "X-A:\x00\r\n",
		host + "X-A: caf\xe9\r\n", host + "X-A:\ttab\r\n", host + "User-Agent: \u00fcber\r\n", host + "Sec-GPC: 1\r\nSec-Purpose: prefetch\r\n", host + "Cookie: a=b\r\nCookie: c=d\r\n",
		host + "X-A: " + strings.Repeat("a", 15<<10) + "\r\n", host + "X-A: " + strings.Repeat("a", 17<<10) + "\r\n",
	} {
		out = append(out, fair+lines+"\r\n")
	}
	return append(out, "HEAD /e/fair/ HTTP/1.1\r\n"+host+"\r\n", "GET /e/fair/ HTTP/1.0\r\n"+host+"\r\n", "GET /e/fair/\r\n\r\n", "GET  /e/fair/ HTTP/1.1\r\n"+host+"\r\n",
		"\r\n"+fair+host+"\r\n", fair+host+"\r\n\r\n", fair+host+"\r\n"+fair+host+"\r\n", fair+host, "GET ", "", "\x16\x03\x01", "POST /e/fair/ HTTP/1.1\r\n"+host+"\r\n")
}

// FuzzExpressAnswersAsTheServer: whatever is answered before the HTTP server sees
// it, the server would have answered and recorded in the same way.
func FuzzExpressAnswersAsTheServer(f *testing.F) {
	for _, request := range clickRequests() {
		f.Add([]byte(request))
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		express, server := newLane(t, false, nil), newLane(t, true, nil)
		got, served := express.ask(t, request)
		if served {
			return // what the server answers on both sides is the same by itself
		}
		want, _ := server.ask(t, request)
		if a, b := express.meaning(t, got), server.meaning(t, want); !slices.Equal(a, b) {
			t.Errorf("%q\nexpress %q\nserver  %q", request, a, b)
		}
		a, b := express.journal.visits(t), server.journal.visits(t)
		if len(a) != len(b) {
			t.Fatalf("%q: %d visits, by the server %d", request, len(a), len(b))
		}
		for i := range a {
			if a[i].VisitorSource == visit.VisitorCookie && b[i].VisitorSource == visit.VisitorCookie {
				a[i].VisitorKey, b[i].VisitorKey = 0, 0 // a new cookie is random
			}
			if x, y := a[i].Append(nil), b[i].Append(nil); !bytes.Equal(x, y) {
				t.Errorf("%q\nexpress %+v\nserver  %+v", request, a[i], b[i])
			}
		}
	})
}

// The express path is there at all, for what nearly every click is, and only for that.
func TestPlainClicksAreAnsweredBeforeTheServer(t *testing.T) {
	l := newLane(t, false, nil)
	for request, want := range map[string]bool{
		"GET /e/fair/?affiliate=both HTTP/1.1\r\n" + browser:                                 true,
		"GET /e/fair HTTP/1.1\r\n" + host + "\r\n":                                           true,
		"GET /e/cookie/ HTTP/1.1\r\n" + host + "connection: Keep-Alive\r\n\r\n":              true,
		"GET /e/nowhere/ HTTP/1.1\r\n" + host + "\r\n":                                       false,
		"HEAD /e/fair/ HTTP/1.1\r\n" + host + "\r\n":                                         false,
		"GET /e/fair/ HTTP/1.1\r\n" + host + "\r\nGET /e/fair/ HTTP/1.1\r\n" + host + "\r\n": false,
	} {
		if _, served := l.ask(t, []byte(request)); served == want {
			t.Errorf("%.60q: answered before the server: %v", request, !served)
		}
	}
	l.edge.draining.Store(true)
	if answer, served := l.ask(t, []byte("GET /e/fair/ HTTP/1.1\r\n"+host+"\r\n")); !served || !strings.Contains(answer, "Connection: close") {
		t.Errorf("in a drain: %v, %q", served, answer)
	}
}

func TestExpressAllocatesNothing(t *testing.T) {
	for name, target := range targets {
		l := newLane(t, false, func(c *Config, _ *Deps) { c.TrustedHops = 1 })
		l.journal.keep = false
		l.edge.deps.Routes = newFrozen(l.catalog)
		raw := &told{}
		c := &conn{Conn: raw, listener: l.edge.listener, client: peerAddress(client)}
		request := []byte("GET " + target + " HTTP/1.1\r\n" + browser)
		ask := func() {
			raw.answer = raw.answer[:0]
			if answered, err := l.edge.express(c, request); !answered || err != nil {
				t.Fatalf("%s: %v, %v", name, answered, err)
			}
		}
		ask()
		if r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw.answer)), nil); err != nil || r.StatusCode != http.StatusFound {
			t.Fatalf("%s: %v in %q", name, err, raw.answer)
		}
		if n := testing.AllocsPerRun(1000, ask); n != 0 && !raceDetector {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// A panic costs its client the connection, and nobody else anything.
func TestPanicOnTheExpressPathEndsItsConnectionAlone(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Routes = panicking{d.Routes} })
	b.serve(t)
	c := b.dial(t)
	if _, err := io.WriteString(c, "GET /e/fair/ HTTP/1.1\r\n"+host+"\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /e/panic/ HTTP/1.1\r\n"+host+"\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(c); err != nil || string(answer) != answerPanicked {
		t.Errorf("answered %q, %v", answer, err)
	}
	if n := b.counter(t, "footfall_edge_panics_total"); n != 1 {
		t.Errorf("%v panics counted", n)
	}
	if r := b.get(t, "GET", "/e/fair/"); r.StatusCode != http.StatusFound {
		t.Errorf("then %d", r.StatusCode)
	}
}
