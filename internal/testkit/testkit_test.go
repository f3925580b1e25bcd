package testkit

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long a process may take on a busy machine.
const patience = 30 * time.Second

// verdict stands between a helper and the real test, to see what it does to a
// test that fails.
type verdict struct {
	testing.TB
	failed   bool
	text     strings.Builder
	cleanups []func()
}

func (v *verdict) Helper()          {}
func (v *verdict) Failed() bool     { return v.failed }
func (v *verdict) Cleanup(f func()) { v.cleanups = append(v.cleanups, f) }
func (v *verdict) Logf(format string, args ...any) {
	fmt.Fprintf(&v.text, format+"\n", args...)
}

func (v *verdict) Errorf(format string, args ...any) {
	v.failed = true
	v.Logf(format, args...)
}

func (v *verdict) Fatalf(format string, args ...any) {
	v.Errorf(format, args...)
	runtime.Goexit()
}

// judge runs a helper as a test of its own, cleanups included.
func judge(t *testing.T, f func(t testing.TB)) *verdict {
	t.Helper()
	v := &verdict{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(v)
	}()
	<-done
	for _, cleanup := range slices.Backward(v.cleanups) {
		cleanup()
	}
	return v
}

func TestTheClockMovesOnlyByHand(t *testing.T) {
	c := NewClock(time.Time{})
	start := c.Now()
	if got := c.Advance(90 * time.Second); got.Sub(start) != 90*time.Second || !c.Now().Equal(got) {
		t.Errorf("from %v to %v", start, got)
	}
	if c.Set(start); !c.Now().Equal(start) {
		t.Errorf("set back to %v: %v", start, c.Now())
	}
}

func TestAGoldenFileThatDiffersOrLacksFailsTheTest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "golden")
	if v := judge(t, func(t testing.TB) { GoldenFile(t, path, []byte("a")) }); !v.failed || !strings.Contains(v.text.String(), "-update") {
		t.Errorf("missing: %q", v.text.String())
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v := judge(t, func(t testing.TB) { GoldenFile(t, path, []byte("one\ntvo\n")) }); !v.failed || !strings.Contains(v.text.String(), "line 2") {
		t.Errorf("differs: %q", v.text.String())
	}
	if v := judge(t, func(t testing.TB) { GoldenFile(t, path, []byte("one\ntwo\n")) }); v.failed {
		t.Errorf("same: %q", v.text.String())
	}
}

func TestAFailedTestKeepsItsDataAndShowsItsProcesses(t *testing.T) {
	var dir string
	run := func(fail bool) *verdict {
		return judge(t, func(t testing.TB) {
			dir = DataDir(t)
			p := StartCommand(t, Command{Path: "/bin/sh", Args: []string{"-c", "echo $WORD; pwd; exec sleep 60"}, Env: []string{"WORD=hello"}, Dir: dir})
			p.WaitLine(filepath.Base(dir), patience)
			if fail {
				t.Errorf("wrong")
			}
		})
	}
	v := run(true)
	if _, err := os.Stat(dir); err != nil || !strings.Contains(v.text.String(), "data directory kept: "+dir) || !strings.Contains(v.text.String(), "hello\n") {
		t.Errorf("%v, %q", err, v.text.String())
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
	v = run(false)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || v.text.Len() > 0 {
		t.Errorf("passed: %v, %q", err, v.text.String())
	}
}

func TestAProcessIsStoppedKilledAndWaitedFor(t *testing.T) {
	const drains = `trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done`
	p := StartProcess(t, "/bin/sh", "-c", drains)
	if line := p.WaitLine("read", patience); line != "ready" {
		t.Errorf("line %q", line)
	}
	if code := p.Stop(patience); code != 3 || !strings.Contains(p.Output(), "bye") {
		t.Errorf("exit code %d, %q", code, p.Output())
	}
	// The child must go too, or it would hold ports and directories.
	p = StartProcess(t, "/bin/sh", "-c", "sleep 600 & echo child $!; wait")
	var child int
	if _, err := fmt.Sscanf(p.WaitLine("child", patience), "child %d", &child); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if code := p.Wait(patience); code != -1 {
		t.Errorf("exit code %d", code)
	}
	Eventually(t, patience, func() error {
		if err := syscall.Kill(child, 0); err == nil && !isZombie(child) {
			return fmt.Errorf("child %d lives", child)
		}
		return nil
	})
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestWaitingForWhatNeverComesFailsTheTest(t *testing.T) {
	for name, f := range map[string]func(t testing.TB){
		"line, ended":   func(t testing.TB) { StartProcess(t, "/bin/sh", "-c", "echo no").WaitLine("yes", patience) },
		"line, silent":  func(t testing.TB) { StartProcess(t, "/bin/sleep", "60").WaitLine("yes", 10*time.Millisecond) },
		"half a line":   func(t testing.TB) { StartProcess(t, "/bin/sh", "-c", "printf yes").WaitLine("yes", patience) },
		"http, ended":   func(t testing.TB) { StartProcess(t, "/bin/true").WaitHTTP("http://"+FreeAddr(t), patience) },
		"stop, deaf":    func(t testing.TB) { deaf(t).Stop(10 * time.Millisecond) },
		"no program":    func(t testing.TB) { StartProcess(t, "/nowhere/at/all") },
		"never happens": func(t testing.TB) { Eventually(t, 10*time.Millisecond, func() error { return os.ErrNotExist }) },
	} {
		if v := judge(t, f); !v.failed {
			t.Errorf("%s: passed: %q", name, v.text.String())
		}
	}
}

func deaf(t testing.TB) *Process {
	t.Helper()
	p := StartProcess(t, "/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
	p.WaitLine("ready", patience)
	return p
}

func TestWaitHTTPWaitsForReadiness(t *testing.T) {
	asked := atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	StartProcess(t, "/bin/sleep", "60").WaitHTTP(server.URL, patience)
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times", n)
	}
	if FreePort(t) == 0 {
		t.Error("port 0")
	}
}

func TestBuildGivesAProgramThatRuns(t *testing.T) {
	binary := Build(t, "./internal/testkit/testdata/hello", "-trimpath")
	if p := StartProcess(t, binary); p.Wait(patience) != 0 || p.Output() != "hello\n" {
		t.Errorf("wrote %q", p.Output())
	}
}

func TestAFullDiskIsFullToTheLastPage(t *testing.T) {
	dir := Tmpfs(t, 1<<20)
	free := FillDisk(t, dir)
	path := filepath.Join(dir, "more")
	if err := os.WriteFile(path, []byte("x"), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("one byte more: %v", err)
	}
	free()
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Errorf("after making room: %v", err)
	}
}
