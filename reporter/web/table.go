package web

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"footfall/schemas/reports"
)

// table is a report's rows as a page shows them.
type table struct {
	Caption  string
	Heads    []head
	Rows     []line
	Totals   []line
	First    int64
	Last     int64
	All      int64
	Previous string // URL; empty: there is none
	Next     string
	Sorts    []choice // for phones, where heads are not seen
	Base     string   // path of the page
	Keep     []choice // of its question, but for the order
}

// head is one column's.
type head struct {
	Title  string
	Name   string
	URL    string // sorts by it
	Sorted string // ascending, descending or none
	Text   bool   // left-aligned
}

// line is one row.
type line struct {
	Key   string // of the row, for a page that follows its figures
	Kind  string // direct or unknown; empty: an ordinary one
	Rank  int64  // 0: none
	Cells []textCell
}

// textCell is one cell.
type textCell struct {
	Text  string
	Under string // beside it, smaller
	URL   string
	Left  bool
	Muted bool
	Bar   float64 // of 100, beside the text; 0: none
	Title string  // of the column, for phones
	Name  string
}

// tableOf lays a report out.
func tableOf(v view, t reports.Table, rows, totals []row, base string) table {
	keys := strings.Split(t.Facts.By, ",")
	figures := figureColumns(t.Columns)
	out := table{Base: base, Keep: v.Keep("sort"), All: t.AllRows, Caption: "By " + strings.ReplaceAll(strings.Join(keys, " and "), "_", " ")}
	sorted, descending := sortedBy(t.Facts.Sort)
	for _, k := range keys {
		out.Heads = append(out.Heads, headOf(v, base, keyColumn(k), titleOf(k), sorted, descending, true))
	}
	for _, c := range figures {
		out.Heads = append(out.Heads, headOf(v, base, c.Name, c.Title, sorted, descending, false))
	}
	for _, h := range out.Heads {
		word := "-" + h.Name
		if h.Text {
			word = h.Name
		}
		out.Sorts = append(out.Sorts, choice{Value: word, Title: h.Title, On: h.Sorted != "none"})
	}
	offset := int64((v.Page - 1) * rowsOfPage)
	out.First, out.Last = offset+1, offset+int64(len(rows))
	nobody := int64(0)
	ranked := len(keys) == 1 && keys[0] == "affiliate" && descending && (sorted == "total_sales" || sorted == "")
	for i, r := range rows {
		l := line{Key: keyOf(keys, r)}
		for _, k := range keys {
			cell, kind := keyCell(v, base, k, r, t.Facts)
			if kind != "" {
				l.Kind = kind
				nobody++
			}
			l.Cells = append(l.Cells, cell)
		}
		if ranked && l.Kind == "" {
			l.Rank = offset + int64(i) + 1 - nobody
		}
		l.Cells = append(l.Cells, figureCells(figures, r)...)
		out.Rows = append(out.Rows, l)
	}
	for _, r := range totals {
		l := line{Key: "total " + r.currency, Cells: []textCell{{Text: strings.TrimSpace("Total " + currencyOf(totals, r)), Left: true}}}
		for range keys[1:] {
			l.Cells = append(l.Cells, textCell{Left: true})
		}
		l.Cells = append(l.Cells, figureCells(figures, r)...)
		out.Totals = append(out.Totals, l)
	}
	if v.Page > 1 {
		out.Previous = base + "?" + pageQuery(v, t, v.Page-1)
	}
	if out.Last < out.All {
		out.Next = base + "?" + pageQuery(v, t, v.Page+1)
	}

	return out
}

// currencyOf names a total's currency where there is more than one.
func currencyOf(totals []row, r row) string {
	if len(totals) > 1 {
		return r.currency
	}
	return ""
}

// pageQuery leads to a page of what is seen now: the same as-of.
func pageQuery(v view, t reports.Table, page int) string {
	return v.with("page", formatInt(int64(page)), "as_of", formatInt(t.Facts.AsOfUS))
}

// figureColumns are those that are shown: the ranges compared with are not.
func figureColumns(columns []reports.Column) []reports.Column {
	var out []reports.Column
	for _, c := range columns {
		figure := c.Kind == reports.KindCount || c.Kind == reports.KindRate || c.Kind == reports.KindMoney
		if figure && !strings.HasSuffix(c.Name, "_before") && !strings.HasSuffix(c.Name, "_change") {
			out = append(out, c)
		}
	}
	return out
}

func sortedBy(sort string) (name string, descending bool) {
	first, _, _ := strings.Cut(sort, ",")
	name, descending = strings.CutPrefix(strings.TrimSpace(first), "-")
	return name, descending
}

// keyColumn is the column that a dimension's rows are named by.
func keyColumn(dimension string) string {
	if dimension == "order" {
		return "order_id"
	}
	return dimension
}

func titleOf(dimension string) string {
	for _, c := range byChoices() {
		if c.Value == dimension {
			return c.Title
		}
	}
	return strings.ToUpper(dimension[:1]) + strings.ReplaceAll(dimension[1:], "_", " ")
}

func headOf(v view, base, name, title, sorted string, descending, isText bool) head {
	h := head{Title: title, Name: name, Sorted: "none", Text: isText}
	next := "-" + name // figures begin with the largest
	if isText {
		next = name
	}
	if sorted == name {
		h.Sorted, next = "ascending", "-"+name
		if descending {
			h.Sorted, next = "descending", name
		}
	}
	h.URL = base + "?" + v.with("sort", next)
	return h
}

// The words of rows that are nobody's.
const (
	rowDirect  = "direct"
	rowUnknown = "unknown_code"
)

func keyOf(keys []string, r row) string {
	var parts []string
	for _, k := range keys {
		part := r.text(keyColumn(k))
		if n, ok := r.number(k + "_id"); ok {
			part = formatInt(n)
		}
		parts = append(parts, part)
	}
	return strings.Join(append(parts, r.currency), "|")
}

// keyCell names what a row is, and leads one step deeper: affiliate, code, event,
// order.
func keyCell(v view, base, dimension string, r row, f reports.Facts) (cell textCell, kind string) {
	name := r.text(keyColumn(dimension))
	cell = textCell{Text: name, Left: true, Name: dimension}
	deeper := func(pairs ...string) string { return base + "?" + v.with(append(pairs, "sort", "")...) }
	switch {
	case name == rowDirect && (dimension == "affiliate" || dimension == "code"):
		cell.Text, kind = "direct", "direct"
		cell.Under = "orders without credit, visits without a code"
		return cell, kind
	case name == rowUnknown:
		cell.Text, kind = "unknown codes", "unknown"
		cell.Under = "clicks with a code that nobody has"
		cell.URL = deeper("by", "typed", "code", rowUnknown)
		return cell, kind
	}
	switch dimension {
	case "affiliate":
		cell.Under = r.text("nickname")
		if id, ok := r.number("affiliate_id"); ok {
			cell.URL = deeper("affiliate", formatInt(id), "by", "code")
		}
	case "code":
		cell.Under = r.text("scope")
		cell.URL = deeper("code", name, "by", "event")
	case "event":
		cell.Under = r.text("event_name")
		cell.URL = deeper("event", name, "by", "order")
	case "order":
		cell.Under = r.text("state") + ", " + strings.ReplaceAll(r.text("rule"), "_", " ")
		if at, ok := r.number("ordered_at"); ok {
			cell.Under = time.UnixMicro(at).In(zoneOf(f.Zone)).Format("2 Jan 15:04") + ", " + cell.Under
		}
		cell.URL = strings.TrimSuffix(base, "/performance") + "/orders/" + url.PathEscape(name)
	}
	return cell, kind
}

func figureCells(columns []reports.Column, r row) []textCell {
	out := make([]textCell, len(columns))
	visits, counted := r.number("visits")
	credited, _ := r.number("credited_orders")
	for i, c := range columns {
		out[i] = textCell{Text: r.write(c), Title: c.Title, Name: c.Name, Under: r.change(c.Name, c.Kind)}
		if n, ok := r.number("share"); ok && c.Name == "share" {
			const whole = 10_000 // millionths in a hundredth
			out[i].Bar = max(0, float64(n)/whole)
		}
		if c.Kind == reports.KindRate && c.Name == "conversion_rate" && counted && visits > 0 && visits < fewVisits {
			out[i] = textCell{Text: count(credited) + " of " + count(visits), Title: c.Title, Name: c.Name, Muted: true}
		}
	}
	return out
}

// phoneColumns are what a phone shows first.
func phoneColumns() []string {
	return []string{"visits", "orders", "conversion_rate", "total_sales"}
}

// OnPhone says whether a cell is among the few that a phone shows.
func (c textCell) OnPhone() bool { return c.Left || slices.Contains(phoneColumns(), c.Name) }

// OnPhone says whether a head is among the few that a phone shows.
func (h head) OnPhone() bool { return h.Text || slices.Contains(phoneColumns(), h.Name) }
