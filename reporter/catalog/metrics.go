package catalog

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Steps of footfall_catalog_failures_total.
const (
	stepOpen      = "open"
	stepChange    = "change"
	stepRead      = "read"
	stepUpkeep    = "upkeep"
	stepWatermark = "watermark"
	stepCovered   = "covered"
	stepBackup    = "backup"
	stepControl   = "control"
	stepLogs      = "logs"
	stepKeyUse    = "key_use"
)

type metrics struct {
	revisions prometheus.Counter
	failures  *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	control   *prometheus.CounterVec
	waiting   prometheus.Gauge
	destroyed prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		revisions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_catalog_revisions_total", Help: "Revisions made since the start.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "footfall_catalog_failures_total", Help: "Failed steps: someone must act.",
		}, []string{"step"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "footfall_catalog_refusals_total", Help: "Changes refused for what was asked.",
		}, []string{"reason"}),
		control: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "footfall_catalog_control_requests_total", Help: "Requests of collectors on the control listener, by outcome.",
		}, []string{"outcome"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "footfall_catalog_feed_waiters", Help: "Collectors that wait for the next change.",
		}),
		destroyed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_catalog_day_keys_destroyed_total", Help: "Day keys overwritten and removed.",
		}),
	}
	for _, c := range []prometheus.Collector{m.revisions, m.failures, m.refusals, m.control, m.waiting, m.destroyed} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering the catalog's metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) failure(step string) { m.failures.WithLabelValues(step).Inc() }
