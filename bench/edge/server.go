package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/collector"
	"footfall/internal/ops"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// serve runs the collector role with a catalog of its own.
func serve(ctx context.Context, o options) error {
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return fmt.Errorf("making the profile: %w", err)
		}
		defer f.Close() //nolint:errcheck // written by then
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("profiling: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	config := collector.DefaultConfig()
	config.ID = 1
	config.Place(o.dir)
	config.Edge.Listen, config.Orders.Listen = "127.0.0.1:0", "127.0.0.1:0"
	config.Edge.MaxConnectionsPerAddress = 0
	// Nothing covers the journal here: it would keep everything anyway.
	role, err := collector.New(config, collector.Deps{
		Feed: catalog(o), Clock: time.Now, Metrics: prometheus.NewRegistry(),
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return fmt.Errorf("building the collector: %w", err)
	}
	announce := ops.Part{Name: "announcement", Run: func(ctx context.Context) error {
		fmt.Println("listening", role.ClickAddr())
		<-ctx.Done()
		return nil
	}}
	return ops.Run(ctx, append(role.Parts(), announce)...)
}

// fixed is a feed that has one snapshot and never news.
type fixed struct {
	snapshot *routes.Snapshot
	secrets  routes.Secrets
}

func codeText(n int) string { return fmt.Sprintf("Partner%06d", n) }

func slug(n int) string { return fmt.Sprintf("spring-fair-%03d", n) }

// catalog is an organizer with events and common codes as told, and keys for
// today and tomorrow: with a fixed value, since nothing here is to be kept
// secret.
func catalog(o options) *fixed {
	f := &fixed{snapshot: &routes.Snapshot{
		Revision:   ids.Revision{Incarnation: 1, Number: 1},
		Organizers: []routes.Organizer{{ID: 1, Slug: "organizer"}},
	}}
	for n := range o.Events {
		f.snapshot.Events = append(f.snapshot.Events, routes.Event{
			ID: ids.EventID(n + 1), Organizer: 1, Slug: slug(n), Destination: "https://tickets.example/" + slug(n), Currency: "EUR",
			EndMS: time.Now().AddDate(0, 1, 0).UnixMilli(),
		})
	}
	for n := range o.Codes {
		f.snapshot.Codes = append(f.snapshot.Codes, routes.Code{
			ID: ids.CodeID(n + 1), Common: true, Organizer: 1, Text: codeText(n), Canonical: codeText(n),
		})
	}
	f.secrets = routes.Secrets{Version: "1", MintKey: 1, ClickKeys: []routes.ClickKey{{ID: 1, Secret: routes.Key{1}}}}
	for day := range 2 {
		f.secrets.DayKeys = append(f.secrets.DayKeys, routes.DayKey{
			Day: time.Now().UTC().AddDate(0, 0, day).Format(routes.DayFormat), Key: routes.Key{2},
		})
	}
	return f
}

func (f *fixed) Routes(ctx context.Context, have ids.Revision) (routes.Update, error) {
	if have == f.snapshot.Revision {
		<-ctx.Done()
		return routes.Update{}, ctx.Err()
	}
	return routes.Update{Snapshot: f.snapshot}, nil
}

func (f *fixed) Secrets(ctx context.Context, have string) (routes.Secrets, error) {
	if have == f.secrets.Version {
		<-ctx.Done()
		return routes.Secrets{}, ctx.Err()
	}
	return f.secrets, nil
}

func (f *fixed) Covered(context.Context) (routes.Covered, error) { return routes.Covered{}, nil }
