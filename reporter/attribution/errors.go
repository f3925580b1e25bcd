package attribution

import "errors"

// ErrPolicy is returned for a policy that can't be followed.
var ErrPolicy = errors.New("policy can't be followed")
