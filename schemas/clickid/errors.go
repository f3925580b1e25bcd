package clickid

import "errors"

// ErrKey is a key that can't be in a set, or a set that can't mint with the
// key it is told to.
var ErrKey = errors.New("unusable click id key")
