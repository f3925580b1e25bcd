package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReportWithoutAServerIsAskedOfTheData runs the commands as a person does,
// without anything running.
func TestReportWithoutAServerIsAskedOfTheData(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	try := func(want int, args ...string) (out, errs string) {
		t.Helper()
		var o, e bytes.Buffer
		if code := run(append(args, "--data", data), &o, &e); code != want {
			t.Fatalf("%v: exit code %d, want %d: %s", args, code, want, e.String())
		}
		return o.String(), e.String()
	}
	if _, errs := try(exitUsage, "report"); !strings.Contains(errs, "organizer") {
		t.Errorf("without an organizer: %s", errs)
	}
	try(exitOK, "organizer", "add", "acme", "--name", "Acme", "--zone", "Europe/Rome", "--currency", "EUR")
	out, errs := try(exitOK, "report", "--by", "day", "--from", "2026-11-01", "--to", "2026-12-01")
	if !strings.Contains(out, "total") || !strings.Contains(out, "Europe/Rome") || strings.Contains(out, "NaN") {
		t.Errorf("an empty report: %s", out)
	}
	if !strings.Contains(errs, "--as-of ") || !strings.Contains(errs, "complete to ") {
		t.Errorf("how the lake stands: %s", errs)
	}
	asOf := strings.TrimSpace(errs[strings.LastIndex(errs, " ")+1:])
	file := filepath.Join(t.TempDir(), "report.json")
	try(exitOK, "report", "--as-of", asOf, "--format", "json", "--out", file)
	text, err := os.ReadFile(file)
	if err != nil || !json.Valid(text) {
		t.Errorf("%s, %v", text, err)
	}
	for _, c := range []struct{ says, args string }{
		{"conversion_rate", "report --sort visits;DROP"},
		{"affiliate, code, event, organizer, day", "report --by nobody"},
		{"not before", "report --from 2026-11-02 --to 2026-11-01"},
		{"limit", "report --limit -5"},
		{"as-of", "report --as-of yesterday"},
		{"table, csv, json, ndjson, xlsx or parquet", "report --format pdf"},
		{"event", "report --event nowhere"},
	} {
		_, errs := try(exitUsage, strings.Fields(c.args)...)
		if !strings.Contains(errs, c.says) {
			t.Errorf("%s: %q, want %q in it", c.args, errs, c.says)
		}
	}
	if _, errs := try(exitFailure, "explain", "order", "A/1"); !strings.Contains(errs, `"A/1"`) {
		t.Errorf("an unknown order: %s", errs)
	}
}
