package ops

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// Listen opens a TCP listener. key is the setting that holds the address; the
// error names it and says what to do.
func Listen(ctx context.Context, key, address string) (net.Listener, error) {
	return ListenWith(ctx, key, address, net.ListenConfig{})
}

// ListenWith is Listen with options of the socket.
func ListenWith(ctx context.Context, key, address string, open net.ListenConfig) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("listening on %q: want HOST:PORT, as in 127.0.0.1:8600; set %s: %w: %w", address, key, ErrConfig, err)
	}
	listener, err := open.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listening on %s: %w: stop the process that holds it (ss -ltnp shows which), or set %s to another port",
			address, ErrAddressInUse, key)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listening on %s: ports below 1024 need CAP_NET_BIND_SERVICE; grant it, or set %s to a higher port: %w",
			address, key, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("listening on %s: this machine has no such address; set %s to one that it has: %w", address, key, err)
	default:
		return nil, fmt.Errorf("listening on %s, set by %s: %w", address, key, err)
	}
}

// CheckLoopback returns ErrNotLoopback for an address that other machines could
// reach: an empty host listens everywhere. key is the setting that holds the
// address, remedy what to do when that is meant.
func CheckLoopback(key, address, remedy string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s: %q: want HOST:PORT: %w: %w", key, address, ErrConfig, err)
	}
	if IsLoopbackHost(host) {
		return nil
	}
	return fmt.Errorf("%s: %q: %w: use 127.0.0.1 or [::1], or %s", key, address, ErrNotLoopback, remedy)
}

// IsLoopbackHost says that a host is this machine alone: localhost or an address
// of the loopback network. No name is looked up.
func IsLoopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
