// Command edge measures what a redirect costs beside a bare fasthttp 302 that
// records nothing: CPU per request of the server process, throughput and p99, in
// interleaved runs on one machine, server on one core and client on another.
//
// The edge that is measured is the product's: the collector role with its
// journals on disk, a table of codes, and every limit and timeout. Figures of
// different machines, or of runs that were not interleaved, say nothing; the
// ratio in one run does.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// options of a measurement.
type options struct {
	Pairs       int     `json:"pairs"`
	Seconds     float64 `json:"seconds"`
	Connections int     `json:"connections"`
	Codes       int     `json:"codes"`
	Events      int     `json:"events"`
	results     string
	bar         float64
	role        string // of this process; empty: the one that measures
	address     string
	dir         string
	profile     string
}

func main() {
	var o options
	flag.IntVar(&o.Pairs, "pairs", 7, "rounds of a run of each server, interleaved")
	flag.Float64Var(&o.Seconds, "seconds", 3, "length of a run")
	flag.IntVar(&o.Connections, "connections", 64, "kept connections of the client")
	flag.IntVar(&o.Codes, "codes", 200_000, "tracking codes in the edge's table; clicks draw them by Zipf's law")
	flag.IntVar(&o.Events, "events", 1_000, "events in the edge's table, drawn likewise")
	flag.StringVar(&o.results, "results", filepath.Join("bench", "results"), "directory of edge.json and edge.md")
	flag.Float64Var(&o.bar, "bar", 1.15, "largest ratio of CPU per request that passes")
	flag.StringVar(&o.role, "role", "", "server or client: how the program starts itself")
	flag.StringVar(&o.address, "address", "", "what a client asks")
	flag.StringVar(&o.dir, "dir", "", "where journals are written; empty: a temporary directory, removed at the end")
	flag.StringVar(&o.profile, "profile", "", "file for a CPU profile of the edge")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench-edge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	switch o.role {
	case "server":
		return serve(ctx, o)
	case "client":
		return load(ctx, o)
	case "":
		return measure(ctx, o)
	}
	return fmt.Errorf("unknown role %q", o.role)
}

// process is a started server.
type process struct {
	cmd     *exec.Cmd
	address string
}

// start runs a program on one core and waits for the line that names its
// address.
func start(ctx context.Context, core int, program string, arguments ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", fmt.Sprint(core), program}, arguments...)...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("piping %s: %w", program, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s (taskset is of util-linux): %w", program, err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if err != nil || !ok {
		return nil, fmt.Errorf("starting %s: it said %q and not where it listens", program, line)
	}
	return &process{cmd: cmd, address: address}, nil
}

// stop ends a server the way a service manager does.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck,gosec // it may be gone
	p.cmd.Wait()                          //nolint:errcheck,gosec // its status says nothing here
}
