package generator

import "errors"

var (
	// ErrConfig is a run that makes no sense.
	ErrConfig = errors.New("not a run")
	// ErrAddress is an address that load must not be sent to.
	ErrAddress = errors.New("not http://LOOPBACK_ADDRESS:PORT: load is sent to this machine only")
	// ErrSecret is no webhook secret.
	ErrSecret = errors.New("not whsec_ and base64 of 24 to 64 bytes")

	errDial = errors.New("connecting")
)
