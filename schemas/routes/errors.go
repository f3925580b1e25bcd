package routes

import (
	"errors"
	"fmt"
)

// Sentinels for errors.Is.
var (
	// ErrCorrupt: the bytes are not what was written. Every *CorruptError is it.
	ErrCorrupt = errors.New("routes are corrupt")
	// ErrVersion: written by a later version of the program.
	ErrVersion = errors.New("unknown version of routes")
	// ErrLimit: a row is beyond the limits of the format.
	ErrLimit = errors.New("row beyond the limits of routes")
	// ErrUpdate: neither or both of snapshot and delta, or a delta across
	// incarnations or backwards.
	ErrUpdate = errors.New("not an update of routes")
	// ErrCode: the text is no tracking code. Every error of ValidCode is it.
	ErrCode = errors.New("not a tracking code")
)

// CorruptError names where in the encoded bytes the damage was seen.
type CorruptError struct {
	Offset int64 // bytes from the start of the file or stream
	Reason string
}

// Error names offset and reason.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s at byte %d: %s", ErrCorrupt, e.Offset, e.Reason)
}

// Is makes errors.Is(err, ErrCorrupt) hold.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }
