package ops

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Role is what every running role has: its log, its metrics, its admin listener
// and the parts that make it up.
type Role struct {
	Log     *slog.Logger
	Metrics *prometheus.Registry
	Admin   *Admin
	clock   func() time.Time
	parts   []Part
}

// NewRole builds a role that logs to w and has no part but its admin listener.
// An error is a configuration that can't work.
func NewRole(w io.Writer, clock func() time.Time, log LogConfig, admin AdminConfig) (*Role, error) {
	r := &Role{Metrics: NewMetrics(), clock: clock}
	var err error
	if r.Log, err = Logger(w, log); err != nil {
		return nil, err
	}
	if r.Admin, err = NewAdmin(admin, AdminDeps{Log: r.Log, Metrics: r.Metrics}); err != nil {
		return nil, err
	}
	r.Add(Part{Name: "admin listener", Open: r.Admin.Open, Run: r.Admin.Run})
	return r, nil
}

// Add appends parts, which start after those before them and stop before them.
func (r *Role) Add(parts ...Part) { r.parts = append(r.parts, parts...) }

// Check adds conditions of readiness.
func (r *Role) Check(checks ...Check) {
	for _, c := range checks {
		r.Admin.AddCheck(c)
	}
}

// Run runs the parts until a signal; ready is called once every part is open.
func (r *Role) Run(ctx context.Context, ready func() error) error {
	ctx, release := Signals(ctx)
	defer release()
	info := Version()
	r.Log.Info("starting", "version", info.Version, "commit", info.Commit)
	r.checkClock(info)
	r.Add(Part{
		Name: "ready notice",
		Open: func(context.Context) error { return ready() },
		Run: func(ctx context.Context) error {
			<-ctx.Done()
			r.Log.Info("stopping")
			return nil
		},
	})
	if err := Run(ctx, r.parts...); err != nil {
		return err
	}
	r.Log.Info("stopped")
	return nil
}

// checkClock warns of a clock that can't be right: the program is younger. It
// starts all the same, since no id comes from a clock and rows keep the times
// that they were given.
func (r *Role) checkClock(info Info) {
	if now := r.clock(); now.Before(info.committed) {
		r.Log.Warn("clock is before the time of this build, visits and orders get wrong times: set the clock and start again",
			"clock", now.UTC().Format(time.RFC3339), "build", info.committed.Format(time.RFC3339))
	}
}
