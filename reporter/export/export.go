// Package export writes an answer's rows as a table for people, as CSV, JSON,
// NDJSON, XLSX or Parquet, and an order's explanation as text or JSON.
//
// Invariant: the bytes are a pure function of the table and the options; equal
// tables give equal bytes, however their rows are cut into batches. Nothing that
// is true of the lake only now is among them. Memory is that of a few thousand
// rows, whatever their number.
//
// It refuses to let a spreadsheet run a cell: text that begins like a formula is
// quoted in CSV and typed as text in XLSX. Numbers stay numbers.
package export

import (
	"context"
	"fmt"
	"io"

	"footfall/schemas/reports"
)

// The formats.
const (
	FormatTable   = "table"
	FormatCSV     = "csv"
	FormatJSON    = "json"
	FormatNDJSON  = "ndjson"
	FormatXLSX    = "xlsx"
	FormatParquet = "parquet"
)

// Options of a format. Those that it doesn't know are nothing to it.
type Options struct {
	BOM bool // CSV: begins with a byte order mark, for Excel
	Raw bool // CSV: text as it is, for machines; a spreadsheet may run it
	// Progress is told how many rows are written so far, now and then.
	Progress func(rows int64)
}

// format is how one of them is written and what it is called on the web.
type format struct {
	name, media string
	write       func(context.Context, io.Writer, Options, *reports.Table) error
}

func formatOf(name string) (format, error) {
	switch name {
	case FormatTable:
		return format{name, "text/plain; charset=utf-8", writeTable}, nil
	case FormatCSV:
		return format{name, "text/csv; charset=utf-8; header=present", writeCSV}, nil
	case FormatJSON:
		return format{name, "application/json", writeJSON}, nil
	case FormatNDJSON:
		return format{name, "application/x-ndjson", writeNDJSON}, nil
	case FormatParquet:
		return format{name, "application/vnd.apache.parquet", writeParquet}, nil
	case FormatXLSX:
		return format{name, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", writeXLSX}, nil
	}
	return format{}, fmt.Errorf("%w, not %q", ErrFormat, name)
}

// ContentType is the media type of a format. The error is ErrFormat.
func ContentType(name string) (string, error) {
	f, err := formatOf(name)
	return f.media, err
}

// Write writes an answer. The error is ErrFormat, ErrColumns, w's or that of t's
// rows; after one, what was written is not whole.
func Write(ctx context.Context, w io.Writer, name string, o Options, t *reports.Table) error {
	f, err := formatOf(name)
	if err != nil {
		return err
	}
	return f.write(ctx, w, o, t)
}
