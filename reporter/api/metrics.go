package api

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	answers, failures, cut prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		answers:  prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_api_answers_total", Help: "Requests answered, refusals included."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_api_failures_total", Help: "Requests that failed for no fault of the asker: someone must act."}),
		cut:      prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_api_answers_cut_total", Help: "Answers that the asker did not wait for."}),
	}
	for _, c := range []prometheus.Collector{m.answers, m.failures, m.cut} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering the metrics of the api: %w", err)
		}
	}
	return m, nil
}
