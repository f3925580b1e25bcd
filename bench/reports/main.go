// Command reports measures how long the product takes for every kind of report and
// for an explanation, on the demo's data: the built binary, asked over its socket
// one question at a time, then six at once as a dashboard does. It exits with 1
// where a median is above the limit.
//
//	bench/reports [-binary bin/footfall] [-data DIR] [-runs 20] [-limit 100]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

type options struct {
	binary string
	data   string // of a demo that was run before; empty: one is written now
	runs   int
	limit  float64 // milliseconds
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/footfall", "the built product")
	flag.StringVar(&o.data, "data", "", "data of a demo, with nothing running on it (default: written anew, about two minutes)")
	flag.IntVar(&o.runs, "runs", 20, "times that each question is asked")
	flag.Float64Var(&o.limit, "limit", 100, "milliseconds that a median may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reports:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// errSlow is returned where a median is above the limit.
var errSlow = errors.New("above the limit")

func run(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "footfall-reports-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.data == "" {
		o.data = filepath.Join(dir, "demo")
		if err := writeDemo(ctx, o); err != nil {
			return err
		}
	}
	p, err := start(ctx, patience, o.binary, o.data, "all")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	list, err := questions(ctx, p)
	if err != nil {
		return err
	}
	var slow []string
	for _, q := range list {
		for _, again := range []bool{true, false} {
			m, err := measure(ctx, p, o.runs, q, again)
			if err != nil {
				return err
			}
			name := q.name
			if !again {
				name = "  for the first time"
			}
			if err := m.write(out, name); err != nil {
				return err
			}
			if m.median > o.limit {
				slow = append(slow, strings.TrimSpace(q.name+name))
			}
		}
	}
	if err := dashboard(ctx, p, o.runs, list, out); err != nil {
		return err
	}
	if len(slow) > 0 {
		return fmt.Errorf("%w of %g ms: %q", errSlow, o.limit, slow)
	}
	return nil
}

// question is one thing that is asked.
type question struct{ name, path string }

// questions are every dimension alone, and what else a report can be asked.
func questions(ctx context.Context, p *product) ([]question, error) {
	organizer, order, err := known(ctx, p)
	if err != nil {
		return nil, err
	}
	report := func(name string, pairs ...string) question {
		values := url.Values{"organizer": {organizer}, "format": {"json"}}
		for i := 0; i < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
		}
		return question{name, "/v1/report?" + values.Encode()}
	}
	var list []question
	for _, by := range []string{
		"affiliate", "code", "event", "organizer", "day", "hour", "minute", "week", "month", "source", "verdict", "ticket-type", "typed", "order",
		"sub1", "utm-source", "utm-campaign", "affiliate,event", "code,day",
	} {
		list = append(list, report("by "+by, "by", by))
	}
	now := time.Now().UTC()
	from, to := now.AddDate(0, 0, -7).Format(time.DateOnly), now.Format(time.DateOnly)
	return append(list,
		report("waterfall", "by", "code", "columns", "waterfall"),
		report("all columns", "by", "affiliate", "columns", "all"),
		report("a week", "by", "day", "from", from, "to", to),
		report("a week compared", "by", "day", "from", from, "to", to, "compare", "previous"),
		report("by visit date", "by", "affiliate", "basis", "visit"),
		report("filtered and limited", "by", "code", "where", "visits>=1 and verdict=valid", "limit", "3"),
		question{"explain", "/v1/orders/" + url.PathEscape(organizer) + "/" + url.PathEscape(order) + "/explanation"},
	), nil
}

// known finds an organizer of the demo and one of its orders.
func known(ctx context.Context, p *product) (organizer, order string, err error) {
	body, err := p.ask(ctx, "/v1/organizers")
	if err != nil {
		return "", "", err
	}
	var organizers struct {
		Items []struct{ Slug string }
	}
	if err := json.Unmarshal(body, &organizers); err != nil || len(organizers.Items) == 0 {
		var plain []struct{ Slug string }
		if err := json.Unmarshal(body, &plain); err != nil || len(plain) == 0 {
			return "", "", fmt.Errorf("finding an organizer in %.200s: %w", body, errors.Join(err, errNone))
		}
		organizers.Items = plain
	}
	organizer = organizers.Items[0].Slug
	body, err = p.ask(ctx, "/v1/report?by=order&limit=1&organizer="+url.QueryEscape(organizer))
	if err != nil {
		return "", "", err
	}
	var orders struct {
		Rows []struct {
			ID string `json:"order_id"`
		}
	}
	if err := json.Unmarshal(body, &orders); err != nil || len(orders.Rows) == 0 {
		return "", "", fmt.Errorf("finding an order: %w", errors.Join(err, errNone))
	}
	return organizer, orders.Rows[0].ID, nil
}

// errNone is returned where the data holds nothing to ask for.
var errNone = errors.New("there is none: is this a demo's data?")

// measured are milliseconds.
type measured struct{ median, most float64 }

func (m measured) write(out io.Writer, name string) error {
	_, err := fmt.Fprintf(out, "%-24s median %7.1f ms   max %7.1f ms\n", name, m.median, m.most)
	return err
}

func summed(list []float64) measured {
	slices.Sort(list)
	return measured{median: list[len(list)/2], most: list[len(list)-1]}
}

// measure asks one question some times, after twice to warm up: again, or each time
// of an as-of of other rows that nobody asked for.
func measure(ctx context.Context, p *product, runs int, q question, again bool) (measured, error) {
	var list []float64
	now := time.Now()
	for i := range runs + 2 {
		asked := q
		if !again {
			asked.path += "?as_of="
			if strings.Contains(q.path, "?") {
				asked.path = q.path + "&as_of="
			}
			asked.path += url.QueryEscape(now.Add(-time.Duration(i+1) * 5 * time.Hour).UTC().Format(time.RFC3339Nano))
		}
		ms, err := p.timed(ctx, asked)
		if err != nil {
			return measured{}, err
		}
		if i >= 2 {
			list = append(list, ms)
		}
	}
	return summed(list), nil
}

// dashboard asks six questions at once, and gives the time until the last answer.
func dashboard(ctx context.Context, p *product, runs int, list []question, out io.Writer) error {
	const at = 6
	var times []float64
	for range runs {
		var wg sync.WaitGroup
		errs := make([]error, at)
		started := time.Now()
		for i := range at {
			wg.Go(func() { _, errs[i] = p.timed(ctx, list[i]) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		times = append(times, milliseconds(started))
	}
	return summed(times).write(out, "six at once")
}

func milliseconds(since time.Time) float64 {
	return float64(time.Since(since).Microseconds()) / 1000
}

// timed asks one question and gives the milliseconds to the last byte.
func (p *product) timed(ctx context.Context, q question) (float64, error) {
	started := time.Now()
	_, err := p.ask(ctx, q.path)
	return milliseconds(started), err
}

func (p *product) ask(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://footfall"+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	answer, err := p.api.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking %s: %s %.300s", path, answer.Status, body)
	}
	return body, nil
}
