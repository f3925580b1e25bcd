// Package testkit holds what tests of several packages need: a clock that only
// the test moves, golden files, real processes and their data directories, a
// ledger of what a client was answered, and small full disks.
//
// Its invariant: a test that fails leaves what is needed to see why (the
// output of its processes, its data directory), and one that passes leaves
// nothing.
//
// It refuses to stand in for Footfall's own types: there are no mocks here.
package testkit

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite golden and generated files instead of comparing with them")

// pollInterval is how often Eventually looks: often enough for a test to be
// quick, rarely enough to leave the CPU to what it waits for.
const pollInterval = 5 * time.Millisecond

// Update says that the test runs with -update.
func Update() bool { return *update }

// Clock is a clock that stands still until it is moved. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts at start; the zero time means 2026-11-22 12:00 UTC.
func NewClock(start time.Time) *Clock {
	if start.IsZero() {
		start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	}
	return &Clock{now: start}
}

// Now is the clock's time; pass the method where a func() time.Time is wanted.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d, back when negative, and gives its new time.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set moves the clock to now.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// Golden compares got with testdata/name, or writes that file under -update.
func Golden(t testing.TB, name string, got []byte) {
	t.Helper()
	GoldenFile(t, filepath.Join("testdata", name), got)
}

// GoldenFile is Golden for a file anywhere, such as a generated page of docs/.
func GoldenFile(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("%v; run the test with -update to write it", err)
		return
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: %s\nrun the test with -update when that is meant", path, firstDifference(got, want))
	}
}

// firstDifference shows the first line that differs, from 40 bytes before it.
func firstDifference(got, want []byte) string {
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	cut := func(b []byte) []byte { return b[min(len(b), max(0, at-40)):min(len(b), at+40)] }
	line := 1 + bytes.Count(want[:min(at, len(want))], []byte("\n"))
	return fmt.Sprintf("they differ from byte %d, line %d on\n got …%q…\nwant …%q…", at, line, cut(got), cut(want))
}

// Eventually calls check until it returns nil, and fails the test with check's
// last error when it still does not after timeout. It is for what happens in
// other processes; within one, use channels or testing/synctest.
func Eventually(t testing.TB, timeout time.Duration, check func() error) {
	t.Helper()
	deadline, tick := time.NewTimer(timeout), time.NewTicker(pollInterval)
	defer deadline.Stop()
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("not within %v: %v", timeout, err)
		case <-tick.C:
		}
	}
}

// FreeAddr is a loopback address with a port that was free a moment ago, and
// that stays so while a process is restarted: it is below those that the kernel
// gives to connections, and two calls rarely give the same. Prefer to let a
// process listen on port 0 and to read the port from its output.
func FreeAddr(t testing.TB) string {
	t.Helper()
	const first, ports, tries = 10_000, 20_000, 100 // Linux gives connections 32768 and above
	for range tries {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(ports)))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue // taken
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("no free port was found")
	return ""
}

// FreePort is the port of a FreeAddr.
func FreePort(t testing.TB) int {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp", FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	return address.Port
}

// DataDir is a directory that is removed after the test when it passed, and
// kept and named when it failed.
func DataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "footfall-test-") //nolint:usetesting // kept when the test fails
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("data directory kept: %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the data directory: %v", err)
		}
	})
	return dir
}

// ModuleRoot is the directory that holds go.mod.
func ModuleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's directory")
		}
		dir = parent
	}
}
