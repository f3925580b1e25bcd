package tidy

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"footfall/internal/testkit"
)

const metricsHead = `# Metrics

Every metric that Footfall's roles show at ` + "`/metrics`" + `, beside those of the Go runtime and the process. Generated from the
sources; a test keeps this page up to date. No label holds anything that an outsider chooses.
`

func TestNoMetricIsMissingInTheDocs(t *testing.T) {
	w := workingCopy(t)
	files, err := w.sources()
	if err != nil {
		t.Fatal(err)
	}
	all, problems := metricsOf(files)
	report(t, problems, nil)
	testkit.GoldenFile(t, filepath.Join(testkit.ModuleRoot(t), "docs", "metrics.md"), []byte(metricsPage(all)))
}

// metricsPage is docs/metrics.md: a table for each package.
func metricsPage(all []metric) string {
	packages := map[string][]metric{}
	for _, m := range all {
		packages[m.pkg] = append(packages[m.pkg], m)
	}
	page := strings.Builder{}
	page.WriteString(metricsHead)
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		fmt.Fprintf(&page, "\n## %s\n\n| metric | type | labels | what it says |\n|---|---|---|---|\n", pkg)
		for _, m := range packages[pkg] {
			labels := make([]string, len(m.labels))
			for i, label := range m.labels {
				labels[i] = "`" + label + "`"
			}
			fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", m.name, m.kind, strings.Join(labels, ", "), strings.ReplaceAll(m.help, "|", "\\|"))
		}
	}
	return page.String()
}

// metricsOf finds the metrics of all packages, sorted by package and name, and
// what is wrong with them.
func metricsOf(files []source) ([]metric, []string) {
	packages, problems := map[string][]source{}, []string{}
	for _, s := range files {
		if dir := path.Dir(s.name); !s.test && !strings.HasPrefix(dir, "bench") {
			packages[dir] = append(packages[dir], s)
		}
	}
	all := []metric{}
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		scan := newScan(dir, packages[dir])
		scan.run()
		all = append(all, scan.metrics()...)
		problems = append(problems, scan.problems...)
	}
	for _, m := range all {
		problems = append(problems, m.check()...)
	}
	return all, problems
}

// check holds a metric against the naming rules that can be read off its name.
func (m metric) check() []string {
	problems := []string{}
	if !strings.HasPrefix(m.name, "footfall_") || strings.Count(m.name, "_") < 2 {
		problems = append(problems, fmt.Sprintf("%s: metric %s is not named footfall_<part>_<noun>_<unit>", m.place, m.name))
	}
	if m.help == "" {
		problems = append(problems, fmt.Sprintf("%s: metric %s has no help", m.place, m.name))
	}
	if total := strings.HasSuffix(m.name, "_total"); total != (m.kind == "counter") {
		problems = append(problems, fmt.Sprintf("%s: metric %s is a %s; counters, and only they, end in _total", m.place, m.name, m.kind))
	}
	return problems
}

func TestAMetricIsFoundHoweverItIsWritten(t *testing.T) {
	const text = `package a

const prefix = "footfall_a_"

func plain() { prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + "open_files", Help: "Open " + "files."}) }

func vec() {
	prometheus.NewCounterVec(prometheus.CounterOpts{Name: "footfall_a_b_total", Help: "B."}, []string{"reason"})
	prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "footfall", Subsystem: "a", Name: "wait_seconds", Help: "W."})
	prometheus.NewDesc("footfall_a_depth_records", "D.", []string{"shard"}, nil)
	prometheus.NewDesc(prometheus.BuildFQName("footfall", "a", "done_total"), "E.", nil, nil)
}

func closures() {
	counter := func(name, help string, labels ...string) {
		opts := prometheus.CounterOpts{Name: "footfall_a_" + name, Help: help}
		prometheus.NewCounterVec(opts, labels)
	}
	pair := func(name, help string, labels ...string) {
		opts := prometheus.CounterOpts{Name: name, Help: help}
		opts.ConstLabels = prometheus.Labels{labels[0]: labels[1]}
	}
	pair("footfall_a_pairs_total", "P.", "reason", "full")
	const help = "Twice."
	counter("first_total", "First.", "kind", "status")
	counter("twice_total", help)
	counter("twice_total", help)
}

func two() { outer("third_total") }

func outer(name string) { inner("footfall_a_"+name, "Third.") }

func inner(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: prometheus.Labels{"log": x}})
}

type set struct{}

func (s *set) make(name, help string) { prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help}) }

func use(s *set) { s.make("footfall_a_method_bytes", "M.") }
`
	files, err := treeOf(map[string]string{"a/a.go": text}).sources()
	if err != nil {
		t.Fatal(err)
	}
	all, problems := metricsOf(files)
	found(t, problems, nil)
	want := metricsHead + `
## a

| metric | type | labels | what it says |
|---|---|---|---|
| ` + "`footfall_a_b_total` | counter | `reason`" + ` | B. |
| ` + "`footfall_a_depth_records` | gauge | `shard`" + ` | D. |
| ` + "`footfall_a_done_total`" + ` | counter |  | E. |
| ` + "`footfall_a_first_total` | counter | `kind`, `status`" + ` | First. |
| ` + "`footfall_a_method_bytes`" + ` | gauge |  | M. |
| ` + "`footfall_a_open_files`" + ` | gauge |  | Open files. |
| ` + "`footfall_a_pairs_total` | counter | `reason`" + ` | P. |
| ` + "`footfall_a_third_total` | counter | `log`" + ` | Third. |
| ` + "`footfall_a_twice_total`" + ` | counter |  | Twice. |
| ` + "`footfall_a_wait_seconds`" + ` | histogram |  | W. |
`
	if got := metricsPage(all); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestAMetricThatCannotBeReadOrIsMisnamedIsFound(t *testing.T) {
	const text = `package a

func bad(x int) {
	prometheus.NewGauge(prometheus.GaugeOpts{Name: fmt.Sprint(x), Help: "H."})
	prometheus.NewGauge(prometheus.GaugeOpts{Name: "other_open_files", Help: "H."})
	prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_a_things", Help: "H."})
	prometheus.NewCounter(prometheus.CounterOpts{Name: "footfall_a_things_total"})
}

func unused(name string) { prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: "H."}) }
`
	files, err := treeOf(map[string]string{"a/a.go": text}).sources()
	if err != nil {
		t.Fatal(err)
	}
	_, problems := metricsOf(files)
	found(t, problems, nil,
		"a/a.go:4: the name of a metric cannot be read off the source",
		"a/a.go:10: the name of a metric cannot be read off the source",
		"a/a.go:6: metric footfall_a_things is a counter; counters, and only they, end in _total",
		"a/a.go:7: metric footfall_a_things_total has no help",
		"a/a.go:5: metric other_open_files is not named footfall_<part>_<noun>_<unit>")
}
