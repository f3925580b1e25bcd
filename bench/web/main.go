// Command web measures the dashboard on the demo's data while the demo goes on
// selling: the built binary, its pages asked over HTTP as a browser asks for them.
// Every page is of a newest as-of of its own, as visits keep coming. It prints a
// table, and exits with 1 where a figure is above its limit.
//
// With -screenshots it takes the pictures of the documentation instead.
//
//	bench/web [-binary bin/footfall] [-runs 100] [-readers 20] [-clicks 40] [-screenshots DIR]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

type options struct {
	binary      string
	days        int // of the demo's past
	rate        float64
	runs        int
	readers     int
	clicks      int
	screenshots string // folder; empty: measure
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/footfall", "the built product")
	flag.IntVar(&o.days, "days", 28, "days of the demo's past")
	flag.Float64Var(&o.rate, "rate", 20, "visits and orders a second, while pages are asked for")
	flag.IntVar(&o.runs, "runs", 100, "times that each page is asked for, by each reader")
	flag.IntVar(&o.readers, "readers", 20, "readers at once")
	flag.IntVar(&o.clicks, "clicks", 40, "clicks that an open page is watched for")
	flag.StringVar(&o.screenshots, "screenshots", "", "take pictures into this folder instead")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// errSlow is returned where a figure is above its limit.
var errSlow = errors.New("above the limit")

func run(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "footfall-web-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := start(ctx, o, filepath.Join(dir, "demo"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.signIn(ctx); err != nil {
		return err
	}
	if o.screenshots != "" {
		return screenshots(ctx, p, o.screenshots, out)
	}
	return measureAll(ctx, p, o, out)
}

// The demo's organizer that is looked at, one of its events and one of its codes.
const (
	organizer = "nordlicht"
	event     = "winter-lights"
	code      = "ANNA"
)

func measureAll(ctx context.Context, p *product, o options, out io.Writer) error {
	const whole = "/o/" + organizer + "/performance?range=28d"
	rows := []struct {
		name    string
		measure func() (measured, error)
		p95     float64 // milliseconds at most
		p99     float64 // likewise; 0: no limit
	}{
		{"Performance, one reader", func() (measured, error) { return p.pages(ctx, whole, 1, o.runs) }, 50, 0},
		{fmt.Sprintf("Performance, %d readers", o.readers), func() (measured, error) { return p.pages(ctx, whole, o.readers, max(1, o.runs/o.readers)) }, 0, 100},
		{"code check", func() (measured, error) { return p.pages(ctx, "/o/"+organizer+"/codes/check?Text="+code, 1, o.runs) }, 0, 30},
		{"click to open page", func() (measured, error) { return p.moves(ctx, o.clicks) }, 0, 2000},
	}
	if _, err := fmt.Fprintf(out, "%-26s %9s %9s %9s %6s\n", "milliseconds", "p50", "p95", "p99", "n"); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	var slow []string
	for _, r := range rows {
		m, err := r.measure()
		if err != nil {
			return fmt.Errorf("measuring %s: %w", r.name, err)
		}
		if _, err := fmt.Fprintf(out, "%-26s %9.1f %9.1f %9.1f %6d\n", r.name, m.at(0.50), m.at(0.95), m.at(0.99), len(m)); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
		if r.p95 > 0 && m.at(0.95) > r.p95 || r.p99 > 0 && m.at(0.99) > r.p99 {
			slow = append(slow, r.name)
		}
	}
	if len(slow) > 0 {
		return fmt.Errorf("%w: %s", errSlow, strings.Join(slow, ", "))
	}
	return nil
}
