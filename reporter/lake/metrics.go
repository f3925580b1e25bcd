package lake

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	readings   *prometheus.CounterVec
	seconds    prometheus.Histogram
	verified   prometheus.Counter
	refused    prometheus.Counter
	warmed     prometheus.Counter
	dimensions prometheus.Counter
	changes    prometheus.Counter
	keptMade   prometheus.Counter
	keptUsed   prometheus.Counter
	keptFailed prometheus.Counter
	keptRows   prometheus.Gauge
	broken     prometheus.Counter
}

// The results of a reading.
const (
	resultOK      = "ok"
	resultRefused = "file_refused"
	resultLimit   = "limit"
	resultGivenUp = "canceled"
	resultFailed  = "failed"
)

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		readings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "footfall_lake_readings_total",
			Help: "Readings of the lake by result: ok, file_refused, limit, canceled, failed.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "footfall_lake_reading_seconds",
			Help:    "Time a reading of the lake took, waiting for its turn included.",
			Buckets: []float64{.01, .03, .1, .3, 1, 3, 10, 30, 60},
		}),
		verified: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_lake_verified_bytes_total",
			Help: "Bytes of lake files whose SHA-256 was checked.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_lake_refused_files_total",
			Help: "Times a lake file was missing or not as it was committed.",
		}),
		warmed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_lake_warmed_files_total",
			Help: "Small lake files whose rows were loaded into memory.",
		}),
		dimensions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_lake_catalog_loads_total",
			Help: "States of the catalog loaded whole for reports.",
		}),
		changes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_lake_catalog_changes_total",
			Help: "States of the catalog made for reports of an earlier one and what changed since.",
		}),
		keptMade: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_lake_kept_sets_total",
			Help: "Sets of tables, such as an organizer's credited orders, that a reading made and kept for others.",
		}),
		keptUsed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_lake_kept_uses_total",
			Help: "Times a reading used kept tables and did not make its own.",
		}),
		keptFailed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_lake_kept_failures_total",
			Help: "Times tables could not be kept or dropped; the reading went on with its own.",
		}),
		keptRows: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "footfall_lake_kept_rows",
			Help: "Rows that kept tables have, or of orders and refunds that they are made of.",
		}),
		broken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "footfall_lake_broken_databases_total",
			Help: "Times DuckDB failed for good, so that it was started anew.",
		}),
	}
	for _, c := range []prometheus.Collector{m.readings, m.seconds, m.verified, m.refused, m.warmed, m.dimensions, m.changes, m.keptMade, m.keptUsed, m.keptFailed, m.keptRows, m.broken} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
