package edge

import "errors"

// Sentinels for errors.Is.
var (
	errTLS    = errors.New("TLS on the plain listener")
	errBareLF = errors.New("line of a request head without carriage return")
)
