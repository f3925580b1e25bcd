// Package imports reads the CSV files that people import: orders, refunds,
// affiliates and codes, as spreadsheets and other systems write them.
//
// Its invariant: memory does not grow with the file, whatever is in it, and
// what can't be told for certain is refused, never guessed; every refusal says
// in which line and column. It takes UTF-8 and UTF-16 with or without a mark,
// commas, semicolons and tabs, and lines that end in any way. It refuses to know
// what is stored already: whether a row can be taken is for whoever stores it.
package imports

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of a file. None is near what the rows that are described here need, so
// that one met means: this is another kind of file.
const (
	// MaxLineBytes of one row in UTF-8, line breaks within quotes included. The
	// longest row of an order, every text at its bound, has 3 KiB.
	MaxLineBytes = 64 << 10
	// MaxCellBytes of one cell. The longest text that is taken has 320 bytes.
	MaxCellBytes = 4 << 10
	// MaxColumns of the header and of each row: no import has more than 15.
	MaxColumns = 64
	// MaxFaults are listed; a file with more is mended by the first of them.
	MaxFaults = 50
)

// ErrLimit is wrapped by a Fault of a file beyond a bound. Nothing after it is read.
var ErrLimit = errors.New("beyond a limit of imports")

// Column is one that an import takes.
type Column struct {
	Name     string
	Required bool // in the header; a cell may be empty all the same
}

// Fault is something wrong with a file, and where.
type Fault struct {
	Line   int64  // of the file, from 1, where the cell begins; 0: the file as such
	Column int    // from 1, as in the file; 0: the line as such
	Name   string // of the column
	Detail string // a sentence part for a person

	last  bool // nothing after it can be read
	limit bool
}

// Error gives the place and the sentence.
func (f *Fault) Error() string {
	var place []string
	if f.Line > 0 {
		place = append(place, fmt.Sprintf("line %d", f.Line))
	}
	if f.Column > 0 {
		column := fmt.Sprintf("column %d", f.Column)
		if f.Name != "" {
			column += " (" + f.Name + ")"
		}
		place = append(place, column)
	}
	if len(place) == 0 {
		return f.Detail
	}
	return strings.Join(place, ", ") + ": " + f.Detail
}

// Unwrap gives ErrLimit where a bound was met.
func (f *Fault) Unwrap() error {
	if f.limit {
		return ErrLimit
	}
	return nil
}

// Last says that nothing after the fault can be read.
func (f *Fault) Last() bool { return f.last }

// Faults are the first of a file's, as one error.
type Faults struct {
	List []*Fault
	More bool // reading was stopped at MaxFaults
}

// Add notes a fault and says whether to read on.
func (f *Faults) Add(fault *Fault) (goOn bool) {
	if len(f.List) == MaxFaults {
		f.More = true
		return false
	}
	f.List = append(f.List, fault)
	return !fault.last
}

// Err is nil where there are none.
func (f *Faults) Err() error {
	if len(f.List) == 0 {
		return nil
	}
	return f
}

// Error lists them, one a line.
func (f *Faults) Error() string {
	lines := make([]string, 0, len(f.List)+1)
	for _, fault := range f.List {
		lines = append(lines, fault.Error())
	}
	if f.More {
		lines = append(lines, fmt.Sprintf("reading was stopped at the %dth", MaxFaults))
	}
	return strings.Join(lines, "\n")
}
