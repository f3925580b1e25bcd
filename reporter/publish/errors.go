package publish

import "errors"

// ErrUnsound is returned for a file that does not read back as it was written.
var ErrUnsound = errors.New("the written file does not read back")
