package lakelog

import (
	"errors"
	"fmt"
)

// Sentinels. ErrTaken is no failure: another writer's commit stands there now.
var (
	// ErrTaken: the entry's number is another's. The loser reads the winner and goes on.
	ErrTaken = errors.New("commit number is taken")
	// ErrNotOpen: no opening entry of the reporter stands in the log yet.
	ErrNotOpen = errors.New("log is not open: enrol the collector")
	// ErrClosed: the log was closed, so it takes no more commits, ever.
	ErrClosed = errors.New("log is closed: enrol the collector again, under a new id")
	// ErrNotOwner: an entry removes a file that its log does not own.
	ErrNotOwner = errors.New("file is owned by another log")
	// ErrName: a log's name that can't be a folder.
	ErrName = errors.New("log names are lower-case letters, digits and hyphens")
	// ErrMismatch: a data file is not the one that was committed.
	ErrMismatch = errors.New("data file differs from its commit")
)

// CorruptError is an entry or checkpoint that can't be what was written.
type CorruptError struct {
	Path   string
	Reason string
}

// Error names the file, the reason and the remedy.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is corrupt: %s; restore it from a copy of the lake", e.Path, e.Reason)
}
