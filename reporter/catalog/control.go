package catalog

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"footfall/internal/ops"
	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/routes"
)

const (
	// maxWait keeps a waiting request below the idle limits of middle boxes.
	maxWait = 55 * time.Second
	// controlHeadTimeout bounds slow clients; a collector sends one packet.
	controlHeadTimeout = 10 * time.Second
	// controlDrain is what a stop waits for answers under way.
	controlDrain = 2 * time.Second
)

// Outcomes of footfall_catalog_control_requests_total.
const (
	outcomeServed       = "served"
	outcomeUnchanged    = "unchanged"
	outcomeUnauthorized = "unauthorized"
	outcomeBadRequest   = "bad_request"
	outcomeFailed       = "failed"
)

// SourceLog is a log that a collector's consumer may append to.
type SourceLog struct {
	Log       string          `json:"log"`
	Kind      string          `json:"kind"`
	Collector ids.CollectorID `json:"collector"`
}

// Control serves the feed to collectors on other machines, each with its token:
// routes, secrets, covered marks and the names of the logs.
func (c *Catalog) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /control/v1/routes", c.authorized(c.serveRoutes))
	mux.HandleFunc("GET /control/v1/secrets", c.authorized(c.serveSecrets))
	mux.HandleFunc("GET /control/v1/covered", c.authorized(c.serveCovered))
	mux.HandleFunc("GET /control/v1/logs", c.authorized(c.serveLogs))
	return mux
}

// OpenControl takes the address for collectors; without one it does nothing.
func (c *Catalog) OpenControl(ctx context.Context) error {
	config := c.config.Control
	if config.Listen == "" {
		return nil
	}
	if config.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(config.TLSCert, config.TLSKey); err != nil {
			return fmt.Errorf("reading tls_cert and tls_key of the control listener: %w: %w", ops.ErrConfig, err)
		}
	}
	var err error
	c.control, err = ops.Listen(ctx, "reporter.catalog.control.listen", config.Listen)
	return err
}

// RunControl serves collectors until ctx ends; without an address it only waits.
// OpenControl must have succeeded.
func (c *Catalog) RunControl(ctx context.Context) error {
	config, listener := c.config.Control, c.control
	if listener == nil {
		<-ctx.Done()
		return nil
	}
	server := &http.Server{
		Handler: c.Control(), ReadHeaderTimeout: controlHeadTimeout, MaxHeaderBytes: 16 << 10, ErrorLog: ops.ServerLog(c.deps.Log),
		BaseContext: func(net.Listener) context.Context { return ctx }, // a stop ends the waits
	}
	c.deps.Log.Info("listening for collectors", "address", listener.Addr().String(), "tls", config.TLSCert != "")
	return ops.Serve(ctx, "the control listener", server, listener, config.TLSCert, config.TLSKey, controlDrain)
}

// authorized answers 401 to all but an active collector's token, always with
// the same body; the token stands in no log.
func (c *Catalog) authorized(serve func(http.ResponseWriter, *http.Request, ids.CollectorID) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		collector, err := c.CollectorByToken(r.Context(), token)
		outcome := outcomeUnauthorized
		switch {
		case err == nil:
			outcome = serve(w, r, collector.ID)
		case errors.Is(err, ErrUnknownToken):
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "unknown token: enrol the collector with «footfall collector enrol»", http.StatusUnauthorized)
		default:
			outcome = c.controlFailed(w, r, err)
		}
		c.metrics.control.WithLabelValues(outcome).Inc()
	}
}

func (c *Catalog) controlFailed(w http.ResponseWriter, r *http.Request, err error) string {
	if r.Context().Err() != nil {
		return outcomeUnchanged // the collector went away, or the reporter stops
	}
	c.metrics.failure(stepControl)
	c.deps.Log.Error("serving a collector", "path", r.URL.Path, "error", err)
	http.Error(w, "the catalog can't be read: see the reporter's log", http.StatusInternalServerError)
	return outcomeFailed
}

// waitFor is the request's context, ending after the seconds that it asks for.
func waitFor(r *http.Request) (context.Context, context.CancelFunc, error) {
	seconds := 0
	if text := r.URL.Query().Get("wait"); text != "" {
		var err error
		if seconds, err = strconv.Atoi(text); err != nil || seconds < 0 {
			return nil, nil, errors.New("wait: want a number of seconds")
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(time.Duration(seconds)*time.Second, maxWait))
	return ctx, cancel, nil
}

func (c *Catalog) serveRoutes(w http.ResponseWriter, r *http.Request, collector ids.CollectorID) string {
	var have ids.Revision
	if text := r.URL.Query().Get("incarnation"); text != "" {
		incarnation, err := ids.ParseIncarnation(text)
		if err != nil {
			return badControl(w, "incarnation: want 16 hexadecimal digits")
		}
		number, err := strconv.ParseUint(r.URL.Query().Get("revision"), 10, 64)
		if err != nil {
			return badControl(w, "revision: want a number")
		}
		have = ids.Revision{Incarnation: incarnation, Number: number}
	}
	var update routes.Update
	return c.serveWait(w, r, func(ctx context.Context) (err error) {
		update, err = c.Feed(collector).Routes(ctx, have)
		return err
	}, func() error {
		w.Header().Set("Content-Type", "application/octet-stream")
		return routes.Encode(w, update)
	})
}

func (c *Catalog) serveSecrets(w http.ResponseWriter, r *http.Request, collector ids.CollectorID) string {
	var secrets routes.Secrets
	return c.serveWait(w, r, func(ctx context.Context) (err error) {
		secrets, err = c.Feed(collector).Secrets(ctx, r.URL.Query().Get("have"))
		return err
	}, func() error { return writeJSON(w, secrets) })
}

// serveWait answers 204 when nothing changed in the time that was asked for.
func (c *Catalog) serveWait(w http.ResponseWriter, r *http.Request, look func(context.Context) error, write func() error) string {
	ctx, cancel, err := waitFor(r)
	if err != nil {
		return badControl(w, err.Error())
	}
	defer cancel()
	err = look(ctx)
	switch {
	case err == nil:
		if err := write(); err != nil {
			return c.controlFailed(w, r, err)
		}
		return outcomeServed
	case errors.Is(err, context.DeadlineExceeded):
		w.WriteHeader(http.StatusNoContent)
		return outcomeUnchanged
	}
	return c.controlFailed(w, r, err)
}

func (c *Catalog) serveCovered(w http.ResponseWriter, r *http.Request, collector ids.CollectorID) string {
	covered, err := c.Feed(collector).Covered(r.Context())
	if err == nil {
		err = writeJSON(w, covered)
	}
	if err != nil {
		return c.controlFailed(w, r, err)
	}
	return outcomeServed
}

func (c *Catalog) serveLogs(w http.ResponseWriter, r *http.Request, collector ids.CollectorID) string {
	if err := writeJSON(w, c.SourceLogs(collector)); err != nil {
		return c.controlFailed(w, r, err)
	}
	return outcomeServed
}

// SourceLogs names the logs that a collector's consumers append to.
func (c *Catalog) SourceLogs(collector ids.CollectorID) []SourceLog {
	return []SourceLog{
		{Log: lakelog.VisitsLog(collector), Kind: lakelog.KindVisits, Collector: collector},
		{Log: lakelog.OrdersLog(collector), Kind: lakelog.KindOrders, Collector: collector},
	}
}

func badControl(w http.ResponseWriter, text string) string {
	http.Error(w, text, http.StatusBadRequest)
	return outcomeBadRequest
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}
