package orders

import "errors"

var (
	// ErrConfig is a configuration that can't work.
	ErrConfig = errors.New("unusable configuration")
	// ErrFull is what a Journal answers when it has no room for a record.
	ErrFull = errors.New("journal is full")
	// ErrLost is what a Journal answers for a record that the disk took.
	ErrLost = errors.New("record is lost")
	// ErrDamaged is what a Tail answers for bytes that are no record.
	ErrDamaged = errors.New("damaged bytes in the journal")
	// ErrSecret is a webhook secret that can't be used.
	ErrSecret = errors.New("unusable webhook secret")
	// errGone is a position that the journal no longer has, or after which
	// records are gone.
	errGone = errors.New("the journal no longer has the position")
	// errCorrupt is an index that is no index or can't be read.
	errCorrupt = errors.New("corrupt index of orders")
	// errBehind is an index that has failed for too long.
	errBehind = errors.New("index of orders is too far behind")
	// errNoVisitorKey is an organizer whose visitor key the collector doesn't
	// have. It comes in one document with the webhook secrets.
	errNoVisitorKey = errors.New("the organizer's visitor key is not there yet")
	// errNormalization is a fingerprint under rules of a later release.
	errNormalization = errors.New("stored fingerprint has an unknown normalization")
)
