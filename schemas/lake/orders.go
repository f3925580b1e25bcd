package lake

// OrderRow is one line of one received version of an order; the columns of the
// order are repeated on each of its lines. Money is in integer minor units of
// the currency. Columns that are optional and not pointers are null when empty.
type OrderRow struct {
	OrderID     string `parquet:"order_id,dict"`
	Version     int64  `parquet:"version,dict"`
	State       string `parquet:"state,dict"` // pending, completed, cancelled
	OrderedAtMS int64  `parquet:"ordered_at,timestamp(millisecond),delta"`

	ReceivedAtMS int64  `parquet:"received_at,timestamp(millisecond),delta"`
	KnownAtUS    int64  `parquet:"known_at,timestamp(microsecond),delta"`
	Collector    int64  `parquet:"collector,dict"`
	Epoch        string `parquet:"epoch,dict"`
	Shard        int64  `parquet:"shard,dict"`
	Sequence     int64  `parquet:"sequence,delta"`

	OrganizerID int64  `parquet:"organizer_id,dict"`
	EventID     int64  `parquet:"event_id,dict"`
	Currency    string `parquet:"currency,dict"`
	Test        bool   `parquet:"test"`
	Future      bool   `parquet:"future"` // ordered_at was more than 5 minutes ahead of the collector's clock

	// The click id as received, and what checking it gave; the parts are null unless it is valid.
	ClickID        string  `parquet:"click_id,optional,dict"`
	ClickStatus    string  `parquet:"click_status,optional,dict"` // valid, forged, malformed, unknown_key, expired_key
	ClickEpoch     *string `parquet:"click_epoch,optional,dict"`
	ClickShard     *int64  `parquet:"click_shard,optional,dict"`
	ClickSequence  *int64  `parquet:"click_sequence,optional"`
	ClickEventID   *int64  `parquet:"click_event_id,optional,dict"`
	ClickCodeID    *int64  `parquet:"click_code_id,optional,dict"` // null also when the visit had no code
	ClickCodeState *string `parquet:"click_code_state,optional,dict"`
	ClickEnded     *bool   `parquet:"click_ended,optional"`
	ClickTest      *bool   `parquet:"click_test,optional"`
	ClickedAtMS    *int64  `parquet:"clicked_at,timestamp(millisecond)"`

	AffiliateText string `parquet:"affiliate_text,optional,dict"`
	CouponText    string `parquet:"coupon_text,optional,dict"`
	Fingerprint   string `parquet:"fingerprint,dict"` // 64 hexadecimal digits
	Normalization int64  `parquet:"normalization,dict"`

	LineNumber int64  `parquet:"line_number,dict"` // from 0
	LineCount  int64  `parquet:"line_count,dict"`
	LineID     string `parquet:"line_id,dict"`
	TicketType string `parquet:"ticket_type,dict"`
	Quantity   int64  `parquet:"quantity,dict"`
	UnitPrice  int64  `parquet:"unit_price,dict"` // minor units of currency

	// As a visit's of source cookie; files of before it was there don't have the column.
	VisitorKey int64 `parquet:"visitor_key,optional"`
}

// OrderUnbounded are the columns of orders that no reader prunes by.
func OrderUnbounded() []string {
	return []string{
		"state", "epoch", "currency", "click_id", "click_status", "click_epoch", "click_code_state",
		"affiliate_text", "coupon_text", "fingerprint", "line_id", "ticket_type", "visitor_key",
	}
}

// RefundRow is one line of one received refund; a refund of a whole order is
// one row without line, quantity and amount.
type RefundRow struct {
	RefundID     string `parquet:"refund_id,dict"`
	OrderID      string `parquet:"order_id,dict"`
	RefundedAtMS int64  `parquet:"refunded_at,timestamp(millisecond),delta"`

	ReceivedAtMS int64  `parquet:"received_at,timestamp(millisecond),delta"`
	KnownAtUS    int64  `parquet:"known_at,timestamp(microsecond),delta"`
	Collector    int64  `parquet:"collector,dict"`
	Epoch        string `parquet:"epoch,dict"`
	Shard        int64  `parquet:"shard,dict"`
	Sequence     int64  `parquet:"sequence,delta"`

	OrganizerID   int64  `parquet:"organizer_id,dict"`
	Currency      string `parquet:"currency,dict"`
	Reason        string `parquet:"reason,optional,dict"`
	Future        bool   `parquet:"future"`
	Whole         bool   `parquet:"whole"`
	Fingerprint   string `parquet:"fingerprint,dict"` // 64 hexadecimal digits
	Normalization int64  `parquet:"normalization,dict"`

	LineNumber int64   `parquet:"line_number,dict"` // from 0
	LineCount  int64   `parquet:"line_count,dict"`  // 1 for a whole refund
	LineID     *string `parquet:"line_id,optional,dict"`
	Quantity   *int64  `parquet:"quantity,optional,dict"`
	Amount     *int64  `parquet:"amount,optional,dict"` // minor units of currency
}

// RefundUnbounded are the columns of refunds that no reader prunes by.
func RefundUnbounded() []string {
	return []string{"epoch", "currency", "reason", "fingerprint", "line_id"}
}

// QuarantineRow is one record that could not become a row of its table: its
// bytes as they were, and why. Nothing waits for it.
type QuarantineRow struct {
	RecordedAtMS int64  `parquet:"recorded_at,timestamp(millisecond),delta"` // the record's time
	KnownAtUS    int64  `parquet:"known_at,timestamp(microsecond),delta"`
	Collector    int64  `parquet:"collector,dict"`
	Epoch        string `parquet:"epoch,dict"`
	Shard        int64  `parquet:"shard,dict"`
	Sequence     int64  `parquet:"sequence,delta"`
	Kind         int64  `parquet:"kind,dict"`    // the record's kind byte
	Version      int64  `parquet:"version,dict"` // the record's version byte
	Reason       string `parquet:"reason,dict"`  // unknown_kind, unknown_version, undecodable, invalid
	Detail       string `parquet:"detail"`       // the decoder's own words
	Segment      int64  `parquet:"segment,dict"` // where the record stood in its journal
	Offset       int64  `parquet:"offset,delta"` // bytes from the segment's start
	Body         []byte `parquet:"body"`
}

// QuarantineUnbounded are the columns of quarantine that no reader prunes by.
func QuarantineUnbounded() []string { return []string{"epoch", "reason", "detail", "body"} }
