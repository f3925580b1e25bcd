package reports

import (
	"context"
	"database/sql"
)

// Reading is one look at the lake, at one as-of. Its connection has the views
// order_rows and refund_rows and the catalog's tables; what is made on it is
// temporary.
type Reading struct {
	*sql.Conn
	Basis

	// Visits makes a view of that name over the visits of some ranges of their own
	// time, in milliseconds, half-open; equal ends: of none. Only files that can
	// hold such a visit are opened.
	Visits func(ctx context.Context, name string, between ...[2]int64) error

	// Query runs a statement and gives its columns and rows. Its batches are good
	// until the reading ends; nothing else may run on the connection before the
	// last batch is taken.
	Query func(ctx context.Context, s Statement) ([]Column, Batches, error)

	// Keep runs build, which makes these tables, or finds them under their bare
	// names as an earlier reading made them: one of the same key, the same rows and
	// the same state of the catalog. What build stands on is the tables of Keeps
	// before it, and visits by Visits alone. It makes each with what it is given
	// before the name: TEMP TABLE, or TABLE and where. Nothing may change the tables
	// afterwards.
	//
	// It gives how many rows it made, of some 500 bytes; 0: as many as there are rows
	// of orders and refunds.
	Keep func(ctx context.Context, k Keeping, build func(ctx context.Context, table string) (rows int64, err error)) error
}

// Keeping names tables that readings may share.
type Keeping struct {
	Key    string // all that they depend on beside rows and catalog
	Tables []string
}

// Statement is what Query runs. Text is ours or checked; what a person typed is
// in Args.
type Statement struct {
	Text string
	Args []any
	// Columns say of which kind the statement's columns are, in their order. Where
	// there are none, the kinds follow from the statement's own types.
	Columns []Column
	// Currency names the text column that holds the currency of the row's money;
	// empty: the rows have none.
	Currency string
	// Large: any number of rows. They are kept where they can spill to disk, and
	// read from there some at a time.
	Large bool
}

// Basis is what a reading of the lake stands on.
type Basis struct {
	AsOfUS          int64
	CatalogRevision string
	Freshness       Freshness
	MinTimeMS       int64 // bounds of the rows' own times, over all files; 0, 0 without files
	MaxTimeMS       int64

	VisitRows  int64 // of all files of visits
	VisitMinMS int64 // bounds of the visits' own times, over those files
	VisitMaxMS int64
}
