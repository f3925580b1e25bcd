package testkit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// shownBytes is how much of a process's output a failed test shows: its end.
const shownBytes = 16 << 10

// Command says what to start.
type Command struct {
	Path string   // the program
	Args []string // without the program's name
	Env  []string // KEY=VALUE, added to the test's own environment
	Dir  string   // working directory; empty for the test's
}

// Process is a started program, with everything that it has written.
type Process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended

	mu     sync.Mutex
	output bytes.Buffer  // under mu: both streams, as they came
	grown  chan struct{} // under mu: closed and renewed at each write
}

// Build compiles a command of this module, such as "./cmd/footfall", and gives
// the binary's path. It is kept beside the user's caches, per working copy, and
// linked again only when it is out of date; flags are the go tool's.
func Build(t testing.TB, pkg string, flags ...string) string {
	t.Helper()
	root := ModuleRoot(t)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(strings.Join(append([]string{root, pkg}, flags...), "\x00")))
	dir := filepath.Join(cache, "footfall", "testbin", hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	unlock := lock(t, filepath.Join(dir, "lock"))
	defer unlock()
	binary := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-o", binary}, flags...), pkg)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return binary
}

// lock keeps two test binaries from building the same program at once.
func lock(t testing.TB, path string) (unlock func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("locking %s: %v", path, err)
	}
	return func() {
		if err := f.Close(); err != nil {
			t.Errorf("unlocking %s: %v", path, err)
		}
	}
}

// StartProcess starts a program with the test's environment.
func StartProcess(t testing.TB, path string, args ...string) *Process {
	t.Helper()
	return StartCommand(t, Command{Path: path, Args: args})
}

// StartCommand starts a program in a process group of its own. It is killed
// when the test ends; when the test failed, the end of its output is shown.
func StartCommand(t testing.TB, c Command) *Process {
	t.Helper()
	p := &Process{t: t, name: filepath.Base(c.Path), done: make(chan struct{}), grown: make(chan struct{})}
	p.cmd = exec.Command(c.Path, c.Args...)
	p.cmd.Env, p.cmd.Dir = append(os.Environ(), c.Env...), c.Dir
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second // a grandchild that holds the pipe does not hold the test
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", c.Path, err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit is read from ProcessState
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			out := p.Output()
			t.Logf("%s %s, pid %d, %v, wrote:\n%s", p.name, strings.Join(c.Args, " "), p.Pid(), p.cmd.ProcessState,
				out[max(0, len(out)-shownBytes):])
		}
	})
	return p
}

// Write takes the program's output.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.output.Write(b)
	close(p.grown)
	p.grown = make(chan struct{})
	return len(b), nil
}

// Output is what the program has written so far, both streams as they came.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// Pid is the program's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// WaitLine gives the first whole line that holds text. It fails the test when
// the program ends or timeout passes without one.
func (p *Process) WaitLine(text string, timeout time.Duration) string {
	p.t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for ended := false; ; {
		p.mu.Lock()
		line, found := findLine(p.output.String(), text)
		grown := p.grown
		p.mu.Unlock()
		if found {
			return line
		}
		if ended {
			p.t.Fatalf("%s ended (%v) without a line that holds %q", p.name, p.cmd.ProcessState, text)
		}
		select {
		case <-grown:
		case <-p.done:
			ended = true
		case <-deadline.C:
			p.t.Fatalf("%s wrote no line that holds %q within %v", p.name, text, timeout)
		}
	}
}

func findLine(output, text string) (string, bool) {
	for line := range strings.Lines(output) {
		if strings.HasSuffix(line, "\n") && strings.Contains(line, text) {
			return strings.TrimRight(line, "\r\n"), true
		}
	}
	return "", false
}

// WaitHTTP waits until a GET of url answers 200. It fails the test when the
// program ends or timeout passes first.
func (p *Process) WaitHTTP(url string, timeout time.Duration) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), timeout)
	defer cancel()
	Eventually(p.t, timeout, func() error {
		select {
		case <-p.done:
			p.t.Fatalf("%s ended (%v) before %s answered", p.name, p.cmd.ProcessState, url)
		default:
		}
		return getOK(ctx, url)
	})
}

func getOK(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking %s: answered %s", url, response.Status)
	}
	return nil
}

// Signal sends a signal to the program alone.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("sending %v to %s: %v", s, p.name, err)
	}
}

// Kill ends the program and its children with SIGKILL and waits for it.
func (p *Process) Kill() {
	p.t.Helper()
	select {
	case <-p.done:
		return
	default:
	}
	if err := syscall.Kill(-p.Pid(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Errorf("killing %s: %v", p.name, err)
	}
	<-p.done
}

// Stop sends SIGTERM, waits for the program and gives its exit code. It fails
// the test, and kills the program, when that takes longer than timeout.
func (p *Process) Stop(timeout time.Duration) int {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	return p.Wait(timeout)
}

// Wait waits for the program to end by itself and gives its exit code, -1 when
// a signal ended it. It fails the test when that takes longer than timeout.
func (p *Process) Wait(timeout time.Duration) int {
	p.t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	select {
	case <-p.done:
	case <-deadline.C:
		p.Kill()
		p.t.Fatalf("%s did not end within %v", p.name, timeout)
	}
	return p.cmd.ProcessState.ExitCode()
}
