package edge

import "errors"

// errBareLF is what a connection gives the HTTP server, and gets back from it.
var errBareLF = errors.New("line of a request head without carriage return")
