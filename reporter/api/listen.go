package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"footfall/internal/ops"
)

// OpenTCP takes the listener's address; without one it does nothing.
func (a *API) OpenTCP(ctx context.Context) (err error) {
	if a.config.Listen == "" {
		return nil
	}
	if a.config.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(a.config.TLSCert, a.config.TLSKey); err != nil {
			return fmt.Errorf("reading tls_cert and tls_key of the API's listener: %w: %w", ops.ErrConfig, err)
		}
	}
	a.tcp, err = ops.Listen(ctx, "reporter.api.listen", a.config.Listen)
	return err
}

// Addr is the listener's address once it is open, else empty.
func (a *API) Addr() string {
	if a.tcp == nil {
		return ""
	}
	return a.tcp.Addr().String()
}

// URL is where the API is asked over TCP once it is open, else empty.
func (a *API) URL() string {
	switch {
	case a.tcp == nil:
		return ""
	case a.config.TLSCert != "":
		return "https://" + a.Addr()
	default:
		return "http://" + a.Addr()
	}
}

// RunTCP answers keys until ctx ends; without an address it only waits. OpenTCP
// must have succeeded.
func (a *API) RunTCP(ctx context.Context) error {
	if a.tcp == nil {
		<-ctx.Done()
		return nil
	}
	server := &http.Server{
		Handler: a.Keyed(), ReadHeaderTimeout: headTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeadBytes,
		ErrorLog: ops.ServerLog(a.deps.Log),
	}
	a.deps.Log.Info("answering keys", "address", a.Addr(), "tls", a.config.TLSCert != "")
	return ops.Serve(ctx, "the api", server, a.tcp, a.config.TLSCert, a.config.TLSKey, drain)
}

// steady renews a connection's time whenever a piece of a body came, up to its end.
type steady struct {
	io.ReadCloser
	control *http.ResponseController
	clock   func() time.Time
	end     time.Time // zero: none, for a file may be long
}

// steadyBody is the body of a request, with the time that it has.
func steadyBody(r *http.Request, control *http.ResponseController, clock func() time.Time) io.ReadCloser {
	s := &steady{ReadCloser: r.Body, control: control, clock: clock}
	if !strings.HasPrefix(r.URL.Path, importsPath) {
		s.end = clock().Add(bodyTimeout)
	}
	return s
}

// Read takes a piece of the body.
func (s *steady) Read(p []byte) (int, error) {
	deadline := s.clock().Add(stallTimeout)
	if !s.end.IsZero() {
		deadline = s.end
	}
	if err := s.control.SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("renewing the body's time: %w", err)
	}
	return s.ReadCloser.Read(p)
}
