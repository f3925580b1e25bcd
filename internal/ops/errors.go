package ops

import "errors"

// ErrConfig is wrapped by what an operator set and must mend.
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
