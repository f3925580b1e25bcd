// Package ledger is the client's own account of a run of load: one line for
// every request with what was asked and what was answered, in a synced file,
// and from it the figures that a report of the product must then show.
//
// Its invariant: what it expects follows from the ledger and from who owns
// which code alone. It shares no code with the product, so that a fault of
// the product can't hide in the measure.
//
// It refuses to guess about a request without a clear answer: that may have
// been counted or not, so every figure is a pair, the least and the most that
// is right.
package ledger

import (
	"net/url"
	"time"
)

// Outcome is what a request's answer says about it.
type Outcome string

// Outcomes. Acknowledged must be in the report exactly once, Indeterminate at
// most once, the others never.
const (
	Acknowledged  Outcome = "acknowledged"  // 302 with a click id; 200 or 201 to an order
	Degraded      Outcome = "degraded"      // 302 without a click id: honestly unrecorded
	Refused       Outcome = "refused"       // 4xx: the server said no
	Unsent        Outcome = "unsent"        // no connection: not a byte left
	Indeterminate Outcome = "indeterminate" // anything else
)

// Kind is what was asked.
type Kind string

// Kinds of a record.
const (
	KindVisit  Kind = "visit"
	KindOrder  Kind = "order"
	KindRefund Kind = "refund"
)

// Record is one request. Times are microseconds UTC since 1970.
type Record struct {
	Kind       Kind    `json:"kind"`
	ID         string  `json:"id"` // the client's, unique in the ledger; a visit's is also its sub1
	DueUS      int64   `json:"due_us"`
	SentUS     int64   `json:"sent_us"`
	AnsweredUS int64   `json:"answered_us"`
	Outcome    Outcome `json:"outcome"`
	Status     int     `json:"status,omitempty"`
	Error      string  `json:"error,omitempty"`
	ClickID    string  `json:"click_id,omitempty"` // of an acknowledged visit
	Organizer  string  `json:"organizer,omitempty"`
	Visit      *Visit  `json:"visit,omitempty"`
	Order      *Order  `json:"order,omitempty"`
	Refund     *Refund `json:"refund,omitempty"`
}

// Visit is one asked link.
type Visit struct {
	Event    string `json:"event"`
	Code     string `json:"code"` // as typed; "" for none
	Head     bool   `json:"head,omitempty"`
	Prefetch bool   `json:"prefetch,omitempty"`
	Bot      bool   `json:"bot,omitempty"` // the user agent was a machine's
}

// Order is the body of POST /v1/orders.
type Order struct {
	ID        string    `json:"id"`
	Event     string    `json:"event"`
	State     string    `json:"state,omitempty"`
	Version   uint32    `json:"version,omitempty"`
	OrderedAt time.Time `json:"ordered_at"`
	Currency  string    `json:"currency"`
	ClickID   string    `json:"click_id,omitempty"`
	Affiliate string    `json:"affiliate,omitempty"`
	Coupon    string    `json:"coupon,omitempty"`
	Test      bool      `json:"test,omitempty"`
	Lines     []Line    `json:"lines"`
}

// Line is a line of an order; UnitPrice in minor units.
type Line struct {
	ID         string `json:"id"`
	TicketType string `json:"ticket_type"`
	Quantity   int64  `json:"quantity"`
	UnitPrice  int64  `json:"unit_price"`
}

// Refund is the body of POST /v1/refunds; no lines is a whole one.
type Refund struct {
	ID         string       `json:"id"`
	OrderID    string       `json:"order_id"`
	RefundedAt time.Time    `json:"refunded_at"`
	Currency   string       `json:"currency"`
	Reason     string       `json:"reason,omitempty"`
	Lines      []RefundLine `json:"lines,omitempty"`
}

// RefundLine is what is given back of a line; Amount in minor units.
type RefundLine struct {
	LineID   string `json:"line_id"`
	Quantity int64  `json:"quantity"`
	Amount   int64  `json:"amount"`
}

// VisitOutcome judges the answer to a link; clickID is the one in Location.
func VisitOutcome(status int, location string) (outcome Outcome, clickID string) {
	switch {
	case status == 302:
		target, err := url.Parse(location)
		if err != nil {
			return Indeterminate, ""
		}
		if clickID = target.Query().Get("click_id"); clickID == "" {
			return Degraded, ""
		}
		return Acknowledged, clickID
	case status >= 400 && status < 500:
		return Refused, ""
	}
	return Indeterminate, ""
}

// OrderOutcome judges the answer to an order or a refund.
func OrderOutcome(status int) Outcome {
	switch {
	case status == 200 || status == 201:
		return Acknowledged
	case status == 408 || status == 429:
		return Indeterminate // ask again
	case status >= 400 && status < 500:
		return Refused
	}
	return Indeterminate
}
