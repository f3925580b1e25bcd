// Command export measures exports of many rows beside DuckDB's own COPY TO: the
// same rows, the same settings, interleaved, each run in a process of its own, so
// that its peak of resident memory is its own too.
//
// The rows are a Parquet file below the lake's root. Footfall reads them as a
// report does, through the reporter's reading of the lake, and formats each
// column by its kind; COPY TO writes the plain numbers, which is less work.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	rows    int
	pairs   int
	threads int
	memory  int
	bar     float64
	child   string // what a child process does; empty in the parent
	order   bool
	dir     string
	formats string
}

func main() {
	var o options
	flag.IntVar(&o.rows, "rows", 10_000_000, "rows of 10 columns")
	flag.IntVar(&o.pairs, "pairs", 3, "runs of each, interleaved")
	flag.IntVar(&o.threads, "threads", 2, "DuckDB's threads, and Go's")
	flag.IntVar(&o.memory, "memory", 512, "DuckDB's memory limit, in MiB")
	flag.Float64Var(&o.bar, "bar", 0.9, "smallest ratio of rows/s that passes, ordered")
	flag.StringVar(&o.formats, "formats", "xlsx,parquet,ndjson", "formats of 100,000 rows that are timed too")
	flag.StringVar(&o.child, "child", "", "of the bench itself: what one process does")
	flag.BoolVar(&o.order, "order", false, "of the bench itself: whether the rows are ordered")
	flag.StringVar(&o.dir, "dir", "", "of the bench itself: where the rows are")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	work := parent
	if o.child != "" {
		work = child
	}
	if err := work(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench-export:", err)
		os.Exit(1) //nolint:gocritic // stop only restores the signals
	}
}

// run is one measured run.
type run struct {
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
	rssMiB  float64
	cpu     time.Duration
}

// say prints a line of the results.
func say(format string, values ...any) error {
	_, err := fmt.Fprintf(os.Stdout, format+"\n", values...)
	return err
}

func parent(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "footfall-export-")
	if err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o.dir = dir
	if _, err := o.start(ctx, "make"); err != nil {
		return err
	}
	var missed []string
	for _, order := range []bool{true, false} {
		o.order = order
		ratio, err := compare(ctx, o)
		if err != nil {
			return err
		}
		if order && ratio < o.bar {
			missed = append(missed, fmt.Sprintf("CSV is %.2f × COPY TO, the bar is %.2f", ratio, o.bar))
		}
	}
	const few, bar = 100_000, 5
	o.rows, o.order = min(few, o.rows), true
	for format := range strings.SplitSeq(o.formats, ",") {
		r, err := o.start(ctx, format)
		if err != nil {
			return err
		}
		if err := say("%-8s %d rows: %.2f s, %.1f MB, peak %.0f MiB", format, o.rows, r.Seconds, float64(r.Bytes)/1e6, r.rssMiB); err != nil {
			return err
		}
		if format == "xlsx" && r.Seconds > bar {
			missed = append(missed, fmt.Sprintf("XLSX of %d rows took %.1f s, the bar is %d", o.rows, r.Seconds, bar))
		}
	}
	if len(missed) > 0 {
		return errors.New(strings.Join(missed, "; "))
	}
	return nil
}

// compare runs both in turns and gives the ratio of the medians of rows/s.
func compare(ctx context.Context, o options) (float64, error) {
	ours, theirs := make([]run, 0, o.pairs), make([]run, 0, o.pairs)
	for range o.pairs {
		a, err := o.start(ctx, "csv")
		if err != nil {
			return 0, err
		}
		b, err := o.start(ctx, "copy")
		if err != nil {
			return 0, err
		}
		ours, theirs = append(ours, a), append(theirs, b)
	}
	order := "any order"
	if o.order {
		order = "ordered"
	}
	if err := say("%d rows × 10 columns to CSV, %s, %d threads", o.rows, order, o.threads); err != nil {
		return 0, err
	}
	median, cpu := map[string]float64{}, map[string]float64{}
	for _, side := range []struct {
		name string
		runs []run
	}{{"footfall", ours}, {"COPY TO", theirs}} {
		rates := make([]float64, 0, len(side.runs))
		work := make([]float64, 0, len(side.runs)) // steadier than time on a busy machine
		peak := 0.0
		for _, r := range side.runs {
			rates = append(rates, float64(o.rows)/r.Seconds/1e6)
			work = append(work, float64(o.rows)/r.cpu.Seconds()/1e6)
			peak = max(peak, r.rssMiB)
		}
		slices.Sort(rates)
		slices.Sort(work)
		median[side.name], cpu[side.name] = rates[len(rates)/2], work[len(work)/2]
		err := say("  %-9s %.2f M rows/s (%.2f–%.2f), %.2f M a second of CPU, %.0f MB, peak %.0f MiB",
			side.name, rates[len(rates)/2], rates[0], rates[len(rates)-1], work[len(work)/2], float64(side.runs[0].Bytes)/1e6, peak)
		if err != nil {
			return 0, err
		}
	}
	ratio := median["footfall"] / median["COPY TO"]
	return ratio, say("  ratio     %.2f, by CPU %.2f", ratio, cpu["footfall"]/cpu["COPY TO"])
}

// start runs one child and takes its measurements.
func (o options) start(ctx context.Context, what string) (run, error) {
	self, err := os.Executable()
	if err != nil {
		return run{}, fmt.Errorf("finding this program: %w", err)
	}
	c := exec.CommandContext(ctx, self, "-child", what, "-dir", o.dir, fmt.Sprintf("-order=%t", o.order),
		"-rows", fmt.Sprint(o.rows), "-threads", fmt.Sprint(o.threads), "-memory", fmt.Sprint(o.memory))
	c.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", o.threads), "TMPDIR="+filepath.Join(o.dir, "temp"))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return run{}, fmt.Errorf("running %s: %w", what, err)
	}
	var r run
	if err := json.Unmarshal(out, &r); err != nil {
		return run{}, fmt.Errorf("reading what %s measured: %w", what, err)
	}
	r.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		const kib = 1024
		r.rssMiB = float64(usage.Maxrss) / kib
	}
	return r, nil
}

// timed measures what is written to a file, from the question to the last byte.
func timed(path string, write func(*os.File) error) (run, error) {
	f, err := os.Create(path)
	if err != nil {
		return run{}, fmt.Errorf("making %s: %w", path, err)
	}
	defer func() { _ = os.Remove(path) }()
	began := time.Now()
	if err := errors.Join(write(f), f.Close()); err != nil {
		return run{}, err
	}
	took := time.Since(began)
	info, err := os.Stat(path)
	if err != nil {
		return run{}, fmt.Errorf("looking at %s: %w", path, err)
	}
	return run{Seconds: took.Seconds(), Bytes: info.Size()}, nil
}
