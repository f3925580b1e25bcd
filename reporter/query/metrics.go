package query

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	runs *prometheus.CounterVec
}

// The results of a statement.
const (
	resultOK      = "ok"
	resultRefused = "refused"
	resultFailed  = "failed"
)

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{runs: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "footfall_query_statements_total",
		Help: "Statements of analysts by result: ok, refused, failed.",
	}, []string{"result"})}
	return m, r.Register(m.runs)
}
