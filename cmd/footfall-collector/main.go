// Command footfall-collector is the edge alone, built without cgo: the click
// listener, the order listener and their journals. It is "footfall collector"
// for machines that have nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"footfall/collector"
	"footfall/collector/routes"
	"footfall/internal/conf"
	"footfall/internal/ops"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

// settings are the sections of footfall's configuration that this role reads.
type settings struct {
	Log       ops.LogConfig    `koanf:"log"`
	Admin     ops.AdminConfig  `koanf:"admin"`
	Collector collector.Config `koanf:"collector"`
}

type usageError struct{ error }

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	_, _ = fmt.Fprintf(os.Stderr, "footfall-collector: %v\n", err)
	var usage usageError
	if errors.As(err, &usage) || errors.Is(err, ops.ErrConfig) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailure)
}

func run(args []string, out, errw io.Writer) error {
	flags := pflag.NewFlagSet("footfall-collector", pflag.ContinueOnError)
	flags.SetOutput(errw)
	data := flags.String("data", orElse(os.Getenv("FOOTFALL_DATA"), "data"), "data directory (FOOTFALL_DATA)")
	file := flags.String("config", os.Getenv("FOOTFALL_CONFIG"), "configuration file, TOML (FOOTFALL_CONFIG)")
	check := flags.Bool("check", false, "say whether the configuration can be used, and stop")
	version := flags.Bool("version", false, "say which version this is, and stop")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return usageError{err}
	}
	if *version {
		_, err := fmt.Fprintln(out, ops.Version())
		return err
	}
	s, err := load(*data, *file)
	if err != nil {
		return err
	}
	role, edge, err := build(s, errw)
	if err != nil {
		return err
	}
	if *check {
		_, err := fmt.Fprintln(out, "the configuration can be used")
		return err
	}
	return role.Run(context.Background(), func() error {
		role.Log.Info("collector ready", "collector", s.Collector.ID, "clicks", edge.ClickAddr(), "orders", edge.OrderAddr())
		return nil
	})
}

func load(data, file string) (settings, error) {
	s := settings{Log: ops.DefaultLogConfig(), Admin: ops.DefaultAdminConfig(), Collector: collector.DefaultConfig()}
	s.Collector.Place(data)
	err := conf.Load(&s, conf.LoadOptions{File: file, EnvPrefix: "FOOTFALL_", EnvOther: []string{"FOOTFALL_DATA", "FOOTFALL_CONFIG"}})
	if problems, ok := errors.AsType[*conf.Errors](err); ok {
		return s, usageError{fmt.Errorf("the configuration can't be used:\n%w", problems)}
	}
	if err != nil {
		return s, fmt.Errorf("reading the configuration: %w", err)
	}
	return s, nil
}

func build(s settings, errw io.Writer) (*ops.Role, *collector.Collector, error) {
	role, err := ops.NewRole(errw, time.Now, s.Log, s.Admin)
	if err != nil {
		return nil, nil, usageError{err}
	}
	if err := s.Collector.CheckEnrolled(); err != nil {
		return nil, nil, usageError{err}
	}
	feed, err := routes.NewHTTPFeed(s.Collector.Feed)
	if err != nil {
		return nil, nil, usageError{err}
	}
	edge, err := collector.New(s.Collector, collector.Deps{Feed: feed, Clock: collector.SystemClock, Log: role.Log, Metrics: role.Metrics})
	if err != nil {
		return nil, nil, usageError{err}
	}
	role.Add(edge.Parts()...)
	role.Check(edge.Checks()...)
	return role, edge, nil
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
