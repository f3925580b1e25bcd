package web

import (
	"strconv"
	"strings"

	"footfall/schemas/reports"
)

// Figures are written as people of every country read them: a thin space between
// thousands, a point before decimals, a true minus.
const (
	thinSpace = "\u202f"
	minus     = "−"
)

// count writes a whole number.
func count(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = minus, text[1:]
	}
	return sign + grouped(text)
}

func grouped(digits string) string {
	const group = 3
	if len(digits) <= group {
		return digits
	}
	head := len(digits) % group
	var b strings.Builder
	b.WriteString(digits[:head])
	for i := head; i < len(digits); i += group {
		if b.Len() > 0 {
			b.WriteString(thinSpace)
		}
		b.WriteString(digits[i : i+group])
	}
	return b.String()
}

// decimal writes n / 10^decimals.
func decimal(n int64, decimals int) string {
	sign := ""
	u := uint64(n) //nolint:gosec // the sign is taken off below
	if n < 0 {
		sign, u = minus, -u
	}
	digits := strconv.FormatUint(u, 10)
	if decimals == 0 {
		return sign + grouped(digits)
	}
	if pad := decimals + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	at := len(digits) - decimals
	return sign + grouped(digits[:at]) + "." + digits[at:]
}

// percent writes millionths as a percentage with two decimals, half away from zero.
func percent(millionths int64) string {
	const perHundredth = 100
	half := int64(perHundredth / 2)
	if millionths < 0 {
		half = -half
	}
	const decimals = 2
	return decimal((millionths+half)/perHundredth, decimals) + "\u202f%"
}

// signed puts a plus before what is above zero.
func signed(n int64, text string) string {
	if n > 0 {
		return "+" + text
	}
	return text
}

// row is one row of a table, its figures by the names of columns.
type row struct {
	cells    map[string]reports.Cell
	currency string
	decimals int
}

func rowsOf(columns []reports.Column, list []reports.Row) []row {
	out := make([]row, len(list))
	for i, r := range list {
		out[i] = row{cells: make(map[string]reports.Cell, len(columns)), currency: r.Currency, decimals: r.Decimals}
		for k, c := range columns {
			out[i].cells[c.Name] = r.Cells[k]
		}
	}
	return out
}

func (r row) number(name string) (n int64, ok bool) {
	c, there := r.cells[name]
	return c.Number, there && !c.Empty
}

func (r row) text(name string) string { return r.cells[name].Text }

// write writes a cell as its kind is written; empty where there is none.
func (r row) write(c reports.Column) string {
	cell, ok := r.cells[c.Name]
	switch {
	case !ok || cell.Empty:
		return ""
	case c.Kind == reports.KindCount:
		return count(cell.Number)
	case c.Kind == reports.KindRate:
		return percent(cell.Number)
	case c.Kind == reports.KindMoney:
		return decimal(cell.Number, r.decimals)
	case c.Kind == reports.KindID:
		return strconv.FormatInt(cell.Number, 10)
	}
	return cell.Text
}

// change is how a figure moved against the range before, in words: a rate in
// points, other figures in per cent. Without a base there is none.
func (r row) change(name string, kind reports.Kind) string {
	now, ok := r.number(name)
	before, had := r.number(name + "_before")
	if !ok || !had {
		return ""
	}
	if kind == reports.KindRate {
		const points = 100 // hundredths of a point in millionths
		moved := now - before
		return signed(moved, decimal(moved/points, 2)) + " points"
	}
	moved, has := r.number(name + "_change")
	if !has {
		return ""
	}
	const perTenth = 1000
	return signed(moved, decimal(moved/perTenth, 1)) + "\u202f%"
}
