package admin

import (
	"errors"
	"fmt"
)

// Reason is why a request is refused.
type Reason string

// Reasons of refusals.
const (
	Invalid  Reason = "invalid"   // a field's value
	Conflict Reason = "conflict"  // another row stands against it
	Question Reason = "question"  // a parameter of a question
	NotFound Reason = "not_found" // what it names isn't there
	Busy     Reason = "busy"      // too much is being asked at once, or in one question
)

// Refusal is an error for the person who asked: it says what to change, and
// changes nothing.
type Refusal struct {
	Reason  Reason
	Pointer string // JSON pointer of the field, empty when no field is at fault
	Detail  string // a sentence
}

// Error gives the sentence.
func (r *Refusal) Error() string { return r.Detail }

// Refuse makes a refusal of the field.
func Refuse(reason Reason, pointer, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Pointer: pointer, Detail: fmt.Sprintf(format, args...)}
}

// AsRefusal finds the refusal in err's chain.
func AsRefusal(err error) (*Refusal, bool) {
	var r *Refusal
	ok := errors.As(err, &r)
	return r, ok
}
