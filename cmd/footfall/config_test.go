package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"footfall/internal/conf"
	"footfall/internal/testkit"
)

func TestConfigDocs(t *testing.T) {
	s := defaultSettings("data")
	page, err := conf.Docs(&s, envPrefix)
	if err != nil {
		t.Fatal(err)
	}
	const head = "# Configuration\n\n" +
		"A TOML file (`--config`, `FOOTFALL_CONFIG`), then the environment, each stronger than what comes before it; a key that\n" +
		"nobody knows is an error. `footfall config print` writes a file to begin with, `footfall config check` tries one.\n" +
		"Paths are those below `--data data`.\n\n"
	page = head + page
	testkit.GoldenFile(t, filepath.Join(testkit.ModuleRoot(t), "docs", "config.md"), []byte(page))
}

func TestPrintedConfigIsTakenBack(t *testing.T) {
	var printed, errs bytes.Buffer
	if code := run([]string{"config", "print"}, &printed, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	file := filepath.Join(t.TempDir(), "footfall.toml")
	if err := os.WriteFile(file, printed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if code := run([]string{"config", "print", "--config", file}, &again, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if again.String() != printed.String() {
		t.Errorf("another configuration comes back:\n%s", again.String())
	}
}

func TestConfigCheckNamesEveryProblem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "footfall.toml")
	text := "[collector.edge]\nlisten = \"nowhere\"\nlissten = \"x\"\n[admin]\nlisten = 7\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"config", "check", "--config", file}, &out, &errs); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"lissten", "did you mean", "admin.listen"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("%q is not in\n%s", want, errs.String())
		}
	}
}

// TestNoQueryOutlivesTheFilesItReads: merges keep replaced files for the longest
// query, so no query may be longer.
func TestNoQueryOutlivesTheFilesItReads(t *testing.T) {
	t.Setenv("FOOTFALL_REPORTER_LAKE_QUERY_SECONDS", "86400")
	var out, errs bytes.Buffer
	if code := run([]string{"config", "check"}, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "longest_query_seconds") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	t.Setenv("FOOTFALL_CONSUMER_LONGEST_QUERY_SECONDS", "86400")
	if code := run([]string{"config", "check"}, &out, &errs); code != exitOK {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
