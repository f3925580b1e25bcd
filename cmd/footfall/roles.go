package main

import (
	"context"

	"github.com/spf13/cobra"

	"footfall/collector"
	links "footfall/collector/routes"
	"footfall/internal/ops"
	"footfall/reporter"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// role is a running role with the settings that it was built from.
type role struct {
	*ops.Role
	env      *env
	settings settings
}

func (e *env) newRole() (*role, error) {
	s, err := e.settings()
	if err != nil {
		return nil, err
	}
	r, err := ops.NewRole(e.Err, e.Now, s.Log, s.Admin)
	if err != nil {
		return nil, usageError{err}
	}
	return &role{Role: r, env: e, settings: s}, nil
}

func (r *role) addCollector(id ids.CollectorID, feed routes.Feed) (*collector.Collector, error) {
	config := r.settings.Collector
	config.ID = uint32(id)
	c, err := collector.New(config, collector.Deps{Feed: feed, Clock: r.env.Now, Log: r.Log, Metrics: r.Metrics})
	if err != nil {
		return nil, usageError{err}
	}
	r.Add(c.Parts()...)
	r.Check(c.Checks()...)
	return c, nil
}

// addConsumer adds the consumer role; withCollector says that the collector runs
// in this process too.
func (r *role) addConsumer(id ids.CollectorID, feed routes.Feed, withCollector bool) error {
	s := r.settings
	config := collector.ConsumerConfig{
		Collector: id, VisitsDir: s.Collector.VisitsJournal.Dir, OrdersDir: s.Collector.OrdersJournal.Dir,
		LakeDir: reporter.LakeDir(r.env.Data), Consumer: s.Consumer, WithCollector: withCollector,
	}
	c, err := collector.NewConsumer(config, collector.ConsumerDeps{Feed: feed, Clock: r.env.Now, Log: r.Log, Metrics: r.Metrics})
	if err != nil {
		return usageError{err}
	}
	r.Add(c.Parts()...)
	r.Check(c.Checks()...)
	return nil
}

// openReporter builds and opens the reporter; its parts close it.
func (r *role) openReporter(ctx context.Context) (*reporter.Reporter, error) {
	rep, err := reporter.New(r.settings.reporterConfig(), reporter.Deps{Clock: r.env.Now, Log: r.Log, Metrics: r.Metrics})
	if err != nil {
		return nil, ops.Starting("reporter", err)
	}
	if err := rep.Open(ctx); err != nil {
		return nil, ops.Starting("reporter", err)
	}
	return rep, nil
}

// newRoleApart is a role that runs apart from the reporter, the feed that it
// follows and the collector that it is of.
func (e *env) newRoleApart() (*role, routes.Feed, ids.CollectorID, error) {
	r, err := e.newRole()
	if err != nil {
		return nil, nil, 0, err
	}
	config := r.settings.Collector
	if err := config.CheckEnrolled(); err != nil {
		return nil, nil, 0, usageError{err}
	}
	feed, err := links.NewHTTPFeed(config.Feed)
	if err != nil {
		return nil, nil, 0, usageError{err}
	}
	return r, feed, ids.CollectorID(config.ID), nil
}

func newConsumerCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "consumer",
		Short: "Read one collector's journals into the lake, until a signal",
		Long: `Runs the consumer alone, beside a collector on the same disk. It reads the
collector's journals below the data directory and commits to the lake there.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			r, feed, id, err := e.newRoleApart()
			if err != nil {
				return err
			}
			if err := r.addConsumer(id, feed, false); err != nil {
				return err
			}
			return r.Run(c.Context(), func() error {
				r.Log.Info("consumer ready", "collector", id, "lake", reporter.LakeDir(e.Data))
				return nil
			})
		},
	}
}

func newReporterCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "reporter",
		Short: "Keep the catalog, answer reports and feed collectors, until a signal",
		Long: `Runs the reporter alone: commands and reports through the socket in the data
directory, collectors through its control listener (reporter.catalog.control).
It reads the lake in the data directory, which consumers fill.`,
		Example: "  footfall reporter --data /var/lib/footfall --config /etc/footfall.toml",
		Args:    takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := e.newRole()
			if err != nil {
				return err
			}
			rep, err := r.openReporter(c.Context())
			if err != nil {
				return err
			}
			r.Add(rep.Parts()...)
			return r.Run(c.Context(), func() error {
				r.Log.Info("reporter ready", "data", e.Data)
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
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			r, feed, id, err := e.newRoleApart()
			if err != nil {
				return err
			}
			edge, err := r.addCollector(id, feed)
			if err != nil {
				return err
			}
			return r.Run(c.Context(), func() error {
				r.Log.Info("collector ready", "collector", id, "clicks", edge.ClickAddr(), "orders", edge.OrderAddr())
				return nil
			})
		},
	}
	c.AddCommand(collectorAdminCommands(e)...)
	return c
}
