package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"footfall/bench/ledger"
)

// warmSeconds is how long the load runs before the first probe and after the
// last one.
const warmSeconds = 3

// measurement is what was seen.
type measurement struct {
	fresh   []time.Duration // of each probe, from its 302 to the report's end
	reports []time.Duration // of each report
	late    int             // probes that were sent more than their interval after they were due
}

// measure sends probes and reads reports until every probe is counted.
func (p *product) measure(ctx context.Context, o options) (*measurement, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !pause(ctx, time.Now().Add(warmSeconds*time.Second)) {
		return nil, context.Cause(ctx)
	}
	probes := int(time.Duration(o.seconds) * time.Second / o.every)
	answered := make(chan time.Time, probes) // of each probe, in their order
	m := &measurement{}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if err := p.probe(ctx, o, probes, answered, m); err != nil {
			cancel(err)
		}
	}()
	last := time.Now() // when the newest counted probe was answered
	for len(m.fresh) < probes {
		began := time.Now()
		counted, err := p.counted(ctx)
		now := time.Now()
		if err != nil {
			return nil, errors.Join(context.Cause(ctx), err)
		}
		m.reports = append(m.reports, now.Sub(began))
		for len(m.fresh) < counted {
			last = <-answered
			m.fresh = append(m.fresh, now.Sub(last))
		}
		if now.Sub(last) > patience {
			return nil, fmt.Errorf("after %s the report counts %d of %d probes", patience, counted, probes)
		}
	}
	<-sent
	return m, nil
}

// probe clicks over one connection, so that the visits are counted in order.
func (p *product) probe(ctx context.Context, o options, probes int, answered chan<- time.Time, m *measurement) error {
	client, begin := plainClient(), time.Now()
	for n := range probes {
		due := begin.Add(time.Duration(n) * o.every)
		if !pause(ctx, due) {
			return nil
		}
		if time.Since(due) > o.every {
			m.late++
		}
		location, err := p.click(ctx, client, http.MethodGet, probeCode)
		if err != nil {
			return err
		}
		if !strings.Contains(location, "click_id=") {
			return errors.New("a probe was not recorded")
		}
		answered <- time.Now()
	}
	return nil
}

// counted is how many probes the report has.
func (p *product) counted(ctx context.Context) (int, error) {
	text, err := p.ask(ctx, http.MethodGet, "/v1/report?organizer=north&by=code&code="+probeCode, nil)
	if err != nil {
		return 0, err
	}
	var report struct {
		Rows []struct {
			Visits int `json:"visits"`
		} `json:"rows"`
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return 0, fmt.Errorf("reading a report: %w", err)
	}
	if len(report.Rows) == 0 {
		return 0, nil
	}
	return report.Rows[0].Visits, nil
}

// pause sleeps until at. It tells whether to go on.
func pause(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// report prints the figures as a row of a Markdown table, and fails where the
// bar is missed or the load was not what it should have been.
func (m *measurement) report(o options, load ledger.Summary, rss, peak int) error {
	p99 := quantile(m.fresh, 0.99)
	holds := "yes"
	if p99 > o.bar {
		holds = "no"
	}
	fmt.Printf("load: %d visits, %d acknowledged, p99 %.1f ms; %d probes, %d of them late; %d reports, p50 %s, p99 %s, max %s\n",
		load.Visits.Requests, load.Visits.Acknowledged, float64(load.Visits.P99US)/1000, len(m.fresh), m.late,
		len(m.reports), seconds(quantile(m.reports, 0.5)), seconds(quantile(m.reports, 0.99)), seconds(slices.Max(m.reports)))
	fmt.Printf("\n| what | bar | measured | holds |\n|---|---|---|---|\n")
	fmt.Printf("| click → visible in a report, at %.0f visits/s | p99 ≤ %s | p50 %s, **p99 %s**, max %s over %d probes; a report itself p50 %s | %s |\n",
		o.rate, seconds(o.bar), seconds(quantile(m.fresh, 0.5)), seconds(p99), seconds(slices.Max(m.fresh)), len(m.fresh), seconds(quantile(m.reports, 0.5)), holds)
	fmt.Printf("| resident memory of `footfall all` meanwhile | – | %d MiB at the end, %d MiB at its peak | – |\n", rss, peak)
	switch {
	case load.Visits.Acknowledged < load.Visits.Requests:
		return fmt.Errorf("%d visits of the load were not recorded", load.Visits.Requests-load.Visits.Acknowledged)
	case p99 > o.bar:
		return fmt.Errorf("p99 is %s, the bar is %s", seconds(p99), seconds(o.bar))
	}
	return nil
}

// quantile is the smallest value that a share of all is at or below.
func quantile(values []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }
