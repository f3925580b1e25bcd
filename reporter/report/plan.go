package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/filter"
	"footfall/schemas/reports"
)

// plan is a query that was checked: what its rows are told apart by, which figures
// they have, and, once resolved, whose.
type plan struct {
	query    Query
	by       []dimension
	own      []dimension // of by and where: those that are a column of their own
	measures []measure
	where    filter.Where
	sort     []filter.Key
	raws     []raw // what the measures, and conditions on them, are made of

	number int // among those of one reading
	base   int // of the figures that it sums

	tenants    []tenant
	organizer  int64 // of tenants: the one that is being counted
	event      int64 // 0: every one
	zone       *time.Location
	currency   string     // of a report without rows
	periods    [][2]int64 // the range, and the one to compare with
	offsets    offsets    // of the zone
	currencies []string   // that the figures have
	conditions conditions
}

// newPlan checks a query as far as that goes without a catalog.
func newPlan(q Query) (*plan, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	p := &plan{query: q, periods: make([][2]int64, 1), offsets: offsets{{}}}
	if err := p.readBy(); err != nil {
		return nil, err
	}
	var err error
	if p.where, err = filter.Parse(q.Where); err != nil {
		return nil, admin.Refuse(admin.Invalid, "/where", "where, %s", err)
	}
	for _, t := range p.where {
		if d, ok := dimensionOf(t.Field); ok {
			p.need(d)
		}
	}
	for _, t := range p.where {
		if err := p.checkTerm(t); err != nil {
			return nil, err
		}
	}
	if err := p.readColumns(); err != nil {
		return nil, err
	}
	p.chooseRaws()
	return p, p.readSort()
}

// need makes a dimension a column of the sources of figures.
func (p *plan) need(d dimension) {
	if d.own() && !slices.Contains(p.own, d) {
		p.own = append(p.own, d)
	}
}

// has says whether rows are told apart by a dimension.
func (p *plan) has(name string) bool {
	return slices.ContainsFunc(p.by, func(d dimension) bool { return d.name == name })
}

// uses says whether rows are told apart or filtered by a dimension of a class.
func (p *plan) uses(c class) bool {
	return slices.ContainsFunc(p.own, func(d dimension) bool { return d.class == c })
}

func (p *plan) readBy() error {
	words, err := filter.ParseList(p.query.By)
	refused := func(what string) error {
		return admin.Refuse(admin.Invalid, "/by", "by is %q%s: want one of %s, or two of them with a comma between",
			p.query.By, what, strings.Join(dimensionNames(), ", "))
	}
	if err != nil || len(words) > 2 {
		return refused("")
	}
	for _, word := range words {
		d, ok := dimensionOf(word.Text)
		if !ok {
			return refused("")
		}
		if p.has(d.name) {
			return refused(", the same twice")
		}
		p.by = append(p.by, d)
		p.need(d)
	}
	return nil
}

// fits refuses a measure that the rows can't have.
func (p *plan) fits(m measure, pointer string) error {
	switch {
	case p.uses(tickets) && !m.ofLines():
		return admin.Refuse(admin.Invalid, pointer, "%s is not a ticket type's: with ticket-type there are tickets_sold, total_sales, refunds, net_sales and share", m.name)
	case p.uses(orders) && !m.ofOrders():
		return admin.Refuse(admin.Invalid, pointer, "%s is not an order's: with order there are orders, credited_orders, tickets_sold, total_sales, refunds, net_sales, average_order and share", m.name)
	}
	return nil
}

func (p *plan) readColumns() error {
	text := p.query.Columns
	if text == "" {
		text = presetDefault
	}
	words, err := filter.ParseList(text)
	if err != nil {
		return admin.Refuse(admin.Invalid, "/columns", "columns, %s", err)
	}
	for _, word := range words {
		names, isPreset := preset(word.Text)
		if !isPreset && word.Text != "currency" { // which is always there
			names = []string{word.Text}
		}
		for _, name := range names {
			m, ok := measureOf(name)
			if !ok {
				return admin.Refuse(admin.Invalid, "/columns", "columns, at position %d: %q is no column of figures: want some of %s, or default, waterfall or all",
					word.At+1, word.Text, measureNames())
			}
			err := p.fits(m, "/columns")
			if err != nil && isPreset {
				continue // of a preset those that the rows can have
			}
			if err != nil {
				return err
			}
			if !slices.Contains(p.measures, m) {
				p.measures = append(p.measures, m)
			}
		}
	}
	if len(p.measures) == 0 {
		return admin.Refuse(admin.Invalid, "/columns", "columns is %q: nothing of it is left for these rows: want some of %s", text, measureNames())
	}
	return nil
}

func measureNames() string {
	var names []string
	for _, m := range measures() {
		names = append(names, m.name)
	}
	return strings.Join(names, ", ")
}

// chooseRaws finds what the figures are made of: nothing else is read.
func (p *plan) chooseRaws() {
	wanted := slices.Clone(p.measures)
	for _, t := range p.where {
		if m, ok := measureOf(t.Field); ok {
			wanted = append(wanted, m)
		}
	}
	for _, r := range raws() {
		if slices.ContainsFunc(wanted, func(m measure) bool { return slices.Contains(m.sums(), r.name) }) {
			p.raws = append(p.raws, r)
		}
	}
}

// wants says whether a sum is among the figures.
func (p *plan) wants(name string) bool {
	return slices.ContainsFunc(p.raws, func(r raw) bool { return r.name == name })
}

// wantsVisits says whether any figure is of visits.
func (p *plan) wantsVisits() bool {
	return slices.ContainsFunc(p.raws, func(r raw) bool { return r.visit != "" })
}

func (p *plan) wantsShare() bool {
	return slices.ContainsFunc(p.measures, func(m measure) bool { return m.name == "share" })
}

// keyColumns gives the columns that say what a row is, the joins that they need
// and which of them names it.
func (p *plan) keyColumns() (columns []shown, joins string, label int) {
	for i, d := range p.by {
		list, join, at := d.keys(fmt.Sprintf("l.k%d", i+1), fmt.Sprint(i+1), p.offsets)
		joins += join
		if i == 0 {
			label = at
		}
		for _, c := range list {
			if !slices.ContainsFunc(columns, func(o shown) bool { return o.Name == c.Name }) { // an order has its event
				columns = append(columns, c)
			}
		}
	}
	return columns, joins, label
}

// figureColumns are the measures, each with what it was before and how much it
// changed where the report compares.
func (p *plan) figureColumns() []figure {
	var columns []figure
	for _, m := range p.measures {
		columns = append(columns, figure{Column: reports.Column{Name: m.name, Title: m.title, Kind: m.kind}, measure: m, of: now})
		if p.query.Compare == "" {
			continue
		}
		columns = append(columns,
			figure{Column: reports.Column{Name: m.name + "_before", Title: "before", Kind: m.kind}, measure: m, of: before},
			figure{Column: reports.Column{Name: m.name + "_change", Title: "change", Kind: reports.KindRate}, measure: m, of: change})
	}
	return columns
}

// columns are all that a row of the report has.
func (p *plan) columns() []reports.Column {
	keys, _, _ := p.keyColumns()
	var list []reports.Column
	for _, c := range keys {
		list = append(list, c.Column)
	}
	for _, c := range p.figureColumns() {
		list = append(list, c.Column)
	}
	return append(list, currencyColumn())
}

// readSort reads the order of the rows, or gives one.
func (p *plan) readSort() error {
	columns := p.columns()
	if p.query.Sort == "" {
		p.query.Sort = "-" + p.measures[0].name
		if slices.ContainsFunc(p.measures, func(m measure) bool { return m.name == "total_sales" }) {
			p.query.Sort = "-total_sales"
		}
		if p.by[0].class == calendar {
			p.query.Sort = p.by[0].name
		}
	}
	list, err := filter.ParseSort(p.query.Sort)
	position := ""
	if e, ok := errors.AsType[*filter.Error](err); ok {
		position = fmt.Sprintf(", at position %d", e.At+1)
	}
	for _, key := range list {
		if err == nil && position == "" && !slices.ContainsFunc(columns, func(c reports.Column) bool { return c.Name == key.Field }) {
			position = fmt.Sprintf(", at position %d", key.At+1)
		}
	}
	if position != "" {
		var names []string
		for _, c := range columns {
			if !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
		return admin.Refuse(admin.Invalid, "/sort", "sort is %q%s: want one of %s, with - before it for descending, or several by commas",
			p.query.Sort, position, strings.Join(names, ", "))
	}
	p.sort = list
	return nil
}

// order is the rows' ORDER BY. Empty cells come last either way; amounts of
// different currencies can't be compared, so before the first of them rows are by
// currency; every tie is broken by the keys and the currency, so that the same
// rows always stand in the same order.
func (p *plan) order() string {
	keys, _, _ := p.keyColumns()
	columns := slices.Clone(keys)
	for _, f := range p.figureColumns() {
		columns = append(columns, shown{Column: f.Column, sort: []string{f.sql()}})
	}
	columns = append(columns, shown{Column: currencyColumn()})
	var list []string
	if by := p.by[0].name; p.query.NobodyLast && (by == "affiliate" || by == "code") {
		list = append(list, "k1 <= 0")
	}
	byCurrency := false
	for _, key := range p.sort {
		at := slices.IndexFunc(columns, func(c shown) bool { return c.Name == key.Field })
		if columns[at].Kind == reports.KindMoney && !byCurrency {
			byCurrency = true
			list = append(list, "currency")
		}
		list = append(list, columns[at].order(key.Descending)...)
	}
	for _, c := range keys {
		list = append(list, c.order(false)...)
	}
	return strings.Join(append(list, "currency"), ", ")
}

// order sorts by one column.
func (c shown) order(descending bool) []string {
	name := `"` + c.Name + `"`
	list := c.sort
	switch {
	case len(list) > 0:
	case c.Kind == reports.KindText:
		list = []string{"lower(" + name + ")", name}
	default:
		list = []string{name}
	}
	direction := " ASC NULLS LAST"
	if descending {
		direction = " DESC NULLS LAST"
	}
	out := make([]string, len(list))
	for i, expression := range list {
		out[i] = strings.TrimPrefix(expression, "l.") + direction
	}
	return out
}
