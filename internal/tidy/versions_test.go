package tidy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// atLeast are versions below which a dependency loses data or lets an attacker
// in; docs/adr/0005-pinned-dependencies.md has the reasons.
func atLeast() map[string]string {
	return map[string]string{
		"github.com/valyala/fasthttp":      "v1.74.0",
		"github.com/parquet-go/parquet-go": "v0.32.0",
		"modernc.org/sqlite":               "v1.46.2",
		"github.com/duckdb/duckdb-go/v2":   "v2.10505.0",
	}
}

func TestNoDependencyFallsBelowItsFixes(t *testing.T) {
	text, err := workingCopy(t).read("go.mod")
	report(t, tooOld(text, atLeast()), err)
}

func tooOld(gomod string, bounds map[string]string) []string {
	problems := []string{}
	for _, name := range slices.Sorted(maps.Keys(bounds)) {
		have := ""
		for line := range strings.Lines(gomod) {
			fields := strings.Fields(strings.TrimPrefix(line, "require "))
			if len(fields) >= 2 && fields[0] == name {
				have = fields[1]
			}
			if strings.HasPrefix(strings.TrimSpace(line), "replace") {
				problems = append(problems, "go.mod: replaces a module: "+strings.TrimSpace(line))
			}
		}
		switch {
		case have == "":
			problems = append(problems, fmt.Sprintf("go.mod: %s has a lower bound and is not required", name))
		case slices.Compare(numbers(have), numbers(bounds[name])) < 0:
			problems = append(problems, fmt.Sprintf("go.mod: %s %s is older than %s", name, have, bounds[name]))
		}
	}
	return problems
}

// numbers takes v1.74.0 for 1, 74, 0; a pre-release is none of these modules'.
func numbers(version string) []int {
	all := []int{}
	for part := range strings.SplitSeq(strings.TrimPrefix(version, "v"), ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil // older than everything
		}
		all = append(all, n)
	}
	return all
}

func TestATooOldDependencyIsFound(t *testing.T) {
	got := tooOld("module x\n\nrequire a.b/c v1.9.9\nrequire (\n\ta.b/d v1.10.0\n\ta.b/e v1.10.0-rc.1 // indirect\n)\n",
		map[string]string{"a.b/c": "v1.10.0", "a.b/d": "v1.9.9", "a.b/e": "v1.10.0", "a.b/f": "v1.0.0"})
	found(t, got, nil,
		"go.mod: a.b/c v1.9.9 is older than v1.10.0",
		"go.mod: a.b/e v1.10.0-rc.1 is older than v1.10.0",
		"go.mod: a.b/f has a lower bound and is not required")
}
