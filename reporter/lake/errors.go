package lake

import (
	"errors"
	"fmt"
)

// ErrClosed is returned by readings after Close.
var ErrClosed = errors.New("the lake's reader is closed")

// ErrLimit is returned for a query that reached a limit of memory, disk or time.
var ErrLimit = errors.New("the query reached a limit")

// ErrBroken is returned for a reading whose database failed for good; the next
// reading has a new one.
var ErrBroken = errors.New("DuckDB failed for good and is started anew; ask again, and report this with its text if it comes back")

// ErrColumn is returned for a statement whose columns are not those that it is
// said to have, or of a type that no kind of column holds.
var ErrColumn = errors.New("the statement has an unfit column")

// FileError is a file that the lake's log names and that is not as it was
// committed. No report is made without it.
type FileError struct {
	Path   string // relative to the lake's root
	Reason string
}

// Error names the file, what is wrong and what to do.
func (e *FileError) Error() string {
	return fmt.Sprintf("lake file %s %s: restore that file from a backup or replica; until then no report that needs it is made (footfall doctor checks all files)",
		e.Path, e.Reason)
}
