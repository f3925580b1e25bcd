package ops

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// ErrConfig is wrapped by what an operator set and must mend: exit code 2, after
// which a service manager need not try again.
var ErrConfig = errors.New("bad setting")

// ErrNotLoopback is returned for an address that others could reach where only
// this machine may.
var ErrNotLoopback = errors.New("not a loopback address")

// ErrAddressInUse is returned when another process holds a listener's address.
var ErrAddressInUse = errors.New("address in use")

// ErrStopped is returned by Run when a part ends before it is told to.
var ErrStopped = errors.New("stopped by itself")

// ErrAbandoned is returned by Run when a second signal cuts the drain short.
var ErrAbandoned = errors.New("drain abandoned by a second signal")

// startError is a start that fails until an operator mends something outside of
// the program.
type startError struct{ error }

func (e startError) Unwrap() []error { return []error{e.error, ErrConfig} }

// Starting names what could not be started. The error wraps ErrConfig where the
// place that was set for it can't be had: an address that another process holds
// or the machine lacks, a directory that can't be written.
func Starting(what string, err error) error {
	named := fmt.Errorf("starting %s: %w", what, err)
	for _, place := range []error{
		ErrAddressInUse, ErrNotLoopback, fs.ErrPermission,
		syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.EROFS, syscall.ENOTDIR, syscall.EISDIR,
	} {
		if errors.Is(err, place) {
			return startError{named}
		}
	}
	return named
}
