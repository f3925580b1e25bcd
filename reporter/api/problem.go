package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"footfall/schemas/admin"
)

// problem is RFC 9457's, with the JSON pointer of the field at fault.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	Pointer string `json:"pointer,omitempty"`
}

// problemError is a refusal that is not the catalog's: of the request's form.
type problemError struct {
	status          int
	pointer, detail string
}

func (p *problemError) Error() string { return p.detail }

// statusOf is the HTTP status of a refusal's reason.
func statusOf(reason admin.Reason) int {
	switch reason {
	case admin.Conflict:
		return http.StatusConflict
	case admin.NotFound:
		return http.StatusNotFound
	default:
		return http.StatusUnprocessableEntity
	}
}

// fail answers with what went wrong. The details of a failure that isn't the
// asker's stand in the answer too: the socket is the operator's own.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem{Type: "about:blank", Status: http.StatusInternalServerError, Detail: err.Error()}
	if refusal, ok := admin.AsRefusal(err); ok {
		p.Status, p.Detail, p.Pointer = statusOf(refusal.Reason), refusal.Detail, refusal.Pointer
	} else if bad, ok := errors.AsType[*problemError](err); ok {
		p.Status, p.Detail, p.Pointer = bad.status, bad.detail, bad.pointer
	} else if !errors.Is(err, context.Canceled) {
		a.metrics.failures.Inc()
		a.deps.Log.Error("serving a request", "method", r.Method, "pattern", r.Pattern, "error", err)
	}
	p.Title = http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	a.write(w, r, p)
}

func (a *API) answer(w http.ResponseWriter, r *http.Request, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	a.write(w, r, answer)
}

func (a *API) write(w http.ResponseWriter, r *http.Request, v any) {
	a.metrics.answers.Inc()
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		a.metrics.cut.Inc() // the asker went away
		a.deps.Log.Debug("answering", "pattern", r.Pattern, "error", err)
	}
}
