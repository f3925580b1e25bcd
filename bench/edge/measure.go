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
	Alike     side    `json:"bare_fasthttp_same_headers"`
	CPURatio  figure  `json:"cpu_ratio"` // of the pairs
	RateRatio figure  `json:"rate_ratio"`
	P99Ratio  figure  `json:"p99_ratio"`
	// AlikeRatio is the edge's CPU against a peer that sends the same headers:
	// not the bar, but it says how much of the difference they are.
	AlikeRatio figure `json:"cpu_ratio_same_headers"`
	// Load is the machine's load average over the last minute of the runs, of which about
	// two are the measurement's own.
	Load string `json:"load_average"`
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
	alike, err := start(ctx, serverCore, peerProgram, "-headers")
	if err != nil {
		return err
	}
	defer alike.stop()
	edge, err := start(ctx, serverCore, self, "-role", "server", "-dir", dir, "-codes", strconv.Itoa(o.Codes), "-events", strconv.Itoa(o.Events), "-profile", o.profile)
	if err != nil {
		return err
	}
	defer edge.stop()
	var t trials
	for n := -1; n < o.Pairs; n++ { // the first round warms up and is dropped
		var round [3]trial
		for i, server := range []*process{edge, peer, alike} {
			if round[i], err = try(ctx, o, self, server); err != nil {
				return err
			}
		}
		if n < 0 {
			continue
		}
		a, b := round[0], round[1]
		t.edge, t.peer, t.alike = append(t.edge, a), append(t.peer, b), append(t.alike, round[2])
		fmt.Printf("round %d: edge %.2f µs, %.0f/s, p99 %.2f ms; bare fasthttp %.2f µs, %.0f/s, p99 %.2f ms; CPU ratio %.3f, same headers %.3f\n",
			n+1, a.cpuMicros, a.rate, a.p99, b.cpuMicros, b.rate, b.p99, a.cpuMicros/b.cpuMicros, a.cpuMicros/round[2].cpuMicros)
	}
	return report(o, t)
}

// trials are the runs of each server, in rounds.
type trials struct{ edge, peer, alike []trial }

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
func report(o options, t trials) error {
	r := result{
		At: time.Now().UTC().Format(time.RFC3339), Machine: machine(), Options: o, Load: load1(),
		Edge: sideOf(t.edge), Peer: sideOf(t.peer), Alike: sideOf(t.alike),
	}
	var cpu, rate, p99, same []float64
	for i, e := range t.edge {
		cpu = append(cpu, e.cpuMicros/t.peer[i].cpuMicros)
		rate = append(rate, e.rate/t.peer[i].rate)
		p99 = append(p99, e.p99/t.peer[i].p99)
		same = append(same, e.cpuMicros/t.alike[i].cpuMicros)
	}
	r.CPURatio, r.RateRatio, r.P99Ratio, r.AlikeRatio = figureOf(cpu), figureOf(rate), figureOf(p99), figureOf(same)
	row := fmt.Sprintf("| redirect, keep-alive, %d connections, %d events, %d codes, drawn by Zipf's law | %s | %s | **%s** | %s | %s |\n", o.Connections, o.Events, o.Codes,
		r.Edge.CPUMicros.text("%.2f"), r.Peer.CPUMicros.text("%.2f"), r.CPURatio.text("%.3f"), r.AlikeRatio.text("%.3f"), r.P99Ratio.text("%.2f"))
	table := "| what | edge, CPU µs per request | bare fasthttp, CPU µs per request | ratio of CPU | the same against equal headers | ratio of p99 |\n|---|---|---|---|---|---|\n" + row
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

// load1 is the load average of the last minute.
func load1() string {
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(load), " ")
	return first
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
