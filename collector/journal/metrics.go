package journal

import (
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of one journal. The role registers each journal with a label of its
// own; no label here can be grown from outside. What is counted for each append
// is read from the shards instead, which cost nothing.
type metrics struct {
	full, closed, failed, tooLarge, badKind prometheus.Counter

	made, sparesUsed, segmentErrors prometheus.Counter

	syncErrors, suspects, copied, missing prometheus.Counter
	syncSeconds                           prometheus.Histogram

	recovered, torn, corrupt, cutBytes prometheus.Counter

	deleted, retentionErrors, heartbeatErrors prometheus.Counter
}

func newMetrics(j *Journal, registry prometheus.Registerer) (*metrics, error) {
	var all []prometheus.Collector
	counter := func(name, help string, labels ...string) prometheus.Counter {
		opts := prometheus.CounterOpts{Name: "footfall_journal_" + name, Help: help}
		if len(labels) == 2 {
			opts.ConstLabels = prometheus.Labels{labels[0]: labels[1]}
		}
		c := prometheus.NewCounter(opts)
		all = append(all, c)
		return c
	}
	const refused, refusedHelp = "refused_records_total", "Records that were not taken."
	const bad, badHelp = "bad_ranges_total", "Ranges of bytes without a good record that recovery found."
	m := &metrics{
		full:     counter(refused, refusedHelp, "reason", "full"),
		closed:   counter(refused, refusedHelp, "reason", "closed"),
		failed:   counter(refused, refusedHelp, "reason", "failed"),
		tooLarge: counter(refused, refusedHelp, "reason", "too_large"),
		badKind:  counter(refused, refusedHelp, "reason", "kind"),

		made:          counter("segments_made_total", "Segments made ready."),
		sparesUsed:    counter("spare_segments_used_total", "Spare segments put to use because none could be made."),
		segmentErrors: counter("segment_errors_total", "Segments that could not be made, mapped or released."),

		syncErrors: counter("sync_errors_total", "Syncs that failed. Each makes a segment suspect for ever."),
		suspects:   counter("suspect_segments_total", "Segments replaced after a sync error."),
		copied:     counter("copied_records_total", "Records copied from a suspect segment to a new one."),
		missing:    counter("missing_records_total", "Sequences lost, by a sync error or as recovery found."),

		recovered: counter("recovered_records_total", "Records kept by recovery."),
		torn:      counter(bad, badHelp, "reason", "torn"),
		corrupt:   counter(bad, badHelp, "reason", "corrupt"),
		cutBytes:  counter("cut_bytes_total", "Bytes that recovery cut off segments, after copying them aside."),

		deleted:         counter("deleted_segments_total", "Segments deleted, covered and old enough."),
		retentionErrors: counter("retention_errors_total", "Deletions that failed."),
		heartbeatErrors: counter("heartbeat_errors_total", "Heartbeats that could not be appended."),
	}
	m.syncSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "footfall_journal_sync_seconds", Help: "Time of one sync of one segment.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
	})
	all = append(all, m.syncSeconds)
	all = append(all, j.gauges()...)
	for _, s := range j.shards {
		all = append(all, s.collectors()...)
	}
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("registering journal metrics: %w", err)
		}
	}
	return m, nil
}

func (j *Journal) gauges() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "footfall_journal_spare_segments", Help: "Spare segments left for a full disk.",
		}, func() float64 { return float64(j.spares.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "footfall_journal_kept_segments", Help: "Sealed segments that are kept.",
		}, func() float64 { return float64(j.shelf.count()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "footfall_journal_ready", Help: "1 while records are taken and the disk is trusted.",
		}, func() float64 {
			if j.Ready() != nil {
				return 0
			}
			return 1
		}),
	}
}

func (s *shard) collectors() []prometheus.Collector {
	labels := prometheus.Labels{"shard": strconv.Itoa(int(s.number))}
	locked := func(read func() float64) func() float64 {
		return func() float64 {
			s.mu.Lock()
			defer s.mu.Unlock()
			return read()
		}
	}
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "footfall_journal_appended_records_total", Help: "Records appended in this epoch, heartbeats included.", ConstLabels: labels,
		}, locked(func() float64 { return float64(s.sequence) })),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "footfall_journal_appended_bytes_total", Help: "Bytes appended in this epoch, record headers included.", ConstLabels: labels,
		}, locked(func() float64 { return float64(s.bytes) })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "footfall_journal_unsynced_records", Help: "Records that a power cut would take.", ConstLabels: labels,
		}, locked(func() float64 { return float64(s.sequence - min(s.sequence, s.durable.Load())) })),
	}
}
