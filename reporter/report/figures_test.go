package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"footfall/reporter/lake"
	"footfall/reporter/report"
	rows "footfall/schemas/lake"
	"footfall/schemas/reports"
)

// scene is a small lake whose answers are worked out by hand: one organizer of
// America/St_Johns with events in four currencies.
type scene struct {
	*world
	sequence int64
	visits   []rows.VisitRow
	orders   []rows.OrderRow
	refunds  []rows.RefundRow
}

func newScene(t *testing.T, zone string) *scene {
	t.Helper()
	w := newWorld(t, 1)
	far := ms("2030-01-01T00:00:00Z")
	d := newScenario(1, zone, ms("2026-06-01T00:00:00Z")).d
	d.Events = []lake.Event{
		{ID: 11, Organizer: 1, Slug: "yen", Name: "Yen", Zone: zone, Currency: "JPY", EndMS: far},
		{ID: 12, Organizer: 1, Slug: "dollar", Name: "Dollar", Zone: zone, Currency: "USD", EndMS: far},
		{ID: 13, Organizer: 1, Slug: "dinar", Name: "Dinar", Zone: zone, Currency: "KWD", EndMS: far},
		{ID: 14, Organizer: 1, Slug: "unidad", Name: "Unidad", Zone: zone, Currency: "CLF", EndMS: far},
		{ID: 21, Organizer: 2, Slug: "elsewhere", Name: "Elsewhere", Zone: "UTC", Currency: "EUR", EndMS: far},
	}
	d.Owners, d.States = d.Owners[2:], nil
	d.Owners = append([]lake.CodeOwner{{Code: 1001, Affiliate: 101}}, d.Owners...)
	w.catalog.states = []state{{knownUS: 1, d: d}}
	return &scene{world: w}
}

// visit is a valid one of ANN on the dollar event, changed by change.
func (s *scene) visit(at string, key int64, change func(*rows.VisitRow)) rows.VisitRow {
	s.sequence++
	v := rows.VisitRow{
		VisitedAtMS: ms(at), Collector: 1, Epoch: "00000000000000ab", Sequence: s.sequence, OrganizerID: 1, EventID: 12,
		CodeID: 1001, CodeText: "Ann", CodeState: "resolved", BotRules: "r1", CatalogIncarnation: "c0", VisitorKey: key,
	}
	if change != nil {
		change(&v)
	}
	s.visits = append(s.visits, v)
	return v
}

// order is a completed one of two lines, 2 × 1000 seats and 1 × 500 boxes.
func (s *scene) order(id, at string, change func(*rows.OrderRow)) {
	s.sequence++
	o := rows.OrderRow{
		OrderID: id, Version: 2, State: "completed", OrderedAtMS: ms(at), Collector: 1, Epoch: "00000000000000ac", Sequence: s.sequence,
		OrganizerID: 1, EventID: 12, Currency: "USD", Fingerprint: id, Normalization: 1, LineCount: 2,
	}
	if change != nil {
		change(&o)
	}
	for n, line := range []struct {
		ticket          string
		quantity, price int64
	}{{"seat", 2, 1000}, {"box", 1, 500}} {
		o.LineNumber, o.LineID, o.TicketType, o.Quantity, o.UnitPrice = int64(n), line.ticket, line.ticket, line.quantity, line.price
		s.orders = append(s.orders, o)
	}
}

func clicked(v rows.VisitRow) func(*rows.OrderRow) {
	return func(o *rows.OrderRow) {
		o.ClickID, o.ClickStatus, o.ClickEpoch, o.ClickShard, o.ClickSequence = fmt.Sprint("c", v.Sequence), "valid", &v.Epoch, &v.Shard, &v.Sequence
		o.ClickEventID, o.ClickCodeID, o.ClickCodeState, o.ClickEnded, o.ClickTest, o.ClickedAtMS = &v.EventID, &v.CodeID, &v.CodeState, &v.Ended, &v.Test, &v.VisitedAtMS
		o.EventID = v.EventID
	}
}

func (s *scene) refund(id, order, at, line string, quantity, amount int64) {
	s.sequence++
	s.refunds = append(s.refunds, rows.RefundRow{
		RefundID: id, OrderID: order, RefundedAtMS: ms(at), Collector: 1, Epoch: "00000000000000ac", Sequence: s.sequence, OrganizerID: 1,
		Currency: "USD", Fingerprint: id, Normalization: 1, LineCount: 1, LineID: &line, Quantity: &quantity, Amount: &amount,
	})
}

func (s *scene) commit() {
	s.world.commit(visitsLog, 5_000_000_000_000_000, s.visits, nil, nil)
	s.world.commit(ordersLog, 5_000_000_000_000_001, nil, s.orders, s.refunds)
}

// table is an answer as lines of words: the named columns and the currency.
func (s *scene) table(q report.Query, columns ...string) []string {
	s.t.Helper()
	if q.Organizer == "" && !strings.Contains(q.By, "organizer") {
		q.Organizer = "acme"
	}
	a, err := s.run(q)
	if err != nil {
		s.t.Fatalf("%+v: %v", q, err)
	}
	var list []string
	for _, r := range a.Rows {
		list = append(list, a.words(r, columns))
	}
	return list
}

func (a *answer) words(r reports.Row, columns []string) string {
	var words []string
	for i, c := range a.Columns {
		if !slices.Contains(columns, c.Name) {
			continue
		}
		switch cell := r.Cells[i]; {
		case cell.Empty:
			words = append(words, "-")
		case c.Kind == reports.KindText || c.Kind == reports.KindDay:
			words = append(words, cell.Text)
		default:
			words = append(words, fmt.Sprint(cell.Number))
		}
	}
	return strings.Join(append(words, r.Currency), " ")
}

func (s *scene) want(q report.Query, columns string, want ...string) {
	s.t.Helper()
	if got := s.table(q, strings.Split(columns, ",")...); !slices.Equal(got, want) {
		s.t.Errorf("%+v:\n got %q\nwant %q", q, got, want)
	}
}

// TestFilterNeverChangesWhoIsFirst: a first visit is decided over the whole UTC day
// and all of the organizer's events, whatever the range, the event or the source.
func TestFilterNeverChangesWhoIsFirst(t *testing.T) {
	s := newScene(t, "Asia/Kathmandu") // its midnight is 18:15 UTC
	yen := func(v *rows.VisitRow) { v.EventID = 11 }
	s.visit("2026-06-01T10:00:00Z", 7, yen)                                           // first
	s.visit("2026-06-01T12:00:00Z", 7, nil)                                           // the same day and code, another event
	s.visit("2026-06-01T18:30:00Z", 7, func(v *rows.VisitRow) { v.UTMSource = "ad" }) // the next local day, the same UTC day
	s.visit("2026-06-02T00:00:00Z", 7, nil)                                           // first of the next UTC day
	s.visit("2026-06-01T09:00:00Z", 7, func(v *rows.VisitRow) { v.Bot = true })       // not valid: never first
	s.visit("2026-06-01T09:00:00Z", 7, func(v *rows.VisitRow) { v.CodeID = 1003 })    // first of another code
	s.visit("2026-06-01T23:59:59Z", 0, nil)                                           // no key: never first
	tie := s.visit("2026-06-03T10:00:00Z", 9, func(v *rows.VisitRow) { v.Epoch, v.UTMSource = "b0", "later" })
	s.visit("2026-06-03T10:00:00Z", 9, func(v *rows.VisitRow) { v.Epoch, v.UTMSource = "a0", "earlier" })
	_ = tie
	s.commit()
	s.want(report.Query{By: "code", Event: "dollar", Sort: "code"}, "code,visits,unique_visitors", "ANN 6 2 USD", "cid 1 1 USD")
	s.want(report.Query{By: "event", Event: "yen"}, "event,visits,unique_visitors", "yen 1 1 JPY")
	s.want(report.Query{By: "event", From: "2026-06-02", To: "2026-06-03"}, "visits,unique_visitors", "3 1 USD")
	s.want(report.Query{By: "event", From: "2026-06-01T11:00:00Z", To: "2026-06-01T13:00:00Z"}, "visits,unique_visitors", "1 0 USD")
	s.want(report.Query{By: "source", Where: "source=ad,later,earlier", Sort: "source"}, "source,visits,unique_visitors", "ad 1 0 USD", "earlier 1 1 USD", "later 1 0 USD")
	a, err := s.run(report.Query{Organizer: "acme"})
	check(t, err)
	if notes := strings.Join(a.Facts.Notes, "\n"); !strings.Contains(notes, "visits without a visitor key: 1;") {
		t.Errorf("the visit without a key isn't noted: %q", notes)
	}
}

// TestCurrenciesAreNeverAdded: four currencies of 0, 2, 3 and 4 decimals stand in
// rows and totals of their own, and an amount that is filtered by is in the row's.
func TestCurrenciesAreNeverAdded(t *testing.T) {
	s := newScene(t, "UTC")
	for event, currency := range map[int64]string{11: "JPY", 12: "USD", 13: "KWD", 14: "CLF"} {
		s.order("o-"+currency, "2026-06-01T10:00:00Z", func(o *rows.OrderRow) { o.EventID, o.Currency = event, currency })
	}
	s.commit()
	q := report.Query{By: "affiliate", Organizer: "acme", Sort: "total_sales"}
	s.want(q, "affiliate,orders,total_sales,average_order", "direct 1 2500 CLF", "direct 1 2500 JPY", "direct 1 2500 KWD", "direct 1 2500 USD")
	a, err := s.run(q)
	check(t, err)
	if len(a.Totals) != 4 || a.Totals[0].Decimals != 4 || a.Totals[1].Decimals != 0 || a.Totals[2].Decimals != 3 || a.Totals[3].Decimals != 2 {
		t.Errorf("totals %+v", a.Totals)
	}
	for where, want := range map[string]string{
		"total_sales>25":      "JPY",
		"total_sales=25.00":   "USD",
		"total_sales<=2.5":    "CLF KWD",
		"total_sales=0.2500":  "CLF",
		"net_sales=2500,25.0": "JPY USD",
		"average_order!=2.5":  "CLF JPY USD",
	} {
		var got []string
		for _, line := range s.table(report.Query{By: "affiliate", Where: where, Sort: "total_sales"}, "currency") {
			got = append(got, strings.Fields(line)[0])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", where, got, want)
		}
	}
}

// TestEveryDimensionGivesItsRowsAndNoFigureTwice: one visit with an order, one
// direct order, one order by code without a visit, and requests that don't count.
func TestEveryDimensionGivesItsRowsAndNoFigureTwice(t *testing.T) {
	s := newScene(t, "America/St_Johns") // UTC−2:30 in June
	v := s.visit("2026-06-01T02:00:00Z", 1, func(v *rows.VisitRow) {
		v.UTMCampaign, v.Sub1, v.Referrer = "spring", "left", "https://user@www.Example.com:8443/a?b"
	})
	s.visit("2026-06-01T12:00:00Z", 2, func(v *rows.VisitRow) { v.CodeID, v.CodeText, v.CodeState = 0, "NoBody", "unknown" })
	s.visit("2026-06-01T12:00:00Z", 3, func(v *rows.VisitRow) { v.CodeID, v.CodeText, v.CodeState = 0, "", "none" })
	s.visit("2026-06-01T12:00:00Z", 4, func(v *rows.VisitRow) { v.Bot = true })
	s.order("click", "2026-06-08T02:00:00Z", clicked(v))
	s.order("given", "2026-06-08T12:00:00Z", func(o *rows.OrderRow) { o.AffiliateText = "ANN" })
	s.order("nobody", "2026-06-30T12:00:00Z", nil)
	s.refund("r", "click", "2026-07-02T12:00:00Z", "box", 1, 500)
	s.commit()
	const figures = "requests,visits,orders,credited_orders,tickets_sold,net_sales"
	for by, want := range map[string][]string{
		"affiliate": {"Ann 2 1 2 2 5 4500", "direct 1 0 1 0 3 2500", "unknown_code 1 0 0 0 0 0"},
		"code":      {"ANN 2 1 2 2 5 4500", "direct 1 0 1 0 3 2500", "unknown_code 1 0 0 0 0 0"},
		"event":     {"dollar 4 1 3 2 8 7000"},
		"organizer": {"acme 4 1 3 2 8 7000"},
		"day": {
			"2026-05-31 1 1 0 0 0 0", "2026-06-01 3 0 0 0 0 0", "2026-06-07 0 0 1 1 3 2500", "2026-06-08 0 0 1 1 3 2500",
			"2026-06-30 0 0 1 0 3 2500", "2026-07-02 0 0 0 0 -1 -500",
		},
		"week":         {"2026-W22 1 1 0 0 0 0", "2026-W23 3 0 1 1 3 2500", "2026-W24 0 0 1 1 3 2500", "2026-W27 0 0 1 0 2 2000"},
		"month":        {"2026-05 1 1 0 0 0 0", "2026-06 3 0 3 2 9 7500", "2026-07 0 0 0 0 -1 -500"},
		"source":       {"(direct) 0 0 1 0 3 2500", "(no visit) 0 0 1 1 3 2500", "(none) 3 0 0 0 0 0", "example.com 1 1 1 1 2 2000"},
		"verdict":      {"(direct) 0 0 1 0 3 2500", "(no visit) 0 0 1 1 3 2500", "bot 1 0 0 0 0 0", "no_code 1 0 0 0 0 0", "unknown_code 1 0 0 0 0 0", "valid 1 1 1 1 2 2000"},
		"typed":        {"(direct) 0 0 1 0 3 2500", "(no visit) 0 0 1 1 3 2500", "(none) 1 0 0 0 0 0", "ann 2 1 1 1 2 2000", "nobody 1 0 0 0 0 0"},
		"sub1":         {"(direct) 0 0 1 0 3 2500", "(no visit) 0 0 1 1 3 2500", "(none) 3 0 0 0 0 0", "left 1 1 1 1 2 2000"},
		"utm-campaign": {"(direct) 0 0 1 0 3 2500", "(no visit) 0 0 1 1 3 2500", "(none) 3 0 0 0 0 0", "spring 1 1 1 1 2 2000"},
	} {
		name := strings.ReplaceAll(by, "-", "_")
		for i := range want {
			want[i] += " USD"
		}
		q := report.Query{By: by, Organizer: "acme", Columns: figures, Sort: name}
		s.want(q, name+","+figures, want...)
		q.Limit = 1
		a, err := s.run(q)
		check(t, err)
		checkTotals(t, a)
	}
	s.want(report.Query{By: "ticket-type", Sort: "ticket_type"}, "ticket_type,tickets_sold,total_sales,refunds,net_sales", "box 2 1500 500 1000 USD", "seat 6 6000 0 6000 USD")
	s.want(report.Query{By: "order", Sort: "order_id"}, "order_id,state,event,rule,tickets_sold,net_sales",
		"click completed dollar click_id 2 2000 USD", "given completed dollar affiliate 3 2500 USD", "nobody completed dollar direct 3 2500 USD")
	s.want(report.Query{By: "hour", Columns: "visits", From: "2026-05-31", To: "2026-06-01"}, "hour,visits", "2026-05-31T23:00-02:30 1 USD")
	s.want(report.Query{By: "code", Columns: "waterfall", Sort: "-requests,code"}, "code,requests,no_code_requests,unknown_code_requests,bot_requests,visits,unique_visitors,orders",
		"ANN 2 0 0 1 1 1 2 USD", "direct 1 1 0 0 0 0 1 USD", "unknown_code 1 0 1 0 0 0 0 USD")
}
