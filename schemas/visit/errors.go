package visit

import "errors"

var (
	// ErrMalformed is a body that is no protobuf of a Visit.
	ErrMalformed = errors.New("malformed visit")
	// ErrBounds is a field that is longer than its bound, or an enumeration
	// beyond its values.
	ErrBounds = errors.New("visit out of bounds")
)
