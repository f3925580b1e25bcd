package reports

import "time"

// Explanation says who an order is credited to, and why nobody else is. Its lists
// are bounded: what was left out of one is said beside it.
type Explanation struct {
	Organizer string `json:"organizer"`
	OrderID   string `json:"order_id"`
	Event     string `json:"event"`
	State     string `json:"state"`
	Test      bool   `json:"test"` // a test order: in no figure
	Version   int64  `json:"version"`
	// Ordered is the order date: of the first version.
	Ordered  time.Time `json:"ordered_at"`
	Currency string    `json:"currency"`
	Decimals int       `json:"decimals"`
	Tickets  int64     `json:"tickets"`
	Sales    int64     `json:"sales"` // minor units

	Winner *Candidate `json:"winner"` // null: direct
	// Candidates stand by the policy's rules, the strongest first; of the visits of
	// one visitor, those that would do first.
	Candidates      []Candidate       `json:"candidates"`
	MoreCandidates  bool              `json:"more_candidates"` // the visitor has more visits than are listed
	Versions        []OrderVersion    `json:"versions"`
	VersionsLeftOut int64             `json:"versions_left_out"`
	Refunds         []ExplainedRefund `json:"refunds"`
	RefundsLeftOut  int64             `json:"refunds_left_out"`

	PolicyVersion      int    `json:"policy_version"`  // that credits here
	Policy             string `json:"policy"`          // its rules in words
	PolicyInForce      int    `json:"policy_in_force"` // at the order date; where it is another one, this is a what-if
	PolicyInForceWords string `json:"policy_in_force_words"`

	CatalogRevision string    `json:"catalog_revision"`
	AsOf            time.Time `json:"as_of"`
	AsOfUS          int64     `json:"as_of_us"`
}

// WhatIf says whether the order is credited by another policy than the one in
// force at its date.
func (e *Explanation) WhatIf() bool { return e.PolicyVersion != e.PolicyInForce }

// Candidate is a visit or a code that an order might be credited to.
type Candidate struct {
	Rule        string     `json:"rule"`  // click_id, affiliate, coupon or visitor
	Given       string     `json:"given"` // as it stands on the order; of rule visitor: the code as typed in the link
	Code        string     `json:"code,omitempty"`
	CodeID      int64      `json:"code_id,omitempty"`
	Affiliate   string     `json:"affiliate,omitempty"`
	AffiliateID int64      `json:"affiliate_id,omitempty"`
	ClickedAt   *time.Time `json:"clicked_at,omitempty"`
	Visit       string     `json:"visit,omitempty"`           // epoch-shard-sequence
	RowFound    *bool      `json:"visit_row_found,omitempty"` // false: the visit's row is not in the lake, the id alone credits
	Wins        bool       `json:"wins"`
	Reason      string     `json:"reason"` // a word of docs/attribution.md: valid, outranked, paused, …
	Why         string     `json:"why"`    // the same as a sentence
}

// OrderVersion is one received version of the order.
type OrderVersion struct {
	Version       int64     `json:"version"`
	State         string    `json:"state"`
	KnownAt       time.Time `json:"known_at"`
	Collector     int64     `json:"collector"`
	Fingerprint   string    `json:"fingerprint"`
	Normalization int64     `json:"normalization"` // the number of the rules of the fingerprint
	Status        string    `json:"status"`        // counts, superseded, repeated or conflict
}

// ExplainedRefund is one received refund of the order.
type ExplainedRefund struct {
	ID       string    `json:"id"`
	Refunded time.Time `json:"refunded_at"`
	Currency string    `json:"currency"`
	Decimals int       `json:"decimals"`
	Status   string    `json:"status"` // taken, set_aside, waiting, cancelled, test, repeated or conflict
	Why      string    `json:"why"`    // the same as a sentence
	Tickets  int64     `json:"tickets"`
	Amount   int64     `json:"amount"` // minor units: what it took, or, where it took nothing, what it asks for
}
