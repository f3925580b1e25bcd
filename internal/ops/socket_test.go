package ops_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"footfall/internal/ops"
)

// TestNoDirectoryIsTooDeepForASocket: a socket's name has at most 107 bytes, a
// data directory's path may have more.
func TestNoDirectoryIsTooDeepForASocket(t *testing.T) {
	for _, deep := range []string{"d", strings.Repeat("d", 200)} {
		dir := filepath.Join(t.TempDir(), deep)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "s.sock")
		if _, err := ops.DialSocket(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("before: %v", err)
		}
		l, err := ops.ListenSocket(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		accepted := make(chan error, 1)
		go func() {
			c, err := l.Accept()
			if err == nil {
				err = c.Close()
			}
			accepted <- err
		}()
		c, err := ops.DialSocket(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(<-accepted, c.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info, err)
		}
		if _, err := ops.DialSocket(t.Context(), path); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("afterwards: %v", err)
		}
	}
}
