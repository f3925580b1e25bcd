package journal

import (
	"errors"
	"fmt"
)

var (
	// ErrFull is returned by Append while no segment is ready, most often
	// because the disk is full. Nothing was recorded; Ready says why.
	ErrFull = errors.New("journal is full: no segment is ready")
	// ErrClosed is returned before Open and after the stop began.
	ErrClosed = errors.New("journal is closed")
	// ErrFailed is returned after a sync error that a new segment did not heal.
	ErrFailed = errors.New("journal stopped after a disk error: check the disk and start again, recovery keeps what was recorded")
	// ErrLost is returned by Sync for a record that a disk error took.
	ErrLost = errors.New("record was lost to a disk error")
	// ErrTooLarge is returned by Append for a body that no segment may hold.
	ErrTooLarge = errors.New("record is too large")
	// ErrKind is returned by Append for kind 0 and for the journal's own kinds.
	ErrKind = errors.New("record kind is reserved")
	// ErrGone is returned by a reader for an epoch that has been deleted.
	ErrGone = errors.New("epoch is gone from the journal")
)

// LockedError refuses a directory that another process has.
type LockedError struct {
	Dir string
	// PID of the process that has it; 0 when it has not written it yet.
	PID int
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("journal directory %s is in use by process %d: stop that process, or give this one a directory of its own", e.Dir, e.PID)
}

// FormatError refuses a file that is not ours, or of a version that this
// program doesn't know. The file was not changed.
type FormatError struct {
	File   string
	Offset int64
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("reading journal file %s at byte %d: %s; the file was left as it is: use the version that wrote it, or move the epoch's directory away", e.File, e.Offset, e.Reason)
}

// CorruptError names bytes of a segment that hold no good record. The reader
// that returned it has gone past them: the next call gives the next good record.
type CorruptError struct {
	File    string
	Segment uint32
	Offset  int64
	Bytes   int64
	// Torn: the record was being written when the power went; else it was
	// damaged later.
	Torn bool
}

func (e *CorruptError) Error() string {
	what := "damaged"
	if e.Torn {
		what = "torn"
	}
	return fmt.Sprintf("segment %d (%s) is %s from byte %d on, for %d bytes", e.Segment, e.File, what, e.Offset, e.Bytes)
}
