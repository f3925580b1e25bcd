package web

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are counters without a label that an outsider can grow.
type metrics struct {
	requests *prometheus.CounterVec // by kind of answer
	signIns  *prometheus.CounterVec
	panics   prometheus.Counter
	streams  prometheus.Gauge
	views    prometheus.Counter
}

// Kinds of answers.
const (
	answeredPage    = "page"
	answeredRefused = "refused"
	answeredFailed  = "failed"

	signInOK      = "ok"
	signInRefused = "refused"
	signInLimited = "limited"
)

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "footfall_web_requests_total", Help: "Requests of the dashboard, by how they were answered."}, []string{"answer"}),
		signIns:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "footfall_web_sign_ins_total", Help: "Tries to sign in, by how they ended; limited ones were told to wait."}, []string{"result"}),
		panics:   prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_web_panics_total", Help: "Requests of the dashboard whose handling panicked."}),
		streams:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "footfall_web_open_streams", Help: "Pages that are open and follow their figures."}),
		views:    prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_web_views_computed_total", Help: "Views that were computed for pages that follow them: one for all who watch the same."}),
	}
	for _, answer := range []string{answeredPage, answeredRefused, answeredFailed} {
		m.requests.WithLabelValues(answer)
	}
	for _, result := range []string{signInOK, signInRefused, signInLimited} {
		m.signIns.WithLabelValues(result)
	}
	for _, c := range []prometheus.Collector{m.requests, m.signIns, m.panics, m.streams, m.views} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics of the dashboard: %w", err)
		}
	}
	return m, nil
}
