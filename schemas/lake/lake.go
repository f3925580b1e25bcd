// Package lake is the shape of the lake: the rows of its tables, the names of
// its files, and the one place where a visit's verdict is derived.
//
// Invariant: a released column never changes its name, type or meaning; new
// ones are added nullable. Columns are plain types that every reader of Parquet
// knows: UTC timestamps, strings, 64-bit integers, booleans.
//
// It refuses to know how files are written or read: the consumer writes them,
// the reporter reads them, package lakelog says which of them exist.
package lake

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Version is the version of every table's rows; it stands in the path.
const Version = 1

// The tables whose rows are defined here. They are the first folder of a file's path.
const (
	TableVisits     = "visits"
	TableOrders     = "orders"
	TableRefunds    = "refunds"
	TableQuarantine = "quarantine"
)

// RowGroupRows bounds a row group. It is DuckDB's own size, so that a group is
// one unit of its work, and it bounds what a writer holds.
const RowGroupRows = 122_880

// FoldMacroSQL makes the macro that folds the letters of codes as everywhere: ASCII
// only.
const FoldMacroSQL = `CREATE TEMP MACRO fold(given) AS
translate(trim(given), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')`

// VerdictSQL is an expression over the fact columns of visits that gives the
// verdict's name. It knows no claims of unknown codes: whoever resolves those
// gives it the claimed rows with code_state 'resolved'.
//
//go:embed verdict.sql
var VerdictSQL string

// ErrFileName is returned for a path that is no name of a data file.
var ErrFileName = errors.New("not the path of a data file")

// FileName is what the path of a data file says, relative to the lake's root.
type FileName struct {
	Table  string
	Date   string // YYYY-MM-DD, the UTC day received
	Log    string // the log whose entry adds the file
	Commit uint64 // the number of that entry
	Random uint64 // so that two writers of one number never collide
}

// Path gives the path relative to the lake's root, with slashes.
func (n FileName) Path() string {
	return fmt.Sprintf("%s/%s-%020d-%016x.parquet", n.Dir(), n.Log, n.Commit, n.Random)
}

// Dir gives the folder of the file relative to the lake's root, with slashes.
func (n FileName) Dir() string {
	return fmt.Sprintf("%s/v%d/date=%s", n.Table, Version, n.Date)
}

var filePath = regexp.MustCompile(
	`^([a-z_]+)/v1/date=(\d{4}-\d{2}-\d{2})/([a-z0-9-]+)-(\d{20})-([0-9a-f]{16})\.parquet$`)

// ParseFileName reads what Path wrote. The error is ErrFileName.
func ParseFileName(path string) (FileName, error) {
	m := filePath.FindStringSubmatch(path)
	if m == nil {
		return FileName{}, fmt.Errorf("parsing %q: %w", path, ErrFileName)
	}
	if _, err := time.Parse(time.DateOnly, m[2]); err != nil {
		return FileName{}, fmt.Errorf("parsing %q: %w", path, ErrFileName)
	}
	commit, err := strconv.ParseUint(m[4], 10, 64)
	if err != nil {
		return FileName{}, fmt.Errorf("parsing %q: %w", path, ErrFileName)
	}
	random, err := strconv.ParseUint(m[5], 16, 64)
	if err != nil {
		return FileName{}, fmt.Errorf("parsing %q: %w", path, ErrFileName)
	}
	return FileName{Table: m[1], Date: m[2], Log: m[3], Commit: commit, Random: random}, nil
}

// dayMS is a UTC day in milliseconds.
const dayMS = 24 * 60 * 60 * 1000

// Day gives the UTC day of a time in milliseconds since 1970, in days since 1970.
func Day(timeMS int64) int64 {
	day := timeMS / dayMS
	if timeMS%dayMS < 0 {
		day--
	}
	return day
}

// Date gives a day since 1970 as it stands in a path.
func Date(day int64) string {
	return time.Unix(day*dayMS/1000, 0).UTC().Format(time.DateOnly)
}
