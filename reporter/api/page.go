package api

import (
	"net/http"
	"strconv"

	"footfall/schemas/admin"
)

// pageLimit is the longest page of a list, and what it is where no limit is given.
const pageLimit = 1000

// page cuts the page that a request asks for out of a whole list. key names an
// item for ever, so that a list that changes between two pages shows nothing
// twice; after a page whose last item went, the list is at its end.
func page[T any](r *http.Request, all []T, key func(T) string) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	if after := r.URL.Query().Get("after"); after != "" {
		found := false
		for i := range all {
			if found = key(all[i]) == after; found {
				all = all[i+1:]
				break
			}
		}
		if !found {
			return nil, admin.Refuse(admin.Invalid, "/after", "after %q: want the next of the page before", after)
		}
	}
	p := admin.Page[T]{Items: all}
	if p.Items == nil {
		p.Items = []T{}
	}
	if len(all) > limit {
		p.Items, p.Next = all[:limit], key(all[limit-1])
	}
	return p, nil
}

// limitOf reads the parameter limit.
func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return pageLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > pageLimit {
		return 0, admin.Refuse(admin.Invalid, "/limit", "limit %q: want a number from 1 to %d", text, pageLimit)
	}
	return n, nil
}

// afterOf reads the parameter after of a list whose items are named by a number.
func afterOf(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("after")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, admin.Refuse(admin.Invalid, "/after", "after %q: want the next of the page before", text)
	}
	return n, nil
}
