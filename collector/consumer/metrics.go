package consumer

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	visits        prometheus.Counter
	orders        prometheus.Counter
	refunds       prometheus.Counter
	heartbeats    prometheus.Counter
	repeats       prometheus.Counter
	gaps          prometheus.Counter
	gapRecords    prometheus.Gauge
	lost          prometheus.Counter
	quarantined   *prometheus.CounterVec
	flagged       prometheus.Counter
	commits       prometheus.Counter
	taken         prometheus.Counter
	failures      *prometheus.CounterVec
	files         *prometheus.CounterVec
	bytes         prometheus.Counter
	merges        prometheus.Counter
	merged        prometheus.Counter
	liveFiles     *prometheus.GaugeVec
	openEpochs    prometheus.Gauge
	goneEpochs    prometheus.Gauge
	ignoredEpochs prometheus.Gauge
	epochsShut    prometheus.Counter
	knownAt       prometheus.Gauge
	complete      prometheus.Gauge
	deleted       *prometheus.CounterVec
	batchRows     prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, log string) (*metrics, error) {
	labels := prometheus.Labels{"log": log}
	var collectors []prometheus.Collector
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels})
		collectors = append(collectors, c)
		return c
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, []string{label})
		collectors = append(collectors, c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
		collectors = append(collectors, g)
		return g
	}
	m := &metrics{
		repeats: counter("footfall_consumer_repeated_records_total", "Records dropped because their number was taken already."),
		gaps:    counter("footfall_consumer_gaps_total", "Gaps in the numbers of a shard, as they were seen."),
		gapRecords: gauge("footfall_consumer_gap_records",
			"Numbers that lie in gaps now: not in the lake, and not yet known to be lost."),
		lost:        counter("footfall_consumer_lost_records_total", "Records that an end record says a power cut took."),
		quarantined: counters("footfall_consumer_quarantined_records_total", "Records that could not become rows, by reason.", "reason"),
		flagged:     counter("footfall_consumer_clock_flagged_records_total", "Records whose time is off by more than five minutes."),
		commits:     counter("footfall_consumer_commits_total", "Commits made."),
		taken:       counter("footfall_consumer_lost_commits_total", "Commit numbers that another writer took first."),
		failures:    counters("footfall_consumer_failures_total", "Failed steps, by step; each is tried again.", "step"),
		files:       counters("footfall_consumer_files_total", "Files committed, by table.", "table"),
		bytes:       counter("footfall_consumer_file_bytes_total", "Bytes of the files committed."),
		merges:      counter("footfall_consumer_merges_total", "Merges committed."),
		merged:      counter("footfall_consumer_merged_files_total", "Files that merges replaced."),
		openEpochs:  gauge("footfall_consumer_open_epochs", "Epochs that are not closed."),
		goneEpochs:  gauge("footfall_consumer_gone_epochs", "Open epochs that the journal does not hold any more."),
		ignoredEpochs: gauge("footfall_consumer_ignored_epochs",
			"Epochs in the journal from before those that are closed, and not known: nothing of them is read."),
		epochsShut: counter("footfall_consumer_closed_epochs_total", "Epochs closed."),
		knownAt:    gauge("footfall_consumer_known_at_seconds", "known_at of the newest commit, in seconds since 1970."),
		complete:   gauge("footfall_consumer_complete_to_seconds", "Time up to which nothing is on its way, in seconds since 1970; 0: unknown."),
		deleted:    counters("footfall_consumer_deleted_files_total", "Files deleted from disk, by why.", "why"),
	}
	records := counters("footfall_consumer_records_total", "Records taken, by kind.", "kind")
	m.visits, m.orders = records.WithLabelValues("visit"), records.WithLabelValues("order")
	m.refunds, m.heartbeats = records.WithLabelValues("refund"), records.WithLabelValues("heartbeat")
	m.liveFiles = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "footfall_consumer_live_files", Help: "Live files of the log, by table.", ConstLabels: labels,
	}, []string{"table"})
	m.batchRows = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "footfall_consumer_batch_rows", Help: "Rows of a commit.", ConstLabels: labels,
		Buckets: prometheus.ExponentialBuckets(1, 4, 10),
	})
	collectors = append(collectors, m.liveFiles, m.batchRows)
	for _, c := range collectors {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
