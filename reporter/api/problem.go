package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"footfall/schemas/admin"
)

// problem is RFC 9457's, with the JSON pointer of the field at fault.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	Pointer string `json:"pointer,omitempty"`
	// RequestID stands in the log beside what the server knows of the request.
	RequestID string `json:"request_id,omitempty"`
	// Faults are those of a file that was refused.
	Faults []admin.ImportFault `json:"faults,omitempty"`
}

// problemError is a refusal that is not the catalog's: of the request's form.
type problemError struct {
	status          int
	pointer, detail string
	faults          []admin.ImportFault
}

func (p *problemError) Error() string { return p.detail }

// statusOf is the HTTP status of a refusal's reason.
func statusOf(reason admin.Reason) int {
	switch reason {
	case admin.Conflict:
		return http.StatusConflict
	case admin.NotFound:
		return http.StatusNotFound
	case admin.Question:
		return http.StatusBadRequest
	case admin.Busy:
		return http.StatusServiceUnavailable
	default:
		return http.StatusUnprocessableEntity
	}
}

// fail answers with what went wrong. The details of a failure that isn't the
// asker's are an operator's alone: others get the request's id, which stands in
// the log beside them.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	who, _ := admin.PrincipalOf(r.Context())
	p := problem{Type: "about:blank", Status: http.StatusInternalServerError, Detail: err.Error(), RequestID: requestID(r)}
	if refusal, ok := admin.AsRefusal(err); ok {
		p.Status, p.Detail, p.Pointer = statusOf(refusal.Reason), detailFor(who, refusal), refusal.Pointer
		if refusal.Reason == admin.Busy {
			w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
		}
	} else if bad, ok := errors.AsType[*problemError](err); ok {
		p.Status, p.Detail, p.Pointer, p.Faults = bad.status, bad.detail, bad.pointer, bad.faults
	} else if !errors.Is(err, context.Canceled) {
		a.metrics.failures.Inc()
		a.deps.Log.Error("serving a request", "request_id", p.RequestID, "method", r.Method, "pattern", r.Pattern, "actor", who.Actor, "error", err)
		if who.Role != admin.RoleOperator {
			p.Detail = "the server could not answer; its log says why under the request's id " + p.RequestID
		}
	}
	p.Title = http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	a.write(w, r, p)
}

// detailFor is a refusal's sentence as far as it is the asker's to read: what there
// is to choose from may name other organizers, other affiliates, or emails.
func detailFor(who admin.Principal, refusal *admin.Refusal) string {
	switch who.Role {
	case admin.RoleOperator:
		return refusal.Detail
	case admin.RoleOwner, admin.RoleManager, admin.RoleAnalyst:
		if refusal.Reason == admin.Conflict && refusal.Pointer == "/slug" {
			return "the slug is taken: slugs are unique in the installation, as they are in the link"
		}
		return refusal.Detail
	case admin.RoleViewer:
		if !strings.Contains(refusal.Detail, "@") {
			return refusal.Detail
		}
	case admin.RoleAffiliate:
		if refusal.Reason == admin.Busy {
			return refusal.Detail // a limit of the server's
		}
		if (refusal.Reason == admin.Invalid || refusal.Reason == admin.Question) && slices.Contains([]string{"/by", "/columns", "/sort", "/limit", "/after", "/from", "/to", "/as_of", "/format", "/zone", "/basis", "/compare"}, refusal.Pointer) {
			return refusal.Detail // of the form of the question, not of what is there
		}
	}
	return "what is asked for is not there, or not this key's, or not unambiguous"
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
		a.deps.Log.Debug("answering", "request_id", requestID(r), "pattern", r.Pattern, "error", err)
	}
}
