package publish

import "github.com/prometheus/client_golang/prometheus"

// The steps that can fail.
const (
	stepOpen    = "open"
	stepBeside  = "beside"
	stepPublish = "publish"
	stepMerge   = "merge"
	stepHouse   = "housekeeping"
)

type metrics struct {
	rows     prometheus.Counter
	files    prometheus.Counter
	wholes   prometheus.Counter
	merges   prometheus.Counter
	failures *prometheus.CounterVec
	revision prometheus.Gauge
	live     prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &metrics{
		rows:  counter("footfall_publish_rows_total", "Rows of the catalog published into the lake."),
		files: counter("footfall_publish_files_total", "Files of changed rows of the catalog committed to the lake."),
		wholes: counter("footfall_publish_replacements_total",
			"Times everything published was replaced: the catalog was restored, or a published file was damaged."),
		merges: counter("footfall_publish_merges_total", "Merges of published files."),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "footfall_publish_failures_total",
			Help: "Steps of publishing the catalog that failed and are tried again: open, beside, publish, merge, housekeeping.",
		}, []string{"step"}),
		revision: gauge("footfall_publish_catalog_revision", "Number of the catalog's revision that the lake has."),
		live:     gauge("footfall_publish_live_files", "Live files of the catalog in the lake."),
	}
	for _, c := range []prometheus.Collector{m.rows, m.files, m.wholes, m.merges, m.failures, m.revision, m.live} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
