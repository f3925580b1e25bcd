package order

import "errors"

var (
	// ErrMalformed is a body that is no protobuf of an Order or a Refund.
	ErrMalformed = errors.New("malformed order")
	// ErrBounds is a value that no collector can have stored.
	ErrBounds = errors.New("order out of bounds")
)
