package orders

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/valyala/fasthttp"

	"footfall/schemas/ids"
	"footfall/schemas/order"
)

const (
	pathOrders  = "/v1/orders"
	pathRefunds = "/v1/refunds"

	headerOrganizer = "Footfall-Organizer"
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"

	statusStored   = "stored"
	statusRepeated = "repeated"
)

// receipt is the answer to what is durable.
type receipt struct {
	ID          string `json:"id"`
	Version     uint32 `json:"version"`
	Fingerprint string `json:"fingerprint"`
	Status      string `json:"status"`
}

// handle answers one request.
func (o *Orders) handle(ctx *fasthttp.RequestCtx) {
	endpoint := "other"
	start := o.deps.Clock()
	defer func() {
		// fasthttp would let the process die.
		if failure := recover(); failure != nil {
			o.panicked(ctx, failure)
		}
		o.metrics.requests.WithLabelValues(endpoint, strconv.Itoa(ctx.Response.StatusCode())).Inc()
		o.metrics.seconds.Observe(o.deps.Clock().Sub(start).Seconds())
	}()
	var read reading
	switch string(ctx.Request.URI().PathOriginal()) {
	case pathOrders:
		endpoint, read = "orders", o.readOrder
	case pathRefunds:
		endpoint, read = "refunds", o.readRefund
	default:
		newProblem(fasthttp.StatusNotFound, "not_found", "There is nothing here", "Orders go to "+pathOrders+", refunds to "+pathRefunds+".").write(ctx)
		return
	}
	if !ctx.IsPost() {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, fasthttp.MethodPost)
		newProblem(fasthttp.StatusMethodNotAllowed, "method", "Only POST is answered here", "").write(ctx)
		return
	}
	if ctx.Request.Header.ContentLength() < 0 {
		// Without chunks there is one way to say where a request ends.
		ctx.SetConnectionClose()
		newProblem(fasthttp.StatusLengthRequired, "length_required", "Content-Length is missing", "").write(ctx)
		return
	}
	organizer, ok := o.authenticate(ctx)
	if !ok {
		// Nothing behind a request that nobody signed is read as another one.
		ctx.SetConnectionClose()
		unauthorized().write(ctx)
		return
	}
	in, bad := read(ctx.PostBody(), organizer)
	if bad == nil {
		bad = o.store(ctx, in)
	}
	if bad != nil {
		o.count(bad)
		bad.write(ctx)
	}
}

// count counts a refusal of a signed request.
func (o *Orders) count(bad *problem) {
	if bad.Status >= fasthttp.StatusInternalServerError {
		o.metrics.unavailable.WithLabelValues(bad.reason).Inc()
		return
	}
	o.metrics.refused.WithLabelValues(bad.reason).Inc()
}

// authenticate says who signed the request.
func (o *Orders) authenticate(ctx *fasthttp.RequestCtx) (ids.OrganizerID, bool) {
	m := message{
		slug: header(ctx, headerOrganizer), id: header(ctx, headerID), timestamp: header(ctx, headerTimestamp),
		signature: header(ctx, headerSignature), body: ctx.PostBody(),
	}
	m.organizer, _ = o.deps.Catalog.Organizer(m.slug)
	why := o.verify.check(o.secrets(), o.deps.Clock(), &m)
	if why != signed {
		o.metrics.unauthorized.WithLabelValues(string(why)).Inc()
		return 0, false
	}
	return m.organizer, true
}

// secrets are the newest there are; nobody can sign with none.
func (o *Orders) secrets() *Secrets {
	if s := o.deps.Secrets(); s != nil {
		return s
	}
	return &Secrets{most: 1}
}

// header gives a header's value; of one that is there twice, none: who signed
// it can't be told.
func header(ctx *fasthttp.RequestCtx, name string) string {
	values := ctx.Request.Header.PeekAll(name)
	if len(values) != 1 {
		return ""
	}
	return string(values[0])
}

// document is an order or a refund.
type document interface {
	Append(dst []byte) []byte
	FingerprintUnder(normalization uint32) ([32]byte, bool)
}

// reading makes a document of a body of an organizer's, whoever vouches for it.
type reading func(body []byte, organizer ids.OrganizerID) (document, *problem)

// entryFor gives the entry to look up and append under, and whether the
// document's time is ahead of the clock.
func entryFor(in document) (e *entry, future bool) {
	switch in := in.(type) {
	case *order.Order:
		return orderEntry(in, Position{}), in.Future
	case *order.Refund:
		return refundEntry(in, Position{}), in.Future
	}
	panic("a document that is neither order nor refund")
}

// store appends what is new, waits until it is durable, or what was there
// before is, and answers.
func (o *Orders) store(rc *fasthttp.RequestCtx, in document) *problem {
	e, future := entryFor(in)
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	stored, repeated, err := o.ledger.put(ctx, *e, in.Append(nil))
	if err == nil {
		o.afterAppend()
		err = o.ledger.durable(ctx, stored)
	}
	if err != nil {
		return o.unavailable(err)
	}
	o.afterSync()
	name, status, code := kindName(e.key.kind), statusStored, fasthttp.StatusCreated
	if repeated {
		same, bad := o.compare(stored, e, in)
		if bad != nil {
			return bad
		}
		if !same {
			return conflict(e.key, stored.fingerprint, e.fingerprint)
		}
		status, code = statusRepeated, fasthttp.StatusOK
	} else if future {
		o.metrics.future.WithLabelValues(name).Inc()
	}
	o.metrics.taken.WithLabelValues(name, status).Inc()
	// It can't fail: there is nothing in it but valid text and integers.
	body, _ := json.Marshal(receipt{
		ID: e.key.id, Version: e.key.version, Fingerprint: hex.EncodeToString(e.fingerprint[:]), Status: status,
	})
	rc.SetStatusCode(code)
	rc.SetContentType("application/json")
	rc.SetBody(body)
	return nil
}

// compare says whether what was sent is what is stored, by the rules under
// which that was stored. e then has the fingerprint by these rules.
func (o *Orders) compare(was, e *entry, in document) (bool, *problem) {
	fingerprint, ok := in.FingerprintUnder(was.normalization)
	if !ok {
		return false, o.unavailable(errNormalization)
	}
	e.fingerprint = fingerprint
	return was.fingerprint == fingerprint, nil
}

// unavailable logs why nothing could be acknowledged, and gives the answer.
func (o *Orders) unavailable(err error) *problem {
	why := "journal"
	switch {
	case errors.Is(err, ErrFull):
		why = "journal_full"
	case errors.Is(err, ErrLost):
		why = "journal_lost"
	case errors.Is(err, errBehind):
		why = "index_behind"
	case errors.Is(err, errCorrupt):
		why = "index_corrupt"
	case errors.Is(err, errNormalization):
		why = "normalization"
	case errors.Is(err, errNoVisitorKey):
		why = "visitor_key"
	case errors.Is(err, context.DeadlineExceeded):
		why = "timeout"
	}
	if o.lines.allow(why) {
		o.deps.Log.Error("orders can't be stored, they are answered 503 and will be sent again", "reason", why, "error", err)
	}
	return unavailable(why)
}

// handleBroken answers what is no request that a handler could see.
func (o *Orders) handleBroken(endpoint string, bodyBytes int) func(*fasthttp.RequestCtx, error) {
	return func(ctx *fasthttp.RequestCtx, err error) {
		var small *fasthttp.ErrSmallBuffer
		var timeout interface{ Timeout() bool }
		p := newProblem(fasthttp.StatusBadRequest, "request", "It is not a valid HTTP request", "")
		switch {
		case errors.Is(err, fasthttp.ErrBodyTooLarge):
			p = newProblem(fasthttp.StatusRequestEntityTooLarge, "too_large", "The body is too large",
				fmt.Sprintf("A body may have %d bytes.", bodyBytes))
		case errors.As(err, &small):
			p = newProblem(fasthttp.StatusRequestHeaderFieldsTooLarge, "head_too_large", "The head is too large",
				fmt.Sprintf("The request line and headers may have %d bytes.", maxHeadBytes))
		case errors.As(err, &timeout) && timeout.Timeout():
			p = newProblem(fasthttp.StatusRequestTimeout, "timeout", "The request came too slowly", "")
		}
		o.metrics.requests.WithLabelValues(endpoint, strconv.Itoa(p.Status)).Inc()
		if c, ok := ctx.Conn().(*lingering); ok {
			c.linger = true
		}
		ctx.SetConnectionClose()
		p.write(ctx)
	}
}
