package orders

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// patient is a listener whose Accept outlives a lack of file descriptors,
// which would end fasthttp's Serve for good.
type patient struct {
	net.Listener
	errors prometheus.Counter
	done   chan struct{}
	close  func() error
}

func newPatient(ln net.Listener, failed prometheus.Counter) *patient {
	p := &patient{Listener: ln, errors: failed, done: make(chan struct{})}
	p.close = sync.OnceValue(func() error {
		close(p.done)
		return ln.Close()
	})
	return p
}

// Accept returns an error only after Close.
func (p *patient) Accept() (net.Conn, error) {
	for {
		conn, err := p.Listener.Accept()
		if err == nil {
			return &lingering{Conn: conn}, nil
		}
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		p.errors.Inc()
		select {
		case <-p.done:
		case <-time.After(acceptRetry):
		}
	}
}

// Close ends Accept. It may be called more than once.
func (p *patient) Close() error { return p.close() }

// lingering is a connection that can be closed so that the client still gets
// the last answer: closing with bytes unread would reset it.
type lingering struct {
	net.Conn
	linger bool // by the goroutine that serves the connection
}

// Close ends our side first and reads for a while where linger is set.
func (c *lingering) Close() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !c.linger || !ok {
		return c.Conn.Close()
	}
	// Whatever the client does now, the connection is closed next.
	if half.CloseWrite() == nil && c.Conn.SetReadDeadline(time.Now().Add(lingerTimeout)) == nil { //nolint:forbidigo // the kernel's clock
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close()
}
