package web

import (
	"errors"
	"net/http"

	"footfall/schemas/admin"
)

// pageError is an answer that is a page with one sentence.
type pageError struct {
	status int
	detail string
}

func (e *pageError) Error() string { return e.detail }

// errNotThere answers for what nobody has, and for what is not the asker's.
var errNotThere = &pageError{http.StatusNotFound, "There is no such page, or it is not yours to see."}

// statusOf is what an error is answered with, and what is said of it.
func statusOf(err error) (status int, detail string) {
	if p, ok := errors.AsType[*pageError](err); ok {
		return p.status, p.detail
	}
	r, ok := admin.AsRefusal(err)
	if !ok {
		return http.StatusInternalServerError, "Something went wrong here. It has been noted; try again in a moment."
	}
	switch r.Reason {
	case admin.NotFound:
		return http.StatusNotFound, r.Detail
	case admin.Conflict:
		return http.StatusConflict, r.Detail
	case admin.Busy:
		return http.StatusServiceUnavailable, r.Detail
	case admin.Question, admin.Invalid:
	}
	return http.StatusBadRequest, r.Detail
}
