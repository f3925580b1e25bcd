package attribution_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	rows "footfall/schemas/lake"
	"footfall/schemas/reports"
	"footfall/schemas/visit"
)

// money gives "refund status tickets amount" of each refund by id, and what was
// taken in all.
func (w *world) money() (list map[string]string, all string) {
	w.t.Helper()
	w.read(asks(), func(ctx context.Context, r *reports.Reading) {
		list = pairs(ctx, w.t, r, "SELECT refund_id, format('{} {} {}', status, tickets, amount) FROM refunds WHERE status NOT IN ('repeated', 'conflict')")
		all = texts(ctx, w.t, r, "SELECT format('{} {}', sum(tickets), sum(amount)) FROM refunds")[0][0]
	})
	return list, all
}

// TestRefundsComeToTheSameMoneyHoweverTheyArrive: before their order, twice, in
// any order of files, and one that is larger than the order: what is known first
// counts first, and everything else follows from it.
func TestRefundsComeToTheSameMoneyHoweverTheyArrive(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	order := anOrder("o", 1)
	for range 6 {
		refunds := []rows.RefundRow{
			aRefund("one", "o", 11, 500), aRefund("larger", "o", 12, 501), aRefund("two", "o", 13, 400), aRefund("three", "o", 14, 1), aRefund("one", "o", 15, 500),
		}
		random.Shuffle(len(refunds), func(i, j int) { refunds[i], refunds[j] = refunds[j], refunds[i] })
		w := newWorld(t, 1, dims())
		// All of them are known in one instant, in one file or two, before the order or after it.
		commits := []func(){
			func() { w.commit(nil, []rows.OrderRow{order}, nil) },
			func() { w.commit(nil, nil, append([]rows.RefundRow(nil), refunds...)) },
		}
		random.Shuffle(2, func(i, j int) { commits[i], commits[j] = commits[j], commits[i] })
		for _, commit := range commits {
			commit()
		}
		got, all := w.money()
		same(t, "refund", map[string]string{"one": "taken 1 500", "larger": "set_aside 0 0", "two": "taken 1 400", "three": "set_aside 0 0"}, got)
		if all != "2 900" {
			t.Errorf("in all %s", all)
		}
	}
}

func TestEveryRefundIsTakenOrSaysWhyNot(t *testing.T) {
	two := func(id string, sequence int64) []rows.OrderRow {
		a, b := anOrder(id, sequence), anOrder(id, sequence)
		a.LineCount, b.LineCount, b.LineNumber, b.LineID, b.Quantity, b.UnitPrice = 2, 2, 1, "m", 1, 300
		return []rows.OrderRow{a, b}
	}
	var orders []rows.OrderRow
	add := func(o ...rows.OrderRow) { orders = append(orders, o...) }
	for i, id := range []string{"whole", "whole after a line", "whole twice", "two lines", "one line too much", "strange line", "currency"} {
		add(two(id, int64(i+1))...)
	}
	pending, cancelled, tested, paid, void := anOrder("pending", 20), anOrder("cancelled", 21), anOrder("test", 22), anOrder("paid then cancelled", 23), anOrder("paid then cancelled", 24)
	pending.State, cancelled.State, tested.Test, void.State, void.Version = "pending", "cancelled", true, "cancelled", 3
	add(pending, cancelled, tested, paid, void)
	line := func(id, order string, sequence int64, change func(*rows.RefundRow)) rows.RefundRow {
		r := aRefund(id, order, sequence, 500)
		if change != nil {
			change(&r)
		}
		return r
	}
	whole := func(r *rows.RefundRow) { r.Whole, r.LineID, r.Quantity, r.Amount = true, nil, nil, nil }
	second := func(quantity, amount int64) func(*rows.RefundRow) {
		return func(r *rows.RefundRow) {
			m := "m"
			r.LineNumber, r.LineCount, r.LineID, r.Quantity, r.Amount = 1, 2, &m, &quantity, &amount
		}
	}
	w := newWorld(t, 1, dims())
	w.commit(nil, orders, []rows.RefundRow{
		line("whole", "whole", 101, whole),
		line("first line", "whole after a line", 102, nil), line("rest", "whole after a line", 103, whole),
		line("whole 1", "whole twice", 104, whole), line("whole 2", "whole twice", 105, whole),
		line("two lines", "two lines", 106, nil), line("two lines", "two lines", 106, second(1, 300)),
		line("too much", "one line too much", 107, nil), line("too much", "one line too much", 107, second(1, 301)),
		line("strange", "strange line", 108, nil), line("strange", "strange line", 108, func(r *rows.RefundRow) {
			second(1, 0)(r)
			z := "z"
			r.LineID = &z
		}),
		line("currency", "currency", 109, func(r *rows.RefundRow) { r.Currency = "JPY" }),
		line("of pending", "pending", 110, nil), line("of cancelled", "cancelled", 111, nil), line("of test", "test", 112, nil),
		line("of paid", "paid then cancelled", 113, nil), line("of nothing", "nowhere", 114, nil),
		line("foreign", "whole", 115, func(r *rows.RefundRow) { r.OrganizerID = 2 }),
	})
	want := map[string]string{
		"whole": "taken 3 1300", "first line": "taken 1 500", "rest": "taken 2 800", "whole 1": "taken 3 1300", "whole 2": "set_aside 0 0",
		"two lines": "taken 2 800", "too much": "set_aside 0 0", "strange": "set_aside 0 0", "currency": "set_aside 0 0",
		"of pending": "waiting 0 0", "of cancelled": "cancelled 0 0", "of test": "test 0 0", "of paid": "cancelled 0 0", "of nothing": "waiting 0 0",
	}
	got, _ := w.money()
	same(t, "refund", want, got)
	e := w.explain("strange line")
	if len(e.Refunds) != 1 || e.Refunds[0].Status != "set_aside" || !strings.Contains(e.Refunds[0].Why, "line that the order does not have") {
		t.Errorf("explained as %+v", e.Refunds)
	}
	w.credits.WithoutSetAside()
	if got, _ := w.money(); got["too much"] == want["too much"] {
		t.Error("the test doesn't see that nothing is set aside")
	}
}

// TestFiftyConflictingVersionsHaveOneWinner: that of the least position, however
// the rows stand.
func TestFiftyConflictingVersionsHaveOneWinner(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var orders []rows.OrderRow
	for i := range int64(50) {
		o := anOrder("o", i/2+1)
		o.Collector, o.Epoch = 1+i%2, fmt.Sprintf("%016x", 0xffff-i)
		o.Fingerprint, o.UnitPrice = fmt.Sprint(i), i
		orders = append(orders, o)
	}
	random.Shuffle(len(orders), func(i, j int) { orders[i], orders[j] = orders[j], orders[i] })
	w := newWorld(t, 1, dims())
	w.commit(nil, orders, nil)
	e := w.explain("o")
	conflicts := 0
	for _, v := range e.Versions {
		if v.Status == "conflict" {
			conflicts++
		}
	}
	// Of collector 1 the least epoch is the last one's, the 49th.
	if conflicts != 49 || e.Sales != 2*48 {
		t.Errorf("%d conflicts, sales %d", conflicts, e.Sales)
	}
	list, err := w.listed(exceptionsOf("order_conflict"))
	check(t, err)
	if len(list) != 49 {
		t.Errorf("%d are listed", len(list))
	}
}

// TestOtherNormalizationIsNoConflict: the same order under two numbers is a
// repeat, other content a conflict, of orders as of refunds.
func TestOtherNormalizationIsNoConflict(t *testing.T) {
	first, same2, other := anOrder("o", 1), anOrder("o", 2), anOrder("o", 3)
	same2.Normalization, same2.Fingerprint = 7, "b7"
	other.Normalization, other.Fingerprint, other.CouponText = 7, "c7", "TEN"
	r1, r2, r3 := aRefund("r", "o", 11, 5), aRefund("r", "o", 12, 5), aRefund("r", "o", 13, 6)
	r2.Normalization, r2.Fingerprint, r3.Normalization = 7, "b7", 7
	w := newWorld(t, 1, dims())
	w.commit(nil, []rows.OrderRow{first, same2, other}, []rows.RefundRow{r1, r2, r3})
	statuses := func() string {
		e, list := w.explain("o"), []string{}
		for _, v := range e.Versions {
			list = append(list, v.Status)
		}
		for _, r := range e.Refunds {
			list = append(list, r.Status)
		}
		return strings.Join(list, " ")
	}
	const want = "counts repeated conflict taken repeated conflict"
	if got := statuses(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	w.credits.WithoutContents()
	if statuses() == want {
		t.Error("the test doesn't see that contents aren't compared")
	}
}

// TestVisitorKeyIsComparedByTheWinnersRules: what stands under number 1 knows no
// visitor key, so that the same order with one is a repeat, as one collector
// answers; what stands under number 2 has one to compare.
func TestVisitorKeyIsComparedByTheWinnersRules(t *testing.T) {
	order := func(sequence, key int64, unitPrice int64) rows.OrderRow {
		o := anOrder("o", sequence)
		o.VisitorKey, o.UnitPrice = key, unitPrice
		if key != 0 {
			o.Normalization = 2
		}
		o.Fingerprint = fmt.Sprint(o.Normalization, key, unitPrice)
		return o
	}
	for name, c := range map[string]struct {
		orders []rows.OrderRow
		want   string
	}{
		"a key beside none":       {[]rows.OrderRow{order(1, 0, 500), order(2, 7, 500)}, "counts repeated"},
		"none beside a key":       {[]rows.OrderRow{order(1, 7, 500), order(2, 0, 500)}, "counts conflict"},
		"another key":             {[]rows.OrderRow{order(1, 7, 500), order(2, 8, 500)}, "counts conflict"},
		"the same key":            {[]rows.OrderRow{order(1, 7, 500), order(2, 7, 500)}, "counts repeated"},
		"other content and a key": {[]rows.OrderRow{order(1, 0, 500), order(2, 7, 501)}, "counts conflict"},
		"two keys beside none":    {[]rows.OrderRow{order(1, 0, 500), order(2, 7, 500), order(3, 8, 500)}, "counts repeated repeated"},
	} {
		w := newWorld(t, 1, dims())
		w.commit(nil, c.orders, nil)
		var got []string
		for _, v := range w.explain("o").Versions {
			got = append(got, v.Status)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

// TestClickIDOfAKeyThatTheConsumerLackedCredits: as soon as the reporter has it.
func TestClickIDOfAKeyThatTheConsumerLackedCredits(t *testing.T) {
	key := clickid.Key{ID: 9, Secret: [32]byte{1}}
	keys, err := clickid.NewKeys(9, []clickid.Key{key})
	check(t, err)
	o := anOrder("o", 1)
	o.ClickStatus = "unknown_key"
	o.ClickID = string(keys.Append(nil, clickid.Fields{Epoch: 0xab, Sequence: 5, TimeMS: center - 1, Event: ids.EventID(11), Code: ids.CodeID(1001), State: visit.CodeResolved}))
	w := newWorld(t, 1, dims())
	w.commit(nil, []rows.OrderRow{o}, nil)
	if e := w.explain("o"); e.Winner != nil || e.Candidates[0].Reason != "unknown_key" {
		t.Errorf("without its key: %+v", e.Candidates)
	}
	w.keys = []clickid.Key{key}
	if e := w.explain("o"); e.Winner == nil || e.Winner.Code != "ANN" || e.Winner.Visit != "00000000000000ab-0-5" {
		t.Errorf("with its key: %+v", e.Candidates)
	}
}
