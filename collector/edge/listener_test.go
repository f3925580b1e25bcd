package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The HTTP server keeps one clock for the process, and looks for the end of
		// its worker pools every ten seconds.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// failingAcceptor is out of descriptors for the first accepts.
type failingAcceptor struct {
	*net.TCPListener
	failures atomic.Int32
}

func (f *failingAcceptor) Accept() (net.Conn, error) {
	if f.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.TCPListener.Accept()
}

// faults.md, part 1, row 13: without the edge's listener the server is gone
// for good after one such error.
func TestAcceptErrorsNeverEndTheServer(t *testing.T) {
	b := newBench(t, nil)
	b.serve(t)
	failing := func() *failingAcceptor {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		f := &failingAcceptor{TCPListener: l.(*net.TCPListener)}
		f.failures.Store(4)
		return f
	}
	if err := (&fasthttp.Server{Handler: b.edge.handle, Logger: serverLog{b.edge}}).Serve(failing()); !errors.Is(err, syscall.EMFILE) {
		t.Fatalf("the defence is not needed: the bare server gave %v", err)
	}
	inner := failing()
	guarded := newListener(inner, b.edge)
	go io.WriteString(must(net.Dial("tcp", inner.Addr().String())), "x") //nolint:errcheck // its arrival is the point
	c, err := guarded.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close() //nolint:errcheck,gosec // test
	if n := b.counter(t, "footfall_edge_accept_errors_total"); n != 4 {
		t.Errorf("%v errors counted", n)
	}
}

func must(c net.Conn, err error) net.Conn {
	if err != nil {
		panic(err)
	}
	return c
}

func TestOneAddressCannotTakeAllConnections(t *testing.T) {
	b := newBench(t, func(c *Config, _ *Deps) { c.MaxConnectionsPerAddress = 2 })
	b.serve(t)
	held := []net.Conn{b.dial(t), b.dial(t)}
	for _, c := range held {
		if _, err := io.WriteString(c, "GET /e/fair/ HTTP/1.1\r\n"+host+"\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAtLeast(c, make([]byte, 1024), 100); err != nil {
			t.Fatal(err)
		}
	}
	third := b.dial(t)
	io.WriteString(third, "GET /e/fair/ HTTP/1.1\r\n"+host+"\r\n") //nolint:errcheck // it is refused
	if answer, _ := io.ReadAll(third); len(answer) != 0 {
		t.Errorf("answered %q", answer)
	}
	if n := b.counter(t, "footfall_edge_connections_refused_total", "per_address"); n != 1 {
		t.Errorf("%v counted", n)
	}
	if n := b.counter(t, "footfall_edge_open_connections"); n != 2 {
		t.Errorf("%v connections", n)
	}
}

func TestConnectionsAreCountedByWhatACustomerHas(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
	} {
		got := limited(peerAddress(net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 80))))
		if got.String() != want {
			t.Errorf("%s is counted as %s", address, got)
		}
	}
}

// faults.md, part 1, row 17: a clock that is set by a day would end every
// connection at once, one that is set back would end none for as long.
func TestClockThatIsSetEndsNoConnectionAndSparesNone(t *testing.T) {
	now := testNow
	b := newBench(t, func(_ *Config, d *Deps) { d.Clock = func() time.Time { return now } })
	e, err := New(b.edge.config, Deps{
		Journal: b.journal, Routes: b.catalog, Secrets: b.edge.deps.Secrets, Clock: b.edge.deps.Clock,
		Log: b.edge.deps.Log, Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	before := e.uptime()
	for _, step := range []time.Duration{24 * time.Hour, -26 * time.Hour} {
		now = now.Add(step)
		if after := e.uptime(); after < before || after > before+time.Hour {
			t.Errorf("the clock was set by %s, and connections aged by %s", step, after-before)
		}
	}
}

// faults.md, part 1, row 14, and part 3, row 6: who is slow is ended by the
// sweep, however steadily it drips.
func TestSlowClientsAreEndedInEveryPhase(t *testing.T) {
	b := newBench(t, nil)
	b.serve(t)
	config := b.edge.config
	at := func(seconds int) time.Duration { return time.Duration(seconds)*time.Second + time.Millisecond }

	dripping := b.dial(t)
	idle := b.dial(t)
	io.WriteString(dripping, "GET /e/fa")                                    //nolint:errcheck // slow
	io.WriteString(idle, "GET /e/fair/ HTTP/1.1\r\n"+host+"\r\n")            //nolint:errcheck // then silent
	if _, err := io.ReadAtLeast(idle, make([]byte, 1024), 100); err != nil { // so it is idle now
		t.Fatal(err)
	}
	b.waitFor(t, phaseReading, 1)
	b.waitFor(t, phaseIdle, 1)
	b.edge.listener.sweep(at(config.ReadTimeoutSeconds - 1))
	io.WriteString(dripping, "ir/ HTT") //nolint:errcheck // a drip does not begin a new time
	b.edge.listener.sweep(at(config.ReadTimeoutSeconds))
	if answer, err := io.ReadAll(dripping); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
		t.Errorf("dripping: %q, %v", answer, err)
	}
	b.edge.listener.sweep(at(config.IdleTimeoutSeconds))
	if answer, err := io.ReadAll(idle); err != nil || len(answer) != 0 {
		t.Errorf("idle: %q, %v", answer, err)
	}
	for _, phase := range []string{"head", "idle"} {
		if n := b.counter(t, "footfall_edge_timeouts_total", phase); n != 1 {
			t.Errorf("%s: %v timeouts counted", phase, n)
		}
	}

	c := &conn{Conn: dripping, listener: b.edge.listener}
	c.enter(phaseWriting)
	if !c.wake(phaseWriting) || c.wake(phaseWriting) {
		t.Error("a writer is woken once")
	}
	if c.enter(phaseReading); c.wake(phaseIdle) {
		t.Error("a connection that moved on is woken")
	}
}

// waitFor waits until as many connections are in a phase.
func (b *bench) waitFor(t *testing.T, phase int64, count int) {
	t.Helper()
	l := b.edge.listener
	look := time.NewTicker(time.Millisecond) // the other side is a kernel
	defer look.Stop()
	for range 10_000 {
		n := 0
		l.mu.Lock()
		for c := range l.conns {
			if p, _ := c.state(); p == phase {
				n++
			}
		}
		l.mu.Unlock()
		if n == count {
			return
		}
		<-look.C
	}
	t.Fatal("connections never got there")
}

func TestPanicIsKeptToItsRequest(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Routes = panicking{d.Routes} })
	b.serve(t)
	if answer := b.send(t, "GET /e/panic/ HTTP/1.1\r\n"+host+"\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 500 ") {
		t.Errorf("answered %.60q", answer)
	}
	if r := b.get(t, "GET", "/e/fair/"); r.StatusCode != http.StatusFound {
		t.Errorf("the next one: %d", r.StatusCode)
	}
	if n := b.counter(t, "footfall_edge_panics_total"); n != 1 {
		t.Errorf("%v panics counted", n)
	}
	if log := b.log.String(); !strings.Contains(log, "request panicked") || strings.Contains(log, "buyer's data") {
		t.Errorf("logged %s", log)
	}
}

type panicking struct{ Routes }

func (p panicking) View() View { return panickingView{p.Routes.View()} }

type panickingView struct{ View }

func (p panickingView) Event(slug []byte) (Event, bool) {
	if string(slug) == "panic" {
		panic("the buyer's data")
	}
	return p.View.Event(slug)
}

// faults.md, part 1, row 3. Clients that ask without pause over connections
// that they keep see a whole answer to everything they sent, or a connection
// closed between two answers; never a reset.
func TestStopResetsNobody(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Clock = time.Now })
	if err := b.edge.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.edge.Run(ctx) }()
	const clients = 8
	var warm, group sync.WaitGroup
	var answered atomic.Int64
	warm.Add(clients)
	for range clients {
		c := b.dial(t)
		group.Go(func() {
			answer := make([]byte, 4096)
			for n := 0; ; n++ {
				if n == 20 {
					warm.Done()
				}
				if _, err := io.WriteString(c, "GET /e/fair/ HTTP/1.1\r\n"+host+"\r\n"); err != nil {
					t.Errorf("request %d: %v", n, err)
					return
				}
				got, err := c.Read(answer)
				if err != nil {
					t.Errorf("answer %d: %v", n, err)
					return
				}
				answered.Add(1)
				if strings.Contains(string(answer[:got]), "Connection: close") {
					if rest, err := io.ReadAll(c); err != nil || len(rest) != 0 {
						t.Errorf("after the last answer: %q, %v", rest, err)
					}
					c.Close() //nolint:errcheck,gosec // test
					return
				}
			}
		})
	}
	idle := b.dial(t)
	if _, err := io.WriteString(idle, "GET /e/fair/ HTTP/1.1\r\n"+host+"\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := idle.Read(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	warm.Wait()
	waiting := b.dial(t) // its request comes when the edge has been told to stop
	cancel()
	if _, err := io.WriteString(waiting, "GET /e/fair/ HTTP/1.1\r\n"+host+"\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(waiting); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 302 ") {
		t.Errorf("waiting: %.60q, %v", answer, err)
	}
	group.Wait()
	if rest, err := io.ReadAll(idle); err != nil || len(rest) != 0 {
		t.Errorf("idle: %q, %v", rest, err)
	}
	idle.Close()    //nolint:errcheck,gosec // test
	waiting.Close() //nolint:errcheck,gosec // test
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := int64(len(b.journal.visits(t))); n != answered.Load()+2 {
		t.Errorf("%d visits recorded, %d answered", n, answered.Load()+2)
	}
}
