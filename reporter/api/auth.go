package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"footfall/internal/ops"
	"footfall/schemas/admin"
)

// Keyed answers requests that show a key. It is what other machines reach.
func (a *API) Keyed() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		w = &ops.Patient{ResponseWriter: w, Clock: a.deps.Clock, Stall: stallTimeout}
		r = a.received(w, r, admin.Principal{})
		r.Body = steadyBody(r, control, a.deps.Clock)
		select {
		case a.slots <- struct{}{}:
			defer func() { <-a.slots }()
		default:
			a.metrics.busy.Inc()
			w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
			a.fail(w, r, &problemError{status: http.StatusServiceUnavailable, detail: "too many requests are being answered: come again"})
			return
		}
		if r.URL.Path == openAPIPath {
			a.serve(w, r)
			return
		}
		p, err := a.authenticate(w, r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.serve(w, asks(r, p))
	})
}

// asks notes who asks.
func asks(r *http.Request, p admin.Principal) *http.Request {
	return r.WithContext(admin.WithPrincipal(r.Context(), p))
}

// authenticate says whose key a request shows. Whatever is wrong with a key, the
// answer is the same. A good key is let in from every address, as a proxy's may be
// everybody's; a bad one is told to wait after some tries.
func (a *API) authenticate(w http.ResponseWriter, r *http.Request) (admin.Principal, error) {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p, err := a.deps.Catalog.Authenticate(r.Context(), key)
	if err == nil {
		return p, nil
	}
	if _, refused := admin.AsRefusal(err); !refused {
		return p, err
	}
	a.metrics.unauthorized.Inc()
	if wait := a.backoff.Failed(ops.PeerNetwork(r.RemoteAddr), a.deps.Clock()); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		return p, &problemError{status: http.StatusTooManyRequests, detail: "too many requests without a valid key came from this address: wait, then come again with one"}
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	return p, &problemError{status: http.StatusUnauthorized, detail: "send a valid key as Authorization: Bearer ffk_…; «footfall key api add» makes one"}
}

const (
	// failures from one address in failureWindow are answered as such; a program
	// with a wrong key tries again and again.
	failures      = 20
	failureWindow = time.Minute
)
