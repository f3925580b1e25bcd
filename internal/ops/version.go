package ops

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// What the linker sets: -ldflags "-X footfall/internal/ops.version=v0.1.0 …".
var (
	version   string
	commit    string //nolint:gochecknoglobals // set by the linker
	committed string //nolint:gochecknoglobals // set by the linker: the commit's time, RFC 3339
)

// Info says which program this is.
type Info struct {
	Version  string `json:"version"`  // "v0.1.0", "devel" when not released
	Commit   string `json:"commit"`   // full hash; "unknown" when built outside a repository
	Modified bool   `json:"modified"` // built from files that were not committed
	Go       string `json:"go"`       // "go1.26.0"

	committed time.Time // of the commit; zero when built outside a repository
}

// String is the line that the version command prints.
func (i Info) String() string {
	text := fmt.Sprintf("footfall %s, commit %s", i.Version, i.Commit)
	if i.Modified {
		text += ", modified"
	}
	return text + ", " + i.Go
}

// Version reads what the linker set and, for the rest, what the Go tool noted.
func Version() Info {
	build, _ := debug.ReadBuildInfo()
	return versionOf(version, commit, committed, build)
}

func versionOf(version, commit, committed string, build *debug.BuildInfo) Info {
	info := Info{Version: version, Commit: commit, Go: "unknown", committed: instant(committed)}
	if build != nil {
		info.Go = build.GoVersion
		if tag := build.Main.Version; info.Version == "" && tag != "(devel)" {
			info.Version = tag
		}
		for _, s := range build.Settings {
			switch {
			case s.Key == "vcs.revision" && info.Commit == "":
				info.Commit = s.Value
			case s.Key == "vcs.modified":
				info.Modified = s.Value == "true"
			case s.Key == "vcs.time" && info.committed.IsZero():
				info.committed = instant(s.Value)
			}
		}
	}
	if info.Version == "" {
		info.Version = "devel"
	}
	if info.Commit == "" {
		info.Commit = "unknown"
	}
	return info
}

// instant reads an RFC 3339 time; the zero time for anything else.
func instant(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t.UTC()
}

// NewMetrics makes a registry with the process's own figures and the version.
func NewMetrics() *prometheus.Registry {
	info := Version()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "footfall_build_info",
		Help:        "1, labelled with the version, commit and Go version of the program.",
		ConstLabels: prometheus.Labels{"version": info.Version, "commit": info.Commit, "go": info.Go},
	})
	build.Set(1)
	registry := prometheus.NewRegistry()
	registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}
