package ops

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// maxSocketPath is what the kernel takes as a socket's name. A longer path is
// reached through its opened directory.
const maxSocketPath = 107

// ListenSocket opens a unix socket at path, to which only this user may connect:
// it has its name only once its mode is set. The caller is the only one to use
// the path, so a socket that stands there is a dead process's. Closing the
// listener leaves the name, for the caller to remove.
func ListenSocket(ctx context.Context, path string) (l net.Listener, err error) {
	temp := path + ".new"
	for _, name := range []string{temp, path} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("removing an old socket: %w", err)
		}
	}
	err = withSocketName(temp, func(name string) (err error) {
		l, err = (&net.ListenConfig{}).Listen(ctx, "unix", name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // its name is another by then
	}
	if err := errors.Join(os.Chmod(temp, 0o600), os.Rename(temp, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("naming the socket: %w", err), l.Close(), os.Remove(temp))
	}
	return l, nil
}

// DialSocket connects to the unix socket at path. The error wraps fs.ErrNotExist
// where there is none, and syscall.ECONNREFUSED where its process is gone.
func DialSocket(ctx context.Context, path string) (c net.Conn, err error) {
	err = withSocketName(path, func(name string) (err error) {
		c, err = (&net.Dialer{}).DialContext(ctx, "unix", name)
		return err
	})
	return c, err
}

// withSocketName calls use with a name of path that the kernel takes.
func withSocketName(path string, use func(name string) error) (err error) {
	if len(path) <= maxSocketPath {
		return use(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return use(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}
