package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"

	"footfall/internal/ops"
)

// Open takes the listener's address; without one it does nothing.
func (w *Web) Open(ctx context.Context) (err error) {
	if w.config.Listen == "" {
		return nil
	}
	if w.config.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(w.config.TLSCert, w.config.TLSKey); err != nil {
			return fmt.Errorf("reading tls_cert and tls_key of the dashboard: %w: %w", ops.ErrConfig, err)
		}
	}
	w.listener, err = ops.Listen(ctx, "reporter.web.listen", w.config.Listen)
	return err
}

// URL is where people open the dashboard once it is open, else empty.
func (w *Web) URL() string {
	switch {
	case w.listener == nil:
		return ""
	case w.config.URL != "":
		return w.config.URL
	case w.config.TLSCert != "":
		return "https://" + w.listener.Addr().String()
	default:
		return "http://" + w.listener.Addr().String()
	}
}

// Run serves until ctx ends; without an address it only waits. Open must have
// succeeded.
func (w *Web) Run(ctx context.Context) error {
	if w.listener == nil {
		<-ctx.Done()
		return nil
	}
	server := &http.Server{
		Handler: w.Handler(), ReadHeaderTimeout: headTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeadBytes,
		ErrorLog: ops.ServerLog(w.deps.Log), BaseContext: func(net.Listener) context.Context { return ctx },
	}
	w.deps.Log.Info("serving the dashboard", "url", w.URL())
	return ops.Serve(ctx, "the dashboard", server, w.listener, w.config.TLSCert, w.config.TLSKey, drain)
}

// policy is what a page of ours may load and do: what comes from here, nothing
// inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Handler answers every request: headers first, then who may ask.
func (w *Web) Handler() http.Handler {
	guarded := http.NewCrossOriginProtection()
	if w.config.URL != "" { // behind a proxy the Host may be another
		_ = guarded.AddTrustedOrigin(w.config.URL) // checked by Validate
	}
	guarded.SetDenyHandler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.fail(rw, r, &pageError{http.StatusForbidden, "This form was sent from another site. Open the page here and send it again."})
	}))
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				w.panicked(rw, r, p)
			}
		}()
		h := rw.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "private, no-store")
		if w.config.secure() {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !w.reachedSafely(r) {
			w.fail(rw, r, &pageError{http.StatusForbidden, "This dashboard is reached over plain http from another machine, where anybody on the way could read along. Serve it over https and set reporter.web.url."})
			return
		}
		guarded.Handler(w.mux).ServeHTTP(rw, r)
	})
}

// reachedSafely says whether what is sent here crosses no network in the clear:
// it comes to the address people were told, or to this machine itself.
func (w *Web) reachedSafely(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if u, err := url.Parse(w.config.URL); w.config.URL != "" && err == nil && host == u.Hostname() {
		return true
	}
	return r.TLS != nil || ops.IsLoopbackHost(host)
}

// panicked keeps a panic to its request.
func (w *Web) panicked(rw http.ResponseWriter, r *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // a panic's value, as net/http has it
		panic(p)
	}
	w.metrics.panics.Inc()
	w.log.Error("request panicked", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	w.fail(rw, r, errors.New("a panic"))
}
