package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"

	"golang.org/x/sys/unix"

	"footfall/internal/ops"
)

// Open makes the unix socket at path, on which commands wait until Run answers
// them. The caller holds the catalog's lock, so a socket that stands there is a
// dead process's. Only this user may connect.
func (a *API) Open(ctx context.Context, path string) error {
	listener, err := ops.ListenSocket(ctx, path)
	if err != nil {
		return err
	}
	a.socket, a.listener = path, listener
	return nil
}

// Run answers until ctx ends. Open must have succeeded.
func (a *API) Run(ctx context.Context) (err error) {
	path, listener := a.socket, a.listener
	server := &http.Server{
		Handler: a.Local(), ReadHeaderTimeout: headTimeout, ErrorLog: ops.ServerLog(a.deps.Log),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peer(c))
		},
	}
	a.deps.Log.Info("answering commands", "socket", path)
	err = ops.Serve(ctx, "the api", server, listener, "", "", drain)
	if removing := os.Remove(path); removing != nil && !errors.Is(removing, fs.ErrNotExist) {
		err = errors.Join(err, fmt.Errorf("removing the socket: %w", removing))
	}
	return err
}

// peer names who is at the other end, by the kernel's word.
func peer(c net.Conn) string {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return "unknown"
	}
	who := "unknown"
	raw, err := u.SyscallConn()
	if err != nil {
		return who
	}
	// Without an answer the audit log says unknown; the socket's mode is what
	// keeps others out.
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			who = fmt.Sprintf("uid %d", cred.Uid)
		}
	})
	return who
}
