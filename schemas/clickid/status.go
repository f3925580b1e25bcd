package clickid

import "fmt"

// Status is the result of verifying a click id.
type Status uint8

// The results.
const (
	Valid      Status = iota
	Malformed         // not Length characters of base64url
	Forged            // the tag doesn't verify
	UnknownKey        // names a key that the set doesn't have (yet)
	ExpiredKey        // verifies, but the click is at or after the key's end
)

// String gives the status as it stands in the lake.
func (s Status) String() string {
	switch s {
	case Valid:
		return "valid"
	case Malformed:
		return "malformed"
	case Forged:
		return "forged"
	case UnknownKey:
		return "unknown_key"
	case ExpiredKey:
		return "expired_key"
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}
