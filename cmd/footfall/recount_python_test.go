package main

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"footfall/internal/testkit"
)

// recountPython runs a script whose exit code is its answer.
func recountPython(t *testing.T, args []string) (code int, out string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), testkit.PythonPath(t, testkit.Python), args...)
	c.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1") // nothing is left in the tree
	text, err := c.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(text)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return 0, string(text)
}
