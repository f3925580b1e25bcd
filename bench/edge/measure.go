package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cores of the two sides.
const (
	serverCore = 0
	clientCore = 1
)

// ticksPerSecond is the unit of /proc/PID/stat, 100 on every Linux that Go runs
// on.
const ticksPerSecond = 100

// figure is the median of some runs, with what they lay between.
type figure struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func figureOf(values []float64) figure {
	values = slices.Sorted(slices.Values(values))
	return figure{Median: values[len(values)/2], Min: values[0], Max: values[len(values)-1]}
}

// side is what was measured of one server.
type side struct {
	CPUMicros figure `json:"cpu_us_per_request"`
	Rate      figure `json:"requests_per_second"`
	P99MS     figure `json:"p99_ms"`
}

// result is what is kept of a measurement.
type result struct {
	At        string  `json:"at"`
	Machine   string  `json:"machine"`
	Options   options `json:"options"`
	Edge      side    `json:"edge"`
	Peer      side    `json:"bare_fasthttp"`
	CPURatio  figure  `json:"cpu_ratio"` // of the pairs
	RateRatio figure  `json:"rate_ratio"`
	P99Ratio  figure  `json:"p99_ratio"`
}

// one run of one server.
type trial struct{ cpuMicros, rate, p99 float64 }

func measure(ctx context.Context, o options) (err error) {
	if runtime.NumCPU() < 2 {
		return errors.New("want two cores: one for the server, one for the client")
	}
	dir, err := os.MkdirTemp(o.dir, "footfall-bench-")
	if err != nil {
		return fmt.Errorf("making a directory for the trial: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	peerProgram := filepath.Join(dir, "barefasthttp")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", peerProgram, "./bench/peers/barefasthttp").CombinedOutput(); err != nil {
		return fmt.Errorf("building the peer: %w\n%s", err, out)
	}
	peer, err := start(ctx, serverCore, peerProgram)
	if err != nil {
		return err
	}
	defer peer.stop()
	edge, err := start(ctx, serverCore, self, "-role", "server", "-dir", dir, "-codes", strconv.Itoa(o.Codes), "-events", strconv.Itoa(o.Events), "-profile", o.profile)
	if err != nil {
		return err
	}
	defer edge.stop()
	var edges, peers []trial
	for n := -1; n < o.Pairs; n++ { // the first pair warms up and is dropped
		a, err := try(ctx, o, self, edge)
		if err != nil {
			return err
		}
		b, err := try(ctx, o, self, peer)
		if err != nil {
			return err
		}
		if n >= 0 {
			edges, peers = append(edges, a), append(peers, b)
			fmt.Printf("pair %d: edge %.2f µs, %.0f/s, p99 %.2f ms; bare fasthttp %.2f µs, %.0f/s, p99 %.2f ms; CPU ratio %.3f\n",
				n+1, a.cpuMicros, a.rate, a.p99, b.cpuMicros, b.rate, b.p99, a.cpuMicros/b.cpuMicros)
		}
	}
	return report(o, edges, peers)
}

// try runs the client against a server once.
func try(ctx context.Context, o options, self string, server *process) (t trial, err error) {
	before, err := cpuSeconds(server.cmd.Process.Pid)
	if err != nil {
		return t, err
	}
	client := exec.CommandContext(ctx, "taskset", "-c", strconv.Itoa(clientCore), self, "-role", "client", "-address", server.address,
		"-seconds", fmt.Sprint(o.Seconds), "-connections", strconv.Itoa(o.Connections), "-codes", strconv.Itoa(o.Codes), "-events", strconv.Itoa(o.Events))
	client.Stderr = os.Stderr
	out, err := client.Output()
	if err != nil {
		return t, fmt.Errorf("running the client: %w", err)
	}
	after, err := cpuSeconds(server.cmd.Process.Pid)
	if err != nil {
		return t, err
	}
	var s sample
	if err := json.Unmarshal(out, &s); err != nil {
		return t, fmt.Errorf("reading the client's sample: %w", err)
	}
	return trial{
		cpuMicros: (after - before) * 1e6 / float64(s.Requests), rate: float64(s.Requests) / s.Seconds, p99: s.p99(),
	}, nil
}

// cpuSeconds is what a process has used, all its threads, user and system.
func cpuSeconds(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the server's CPU time: %w", err)
	}
	// The name, in parentheses, may hold spaces; what follows is fields 3 on.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return 0, fmt.Errorf("reading the server's CPU time: %d fields", len(fields))
	}
	var ticks float64
	for _, field := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the server's CPU time: %w", err)
		}
		ticks += n
	}
	return ticks / ticksPerSecond, nil
}

func sideOf(trials []trial) side {
	column := func(f func(trial) float64) figure {
		values := make([]float64, len(trials))
		for i, t := range trials {
			values[i] = f(t)
		}
		return figureOf(values)
	}
	return side{
		CPUMicros: column(func(t trial) float64 { return t.cpuMicros }),
		Rate:      column(func(t trial) float64 { return t.rate }),
		P99MS:     column(func(t trial) float64 { return t.p99 }),
	}
}

// report prints the figures, keeps them, and fails where they miss the bar.
func report(o options, edges, peers []trial) error {
	r := result{At: time.Now().UTC().Format(time.RFC3339), Machine: machine(), Options: o, Edge: sideOf(edges), Peer: sideOf(peers)}
	var cpu, rate, p99 []float64
	for i := range edges {
		cpu = append(cpu, edges[i].cpuMicros/peers[i].cpuMicros)
		rate = append(rate, edges[i].rate/peers[i].rate)
		p99 = append(p99, edges[i].p99/peers[i].p99)
	}
	r.CPURatio, r.RateRatio, r.P99Ratio = figureOf(cpu), figureOf(rate), figureOf(p99)
	row := fmt.Sprintf("| redirect, keep-alive, %d connections, %d events, %d codes, drawn by Zipf's law | %s | %s | **%s** | %s |\n", o.Connections, o.Events, o.Codes,
		r.Edge.CPUMicros.text("%.2f"), r.Peer.CPUMicros.text("%.2f"), r.CPURatio.text("%.3f"), r.P99Ratio.text("%.2f"))
	table := "| what | edge, CPU µs per request | bare fasthttp, CPU µs per request | ratio of CPU | ratio of p99 |\n|---|---|---|---|---|\n" + row
	fmt.Print("\nmedians, least and most of the runs:\n\n", table)
	if err := os.MkdirAll(o.results, 0o755); err != nil {
		return fmt.Errorf("keeping the result: %w", err)
	}
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("keeping the result: %w", err)
	}
	for name, content := range map[string]string{"edge.json": string(doc) + "\n", "edge.md": table} {
		if err := os.WriteFile(filepath.Join(o.results, name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("keeping the result: %w", err)
		}
	}
	if r.CPURatio.Median > o.bar {
		return fmt.Errorf("a redirect costs %.3f times a bare one, the bar is %.2f", r.CPURatio.Median, o.bar)
	}
	return nil
}

func (f figure) text(format string) string {
	return fmt.Sprintf(format+" ("+format+"–"+format+")", f.Median, f.Min, f.Max)
}

// machine names the processor, since a figure is of one.
func machine() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :")) + ", " + strconv.Itoa(runtime.NumCPU()) + " cores"
		}
	}
	return runtime.GOARCH
}
