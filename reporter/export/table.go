package export

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"footfall/schemas/reports"
)

// tableRows is how many rows a table for people has at most: the widths of its
// columns follow from all of them, so all are held.
const tableRows = 10_000

// writeTable writes a report for people: facts, rows, totals, notes.
func writeTable(ctx context.Context, w io.Writer, _ Options, t *reports.Table) error {
	var b strings.Builder
	writeHead(&b, t.Facts)
	out := newTable(t.Columns)
	shown, more, err := appendRows(ctx, out, t)
	if err != nil {
		return err
	}
	for _, rows := range [][]reports.Row{t.Rest, t.Totals} {
		few, err := blockOf(ctx, t.Columns, rows)
		if err != nil {
			return err
		}
		for i := range few.Rows {
			out.AppendFooter(peopleRow(t.Columns, few, i))
		}
	}
	for line := range strings.Lines(out.Render()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	if more {
		fmt.Fprintf(&b, "! only the first %s rows are shown; --limit shows fewer, and --format csv, xlsx, parquet, json or ndjson writes all\n", decimal(shown, 0, ","))
	}
	for _, note := range t.Facts.Notes {
		b.WriteString("! " + safe(note) + "\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

func newTable(columns []reports.Column) table.Writer {
	out := table.NewWriter()
	out.SetStyle(table.StyleLight)
	style := out.Style()
	style.Options = table.Options{SeparateHeader: true, SeparateFooter: true}
	style.Format.Header, style.Format.Footer = text.FormatDefault, text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	header := make(table.Row, len(columns))
	configs := make([]table.ColumnConfig, len(columns))
	for i, c := range columns {
		header[i] = safe(c.Title)
		align := text.AlignRight
		if c.Kind == reports.KindText || c.Kind == reports.KindDay {
			align = text.AlignLeft
		}
		configs[i] = table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align, AlignFooter: align}
	}
	out.AppendHeader(header)
	out.SetColumnConfigs(configs)
	return out
}

// appendRows appends the rows that a table may have, and says whether there are more.
func appendRows(ctx context.Context, out table.Writer, t *reports.Table) (shown int64, more bool, err error) {
	r := &reader{table: t}
	var b block
	for {
		if err := r.fill(ctx, &b, blockRows); err != nil {
			return 0, false, err
		}
		if b.Rows == 0 {
			return shown, false, nil
		}
		for i := range b.Rows {
			if shown == tableRows {
				return shown, true, nil
			}
			out.AppendRow(peopleRow(t.Columns, &b, i))
			shown++
		}
	}
}

func writeHead(b *strings.Builder, f reports.Facts) {
	fmt.Fprintf(b, "%s, %s", f.Organizer, f.By)
	if f.Basis != "" {
		b.Reset()
		fmt.Fprintf(b, "%s by %s, by %s", f.Organizer, f.By, f.Basis)
	}
	for _, filter := range []struct{ name, value string }{{"event", f.Event}, {"affiliate", f.Affiliate}, {"code", f.Code}, {"where", f.Where}} {
		if filter.value != "" {
			fmt.Fprintf(b, ", %s %s", filter.name, safe(filter.value))
		}
	}
	fmt.Fprintf(b, "\n%s, %s\n", rangeText(f), f.Zone)
	if f.Compare != "" {
		fmt.Fprintf(b, "compared with the %s\n", compareText(f))
	}
	settled := ""
	if f.Settled {
		settled = ", settled"
	}
	fmt.Fprintf(b, "as of %s%s, catalog %s", asOfText(f.AsOfUS), settled, f.CatalogRevision)
	for _, stands := range []struct{ name, value string }{{"attribution policy", policyText(f)}, {"bot rules", rulesText(f)}} {
		if stands.value != "" {
			fmt.Fprintf(b, ", %s %s", stands.name, stands.value)
		}
	}
	b.WriteString("\n\n")
}

// rangeText writes the half-open range of a report.
func rangeText(f reports.Facts) string {
	zone := zoneOf(f.Zone)
	from, to := timeIn(f.FromMS, zone), timeIn(f.ToMS, zone)
	switch {
	case f.FromMS == reports.RangeFrom && f.ToMS == reports.RangeTo:
		return "all times"
	case f.ToMS == reports.RangeTo:
		return "from " + from
	case f.FromMS == reports.RangeFrom:
		return "before " + to
	}
	return "from " + from + " to before " + to
}

func peopleRow(columns []reports.Column, b *block, i int) table.Row {
	out := make(table.Row, len(columns))
	for at, c := range columns {
		out[at] = people(&b.Columns[at], i, c.Kind, b.decimals(i))
	}
	return out
}

// people writes a cell for a person: thousands apart, rates in percent.
func people(v *reports.Vector, i int, kind reports.Kind, decimals int) string {
	if missing(v, i) {
		return ""
	}
	switch kind {
	case reports.KindText, reports.KindDay, reports.KindDecimal:
		return safe(string(v.Text(i)))
	case reports.KindMoney:
		return decimal(v.Numbers[i], decimals, ",")
	case reports.KindRate:
		return decimal(percentHundredths(v.Numbers[i]), 2, ",") + " %"
	case reports.KindCount:
		return decimal(v.Numbers[i], 0, ",")
	default:
		return string(appendPlain(nil, v, i, kind, decimals))
	}
}

// percentHundredths makes hundredths of a percent of millionths, half away from
// zero.
func percentHundredths(millionths int64) int64 {
	const hundredth = 100
	if millionths < 0 {
		return -percentHundredths(-millionths)
	}
	return (millionths + hundredth/2) / hundredth
}

// safe keeps what someone typed from steering a terminal.
func safe(given string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, given)
}
