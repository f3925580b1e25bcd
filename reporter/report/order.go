package report

import (
	"cmp"
	"slices"
	"strings"

	"footfall/schemas/order"
	"footfall/schemas/reports"
)

// sortLines orders the rows by a column of the kind; every tie is broken by the
// key and the currency, so that the same rows always stand in the same order.
func sortLines(lines []line, k *kind, by string) {
	name, descending := strings.CutPrefix(by, "-")
	at := slices.IndexFunc(k.columns(), func(c reports.Column) bool { return c.Name == name })
	column := k.columns()[at]
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(compareBy(a, b, at, column.Kind, descending), compareKeys(a, b, k))
	})
}

// compareBy compares one column. Empty cells come last either way. Amounts of
// different currencies can't be compared: rows are by currency first.
func compareBy(a, b line, at int, kind reports.Kind, descending bool) int {
	x, y := a.cell(at), b.cell(at)
	if x.Empty != y.Empty {
		if x.Empty {
			return 1
		}
		return -1
	}
	if kind == reports.KindMoney && a.figures.Currency != b.figures.Currency {
		return strings.Compare(a.figures.Currency, b.figures.Currency)
	}
	n := compareCells(x, y, kind)
	if descending {
		return -n
	}
	return n
}

func compareCells(x, y reports.Cell, kind reports.Kind) int {
	if kind == reports.KindText || kind == reports.KindDay {
		return cmp.Or(strings.Compare(strings.ToLower(x.Text), strings.ToLower(y.Text)), strings.Compare(x.Text, y.Text))
	}
	return cmp.Compare(x.Number, y.Number)
}

func compareKeys(a, b line, k *kind) int {
	for i, c := range k.keys {
		x, y := a.key[i], b.key[i]
		if x.Empty != y.Empty {
			if x.Empty {
				return 1
			}
			return -1
		}
		if n := compareCells(x, y, c.Kind); n != 0 {
			return n
		}
	}
	return strings.Compare(a.figures.Currency, b.figures.Currency)
}

func (l line) cell(at int) reports.Cell {
	if at < len(l.key) {
		return l.key[at]
	}
	return l.figures.cells()[at-len(l.key)]
}

func (l line) row() reports.Row {
	decimals, _ := order.Decimals(l.figures.Currency)
	return reports.Row{
		Cells:    append(slices.Clip(l.key), l.figures.cells()...),
		Currency: l.figures.Currency, Decimals: decimals,
	}
}

// totals gives one row a currency over all rows; without rows, one of zeroes in
// the currency that the report would be in.
func totals(lines []line, k *kind, currency string) []reports.Row {
	sums := map[string]*Figures{}
	if len(lines) == 0 {
		sums[currency] = &Figures{Currency: currency}
	}
	for _, l := range lines {
		sum := sums[l.figures.Currency]
		if sum == nil {
			sum = &Figures{Currency: l.figures.Currency}
			sums[l.figures.Currency] = sum
		}
		sum.Visits += l.figures.Visits
		sum.Orders += l.figures.Orders
		sum.Credited += l.figures.Credited
		sum.Tickets += l.figures.Tickets
		sum.Sales += l.figures.Sales
		sum.Refunds += l.figures.Refunds
	}
	currencies := make([]string, 0, len(sums))
	for c := range sums {
		currencies = append(currencies, c)
	}
	slices.Sort(currencies)
	rows := make([]reports.Row, 0, len(sums))
	for _, c := range currencies {
		key := make([]reports.Cell, len(k.keys))
		for i := range key {
			key[i].Empty = true
		}
		key[k.label] = reports.Cell{Text: "total"}
		rows = append(rows, line{key: key, figures: *sums[c]}.row())
	}
	return rows
}
