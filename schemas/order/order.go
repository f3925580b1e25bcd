// Package order is the bodies of the records of an order and of a refund, as
// protobuf (order.proto), their fingerprint, and the currencies' decimals.
//
// Its invariant: what Append writes, Unmarshal of this and every later release
// reads back as it was, and the fingerprint under one normalization number
// never changes. It refuses bodies that no collector can have written. It knows
// no JSON and no money's worth: amounts are integers of minor units.
package order

import (
	"fmt"

	"footfall/schemas/ids"
)

// Version is the version byte of a record whose body is an Order or a Refund.
const Version = 1

// Bounds, of what a collector accepts and of what Unmarshal reads. All of them
// together keep an order that is within them below MaxBody.
const (
	// MaxIDBytes bounds the ids of orders, lines and refunds: a UUID has 36
	// characters, the longest ids of ticketing systems seen are below 100.
	MaxIDBytes = 128
	// MaxTextBytes bounds ticket type, reason, click id, affiliate and coupon.
	MaxTextBytes = 256
	// MaxLines: a purchase has a line for each kind of ticket or each seat.
	// The 64 KiB of a request have room for about that many.
	MaxLines = 500
	// MaxQuantity of one line: no venue seats more than a million.
	MaxQuantity = 1_000_000
	// MaxAmount of minor units, for a unit price.
	MaxAmount = 10_000_000_000
	// MaxTotal of minor units, for all lines of an order together and for what is
	// refunded of one: the largest line. An int64 holds the sum of 900 such orders,
	// so that no mistake of a sender takes a sum of sales beyond it.
	MaxTotal = MaxQuantity * MaxAmount
	// MinTimeMS is 2000-01-01: an earlier time is a unit's or a clock's mistake.
	MinTimeMS = 946_684_800_000
	// MaxTimeMS is 9999-12-31 23:59:59.999, the last instant RFC 3339 can write.
	MaxTimeMS = 253_402_300_799_999
	// MaxVersion keeps a version below 2^31, which every reader's integer holds.
	MaxVersion = 1<<31 - 1
	// MaxBody is the longest body that Unmarshal reads: every text and every
	// line at its bound comes to 210 KiB.
	MaxBody = 256 << 10
)

// State is what an order has come to.
type State uint8

// The states of an order.
const (
	Pending State = 1 + iota
	Completed
	Cancelled
)

// String gives the state as it stands in the lake and in JSON.
func (s State) String() string {
	switch s {
	case Pending:
		return "pending"
	case Completed:
		return "completed"
	case Cancelled:
		return "cancelled"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// ParseState reads what String gives.
func ParseState(text string) (State, bool) {
	switch text {
	case "pending":
		return Pending, true
	case "completed":
		return Completed, true
	case "cancelled":
		return Cancelled, true
	}
	return 0, false
}

// DefaultVersion is the version of an order that was sent without one.
func (s State) DefaultVersion() uint32 { return uint32(s) }

// Order is one received version of an order.
type Order struct {
	Organizer ids.OrganizerID
	Event     ids.EventID
	ID        string // unique in its organizer
	Version   uint32 // from 1
	State     State
	OrderedMS int64
	Currency  string // ISO 4217

	ClickID, Affiliate, Coupon string // as received; empty: not given

	// VisitorKey is the keyed hash of the visitor cookie that came with the order
	// (visit.VisitorHasher, under the organizer's key), as a visit's; 0: none. The
	// cookie itself is nowhere.
	VisitorKey uint64

	Test   bool
	Future bool // OrderedMS was more than 5 minutes ahead of the collector's clock

	Fingerprint   [32]byte
	Normalization uint32 // the number of the rules under which Fingerprint was made

	Lines []Line // at least one
}

// Line is one line of an order.
type Line struct {
	ID         string // unique in its order
	TicketType string
	Quantity   int64
	UnitPrice  int64 // minor units charged for one ticket: after discounts, tax included, fees apart
}

// Refund is a refund of the whole order or of lines of it.
type Refund struct {
	Organizer  ids.OrganizerID
	ID         string // unique in its organizer
	OrderID    string
	RefundedMS int64
	Currency   string // ISO 4217
	Reason     string
	Future     bool // RefundedMS was more than 5 minutes ahead of the collector's clock

	Fingerprint   [32]byte
	Normalization uint32

	Whole bool // then there are no lines
	Lines []RefundLine
}

// RefundLine is what is refunded of one line of the order.
type RefundLine struct {
	LineID   string
	Quantity int64
	Amount   int64 // minor units, of all the quantity together
}
