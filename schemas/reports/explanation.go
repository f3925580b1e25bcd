package reports

import "time"

// Explanation says who an order is credited to, and why nobody else is.
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

	Winner     *Candidate        `json:"winner"` // null: direct
	Candidates []Candidate       `json:"candidates"`
	Versions   []OrderVersion    `json:"versions"`
	Refunds    []ExplainedRefund `json:"refunds"`

	PolicyVersion   int       `json:"policy_version"`
	Policy          string    `json:"policy"` // its rules in words
	CatalogRevision string    `json:"catalog_revision"`
	AsOf            time.Time `json:"as_of"`
	AsOfUS          int64     `json:"as_of_us"`
}

// Candidate is a visit or a code that an order might be credited to.
type Candidate struct {
	Rule        string     `json:"rule"`  // click_id or affiliate
	Given       string     `json:"given"` // as it stands on the order
	Code        string     `json:"code,omitempty"`
	CodeID      int64      `json:"code_id,omitempty"`
	Affiliate   string     `json:"affiliate,omitempty"`
	AffiliateID int64      `json:"affiliate_id,omitempty"`
	ClickedAt   *time.Time `json:"clicked_at,omitempty"`
	Visit       string     `json:"visit,omitempty"`           // epoch-shard-sequence
	RowFound    *bool      `json:"visit_row_found,omitempty"` // false: the visit's row is not in the lake, the id alone credits
	Wins        bool       `json:"wins"`
	Reason      string     `json:"reason"` // a word of semantics: valid, expired, paused, …
	Why         string     `json:"why"`    // the same as a sentence
}

// OrderVersion is one received version of the order.
type OrderVersion struct {
	Version     int64     `json:"version"`
	State       string    `json:"state"`
	KnownAt     time.Time `json:"known_at"`
	Collector   int64     `json:"collector"`
	Fingerprint string    `json:"fingerprint"`
	Status      string    `json:"status"` // counts, superseded, repeated or conflict
}

// ExplainedRefund is one refund of the order.
type ExplainedRefund struct {
	ID       string    `json:"id"`
	Refunded time.Time `json:"refunded_at"`
	Currency string    `json:"currency"`
	Status   string    `json:"status"` // taken, set_aside, waiting, repeated or conflict
	Tickets  int64     `json:"tickets"`
	Amount   int64     `json:"amount"` // minor units
}
