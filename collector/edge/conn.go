package edge

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Phases of a connection.
const (
	phaseIdle    = iota // waits for the first byte of a request
	phaseReading        // has a part of a head
	phaseWriting
	phaseWoken // timed out; its reader or writer is about to see
)

// phaseBits is what a phase takes of conn.at.
const phaseBits = 2

// lingerTime and lingerBytes bound what a refused client is still listened to,
// so that it can read why before the connection goes.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// waitEvery is how often a connection looks for its next request at once, and
// then waits in the poller; the other times those whose requests have come are
// answered first, and its own has mostly come by then: no read that finds nothing,
// no wait, no wake-up. Never waiting would starve who waits in the poller
// (docs/adr/0009-express-answers.md).
const waitEvery = 3

// tlsHandshake is the first byte of TLS; no HTTP method begins with it.
const tlsHandshake = 0x16

// conn is a client's connection. It knows since when it is in its phase, so
// that the listener can end slow ones without a timer per request, and it stops
// bytes that the HTTP server would be too lenient with.
type conn struct {
	net.Conn
	listener *listener
	client   netip.Addr   // that it comes from
	address  netip.Addr   // that it is counted under; zero: not counted
	shard    int          // of the journal, for all its visits
	at       atomic.Int64 // phase and, above it, the coarse milliseconds of its begin
	linger   atomic.Bool  // close only after the client has had its answer
	once     sync.Once

	// Of the one goroutine that reads:
	begun  bool  // something was read
	served bool  // the HTTP server has had bytes, and may hold some: all others are for it
	turn   uint8 // requests answered here, around and around
	last   byte  // the byte before the next one
}

func (c *conn) enter(phase int64) {
	c.at.Store(c.listener.coarseMS.Load()<<phaseBits | phase)
}

func (c *conn) state() (phase, sinceMS int64) {
	at := c.at.Load()
	return at & (1<<phaseBits - 1), at >> phaseBits
}

// wake ends the read or write that the connection is in, unless it has moved
// on from the phase meanwhile.
func (c *conn) wake(phase int64) bool {
	at := c.at.Load()
	if phase == phaseWoken || at&(1<<phaseBits-1) != phase || !c.at.CompareAndSwap(at, at|phaseWoken) {
		return false
	}
	if phase == phaseWriting {
		return c.SetWriteDeadline(past()) == nil
	}
	return c.SetReadDeadline(past()) == nil // a last answer may still be written
}

// Read reads bytes of request heads, since nothing else is allowed here: TLS
// and lines without a carriage return are errors. What can be answered at once is,
// and never comes out.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	for n > 0 && !c.served {
		answered, failed := c.listener.edge.express(c, b[:n])
		if !answered {
			c.served = true
			break
		}
		c.begun = true
		if failed != nil {
			return 0, io.EOF // another error would be answered by the server
		}
		if c.turn++; c.turn%waitEvery != 0 {
			runtime.Gosched()
		}
		if n, err = c.Conn.Read(b); n <= 0 {
			return 0, io.EOF // the end between two requests, whoever made it, has no answer
		}
	}
	if n <= 0 {
		return n, err
	}
	if phase, _ := c.state(); phase == phaseIdle {
		c.enter(phaseReading)
	}
	if !c.begun {
		c.begun = true
		if b[0] == tlsHandshake {
			c.listener.edge.metrics.connRefused[connTLS].Inc()
			c.listener.edge.log.Warn("client speaks TLS to the plain click listener")
			return 0, io.EOF // closes without an answer that it could not read
		}
	}
	if bareLF(b[:n], c.last) {
		return 0, errBareLF
	}
	c.last = b[n-1]
	return n, err
}

// bareLF finds a line feed without a carriage return before it.
func bareLF(b []byte, before byte) bool {
	for at := 0; ; at++ {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			return false
		}
		if at += n; at > 0 {
			before = b[at-1]
		}
		if before != '\r' {
			return true
		}
	}
}

// Write sends an answer.
func (c *conn) Write(b []byte) (int, error) {
	c.enter(phaseWriting)
	n, err := c.Conn.Write(b)
	c.enter(phaseIdle)
	return n, err
}

// Close ends the connection. Where the client may not have read its answer yet,
// or is sending still, it says the end of the answer first and listens a while:
// closing over unread bytes is a reset, which takes the answer away.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.linger.Load() && half.CloseWrite() == nil {
			c.drain()
		}
		err = c.Conn.Close()
		c.listener.forget(c)
	})
	return err
}

func (c *conn) drain() {
	deadline := time.Now().Add(lingerTime) //nolint:forbidigo // the kernel's clock, not the edge's
	if c.SetReadDeadline(deadline) == nil {
		io.Copy(io.Discard, io.LimitReader(c.Conn, lingerBytes)) //nolint:errcheck,gosec // nobody to tell
	}
}
