package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"footfall/bench/ledger"
	"footfall/schemas/order"
)

// csvFiles are what is imported for one organizer, and the ledger's account of it.
type csvFiles struct {
	event           ledger.Event
	orders, refunds strings.Builder
	taken           []ledger.Record // of the orders, then of the refunds
	early, late     []ledger.Record // of the refunds before their orders, and after
}

// importedOrders of each organizer.
const importedOrders = 40

// importBesideTheLoad imports orders and refunds of every sort while signed ones
// arrive, and again, and writes them into the ledger. The refunds of every third
// order come before it.
func importBesideTheLoad(t *testing.T, s *server, world ledger.World, writer *ledger.Writer) {
	t.Helper()
	for _, o := range world.Organizers {
		f := newCSVFiles(t, world, o.Slug)
		dir := t.TempDir()
		take := func(kind, name, content string, rows []ledger.Record) {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			at := time.Now().UnixMicro()
			result, code, errs := importer{s}.imported(kind, path, "--organizer", o.Slug)
			if code != exitOK || rows == nil && result.Added+result.Changed != 0 {
				t.Fatalf("importing %s: exit code %d, %+v\n%s", name, code, result, errs)
			}
			for i, r := range rows {
				r.SentUS, r.AnsweredUS = at, at+int64(i) // in the order of the file
				if err := writer.Append(r); err != nil {
					t.Fatal(err)
				}
			}
		}
		head, all, _ := strings.Cut(f.refunds.String(), "\n")
		var early, late strings.Builder
		for line := range strings.Lines(all) {
			if strings.Contains(line, "-early,") {
				early.WriteString(line)
			} else {
				late.WriteString(line)
			}
		}
		take("refunds", "early.csv", head+"\n"+early.String(), f.early)
		take("orders", "orders.csv", f.orders.String(), f.taken)
		take("refunds", "late.csv", head+"\n"+late.String(), f.late)
		take("orders", "orders.csv", f.orders.String(), nil)
		take("refunds", "late.csv", head+"\n"+late.String(), nil)
	}
}

func newCSVFiles(t *testing.T, world ledger.World, organizer string) *csvFiles {
	t.Helper()
	f := &csvFiles{}
	for _, e := range world.Events {
		if e.Organizer == organizer && !e.Ended {
			f.event = e
		}
	}
	var codes, coupons []string
	for _, c := range world.Codes {
		if c.Organizer == organizer {
			codes = append(codes, c.Text)
		}
	}
	for _, c := range world.Coupons {
		if c.Organizer == organizer {
			coupons = append(coupons, c.Text)
		}
	}
	f.orders.WriteString("order_id,event,ordered_at,currency,state,version,affiliate,coupon,test,line_id,ticket_type,quantity,unit_price\n")
	f.refunds.WriteString("refund_id,order_id,refunded_at,currency,line_id,quantity,amount\n")
	now := time.Now().UTC().Truncate(time.Millisecond)
	for n := range importedOrders {
		o := ledger.Order{
			ID: fmt.Sprintf("import-%03d", n), Event: f.event.Slug, OrderedAt: now, Currency: f.event.Currency, Test: n%13 == 12,
			Lines: []ledger.Line{{ID: "1", TicketType: "standard, seated", Quantity: int64(2 + n%3), UnitPrice: int64(1001 + 37*n)}, {ID: "2", TicketType: "=reduced", Quantity: 1, UnitPrice: int64(n % 5 * 250)}},
		}
		switch n % 4 {
		case 0:
			o.Affiliate = codes[n/4%len(codes)]
		case 1:
			o.Coupon = coupons[n/4%len(coupons)]
		case 2:
			o.Affiliate, o.Coupon = "nobody", coupons[n/4%len(coupons)]
		case 3: // nobody's, of another day
			o.OrderedAt = now.Add(-50 * time.Hour)
		}
		f.versions(t, n, o)
		f.refund(t, n, o)
	}
	return f
}

// versions are of some orders a pending one before it, of some a cancelled one
// after it, and of some a fifth with another price.
func (f *csvFiles) versions(t *testing.T, n int, o ledger.Order) {
	t.Helper()
	list := []ledger.Order{o}
	if n%5 == 1 {
		before := o
		before.State = "pending"
		list = []ledger.Order{before, o}
	}
	switch n % 10 {
	case 6:
		after := o
		after.State = "cancelled"
		list = append(list, after)
	case 7:
		after := o
		after.Version, after.Lines = 5, append([]ledger.Line(nil), o.Lines...)
		after.Lines[0].UnitPrice++
		list = append(list, after)
	}
	for _, v := range list {
		version := ""
		if v.Version != 0 {
			version = strconv.Itoa(int(v.Version))
		}
		for _, l := range v.Lines {
			fmt.Fprintf(&f.orders, "%s,%s,%s,%s,%s,%s,%s,%s,%t,%s,%q,%d,%s\n", v.ID, v.Event, v.OrderedAt.Format(time.RFC3339Nano), v.Currency, v.State, version,
				v.Affiliate, v.Coupon, v.Test, l.ID, l.TicketType, l.Quantity, decimal(t, l.UnitPrice, v.Currency))
		}
		f.taken = append(f.taken, ledger.Record{Kind: ledger.KindOrder, ID: fmt.Sprintf("csv-%s-%s-%s", f.event.Organizer, v.ID, v.State+version), Outcome: ledger.Acknowledged, Organizer: f.event.Organizer, Order: &v})
	}
}

// refund is of a part, of the whole, of more than there is, and of a part and then
// the whole.
func (f *csvFiles) refund(t *testing.T, n int, o ledger.Order) {
	t.Helper()
	early := n%3 == 0
	name := map[bool]string{true: "early", false: "late"}[early]
	add := func(sort string, lines ...ledger.RefundLine) {
		r := ledger.Refund{ID: fmt.Sprintf("csv-%03d-%s-%s", n, sort, name), OrderID: o.ID, RefundedAt: o.OrderedAt.Add(26 * time.Hour), Currency: o.Currency, Lines: lines}
		if o.OrderedAt.Add(26 * time.Hour).After(time.Now()) {
			r.RefundedAt = o.OrderedAt
		}
		fmt.Fprintf(&f.refunds, "%s,%s,%s,%s", r.ID, r.OrderID, r.RefundedAt.Format(time.RFC3339Nano), r.Currency)
		if len(lines) == 0 {
			f.refunds.WriteString(",,,\n")
		}
		for i, l := range lines {
			if i > 0 {
				fmt.Fprintf(&f.refunds, "%s,%s,%s,%s", r.ID, r.OrderID, r.RefundedAt.Format(time.RFC3339Nano), r.Currency)
			}
			fmt.Fprintf(&f.refunds, ",%s,%d,%s\n", l.LineID, l.Quantity, decimal(t, l.Amount, r.Currency))
		}
		record := ledger.Record{Kind: ledger.KindRefund, ID: f.event.Organizer + "-" + r.ID, Outcome: ledger.Acknowledged, Organizer: f.event.Organizer, Refund: &r}
		if early {
			f.early = append(f.early, record)
		} else {
			f.late = append(f.late, record)
		}
	}
	first := o.Lines[0]
	switch n % 7 {
	case 0:
		add("part", ledger.RefundLine{LineID: "1", Quantity: 1, Amount: first.UnitPrice}, ledger.RefundLine{LineID: "2", Quantity: 1, Amount: o.Lines[1].UnitPrice})
	case 1:
		add("whole")
	case 2:
		add("quantity", ledger.RefundLine{LineID: "1", Quantity: first.Quantity + 1, Amount: 1})
	case 3:
		add("amount", ledger.RefundLine{LineID: "1", Quantity: 1, Amount: first.Quantity*first.UnitPrice + 1000})
	case 4:
		add("a-part", ledger.RefundLine{LineID: "1", Quantity: 1, Amount: first.UnitPrice - 1})
		add("b-rest")
		add("c-more", ledger.RefundLine{LineID: "1", Quantity: 1, Amount: 1})
	}
}

// decimal writes minor units as a file has them.
func decimal(t *testing.T, minor int64, currency string) string {
	t.Helper()
	digits, ok := order.Decimals(currency)
	if !ok {
		t.Fatalf("no currency %s", currency)
	}
	text := fmt.Sprintf("%0*d", digits+1, minor)
	if digits == 0 {
		return text
	}
	return text[:len(text)-digits] + "." + text[len(text)-digits:]
}

// checkOrders compares every order: who is credited by which rule, and what it
// comes to after its refunds.
func checkOrders(t *testing.T, s *server, world ledger.World, want *ledger.Expectation) {
	t.Helper()
	rows, imported := map[string]string{}, 0
	for _, o := range world.Organizers {
		d, _ := s.report(url.Values{"organizer": {o.Slug}, "by": {"order,affiliate"}})
		for _, r := range d.Rows {
			rows[o.Slug+" "+plainText(r["order_id"])] = fmt.Sprintf("%s by %s: %d orders, %d credited, %d tickets, %d sales, %d refunds", plainText(r["affiliate"]), plainText(r["rule"]),
				number(t, r["orders"]), number(t, r["credited_orders"]), number(t, r["tickets_sold"]), number(t, r["total_sales"]), number(t, r["refunds"]))
		}
	}
	for _, o := range want.Orders {
		key := o.Organizer + " " + o.ID
		have := rows[key]
		delete(rows, key)
		var may []string
		for _, p := range o.Possible {
			text, who, f := "", direct, p.Figures()
			if p.Code != nil {
				who = p.Code.Affiliate
			}
			if p.Counts {
				text = fmt.Sprintf("%s by %s: %d orders, %d credited, %d tickets, %d sales, %d refunds", who, p.Rule, f.Orders, f.Credited, f.Tickets, f.Sales, f.Refunds)
			}
			may = append(may, text)
		}
		found := false
		for _, text := range may {
			found = found || text == have
		}
		if !found {
			t.Errorf("order %s is %q, the ledger says %q", key, have, may)
		}
		if strings.HasPrefix(o.ID, "import-") {
			imported++
		}
	}
	for key, text := range rows {
		t.Errorf("order %s is %s, the ledger has none", key, text)
	}
	if imported != importedOrders*len(world.Organizers) {
		t.Errorf("%d imported orders in the ledger", imported)
	}
}
