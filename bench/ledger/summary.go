package ledger

import (
	"fmt"
	"slices"
	"strings"
)

// Summary counts a run.
type Summary struct {
	Visits  Counts `json:"visits"`
	Orders  Counts `json:"orders"`
	Refunds Counts `json:"refunds"`
}

// Counts are one kind's requests by outcome, and the time from when a request
// was due, not from when it could be sent, to its answer. Requests that were
// never sent have no such time.
type Counts struct {
	Requests      int   `json:"requests"`
	Acknowledged  int   `json:"acknowledged"`
	Degraded      int   `json:"degraded"`
	Refused       int   `json:"refused"`
	Unsent        int   `json:"unsent"`
	Indeterminate int   `json:"indeterminate"`
	P50US         int64 `json:"p50_us"`
	P99US         int64 `json:"p99_us"`
	P999US        int64 `json:"p999_us"`
}

// Summarize counts records.
func Summarize(records []Record) Summary {
	t := NewTally()
	for i := range records {
		t.Add(&records[i])
	}
	return t.Summary()
}

// Tally gathers a Summary record by record; four bytes each. Not safe for
// concurrent use.
type Tally struct {
	counts    map[Kind]*Counts
	latencies map[Kind][]uint32 // microseconds
}

// NewTally is an empty one.
func NewTally() *Tally {
	return &Tally{
		counts:    map[Kind]*Counts{KindVisit: {}, KindOrder: {}, KindRefund: {}},
		latencies: map[Kind][]uint32{},
	}
}

// Add counts a record.
func (t *Tally) Add(r *Record) {
	c := t.counts[r.Kind]
	if c == nil {
		return
	}
	c.Requests++
	switch r.Outcome {
	case Acknowledged:
		c.Acknowledged++
	case Degraded:
		c.Degraded++
	case Refused:
		c.Refused++
	case Unsent:
		c.Unsent++
		return
	case Indeterminate:
		c.Indeterminate++
	}
	latency := min(max(r.AnsweredUS-r.DueUS, 0), 1<<32-1)
	t.latencies[r.Kind] = append(t.latencies[r.Kind], uint32(latency))
}

// Summary works out the quantiles.
func (t *Tally) Summary() Summary {
	for kind, latencies := range t.latencies {
		slices.Sort(latencies)
		c := t.counts[kind]
		c.P50US, c.P99US, c.P999US = quantile(latencies, 500), quantile(latencies, 990), quantile(latencies, 999)
	}
	return Summary{Visits: *t.counts[KindVisit], Orders: *t.counts[KindOrder], Refunds: *t.counts[KindRefund]}
}

// quantile is the smallest value that thousandths of sorted are at or below.
func quantile(sorted []uint32, thousandths int) int64 {
	at := (len(sorted)*thousandths + 999) / 1000
	return int64(sorted[max(at-1, 0)])
}

// String is the summary as a table.
func (s Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %9s %12s %8s %7s %6s %13s %9s %9s %9s\n", "", "requests", "acknowledged", "degraded",
		"refused", "unsent", "indeterminate", "p50 ms", "p99 ms", "p99.9 ms")
	for _, row := range []struct {
		name   string
		counts Counts
	}{{"visits", s.Visits}, {"orders", s.Orders}, {"refunds", s.Refunds}} {
		c := row.counts
		fmt.Fprintf(&b, "%-8s %9d %12d %8d %7d %6d %13d %9.3f %9.3f %9.3f\n", row.name, c.Requests, c.Acknowledged,
			c.Degraded, c.Refused, c.Unsent, c.Indeterminate,
			float64(c.P50US)/1000, float64(c.P99US)/1000, float64(c.P999US)/1000)
	}
	return b.String()
}
