package orders

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/valyala/fasthttp"
)

// problem is an answer that is no success, in the form of RFC 9457.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail,omitempty"`
	Pointer string `json:"pointer,omitempty"` // JSON pointer (RFC 6901) to the field

	StoredFingerprint string `json:"stored_fingerprint,omitempty"`
	SentFingerprint   string `json:"sent_fingerprint,omitempty"`

	// reason is the metric's label; field problems share few of them.
	reason string
}

// typePrefix makes a problem's type a URI that is not to be followed; the
// types are listed in docs/orders.md.
const typePrefix = "urn:footfall:problem:"

func newProblem(status int, name, title, detail string) *problem {
	return &problem{Type: typePrefix + name, Title: title, Status: status, Detail: detail, reason: name}
}

// notJSON is text that is no JSON, at the place in it.
func notJSON(pointer, detail string, args ...any) *problem {
	p := newProblem(fasthttp.StatusBadRequest, "malformed", "The body is not valid JSON", fmt.Sprintf(detail, args...))
	p.Pointer = pointer
	return p
}

// invalid is a field that can't be taken.
func invalid(pointer, detail string, args ...any) *problem {
	p := newProblem(fasthttp.StatusUnprocessableEntity, "invalid", "A field is not valid", fmt.Sprintf(detail, args...))
	p.Pointer = pointer
	return p
}

// conflict is a version that was stored with other content.
func conflict(k key, stored, sent [32]byte) *problem {
	p := newProblem(fasthttp.StatusConflict, "conflict", "It is stored with other content",
		fmt.Sprintf("%s is stored with other content as version %d; nothing was changed. A change is sent as a higher version.", k.id, k.version))
	p.Pointer = "/version"
	if k.kind == KindRefund {
		p.Detail = fmt.Sprintf("refund %s is stored with other content; nothing was changed. Another refund needs another id.", k.id)
		p.Pointer = "/id"
	}
	p.StoredFingerprint, p.SentFingerprint = hex.EncodeToString(stored[:]), hex.EncodeToString(sent[:])
	return p
}

// unavailable is what is tried again later.
func unavailable(why string) *problem {
	p := newProblem(fasthttp.StatusServiceUnavailable, "unavailable", "It can't be stored now",
		"Nothing was acknowledged. Send the same again later.")
	p.reason = why
	return p
}

// unauthorized is the same for everything that can be wrong with a signature.
func unauthorized() *problem {
	return newProblem(fasthttp.StatusUnauthorized, "unauthorized", "The request is not signed by a known organizer",
		"Check Footfall-Organizer, the secret, the clock, and that the signed bytes are the bytes sent.")
}

func (p *problem) write(ctx *fasthttp.RequestCtx) {
	// It can't fail: there is nothing in it but valid text and integers.
	body, _ := json.Marshal(p)
	ctx.SetStatusCode(p.Status)
	ctx.SetContentType("application/problem+json")
	ctx.SetBody(body)
	if p.Status == fasthttp.StatusServiceUnavailable {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, fmt.Sprint(retryAfterSeconds))
	}
}
