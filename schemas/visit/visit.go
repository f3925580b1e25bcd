// Package visit is the body of a visit record: the facts that the edge knew
// when it answered a click, as protobuf (visit.proto).
//
// Its invariant: what Append writes, Unmarshal of this and every later release
// reads back as it was. It refuses bodies that no edge can have written (a
// field above its bound, an enumeration beyond its values), so that a record
// that is merely well-formed protobuf never becomes a visit. It knows no verdict:
// that is derived from the facts, elsewhere.
package visit

import (
	"fmt"

	"footfall/schemas/ids"
)

// Version is the version byte of a record whose body is a Visit.
const Version = 1

// Bounds of the byte fields. The edge cuts at them, Append too, and Unmarshal
// refuses what is longer.
const (
	// MaxCodeText is the longest text that can be a code (semantics.md).
	MaxCodeText = 64
	// MaxHeader bounds user agent and referrer: 99.9 % of real ones are
	// shorter, and two of them leave a record below 2 KiB as a rule.
	MaxHeader = 512
	// MaxCarried bounds each of sub1…sub5 and utm_*.
	MaxCarried = 256
	// MaxBody is the longest body that Append can write: every field at its bound.
	MaxBody = 4096
)

// CodeState is what the edge made of the code in the link.
type CodeState uint8

// The states of a code.
const (
	CodeNone CodeState = iota
	CodeResolved
	CodeUnknown
	CodePaused
	codeStates // how many there are
)

// String gives the state as it stands in the lake.
func (s CodeState) String() string {
	switch s {
	case CodeNone:
		return "none"
	case CodeResolved:
		return "resolved"
	case CodeUnknown:
		return "unknown"
	case CodePaused:
		return "paused"
	case codeStates:
	}
	return fmt.Sprintf("CodeState(%d)", uint8(s))
}

// Consent is what the link said in consent=0|1.
type Consent uint8

// The values of consent.
const (
	ConsentUnset Consent = iota
	ConsentRefused
	ConsentGiven
	consents // how many there are
)

// String gives the consent as it stands in the lake; unset is empty.
func (c Consent) String() string {
	switch c {
	case ConsentUnset:
		return ""
	case ConsentRefused:
		return "refused"
	case ConsentGiven:
		return "given"
	case consents:
	}
	return fmt.Sprintf("Consent(%d)", uint8(c))
}

// VisitorSource is what a visitor key was made of.
type VisitorSource uint8

// The sources of a visitor key.
const (
	VisitorNone VisitorSource = iota
	VisitorAddress
	VisitorCookie
	visitorSources // how many there are
)

// String gives the source as it stands in the lake; none is empty.
func (s VisitorSource) String() string {
	switch s {
	case VisitorNone:
		return ""
	case VisitorAddress:
		return "address"
	case VisitorCookie:
		return "cookie"
	case visitorSources:
	}
	return fmt.Sprintf("VisitorSource(%d)", uint8(s))
}

// Visit is the facts of one visit. Its time and its place in the log are in
// the record's header.
type Visit struct {
	Organizer ids.OrganizerID
	Event     ids.EventID
	Code      ids.CodeID // 0: none
	CodeState CodeState
	CodeText  []byte // as typed, ≤ MaxCodeText

	Ended, Test, Head, Prefetch bool
	RepeatedAffiliate           bool // affiliate stood more than once in the link
	GPC                         bool // Sec-GPC: 1
	Consent                     Consent

	Revision ids.Revision // of the catalog that the edge had

	VisitorKey    uint64
	VisitorSource VisitorSource // VisitorNone: there is no key

	UserAgent, Referrer []byte    // ≤ MaxHeader each
	Sub                 [5][]byte // sub1…sub5, ≤ MaxCarried each
	UTM                 [5][]byte // source, medium, campaign, term, content, ≤ MaxCarried each
}
