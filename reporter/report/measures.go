package report

import (
	"fmt"
	"strings"

	"footfall/schemas/reports"
)

// raw is one sum that measures are made of.
type raw struct {
	name                  string
	visit, order, refund  string // over a counted visit; an order o, its credit c and its line l; a refund r
	orderLine, refundLine string // over a line; empty: lines have none
}

func raws() []raw {
	verdict := func(name string) raw {
		return raw{name: name, visit: "CASE verdict WHEN '" + strings.TrimSuffix(name, "_requests") + "' THEN n ELSE 0 END"}
	}
	return []raw{
		{name: "requests", visit: "n"},
		{name: "visits", visit: "CASE verdict WHEN 'valid' THEN n ELSE 0 END"},
		{name: "firsts", visit: "firsts"},
		verdict("test_requests"), verdict("ended_requests"), verdict("no_code_requests"), verdict("unknown_code_requests"),
		verdict("paused_requests"), verdict("head_requests"), verdict("prefetch_requests"), verdict("bot_requests"),
		{name: "orders", order: "1"},
		{name: "credited", order: "CASE WHEN c.order_id IS NULL THEN 0 ELSE 1 END"},
		{name: "tickets", order: "o.tickets", refund: "-r.tickets", orderLine: "l.quantity", refundLine: "-r.quantity"},
		{name: "sales", order: "o.sales", refund: "0", orderLine: "l.amount", refundLine: "0"},
		{name: "refunds", order: "0", refund: "r.amount", orderLine: "0", refundLine: "r.amount"},
	}
}

// measure is a column of figures: a sum, the difference of two, or a fraction of
// two. It is computed of a row's sums once they are read; sorted and filtered by, it
// is written into the statement, which gives the same.
type measure struct {
	name  string
	title string
	kind  reports.Kind
	sum   string // a raw
	less  string // of a difference: what is taken off; empty: nothing
	whole string // of a fraction: what sum is divided by; empty: it is none
	scale int64  // of a fraction
}

// ratio is a fraction as an integer, times the scale, rounded half away from
// zero; null where there is nothing to divide by.
func ratio(part, whole string, scale int64) string {
	return fmt.Sprintf("CASE WHEN %[2]s = 0 THEN NULL ELSE (sign(%[1]s)::HUGEINT * sign(%[2]s) * ((2 * abs((%[1]s)::HUGEINT) * %[3]d + abs(%[2]s)) // (2 * abs((%[2]s)::HUGEINT))))::BIGINT END",
		part, whole, scale)
}

// million is the scale of rates.
const million = 1_000_000

// verdicts are those of requests that are no visits.
func verdicts() []string {
	return []string{"test", "ended", "no_code", "unknown_code", "paused", "head", "prefetch", "bot"}
}

func measures() []measure {
	count := func(name, title, sum string) measure {
		return measure{name: name, title: title, kind: reports.KindCount, sum: sum}
	}
	rate := func(name, title, part, whole string) measure {
		return measure{name: name, title: title, kind: reports.KindRate, sum: part, whole: whole, scale: million}
	}
	list := []measure{count("requests", "Requests", "requests")}
	for _, verdict := range verdicts() {
		title := strings.ToUpper(verdict[:1]) + strings.ReplaceAll(verdict[1:], "_", " ")
		list = append(list, count(verdict+"_requests", title, verdict+"_requests"))
	}
	return append(list,
		count("visits", "Visits", "visits"),
		count("unique_visitors", "Unique visitors", "firsts"),
		count("orders", "Orders", "orders"),
		count("credited_orders", "Credited", "credited"),
		count("tickets_sold", "Tickets sold", "tickets"),
		rate("conversion_rate", "Conversion rate", "credited", "visits"),
		rate("unique_conversion_rate", "Unique conversion rate", "credited", "firsts"),
		measure{name: "total_sales", title: "Total sales", kind: reports.KindMoney, sum: "sales"},
		measure{name: "refunds", title: "Refunds", kind: reports.KindMoney, sum: "refunds"},
		measure{name: "net_sales", title: "Net sales", kind: reports.KindMoney, sum: "sales", less: "refunds"},
		measure{name: "average_order", title: "Average order", kind: reports.KindMoney, sum: "sales", whole: "orders", scale: 1},
		rate("share", "Share", "sales", allSales),
	)
}

// allSales is the sum of a currency's sales over all rows, which each row has.
const allSales = "all_sales"

func measureOf(name string) (measure, bool) {
	for _, m := range measures() {
		if m.name == name {
			return m, true
		}
	}
	return measure{}, false
}

// sums are what the measure is made of.
func (m measure) sums() []string {
	var names []string
	for _, name := range []string{m.sum, m.less, m.whole} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// over writes the measure in SQL, over columns whose names begin with a prefix.
func (m measure) over(prefix string) string {
	switch {
	case m.whole != "":
		return ratio(prefix+m.sum, prefix+m.whole, m.scale)
	case m.less != "":
		return "(" + prefix + m.sum + " - " + prefix + m.less + ")"
	}
	return prefix + m.sum
}

// ofLines says whether an order's lines have the measure.
func (m measure) ofLines() bool {
	switch m.name {
	case "tickets_sold", "total_sales", "refunds", "net_sales", "share":
		return true
	}
	return false
}

// ofOrders says whether one order can have the measure.
func (m measure) ofOrders() bool {
	return m.ofLines() || m.name == "orders" || m.name == "credited_orders" || m.name == "average_order"
}

// currencyColumn stands last in every row.
func currencyColumn() reports.Column {
	return reports.Column{Name: "currency", Title: "Currency", Kind: reports.KindText}
}

// The presets of columns.
const (
	presetDefault   = "default"
	presetWaterfall = "waterfall"
	presetAll       = "all"
)

// preset gives the columns of a preset.
func preset(name string) ([]string, bool) {
	var list []string
	switch name {
	case presetDefault:
		return []string{
			"visits", "unique_visitors", "orders", "credited_orders", "tickets_sold", "conversion_rate",
			"total_sales", "refunds", "net_sales",
		}, true
	case presetWaterfall:
		for _, m := range measures() {
			list = append(list, m.name)
			if m.name == "tickets_sold" {
				return list, true
			}
		}
	case presetAll:
		for _, m := range measures() {
			list = append(list, m.name)
		}
		return list, true
	}
	return nil, false
}
