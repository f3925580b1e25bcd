package ops

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// maxSocketPath is what the kernel takes as a socket's name.
const maxSocketPath = 107

// ListenSocket opens a unix socket at path, to which only this user may connect:
// it has its name only once its mode is set. The caller is the only one to use
// the path, so a socket that stands there is a dead process's. Closing the
// listener leaves the name, for the caller to remove.
func ListenSocket(ctx context.Context, path string) (net.Listener, error) {
	temp := path + ".new"
	if len(temp) > maxSocketPath {
		return nil, fmt.Errorf("%w: the directory's path is too long for a socket in it (%s has %d bytes of at most %d): use a shorter one",
			ErrConfig, path, len(path), maxSocketPath-len(".new"))
	}
	for _, name := range []string{temp, path} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("removing an old socket: %w", err)
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", temp)
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
