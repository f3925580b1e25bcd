package edge

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"footfall/schemas/ids"
)

// browser is the head that a browser's click brings.
const browser = "Host: go.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml\r\nAccept-Language: de-DE,de;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\n" +
	"Referer: https://blog.example/what-to-do-in-spring\r\nX-Forwarded-For: 203.0.113.7\r\nCookie: footfall_visitor=AAAAAAAAAAAAAAAAAAAAAA\r\n\r\n"

// one answers the same request again and again, as a connection does.
type one struct {
	edge *Edge
	ctx  fasthttp.RequestCtx
	head fasthttp.RequestHeader
}

func newOne(t testing.TB, b *bench, target string) *one {
	t.Helper()
	o := &one{edge: b.edge}
	if err := o.head.Read(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\n" + browser))); err != nil {
		t.Fatal(err)
	}
	o.ctx.Init2(&conn{Conn: addressed{}, client: peerAddress(client)}, nil, false)
	o.head.CopyTo(&o.ctx.Request.Header)
	return o
}

func (o *one) answer() {
	o.ctx.Response.Reset()
	o.edge.handle(&o.ctx)
}

// addressed is a connection of which only the address is looked at.
type addressed struct{ net.Conn }

var client = &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 4711}

func (addressed) RemoteAddr() net.Addr { return client }
func (addressed) LocalAddr() net.Addr  { return client }

var targets = map[string]string{
	"code":    "/e/fair/?affiliate=Spring",
	"carried": "/e/query/?affiliate=SPRING&utm_source=news&utm_campaign=%C3%BCber+all&sub1=a&x=%zz",
	"unknown": "/e/fair/?affiliate=%F0%9F%8E%AB&affiliate=nobody",
	"cookie":  "/e/cookie/?consent=1",
}

func TestRedirectAllocatesNothing(t *testing.T) {
	for name, target := range targets {
		for _, hops := range []int{0, 1} {
			b := newBench(t, func(c *Config, _ *Deps) { c.TrustedHops = hops })
			b.journal.keep = false
			// The catalog of the tests is a map of strings; the lookups of the real
			// one have a test of their own.
			b.edge.deps.Routes = newFrozen(b.catalog)
			o := newOne(t, b, target)
			o.answer()
			if o.ctx.Response.StatusCode() != 302 {
				t.Fatalf("%s: status %d", name, o.ctx.Response.StatusCode())
			}
			if n := testing.AllocsPerRun(1000, o.answer); n != 0 && !raceDetector {
				t.Errorf("%s behind %d hops: %v allocations", name, hops, n)
			}
		}
	}
}

// BenchmarkRedirect is the handler alone.
func BenchmarkRedirect(b *testing.B) {
	for name, target := range targets {
		b.Run(name, func(b *testing.B) {
			bench := newBench(b, nil)
			bench.journal.keep = false
			bench.edge.deps.Routes = newFrozen(bench.catalog)
			o := newOne(b, bench, target)
			b.ReportAllocs()
			for b.Loop() {
				o.answer()
			}
		})
	}
}

// BenchmarkConnection is the whole way over one kept connection; what it
// allocates is the edge's and the server's, since the client allocates nothing.
func BenchmarkConnection(b *testing.B) {
	bench := newBench(b, nil)
	bench.journal.keep = false
	bench.edge.deps.Routes = newFrozen(bench.catalog)
	bench.serve(b)
	c, err := net.Dial("tcp", bench.edge.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // benchmark
	request := []byte("GET " + targets["code"] + " HTTP/1.1\r\n" + browser)
	answer := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadAtLeast(c, answer, 100); err != nil {
			b.Fatal(err)
		}
	}
}

// frozen looks codes up by their spelling, without allocating.
type frozen struct {
	*testCatalog
	codes map[string]Code
}

func newFrozen(c *testCatalog) *frozen {
	f := &frozen{testCatalog: c, codes: map[string]Code{}}
	for key, code := range c.codes {
		if text, common := strings.CutPrefix(key, "o10/"); common {
			for _, spelling := range []string{text, strings.ToUpper(text), strings.ToUpper(text[:1]) + text[1:]} {
				f.codes[spelling] = code
			}
		}
	}
	return f
}

func (f *frozen) View() View { return f }

func (f *frozen) Code(_ ids.EventID, _ ids.OrganizerID, text []byte) (Code, bool) {
	c, ok := f.codes[string(text)]
	return c, ok
}

// BenchmarkVisitorKey is the keyed hash of an address and a browser's user
// agent.
func BenchmarkVisitorKey(b *testing.B) {
	s := testSecrets(b)
	address, agent := netip.MustParseAddr("203.0.113.9"), []byte(strings.Repeat("Mozilla/5.0 ", 10))
	b.ReportAllocs()
	for b.Loop() {
		s.byAddress(testNow.UnixMilli(), 20, address, agent)
	}
}
