package report

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	runs      *prometheus.CounterVec
	conflicts prometheus.Gauge
	setAside  prometheus.Gauge
}

// The results of a run.
const (
	resultOK      = "ok"
	resultRefused = "refused"
	resultFailed  = "failed"
)

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "footfall_report_runs_total",
			Help: "Reports by result: ok, refused (the question was wrong), failed.",
		}, []string{"result"}),
		conflicts: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "footfall_report_conflicts",
			Help: "Orders and refunds of the last report's organizer that came again under the same id with other content.",
		}),
		setAside: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "footfall_report_set_aside_refunds",
			Help: "Refunds in the last report's range that exceed their order.",
		}),
	}
	for _, c := range []prometheus.Collector{m.runs, m.conflicts, m.setAside} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
