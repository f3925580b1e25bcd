package api

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	answers, failures, cut, denied, unauthorized, busy prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		answers:      prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_api_answers_total", Help: "Requests answered, refusals included."}),
		failures:     prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_api_failures_total", Help: "Requests that failed for no fault of the asker: someone must act."}),
		cut:          prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_api_answers_cut_total", Help: "Answers that were not sent to their end: the asker went away, or they failed underway."}),
		denied:       prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_api_denied_total", Help: "Requests refused for the key's role, or for what is another organizer's."}),
		unauthorized: prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_api_unauthorized_total", Help: "Requests over TCP without a valid key."}),
		busy:         prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_api_busy_total", Help: "Requests over TCP refused because too many were being answered."}),
	}
	for _, c := range []prometheus.Collector{m.answers, m.failures, m.cut, m.denied, m.unauthorized, m.busy} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering the metrics of the api: %w", err)
		}
	}
	return m, nil
}
