package orders

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the part. No label's value comes from a client.
type metrics struct {
	requests     *prometheus.CounterVec
	unauthorized *prometheus.CounterVec
	refused      *prometheus.CounterVec
	unavailable  *prometheus.CounterVec
	taken        *prometheus.CounterVec
	imported     *prometheus.CounterVec
	future       *prometheus.CounterVec
	noVisitor    prometheus.Counter
	seconds      prometheus.Histogram
	indexErrors  *prometheus.CounterVec
	rebuilds     *prometheus.CounterVec
	checkpoints  prometheus.Counter
	badRecords   prometheus.Counter
	acceptErrors prometheus.Counter
	panics       prometheus.Counter
}

func newMetrics(registry prometheus.Registerer, unindexed func() float64) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_orders_" + name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "footfall_orders_" + name, Help: help}, labels)
	}
	m := &metrics{
		requests:     counters("requests_total", "Requests of the order listener by endpoint and status.", "endpoint", "status"),
		unauthorized: counters("unauthorized_total", "Requests answered 401 by what was wrong with their signature.", "reason"),
		refused:      counters("refused_total", "Signed requests answered 400, 409 or 422 by reason.", "reason"),
		unavailable:  counters("unavailable_total", "Orders and refunds answered 503 by reason. Nothing of them was acknowledged.", "reason"),
		taken:        counters("taken_total", "Orders and refunds acknowledged, as stored or as a repeat.", "kind", "status"),
		imported:     counters("imported_total", "Orders and refunds of imports that are stored, now or before.", "kind", "status"),
		future:       counters("future_total", "Orders and refunds stored whose time was over 5 minutes ahead.", "kind"),
		noVisitor:    counter("visitors_left_out_total", "Orders whose visitor was not the value of a visitor cookie: they are taken without it."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "footfall_orders_answer_seconds", Help: "Time from a request read to its answer, the sync included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		indexErrors:  counters("index_errors_total", "Failed operations of the index of orders.", "operation"),
		rebuilds:     counters("index_rebuilds_total", "Times that the index of orders was lost and made again from the journal that was left.", "reason"),
		checkpoints:  counter("index_checkpoints_total", "Synced checkpoints of the index of orders."),
		badRecords:   counter("index_bad_records_total", "Records of the journal of orders that the index could not read."),
		acceptErrors: counter("accept_errors_total", "Connections of the order listener that could not be accepted."),
		panics:       counter("panics_total", "Requests of the order listener that ended in a panic."),
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "footfall_orders_unindexed_entries", Help: "Orders and refunds in the journal that are not yet in the index.",
	}, unindexed)
	var errs []error
	for _, c := range []prometheus.Collector{
		m.requests, m.unauthorized, m.refused, m.unavailable, m.taken, m.imported, m.future, m.noVisitor, m.seconds, m.indexErrors,
		m.rebuilds, m.checkpoints, m.badRecords, m.acceptErrors, m.panics, waiting,
	} {
		errs = append(errs, registry.Register(c))
	}
	return m, errors.Join(errs...)
}
