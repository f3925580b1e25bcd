package report

import (
	"database/sql"

	"footfall/schemas/reports"
)

// Figures are the sums of one row, in one currency.
type Figures struct {
	Visits   int64
	Orders   int64
	Credited int64 // of Orders
	Tickets  int64 // sold, less refunded
	Sales    int64 // minor units
	Refunds  int64 // minor units
	Currency string
}

func (f *Figures) targets() []any {
	return []any{&f.Currency, &f.Visits, &f.Orders, &f.Credited, &f.Tickets, &f.Sales, &f.Refunds}
}

// rate is credited orders by visits in millionths, rounded half away from zero; false
// without visits.
func (f *Figures) rate() (int64, bool) {
	if f.Visits == 0 {
		return 0, false
	}
	const million = 1_000_000
	return (2*f.Credited*million + f.Visits) / (2 * f.Visits), true
}

func (f *Figures) cells() []reports.Cell {
	rate, ok := f.rate()
	return []reports.Cell{
		{Number: f.Visits},
		{Number: f.Orders},
		{Number: f.Credited},
		{Number: f.Tickets},
		{Number: rate, Empty: !ok},
		{Number: f.Sales},
		{Number: f.Refunds},
		{Number: f.Sales - f.Refunds},
		{Text: f.Currency},
	}
}

func figureColumns() []reports.Column {
	return []reports.Column{
		{Name: "visits", Title: "Visits", Kind: reports.KindCount},
		{Name: "orders", Title: "Orders", Kind: reports.KindCount},
		{Name: "credited_orders", Title: "Credited", Kind: reports.KindCount},
		{Name: "tickets_sold", Title: "Tickets sold", Kind: reports.KindCount},
		{Name: "conversion_rate", Title: "Conversion rate", Kind: reports.KindRate},
		{Name: "total_sales", Title: "Total sales", Kind: reports.KindMoney},
		{Name: "refunds", Title: "Refunds", Kind: reports.KindMoney},
		{Name: "net_sales", Title: "Net sales", Kind: reports.KindMoney},
		{Name: "currency", Title: "Currency", Kind: reports.KindText},
	}
}

// kind is one report: the statement of its name, and its typed row.
type kind struct {
	by    string
	sort  string // default
	keys  []reports.Column
	label int // the key column that says what a row is
	scan  func(rows *sql.Rows) (line, error)
}

// line is one row before it is written: its key and its figures.
type line struct {
	key     []reports.Cell
	figures Figures
}

func (k *kind) columns() []reports.Column {
	return append(append([]reports.Column(nil), k.keys...), figureColumns()...)
}

func kindOf(by string) (*kind, bool) {
	const bySales = "-total_sales"
	text := func(name, title string) reports.Column {
		return reports.Column{Name: name, Title: title, Kind: reports.KindText}
	}
	id := func(name, title string) reports.Column {
		return reports.Column{Name: name, Title: title, Kind: reports.KindID}
	}
	switch by {
	case "affiliate":
		return &kind{
			by: by, sort: bySales, label: 1, scan: scanAffiliate,
			keys: []reports.Column{id("affiliate_id", "Id"), text("affiliate", "Affiliate"), text("nickname", "Nickname")},
		}, true
	case "code":
		return &kind{
			by: by, sort: bySales, label: 1, scan: scanCode,
			keys: []reports.Column{id("code_id", "Id"), text("code", "Code"), text("scope", "Scope")},
		}, true
	case "event":
		return &kind{
			by: by, sort: bySales, label: 1, scan: scanEvent,
			keys: []reports.Column{id("event_id", "Id"), text("event", "Event"), text("event_name", "Name")},
		}, true
	case "day":
		return &kind{
			by: by, sort: "day", scan: scanDay,
			keys: []reports.Column{{Name: "day", Title: "Day", Kind: reports.KindDay}},
		}, true
	}
	return nil, false
}

// unknown is what stands in the place of a name that the catalog doesn't have.
const unknown = "unknown"

// keyCells writes an id with what it is called. Without an id or a name it is
// orders without credit, or an id that the catalog doesn't know.
func keyCells(isDirect bool, id sql.NullInt64, name, detail sql.NullString) []reports.Cell {
	called := name.String
	switch {
	case isDirect:
		called = direct
	case !name.Valid:
		called = unknown
	}
	return []reports.Cell{{Number: id.Int64, Empty: !id.Valid}, {Text: called}, {Text: detail.String}}
}

type affiliateRow struct {
	Direct         bool
	ID             sql.NullInt64
	Name, Nickname sql.NullString
	Figures
}

func scanAffiliate(rows *sql.Rows) (line, error) {
	var r affiliateRow
	err := rows.Scan(append([]any{&r.Direct, &r.ID, &r.Name, &r.Nickname}, r.targets()...)...)
	return line{keyCells(r.Direct, r.ID, r.Name, r.Nickname), r.Figures}, err
}

type codeRow struct {
	Direct      bool
	ID          sql.NullInt64
	Text, Scope sql.NullString
	Figures
}

func scanCode(rows *sql.Rows) (line, error) {
	var r codeRow
	err := rows.Scan(append([]any{&r.Direct, &r.ID, &r.Text, &r.Scope}, r.targets()...)...)
	return line{keyCells(r.Direct, r.ID, r.Text, r.Scope), r.Figures}, err
}

type eventRow struct {
	ID         sql.NullInt64
	Slug, Name sql.NullString
	Figures
}

func scanEvent(rows *sql.Rows) (line, error) {
	var r eventRow
	err := rows.Scan(append([]any{&r.ID, &r.Slug, &r.Name}, r.targets()...)...)
	return line{keyCells(false, r.ID, r.Slug, r.Name), r.Figures}, err
}

type dayRow struct {
	Day int64
	Figures
}

func scanDay(rows *sql.Rows) (line, error) {
	var r dayRow
	err := rows.Scan(append([]any{&r.Day}, r.targets()...)...)
	return line{[]reports.Cell{{Text: dayText(r.Day)}}, r.Figures}, err
}
