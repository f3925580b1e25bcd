package testkit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The Python environments that deploy/setup/python.sh makes.
const (
	Python        = "python"         // python.txt: polars, pandas, DuckDB 1.5.5, openpyxl
	PythonDuckDB2 = "python-duckdb2" // DuckDB 2.0
)

// PythonPath is the interpreter of an environment. A missing one fails the test.
func PythonPath(t testing.TB, environment string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache, "footfall", environment, "bin", "python")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: make setup makes it", err)
	}
	return path
}

// RunPython runs a script and gives its standard output; a script that fails
// fails the test with what it wrote to standard error.
func RunPython(t testing.TB, environment, script string, args ...string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), PythonPath(t, environment), append([]string{script}, args...)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, stderr.Bytes())
	}
	return stdout.Bytes()
}
