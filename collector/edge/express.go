package edge

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"
)

// What a whole request of the plainest kind begins and ends with.
const (
	plainMethod  = "GET "
	plainVersion = " HTTP/1.1\r\n"
	headEnd      = "\r\n\r\n"
)

// answerPanicked is all that a client hears of a panic on the express path.
const answerPanicked = "HTTP/1.1 500 Internal Server Error\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

// express answers the one request that b holds, if it is what nearly every click
// is: a whole plain GET of a known event's link, in one read, with nothing behind
// it. Everything else it leaves, untouched and unrecorded, to the HTTP server,
// whose answer to the same bytes is the same (docs/adr/0009-express-answers.md).
// An error is the connection's end.
func (e *Edge) express(c *conn, b []byte) (answered bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			e.notePanic(p)
			c.linger.Store(true)
			_, _ = c.Write([]byte(answerPanicked)) // the connection ends either way
			answered, err = true, io.EOF
		}
	}()
	target, lines, ok := plainRequest(b)
	if !ok || e.draining.Load() {
		return false, nil
	}
	slug, query, ok := splitTarget(target)
	if !ok {
		return false, nil
	}
	view := e.deps.Routes.View()
	event, ok := view.Event(slug)
	if !ok {
		return false, nil
	}
	s := e.scratch.Get().(*scratch) //nolint:forcetypeassert // the pool holds nothing else
	if s.head.parse(lines); s.head.special || !plainHost(s.head.host) || len(e.hosts) > 0 && !e.allowed(s.head.host) {
		e.scratch.Put(s)
		return false, nil
	}
	cookie := e.visitEvent(s, view, &event, request{
		query: query, timeMS: e.deps.Clock().UnixMilli(), client: c.client, shard: c.shard,
	})
	out := append(s.answer[:0], *c.listener.found.Load()...)
	if cookie != nil {
		out = append(append(append(out, "Set-Cookie: "...), cookie...), "\r\n"...)
	}
	out = append(append(append(out, "Location: "...), s.location...), headEnd...)
	s.answer = out
	e.metrics.redirects.Inc()
	_, err = c.Write(out)
	e.scratch.Put(s)
	return true, err
}

// plainRequest takes apart what is one whole GET and no more. The target holds
// printable ASCII alone.
func plainRequest(b []byte) (target, lines []byte, ok bool) {
	rest, get := bytes.CutPrefix(b, []byte(plainMethod))
	if !get || !bytes.HasSuffix(b, []byte(headEnd)) {
		return nil, nil, false
	}
	end := bytes.IndexByte(rest, '\n') + 1
	target, known := bytes.CutSuffix(rest[:end], []byte(plainVersion))
	if !known || !plain(target, false) || bytes.IndexByte(target, ' ') >= 0 || bytes.IndexByte(target, '#') >= 0 {
		return nil, nil, false
	}
	return target, rest[end : len(rest)-len("\r\n")], true
}

// plainHost holds for a name or an IPv4 address, with or without a port.
func plainHost(host []byte) bool {
	name, port, has := bytes.Cut(host, []byte(":"))
	for _, c := range name {
		if c-'0' > 9 && (c|0x20)-'a' > 'z'-'a' && c != '.' && c != '-' {
			return false
		}
	}
	for _, c := range port {
		if c-'0' > 9 {
			return false
		}
	}
	return len(name) > 0 && has == (len(port) > 0)
}

// foundHead is a redirect's answer up to what each has of its own.
func foundHead(now time.Time) *[]byte {
	head := fmt.Appendf(nil, "HTTP/1.1 302 Found\r\nDate: %s\r\nContent-Length: 0\r\n%s: %s\r\n%s: %s\r\n%s: %s\r\n", now.UTC().Format(http.TimeFormat),
		headerCache, noStore, headerReferrer, downgrade, headerRobots, noIndex)
	return &head
}

// notePanic counts and logs a panic. The value could quote the request: its type
// and the stack don't.
func (e *Edge) notePanic(p any) {
	e.metrics.panics.Inc()
	e.log.Warn("request panicked", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
}

// panicked keeps a panic to its request: the server itself would let it end the
// process.
func (e *Edge) panicked(ctx *fasthttp.RequestCtx, p any) {
	e.notePanic(p)
	ctx.Response.Reset()
	e.respond(ctx, fasthttp.StatusInternalServerError)
	e.abandon(ctx)
}
