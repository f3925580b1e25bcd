// Package reports is the shape of a report's answer and of an order's
// explanation, between the part that counts and those that write it out.
//
// Invariant: a Table is a pure function of the query, the policy's version and
// the as-of. What is true of the lake only now (its watermark, how far it is
// complete) stands apart, in Freshness, and in no byte of an export.
//
// It refuses floating point: money is integer minor units beside a currency, a
// rate is integer millionths.
package reports

// Kind says what a column's cells hold and how they are written.
type Kind string

// The kinds.
const (
	KindText  Kind = "text"  // Cell.Text
	KindID    Kind = "id"    // Cell.Number, 0 with Empty where there is none
	KindDay   Kind = "day"   // Cell.Text, YYYY-MM-DD in the report's zone
	KindCount Kind = "count" // Cell.Number
	KindRate  Kind = "rate"  // Cell.Number, millionths
	KindMoney Kind = "money" // Cell.Number, minor units of the row's currency

	// Of answers to SQL.
	KindBool    Kind = "bool"    // Cell.Number, 0 or 1
	KindTime    Kind = "time"    // Cell.Number, microseconds since 1970, UTC
	KindDate    Kind = "date"    // Cell.Number, days since 1970
	KindFloat   Kind = "float"   // a Vector's Floats
	KindDecimal Kind = "decimal" // Cell.Text: a number of any size, as digits with a point
)

// Column is one column of a table.
type Column struct {
	Name  string // as in JSON, CSV and --sort
	Title string // for people
	Kind  Kind
}

// Cell is one value; its column's kind says which field holds it.
type Cell struct {
	Text   string
	Number int64
	Empty  bool // no value: an empty cell, null in JSON
}

// Row is one row; its money is in Currency.
type Row struct {
	Cells    []Cell
	Currency string // ISO 4217, empty where none is known
	Decimals int    // of Currency
}

// Table is an answer: a report's, a list's, a statement's. Its rows are read from
// the lake while they are taken, so it is good only inside of the call that it is
// handed to, and its rows can be taken once.
type Table struct {
	Facts     Facts
	Columns   []Column
	Batches   Batches
	AllRows   int64 // before the limit
	Totals    []Row // one per currency, over all rows, also those beyond the limit
	Rest      []Row // one per currency: the rows beyond the limit; rows and rest are the totals
	Freshness Freshness
}

// Format says how a table is written.
type Format struct {
	Name string // table, csv, json, ndjson, xlsx or parquet
	BOM  bool   // of CSV: a byte order mark first, for spreadsheets that need it
	Raw  bool   // of CSV: cells as they are, not safe from formulas; for machines
}

// Facts are what a report was asked and what it stands on.
type Facts struct {
	By        string // one dimension, or two with a comma between
	Organizer string // slug
	Event     string // slug; empty: every event
	Affiliate string // as asked; empty: every affiliate
	Code      string // as asked; empty: every code
	Where     string // conditions, as schemas/filter writes them; empty: none
	Basis     string // order date, or visit date: whose date an order's figures fall on
	Compare   string // previous or year: what the columns ending in _before are of; empty: there are none
	Sort      string
	Zone      string // IANA, of the days and of From and To
	FromMS    int64  // half-open range; RangeFrom and RangeTo where not bounded
	ToMS      int64

	BeforeFromMS int64 // of the range that is compared with
	BeforeToMS   int64

	AsOfUS          int64
	Settled         bool  // asked for only if it can never change again, and so it was
	PolicyVersion   int   // the newest of PolicyVersions
	PolicyVersions  []int // that orders of the range are, or would be, credited by; rising
	WhatIf          bool  // every order is credited by PolicyVersion, whatever was in force at its date
	CatalogRevision string
	BotRules        []string // versions that classified the visits of the range
	Notes           []string
}

// The bounds of a range that was left open.
const (
	RangeFrom int64 = 0
	RangeTo   int64 = 253_402_300_800_000 // the year 10000
)

// Freshness is how the lake stood when the report was made. The same as-of asked
// later gives the same table beside another Freshness.
type Freshness struct {
	WatermarkUS int64 // 0: no source log is open
	CompleteMS  int64 // 0: unknown
}

// Settled says whether a report of this as-of can never change again.
func (f Freshness) Settled(asOfUS int64) bool { return asOfUS <= f.WatermarkUS }
