package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"footfall/collector"
	links "footfall/collector/routes"
	"footfall/internal/ops"
	"footfall/reporter"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// role is what every running role has: its settings, log, metrics and admin
// listener.
type role struct {
	env      *env
	settings settings
	log      *slog.Logger
	metrics  *prometheus.Registry
	admin    *ops.Admin
	parts    []ops.Part
}

func (e *env) newRole() (*role, error) {
	s, err := e.settings()
	if err != nil {
		return nil, err
	}
	r := &role{env: e, settings: s, metrics: ops.NewMetrics()}
	if r.log, err = e.logger(s); err != nil {
		return nil, err
	}
	r.admin, err = ops.NewAdmin(s.Admin, ops.AdminDeps{Log: r.log, Metrics: r.metrics})
	if err != nil {
		return nil, usageError{err}
	}
	r.add(ops.Part{Name: "admin listener", Open: r.admin.Open, Run: r.admin.Run})
	return r, nil
}

func (r *role) add(parts ...ops.Part) { r.parts = append(r.parts, parts...) }

func (r *role) check(checks ...ops.Check) {
	for _, c := range checks {
		r.admin.AddCheck(c)
	}
}

// run runs the role until a signal; ready is called once every part is open.
func (r *role) run(ctx context.Context, ready func() error) error {
	ctx, release := ops.Signals(ctx)
	defer release()
	info := ops.Version()
	r.log.Info("starting", "version", info.Version, "commit", info.Commit)
	r.add(ops.Part{
		Name: "ready notice",
		Open: func(context.Context) error { return ready() },
		Run:  func(ctx context.Context) error { <-ctx.Done(); return nil },
	})
	err := ops.Run(ctx, r.parts...)
	if err == nil {
		r.log.Info("stopped")
	}
	return err
}

func (r *role) addCollector(id ids.CollectorID, feed routes.Feed) (*collector.Collector, error) {
	config := r.settings.Collector
	config.ID = uint32(id)
	c, err := collector.New(config, collector.Deps{Feed: feed, Clock: r.env.Now, Log: r.log, Metrics: r.metrics})
	if err != nil {
		return nil, usageError{err}
	}
	r.add(c.Parts()...)
	r.check(c.Checks()...)
	return c, nil
}

func (r *role) addConsumer(id ids.CollectorID, feed routes.Feed) error {
	config := r.settings.Consumer
	config.Collector = id
	c, err := collector.NewConsumer(config, collector.ConsumerDeps{Feed: feed, Clock: r.env.Now, Log: r.log, Metrics: r.metrics})
	if err != nil {
		return usageError{err}
	}
	r.add(c.Parts()...)
	r.check(c.Checks()...)
	return nil
}

// openReporter builds and opens the reporter; its parts close it.
func (r *role) openReporter(ctx context.Context) (*reporter.Reporter, error) {
	rep, err := reporter.New(r.settings.Reporter, reporter.Deps{Clock: r.env.Now, Log: r.log, Metrics: r.metrics})
	if err != nil {
		return nil, usageError{err}
	}
	if err := rep.Open(ctx); err != nil {
		return nil, err
	}
	return rep, nil
}

// remoteFeed is the feed of a role that runs apart from the reporter.
func (s settings) remoteFeed() (routes.Feed, ids.CollectorID, error) {
	if s.Collector.ID == 0 || s.Collector.Feed.URL == "" || s.Collector.Feed.Token == "" {
		return nil, 0, usagef("this role needs collector.id, collector.feed.url and collector.feed.token: " +
			"\"footfall collector enrol NAME\" beside the reporter prints them")
	}
	feed, err := links.NewHTTPFeed(s.Collector.Feed)
	if err != nil {
		return nil, 0, usageError{err}
	}
	return feed, ids.CollectorID(s.Collector.ID), nil
}

func newConsumerCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "consumer",
		Short: "Read one collector's journals into the lake, until a signal",
		Long: `Runs the consumer alone, beside a collector on the same disk. It reads the
collector's journals below the data directory and commits to the lake there.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := e.newRole()
			if err != nil {
				return err
			}
			feed, id, err := r.settings.remoteFeed()
			if err != nil {
				return err
			}
			if err := r.addConsumer(id, feed); err != nil {
				return err
			}
			return r.run(c.Context(), func() error {
				r.log.Info("consumer ready", "collector", id, "lake", r.settings.Consumer.LakeDir)
				return nil
			})
		},
	}
}

func newReporterCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "reporter",
		Short: "Keep the catalog, answer reports and feed collectors, until a signal",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := e.newRole()
			if err != nil {
				return err
			}
			rep, err := r.openReporter(c.Context())
			if err != nil {
				return err
			}
			r.add(rep.Parts()...)
			return r.run(c.Context(), func() error {
				r.log.Info("reporter ready", "data", e.Data)
				return nil
			})
		},
	}
}

// newCollectorCommand is the edge role; the commands that enrol and retire
// collectors stand below it.
func newCollectorCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "collector",
		Short: "Take clicks and orders into the journals, until a signal",
		Long: `Runs the edge alone: the click listener, the order listener and their journals.
It follows the reporter's control listener, and serves from its last copy when
that is away. "footfall-collector" is the same without anything else.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := e.newRole()
			if err != nil {
				return err
			}
			feed, id, err := r.settings.remoteFeed()
			if err != nil {
				return err
			}
			edge, err := r.addCollector(id, feed)
			if err != nil {
				return err
			}
			return r.run(c.Context(), func() error {
				r.log.Info("collector ready", "collector", id, "clicks", edge.ClickAddr(), "orders", edge.OrderAddr())
				return nil
			})
		},
	}
	c.AddCommand(collectorAdminCommands(e)...)
	return c
}
