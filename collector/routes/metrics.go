package routes

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	updates     *prometheus.CounterVec // kind: snapshot, delta, secrets
	feedErrors  *prometheus.CounterVec // document: routes, secrets, covered
	refused     *prometheus.CounterVec // reason: delta_gap, older, invalid
	copyErrors  *prometheus.CounterVec // action: read_routes, read_secrets, save_routes, save_secrets
	keysExpired prometheus.Counter
}

func newMetrics(r prometheus.Registerer, t *Table) (*metrics, error) {
	vec := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		for _, value := range values {
			v.WithLabelValues(value)
		}
		return v
	}
	m := &metrics{
		updates: vec("footfall_routes_updates_total", "Updates taken from the feed.", "kind",
			"snapshot", "delta", "secrets"),
		feedErrors: vec("footfall_routes_feed_errors_total", "Calls of the feed that failed.", "document",
			"routes", "secrets", "covered"),
		refused: vec("footfall_routes_updates_refused_total", "Updates of the feed that were not applied.", "reason",
			"delta_gap", "older", "invalid"),
		copyErrors: vec("footfall_routes_copy_errors_total", "Failures of the last good copy on disk.", "action",
			"read_routes", "read_secrets", "save_routes", "save_secrets"),
		keysExpired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_routes_day_keys_expired_total", Help: "Day keys overwritten 48 hours after their day.",
		}),
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	for _, c := range []prometheus.Collector{
		m.updates, m.feedErrors, m.refused, m.copyErrors, m.keysExpired,
		gauge("footfall_routes_age_seconds", "Seconds since the reporter was last heard.", t.ageSeconds),
		gauge("footfall_routes_codes", "Texts that resolve to a tracking code.", func() float64 { return float64(t.View().codes.n) }),
		gauge("footfall_routes_events", "Events that have a link.", func() float64 { return float64(t.View().events.n) }),
		gauge("footfall_routes_revision_number", "Number of the catalog's revision in use.", func() float64 { return float64(t.View().revision.Number) }),
		gauge("footfall_routes_table_bytes", "Memory of the tables of codes and events.", func() float64 {
			v := t.View()
			return float64(v.codes.bytes() + v.events.bytes())
		}),
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics of routes: %w", err)
		}
	}
	return m, nil
}
