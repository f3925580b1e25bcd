package edge

import (
	"errors"
	"io"
	"net"
	"os"

	"github.com/valyala/fasthttp"
)

// maxHeadBytes is the longest request head: room for honest links with many
// parameters; a reader of this size stands behind every open connection.
const maxHeadBytes = 16 << 10

// pageNotFound answers links of unknown events and everything that is no link.
const pageNotFound = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Not found</title>` +
	`<p>This link leads nowhere. Please check it, or ask whoever gave it to you.</p></html>`

func (e *Edge) newServer() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:      e.handle,
		ErrorHandler: e.refuseBroken,
		// A body is announced by its header and refused; what is smaller than a
		// limit the server can be given is refused by the handler.
		MaxRequestBodySize: 1,
		GetOnly:            true,
		ExpectHandler:      e.refuseExpectation,
		ReadBufferSize:     maxHeadBytes,
		WriteBufferSize:    4096,
		// The listener holds the limit; a connection that it has let go may still
		// be with its worker.
		Concurrency: 2 * e.config.MaxConnections,
		// Timeouts are the listener's: one look at every connection now and then
		// instead of three timers a request.
		NoDefaultServerHeader:         true,
		NoDefaultContentType:          true,
		DisableHeaderNamesNormalizing: true,
		DisablePreParseMultipartForm:  true,
		SecureErrorLogMessage:         true,
		Logger:                        serverLog{e},
	}
}

// serverLog takes what the HTTP server would print. Its arguments hold clients'
// addresses and bytes of requests, so only the constant message goes on.
type serverLog struct{ edge *Edge }

func (l serverLog) Printf(format string, _ ...any) {
	l.edge.metrics.serverErrors.Inc()
	l.edge.log.Warn("http server complains", "complaint", format)
}

// Names of headers as they go out.
var (
	headerLocation = []byte("Location")                   //nolint:gochecknoglobals // a constant
	headerCache    = []byte("Cache-Control")              //nolint:gochecknoglobals // a constant
	headerReferrer = []byte("Referrer-Policy")            //nolint:gochecknoglobals // a constant
	headerRobots   = []byte("X-Robots-Tag")               //nolint:gochecknoglobals // a constant
	headerCookie   = []byte("Set-Cookie")                 //nolint:gochecknoglobals // a constant
	noStore        = []byte("no-store")                   //nolint:gochecknoglobals // a constant
	downgrade      = []byte("no-referrer-when-downgrade") //nolint:gochecknoglobals // a constant
	noIndex        = []byte("noindex")                    //nolint:gochecknoglobals // a constant
)

// handle answers one request.
func (e *Edge) handle(ctx *fasthttp.RequestCtx) {
	defer func() {
		if p := recover(); p != nil {
			e.panicked(ctx, p)
		}
	}()
	if e.draining.Load() {
		e.abandon(ctx)
	}
	s := e.scratch.Get().(*scratch) //nolint:forcetypeassert // the pool holds nothing else
	s.head.parse(ctx.Request.Header.RawHeaders())
	if status, reason := e.distrust(ctx, &s.head); status != 0 {
		e.refuse(ctx, status, reason)
	} else {
		e.answer(ctx, s)
	}
	e.scratch.Put(s)
}

// distrust says why a request that the server let pass is refused: it could
// mean something else to a proxy in front, or brings a body.
func (e *Edge) distrust(ctx *fasthttp.RequestCtx, h *head) (status int, reason string) {
	version := ctx.Request.Header.Protocol()
	switch {
	case string(version) != "HTTP/1.1" && string(version) != "HTTP/1.0":
		return fasthttp.StatusBadRequest, refusedVersion
	case h.folded:
		return fasthttp.StatusBadRequest, refusedFolded
	case h.hosts != 1:
		return fasthttp.StatusBadRequest, refusedHosts
	case h.body:
		return fasthttp.StatusBadRequest, refusedBody
	case len(e.hosts) > 0 && !e.allowed(h.host):
		return fasthttp.StatusMisdirectedRequest, refusedHost
	}
	return 0, ""
}

// allowed looks a Host up without its port.
func (e *Edge) allowed(host []byte) bool {
	const longestName = 253 // of DNS, RFC 1035
	var lower [longestName]byte
	for i, c := range host {
		if c == ':' {
			host = host[:i]
			break
		}
		if i == len(lower) {
			return false
		}
		if c-'A' <= 'Z'-'A' {
			c |= 0x20
		}
		lower[i] = c
	}
	return e.hosts[string(lower[:len(host)])]
}

// answer redirects a link of a known event.
func (e *Edge) answer(ctx *fasthttp.RequestCtx, s *scratch) {
	slug, query, ok := splitTarget(ctx.Request.Header.RequestURI())
	if !ok {
		e.refuse(ctx, fasthttp.StatusNotFound, refusedPath)
		return
	}
	view := e.deps.Routes.View()
	event, ok := view.Event(slug)
	if !ok {
		e.answerUnknown(ctx)
		return
	}
	c := ctx.Conn().(*conn) //nolint:forcetypeassert // the listener makes no other
	cookie := e.visitEvent(s, view, &event, request{
		head: ctx.IsHead(), query: query, timeMS: e.deps.Clock().UnixMilli(), client: c.client,
		shard: c.shard,
	})
	h := &ctx.Response.Header
	h.SetStatusCode(fasthttp.StatusFound)
	h.SetCanonical(headerLocation, s.location)
	h.SetCanonical(headerCache, noStore)
	h.SetCanonical(headerReferrer, downgrade)
	h.SetCanonical(headerRobots, noIndex)
	if cookie != nil {
		h.SetCanonical(headerCookie, cookie)
	}
	e.metrics.redirects.Inc()
}

// answerUnknown answers the link of an event that the catalog doesn't know: no
// visit, since there is no organizer to count it for.
func (e *Edge) answerUnknown(ctx *fasthttp.RequestCtx) {
	if e.config.FallbackURL == "" {
		e.metrics.unknown[answerPage].Inc()
		e.respond(ctx, fasthttp.StatusNotFound)
		return
	}
	e.metrics.unknown[answerFallback].Inc()
	h := &ctx.Response.Header
	h.SetStatusCode(fasthttp.StatusFound)
	h.SetCanonical(headerLocation, []byte(e.config.FallbackURL))
	h.SetCanonical(headerCache, noStore)
	h.SetCanonical(headerReferrer, downgrade)
	h.SetCanonical(headerRobots, noIndex)
	e.metrics.responses[fasthttp.StatusFound].Inc()
}

// refuse answers what is no link. What is not to be trusted closes the
// connection, since nobody knows where the next request begins.
func (e *Edge) refuse(ctx *fasthttp.RequestCtx, status int, reason string) {
	e.metrics.refused[reason].Inc()
	e.respond(ctx, status)
	if status != fasthttp.StatusNotFound {
		e.abandon(ctx)
	}
}

// abandon closes the connection after the answer, slowly: bytes that were not
// read would else turn the close into a reset, and the answer be lost.
func (e *Edge) abandon(ctx *fasthttp.RequestCtx) {
	ctx.SetConnectionClose()
	if c, ok := ctx.Conn().(*conn); ok {
		c.linger.Store(true)
	}
}

// respond writes a short answer of ours.
func (e *Edge) respond(ctx *fasthttp.RequestCtx, status int) {
	e.metrics.responses[status].Inc()
	h := &ctx.Response.Header
	h.SetStatusCode(status)
	h.SetCanonical(headerCache, noStore)
	h.SetCanonical(headerRobots, noIndex)
	if status == fasthttp.StatusNotFound {
		h.SetContentType("text/html; charset=utf-8")
		ctx.Response.SetBodyString(pageNotFound)
		return
	}
	if status == fasthttp.StatusMethodNotAllowed {
		h.SetCanonical([]byte("Allow"), []byte("GET, HEAD"))
	}
	h.SetContentType("text/plain; charset=utf-8")
	ctx.Response.SetBodyString(fasthttp.StatusMessage(status))
}

// refuseExpectation answers Expect: 100-continue, which announces a body.
func (e *Edge) refuseExpectation(ctx *fasthttp.RequestCtx) int {
	e.refuse(ctx, fasthttp.StatusExpectationFailed, refusedExpect)
	return fasthttp.StatusExpectationFailed
}

// refuseBroken answers what the server could not read as a request.
func (e *Edge) refuseBroken(ctx *fasthttp.RequestCtx, err error) {
	var tooLarge *fasthttp.ErrSmallBuffer
	var timeout net.Error
	status, reason := fasthttp.StatusBadRequest, refusedSyntax
	switch {
	case errors.As(err, &tooLarge):
		status, reason = fasthttp.StatusRequestHeaderFieldsTooLarge, refusedSize
	case errors.Is(err, fasthttp.ErrGetOnly):
		status, reason = fasthttp.StatusMethodNotAllowed, refusedMethod
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		reason = refusedBody
	case errors.Is(err, errBareLF):
		reason = refusedBareLF
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		status, reason = fasthttp.StatusRequestTimeout, refusedTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &timeout):
		reason = refusedGone
	}
	ctx.Response.Reset()
	e.refuse(ctx, status, reason)
}
