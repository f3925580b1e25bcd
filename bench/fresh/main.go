// Command fresh measures how long a click takes until a report counts it: the
// built product, a constant rate of visits beside it (open loop), a probe click
// ten times a second, and one reader that asks for the probe's report again as
// soon as it has the last answer.
//
// A probe's time runs from the answer to its click to the end of the first
// report that counts it, so the time of a report and the wait for the one under
// way are in it. Server, load and reader share the machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	binary  string
	rate    float64
	seconds int
	every   time.Duration
	bar     time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/footfall", "the built product")
	flag.Float64Var(&o.rate, "rate", 2000, "visits a second beside the probes")
	flag.IntVar(&o.seconds, "seconds", 30, "how long probes are sent")
	flag.DurationVar(&o.every, "every", 100*time.Millisecond, "time between probes")
	flag.DurationVar(&o.bar, "bar", 2*time.Second, "largest p99 that passes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench-fresh:", err)
		os.Exit(1) //nolint:gocritic // stop only restores the signals
	}
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "footfall-fresh-")
	if err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := start(ctx, o.binary, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.seed(ctx); err != nil {
		return err
	}
	loaded := make(chan loadEnd, 1)
	loading, endLoad := context.WithCancel(ctx)
	defer endLoad()
	go func() { loaded <- p.load(loading, o, dir) }()
	m, err := p.measure(ctx, o)
	if err != nil {
		return err
	}
	rss, peak, err := p.memory()
	if err != nil {
		return err
	}
	end := <-loaded
	if end.err != nil {
		return end.err
	}
	return m.report(o, end.summary, rss, peak)
}
