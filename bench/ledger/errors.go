package ledger

import (
	"errors"
	"fmt"
)

var (
	// ErrWorld is a world that contradicts itself, or a record that names what
	// the world does not have.
	ErrWorld = errors.New("not in the world")
	// ErrHeader is a file that is no ledger of this format.
	ErrHeader = errors.New("not a ledger of format " + Format)
	// ErrContradiction is two answers of the product that can't both be right:
	// a fault, whatever the report shows.
	ErrContradiction = errors.New("the product contradicted itself")
)

// LineError is a line of a ledger that can't be read. The last line of a
// ledger whose writer was killed is no error; it is left out.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("reading ledger line %d: %v", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }
