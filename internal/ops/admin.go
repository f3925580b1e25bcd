package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// checkTimeout bounds the checks of one readiness probe together: shorter
	// than the timeout that probes usually have.
	checkTimeout = 2 * time.Second
	// adminHeadBytes is enough for any scraper or browser.
	adminHeadBytes = 16 << 10
	// adminReadTimeout ends a client that dawdles over its request.
	adminReadTimeout = 5 * time.Second
	// adminWriteTimeout is longer than the profiles that are usually taken.
	adminWriteTimeout = 5 * time.Minute
	// adminDrainTimeout is how long a running scrape may take after the stop.
	adminDrainTimeout = 2 * time.Second
)

// AdminConfig is the admin listener's.
type AdminConfig struct {
	Listen      string `koanf:"listen" doc:"address of /healthz, /readyz, /metrics and /debug/pprof; empty for none"`
	AllowRemote bool   `koanf:"allow_remote" doc:"let the admin listener be reached from other machines; it has no password"`
}

// DefaultAdminConfig listens on loopback only.
func DefaultAdminConfig() AdminConfig { return AdminConfig{Listen: "127.0.0.1:8609"} }

// Validate refuses an address beyond the machine unless it is allowed.
func (c *AdminConfig) Validate() error {
	if c.Listen == "" || c.AllowRemote {
		return nil
	}
	return CheckLoopback("listen", c.Listen, "set allow_remote when a firewall guards it")
}

// Check is one named condition of readiness. Check returns nil when ready, and
// otherwise what is wrong and what to do.
type Check struct {
	Name  string
	Check func(ctx context.Context) error
}

// AdminDeps is what the admin listener shows.
type AdminDeps struct {
	Log     *slog.Logger
	Metrics prometheus.Gatherer
	Checks  []Check
}

// Admin serves health, readiness, metrics and profiles.
type Admin struct {
	config AdminConfig
	deps   AdminDeps
	server *http.Server

	mu       sync.Mutex
	checks   []Check      // under mu
	listener net.Listener // under mu; nil until Open
}

// NewAdmin opens nothing.
func NewAdmin(config AdminConfig, deps AdminDeps) (*Admin, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("building the admin listener: %w", err)
	}
	a := &Admin{config: config, deps: deps, checks: deps.Checks}
	a.server = &http.Server{
		Handler:           a.Handler(),
		ReadHeaderTimeout: adminReadTimeout,
		ReadTimeout:       adminReadTimeout,
		WriteTimeout:      adminWriteTimeout,
		MaxHeaderBytes:    adminHeadBytes,
		ErrorLog:          ServerLog(deps.Log),
	}
	return a, nil
}

// AddCheck adds a condition of readiness.
func (a *Admin) AddCheck(check Check) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.checks = append(slices.Clip(a.checks), check)
}

// Open takes the address, so that a port in use is known before anything else
// starts. Nothing is answered until Run.
func (a *Admin) Open(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.config.Listen == "" || a.listener != nil {
		return nil
	}
	listener, err := Listen(ctx, "admin.listen", a.config.Listen)
	if err != nil {
		return fmt.Errorf("opening the admin listener: %w", err)
	}
	a.listener = listener
	return nil
}

// Addr is the address that is listened on; empty before Open and without one.
func (a *Admin) Addr() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listener == nil {
		return ""
	}
	return a.listener.Addr().String()
}

// Run serves until ctx ends, then lets running requests finish for 2 s.
func (a *Admin) Run(ctx context.Context) error {
	if err := a.Open(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	listener := a.listener
	a.mu.Unlock()
	if listener == nil {
		<-ctx.Done()
		return nil
	}
	a.deps.Log.Info("admin listener ready", "address", listener.Addr().String())
	served := make(chan error, 1)
	go func() { served <- a.server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving the admin pages: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), adminDrainTimeout)
	defer cancel()
	err := a.server.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		err = a.server.Close() // a long profile is no reason to stay
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	if err != nil {
		return fmt.Errorf("closing the admin listener: %w", err)
	}
	return nil
}

// Handler is the admin pages. Where only this machine may ask, the request must
// say so in its Host too: a page in somebody's browser cannot rebind a name of
// its own to loopback and read them.
func (a *Admin) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.deps.Metrics, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(a.deps.Log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError,
	}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	if a.config.AllowRemote {
		return mux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsLoopbackHost(hostOf(r.Host)) {
			writeText(w, http.StatusMisdirectedRequest, "ask for this page by 127.0.0.1 or localhost\n")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

// readyz answers one line per check, "name: ok" or "name: what is wrong", and
// 503 when any of them fails.
func (a *Admin) readyz(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	checks := a.checks
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	status, lines := http.StatusOK, strings.Builder{}
	for _, check := range checks {
		text := "ok"
		if err := check.Check(ctx); err != nil {
			status = http.StatusServiceUnavailable
			text = strings.Join(strings.Fields(err.Error()), " ")
		}
		fmt.Fprintf(&lines, "%s: %s\n", check.Name, text)
	}
	if len(checks) == 0 {
		lines.WriteString("ok\n")
	}
	writeText(w, status, lines.String())
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the prober has gone: nobody is left to be told
}
