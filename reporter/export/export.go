// Package export writes a report's table, or an order's explanation, as a table
// for people, as CSV or as JSON.
//
// Invariant: the bytes are a pure function of the table; equal tables give equal
// bytes. Nothing that is true of the lake only now is among them.
//
// It refuses to let a spreadsheet run a cell: text that begins like a formula is
// quoted. Numbers stay numbers.
package export

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/reports"
)

// The formats.
const (
	FormatTable = "table"
	FormatCSV   = "csv"
	FormatJSON  = "json"
)

// ErrFormat is returned for a format that is none of the three.
var ErrFormat = errors.New("format is not known: want table, csv or json")

// ContentType is the media type of a format. The error is ErrFormat.
func ContentType(format string) (string, error) {
	switch format {
	case FormatTable:
		return "text/plain; charset=utf-8", nil
	case FormatCSV:
		return "text/csv; charset=utf-8; header=present", nil
	case FormatJSON:
		return "application/json", nil
	}
	return "", fmt.Errorf("%w, not %q", ErrFormat, format)
}

// Write writes a report. The error is ErrFormat, w's or that of t's rows.
func Write(ctx context.Context, w io.Writer, format string, t *reports.Table) error {
	if _, err := ContentType(format); err != nil {
		return err
	}
	rows, err := reports.Collect(ctx, t)
	if err != nil {
		return err
	}
	switch format {
	case FormatTable:
		return writeTable(w, t, rows)
	case FormatCSV:
		return writeCSV(w, t, rows)
	case FormatJSON:
		return writeJSON(w, t, rows)
	}
	return fmt.Errorf("%w, not %q", ErrFormat, format)
}

// writeCSV writes the rows as RFC 4180 has it, without totals: whoever reads
// it adds up.
func writeCSV(w io.Writer, t *reports.Table, rows []reports.Row) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	record := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		record[i] = c.Name
	}
	if err := out.Write(record); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	for _, row := range rows {
		for i, cell := range row.Cells {
			record[i] = plain(cell, t.Columns[i].Kind, row.Decimals)
			if k := t.Columns[i].Kind; k == reports.KindText {
				record[i] = FormulaSafe(record[i])
			}
		}
		if err := out.Write(record); err != nil {
			return fmt.Errorf("writing CSV: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	return nil
}

// FormulaSafe keeps a spreadsheet from running a cell of text: OWASP ASVS 1.2.10, with
// carriage return and NUL added.
func FormulaSafe(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\x00", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// plain writes a cell for machines.
func plain(c reports.Cell, kind reports.Kind, decimals int) string {
	if c.Empty {
		return ""
	}
	switch kind {
	case reports.KindText, reports.KindDay:
		return c.Text
	case reports.KindMoney:
		return decimal(c.Number, decimals, "")
	case reports.KindRate:
		return decimal(c.Number, rateDecimals, "")
	default:
		return strconv.FormatInt(c.Number, 10)
	}
}

// rateDecimals of a rate: it is in millionths.
const rateDecimals = 6

// decimal writes n / 10^decimals, with a separator between thousands.
func decimal(n int64, decimals int, thousands string) string {
	digits := strconv.FormatUint(magnitude(n), 10)
	if len(digits) <= decimals {
		digits = strings.Repeat("0", decimals+1-len(digits)) + digits
	}
	whole, fraction := digits[:len(digits)-decimals], digits[len(digits)-decimals:]
	if thousands != "" {
		whole = grouped(whole, thousands)
	}
	if decimals > 0 {
		whole += "." + fraction
	}
	if n < 0 {
		return "-" + whole
	}
	return whole
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n) //nolint:gosec // two's complement: right for the least int64 too
	}
	return uint64(n)
}

func grouped(digits, separator string) string {
	const group = 3
	first := len(digits) % group
	if first == 0 {
		first = min(group, len(digits))
	}
	var out strings.Builder
	out.WriteString(digits[:first])
	for i := first; i < len(digits); i += group {
		out.WriteString(separator + digits[i:i+group])
	}
	return out.String()
}

// timeIn writes a time of a report's range in its zone.
func timeIn(ms int64, zone *time.Location) string {
	return time.UnixMilli(ms).In(zone).Format("2006-01-02T15:04:05.999Z07:00")
}

// zoneOf loads a zone that the report was made in; the machine that writes knows
// it as the one that counted did, else times are written in UTC.
func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// asOfText writes an as-of with all of its microseconds.
func asOfText(us int64) string {
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.000000Z")
}
