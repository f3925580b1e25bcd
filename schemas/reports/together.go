package reports

import "fmt"

// AskError says which of several reports that were asked for together can't be made.
type AskError struct {
	Ask int // its place, from 0
	Err error
}

// Error names the report by its place, from 1.
func (e *AskError) Error() string {
	return fmt.Sprintf("report %d of those asked for together: %v", e.Ask+1, e.Err)
}

// Unwrap gives why.
func (e *AskError) Unwrap() error { return e.Err }
