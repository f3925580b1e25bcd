package attribution_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"footfall/reporter/attribution"
	"footfall/schemas/admin"
	rows "footfall/schemas/lake"
	"footfall/schemas/reports"
)

// listed gives the list as "kind order refund amount" rows.
func (w *world) listed(q attribution.Exceptions) (list []string, err error) {
	w.t.Helper()
	q.Organizer = "acme"
	if q.Range == nil {
		q.Range = func(string, string, *time.Location) ([2]int64, error) {
			return [2]int64{reports.RangeFrom, reports.RangeTo}, nil
		}
	}
	err = w.credits.Exceptions(context.Background(), w.lake, q, func(ctx context.Context, t *reports.Table) error {
		all, err := reports.Collect(ctx, t)
		if int64(len(all)) != t.AllRows {
			w.t.Errorf("%d rows, and %d are said", len(all), t.AllRows)
		}
		for _, r := range all {
			if r.Cells[9].Text == "" || r.Cells[7].Number == 0 {
				w.t.Errorf("says nothing: %+v", r)
			}
			list = append(list, fmt.Sprintf("%s %s %s %d %s", r.Cells[0].Text, r.Cells[2].Text, r.Cells[3].Text, r.Cells[5].Number, r.Currency))
		}
		return err
	})
	return list, err
}

func TestNoExceptionIsLeftOutOfTheList(t *testing.T) {
	w := newWorld(t, 1, dims())
	order := func(id string, sequence int64, change func(*rows.OrderRow)) rows.OrderRow {
		o := anOrder(id, sequence)
		if change != nil {
			change(&o)
		}
		return o
	}
	w.commit(nil, []rows.OrderRow{
		order("plain", 1, nil), order("conflict", 2, nil),
		order("conflict", 3, func(o *rows.OrderRow) { o.Fingerprint, o.UnitPrice = "ff", 9 }),
		order("conflict", 4, nil), // a repeat is none
		order("ahead", 5, func(o *rows.OrderRow) { o.Future = true }),
		order("pending", 6, func(o *rows.OrderRow) { o.State = "pending" }),
		order("test", 7, func(o *rows.OrderRow) { o.Test = true }),
		order("cancelled", 8, func(o *rows.OrderRow) { o.State = "cancelled" }),
		order("elsewhere", 9, func(o *rows.OrderRow) { o.OrganizerID, o.Future = 2, true }),
	}, []rows.RefundRow{
		aRefund("taken", "plain", 21, 500), aRefund("too-much", "plain", 22, 600), aRefund("early", "nowhere", 23, 1), aRefund("pending", "pending", 24, 1),
		aRefund("of-test", "test", 25, 1), aRefund("of-cancelled", "cancelled", 26, 1), aRefund("taken", "plain", 27, 501),
	})
	all, err := w.listed(attribution.Exceptions{})
	check(t, err)
	want := []string{
		"order_ahead ahead  1000 EUR", "order_conflict conflict  18 EUR", "refund_conflict plain taken 501 EUR", "refund_set_aside plain too-much 600 EUR",
		"refund_waiting nowhere early 1 EUR", "refund_waiting pending pending 1 EUR",
	}
	slices.Sort(all)
	if !slices.Equal(all, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(all, "\n"), strings.Join(want, "\n"))
	}
	one, err := w.listed(attribution.Exceptions{Kind: "refund_waiting"})
	check(t, err)
	if len(one) != 2 {
		t.Errorf("of one kind: %v", one)
	}
	none, err := w.listed(attribution.Exceptions{Range: func(string, string, *time.Location) ([2]int64, error) { return [2]int64{1, 2}, nil }})
	check(t, err)
	if len(none) != 0 {
		t.Errorf("of another time: %v", none)
	}
	if _, err := w.listed(attribution.Exceptions{Kind: "odd"}); err == nil || !strings.Contains(err.Error(), "refund_set_aside") {
		t.Errorf("a kind that isn't there: %v", err)
	} else if _, ok := admin.AsRefusal(err); !ok {
		t.Errorf("no refusal: %v", err)
	}
}

// anOrder is completed: two tickets of 5.00 EUR, without anything that credits it.
func anOrder(id string, sequence int64) rows.OrderRow {
	return rows.OrderRow{
		OrderID: id, Version: 2, State: "completed", OrderedAtMS: center, Collector: 1, Epoch: "00000000000000ac", Sequence: sequence,
		OrganizerID: 1, EventID: 11, Currency: "EUR", Fingerprint: "aa", Normalization: 1, LineCount: 1, LineID: "l", TicketType: "seat", Quantity: 2, UnitPrice: 500,
	}
}

// aRefund is of one ticket.
func aRefund(id, order string, sequence, amount int64) rows.RefundRow {
	line, one := "l", int64(1)
	return rows.RefundRow{
		RefundID: id, OrderID: order, RefundedAtMS: center + hourMS, Collector: 1, Epoch: "00000000000000ac", Sequence: sequence, OrganizerID: 1,
		Currency: "EUR", Fingerprint: fmt.Sprint(amount), Normalization: 1, LineCount: 1, LineID: &line, Quantity: &one, Amount: &amount,
	}
}

func exceptionsOf(kind string) attribution.Exceptions { return attribution.Exceptions{Kind: kind} }
