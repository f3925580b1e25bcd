package export

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"footfall/schemas/reports"
)

// writeTable writes a report for people: facts, rows, totals, notes.
func writeTable(w io.Writer, t *reports.Table, rows []reports.Row) error {
	var b strings.Builder
	writeHead(&b, t.Facts)
	out := table.NewWriter()
	out.SetStyle(table.StyleLight)
	style := out.Style()
	style.Options = table.Options{SeparateHeader: true, SeparateFooter: true}
	style.Format.Header, style.Format.Footer = text.FormatDefault, text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	header := make(table.Row, len(t.Columns))
	configs := make([]table.ColumnConfig, len(t.Columns))
	for i, c := range t.Columns {
		header[i] = c.Title
		align := text.AlignRight
		if c.Kind == reports.KindText || c.Kind == reports.KindDay {
			align = text.AlignLeft
		}
		configs[i] = table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align, AlignFooter: align}
	}
	out.AppendHeader(header)
	out.SetColumnConfigs(configs)
	for _, row := range rows {
		out.AppendRow(peopleRow(t.Columns, row))
	}
	for _, row := range t.Totals {
		out.AppendFooter(peopleRow(t.Columns, row))
	}
	for line := range strings.Lines(out.Render()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	for _, note := range t.Facts.Notes {
		b.WriteString("! " + note + "\n")
	}
	_, err := io.WriteString(w, b.String())
	if err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

func writeHead(b *strings.Builder, f reports.Facts) {
	fmt.Fprintf(b, "%s by %s, by %s", f.Organizer, f.By, f.Basis)
	for _, filter := range []struct{ name, value string }{{"event", f.Event}, {"affiliate", f.Affiliate}, {"code", f.Code}} {
		if filter.value != "" {
			fmt.Fprintf(b, ", %s %s", filter.name, safe(filter.value))
		}
	}
	rules := strings.Join(f.BotRules, ", ")
	if rules == "" {
		rules = "none (no visits)"
	}
	fmt.Fprintf(b, "\n%s, %s\n", rangeText(f), f.Zone)
	fmt.Fprintf(b, "as of %s, catalog %s, attribution policy %d, bot rules %s\n\n", asOfText(f.AsOfUS), f.CatalogRevision, f.PolicyVersion, rules)
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

func peopleRow(columns []reports.Column, row reports.Row) table.Row {
	out := make(table.Row, len(row.Cells))
	for i, c := range row.Cells {
		out[i] = people(c, columns[i].Kind, row.Decimals)
	}
	return out
}

// people writes a cell for a person: thousands apart, rates in percent.
func people(c reports.Cell, kind reports.Kind, decimals int) string {
	if c.Empty {
		return ""
	}
	switch kind {
	case reports.KindText, reports.KindDay:
		return safe(c.Text)
	case reports.KindMoney:
		return decimal(c.Number, decimals, ",")
	case reports.KindRate:
		const hundredths = 100 // of a percent, from millionths, half away from zero
		return decimal((c.Number+hundredths/2)/hundredths, 2, ",") + " %"
	case reports.KindCount:
		return decimal(c.Number, 0, ",")
	default:
		return strconv.FormatInt(c.Number, 10)
	}
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
