package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"footfall/internal/ops"
)

const (
	// sweepEvery is how often every connection is looked at: how late a timeout
	// may be.
	sweepEvery = 250 * time.Millisecond
	// drainSweepEvery is the same while the edge stops.
	drainSweepEvery = 20 * time.Millisecond
	// drainIdle is how long a connection must have been silent to be closed in a
	// drain: one that is in use is closed by the answer to its next request.
	drainIdle = 500 * time.Millisecond
	// drainAccept is how long a stop goes on accepting, so that connections that
	// the kernel has taken are answered, not reset.
	drainAccept = 50 * time.Millisecond
	// deferAcceptSeconds is how long the kernel keeps a silent connection to
	// itself: a click brings its request along, and is handed over with it.
	deferAcceptSeconds = 5

	acceptPauseFirst = 5 * time.Millisecond
	acceptPauseMost  = time.Second
)

// listen takes the address for clicks: no keep-alive probes to pay for, and
// connections only with their first bytes.
func listen(ctx context.Context, address string) (*net.TCPListener, error) {
	config := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if controlErr := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferAcceptSeconds)
		}); controlErr != nil {
			return controlErr
		}
		return err
	}}
	l, err := ops.ListenWith(ctx, "collector.edge.listen", address, config)
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("want a TCP address, not %s", address), l.Close())
	}
	return tcp, nil
}

// listener hands connections to the HTTP server and keeps their time. Its
// Accept ends only when the edge stops: the server would end with it.
type listener struct {
	acceptor
	edge     *Edge
	coarseMS atomic.Int64           // uptime at the last sweep: all the time that connections know
	found    atomic.Pointer[[]byte] // foundHead of the last sweep's second
	second   int64                  // that it is of; of the goroutine that sweeps
	taken    uint64                 // connections ever; of the goroutine that accepts
	stopping chan struct{}

	mu        sync.Mutex
	conns     map[*conn]struct{}
	addresses map[netip.Addr]int // connections by address, where they are limited
}

// acceptor is the part of a *net.TCPListener that is needed.
type acceptor interface {
	net.Listener
	SetDeadline(t time.Time) error
}

func newListener(l acceptor, e *Edge) *listener {
	out := &listener{
		acceptor: l, edge: e, stopping: make(chan struct{}),
		conns: map[*conn]struct{}{}, addresses: map[netip.Addr]int{},
	}
	out.tick(e.uptime())
	return out
}

// tick moves the time that connections know.
func (l *listener) tick(uptime time.Duration) {
	l.coarseMS.Store(uptime.Milliseconds())
	if now := l.edge.deps.Clock(); now.Unix() != l.second {
		l.second = now.Unix()
		l.found.Store(foundHead(now))
	}
}

// Accept gives the next connection. Errors are tried again after a pause, until
// the edge stops; then it gives io.EOF, which ends the server without complaint.
func (l *listener) Accept() (net.Conn, error) {
	pause := acceptPauseFirst
	for {
		c, err := l.acceptor.Accept()
		if err == nil {
			if taken := l.take(c); taken != nil {
				return taken, nil
			}
			continue
		}
		select {
		case <-l.stopping:
			return nil, io.EOF
		default:
		}
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		l.edge.metrics.acceptErrors.Inc()
		l.edge.log.Warn("connections can't be accepted, trying again", "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-l.stopping:
			timer.Stop()
		}
		pause = min(2*pause, acceptPauseMost)
	}
}

// take wraps a connection, or closes it where there are too many, altogether or
// of its address.
func (l *listener) take(raw net.Conn) net.Conn {
	l.taken++
	c := &conn{
		Conn: raw, listener: l, client: peerAddress(raw.RemoteAddr()),
		shard: int(l.taken % uint64(l.edge.deps.Journal.Shards())), //nolint:gosec // less than the shards
	}
	c.enter(phaseIdle)
	if limit := l.edge.config.MaxConnectionsPerAddress; limit > 0 && l.edge.config.TrustedHops == 0 {
		c.address = limited(c.client)
	}
	if reason := l.admit(c); reason != "" {
		l.edge.metrics.connRefused[reason].Inc()
		raw.Close() //nolint:errcheck,gosec // nothing was promised to it
		return nil
	}
	l.edge.metrics.connections.Inc()
	return c
}

// admit counts a connection, or says why it is one too many.
func (l *listener) admit(c *conn) (refused string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) >= l.edge.config.MaxConnections {
		return connLimit
	}
	if c.address.IsValid() {
		if l.addresses[c.address] >= l.edge.config.MaxConnectionsPerAddress {
			return connPerAddress
		}
		l.addresses[c.address]++
	}
	l.conns[c] = struct{}{}
	return ""
}

// limited is what connections are counted by: an IPv4 address, or the /64 that
// an IPv6 customer is given.
func limited(client netip.Addr) netip.Addr {
	if client.Is6() {
		if prefix, err := client.Prefix(64); err == nil {
			return prefix.Addr()
		}
	}
	return client
}

func (l *listener) forget(c *conn) {
	l.mu.Lock()
	delete(l.conns, c)
	if c.address.IsValid() {
		if l.addresses[c.address]--; l.addresses[c.address] <= 0 {
			delete(l.addresses, c.address)
		}
	}
	l.mu.Unlock()
	l.edge.metrics.connections.Dec()
}

func (l *listener) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// stopAccepting lets Accept take what waits in the kernel, then end.
func (l *listener) stopAccepting() {
	close(l.stopping)
	// The clock of deadlines is the kernel's, whatever the edge's own is.
	if err := l.SetDeadline(time.Now().Add(drainAccept)); err != nil { //nolint:forbidigo // see above
		l.edge.deps.Log.Warn("listener takes no deadline", "error", err)
	}
}

// past is a deadline that has been: it wakes whoever reads or writes.
func past() time.Time { return time.Unix(1, 0) }

// sweep ends connections that are slower than the configuration allows.
func (l *listener) sweep(uptime time.Duration) {
	l.tick(uptime)
	nowMS := uptime.Milliseconds()
	config := &l.edge.config
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		phase, sinceMS := c.state()
		seconds, name := config.IdleTimeoutSeconds, timeoutIdle
		switch phase {
		case phaseReading:
			seconds, name = config.ReadTimeoutSeconds, timeoutHead
		case phaseWriting:
			seconds, name = config.WriteTimeoutSeconds, timeoutWrite
		}
		if nowMS-sinceMS > int64(seconds)*1000 && c.wake(phase) {
			l.edge.metrics.timeouts[name].Inc()
		}
	}
}

// release closes connections that have been silent for a while, in a drain.
func (l *listener) release(uptime time.Duration) {
	l.tick(uptime)
	nowMS := uptime.Milliseconds()
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if phase, sinceMS := c.state(); phase == phaseIdle && nowMS-sinceMS > drainIdle.Milliseconds() {
			c.linger.Store(true)
			c.wake(phase)
		}
	}
}

// closeAll cuts every connection.
func (l *listener) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.Conn.Close() //nolint:errcheck,gosec // it is being cut
	}
}
