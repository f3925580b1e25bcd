package order

import (
	"reflect"
	"testing"
)

func fullOrder() Order {
	o := Order{
		Organizer: 7, Event: 4711, ID: "A-2026/000123", Version: 2, State: Completed, OrderedMS: 1_795_000_000_123, Currency: "EUR",
		ClickID: "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMk", Affiliate: "Summer-Sale", Coupon: "TEN", Test: true, Future: true,
		Lines: []Line{{ID: "1", TicketType: "Stehplatz", Quantity: 2, UnitPrice: 4550}, {ID: "2", TicketType: "frei", Quantity: 1}},
	}
	o.SetFingerprint()
	return o
}

func fullRefund() Refund {
	r := Refund{
		Organizer: 7, ID: "R-1", OrderID: "A-2026/000123", RefundedMS: 1_795_000_900_000, Currency: "EUR", Reason: "ill", Future: true,
		Lines: []RefundLine{{LineID: "1", Quantity: 1, Amount: 4550}, {LineID: "2", Quantity: 1}},
	}
	r.SetFingerprint()
	return r
}

func TestAppendedOrderIsReadBackAsItWas(t *testing.T) {
	want := fullOrder()
	var got Order
	if err := got.Unmarshal(want.Append(nil)); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
	}
	refund := fullRefund()
	var gotRefund Refund
	if err := gotRefund.Unmarshal(refund.Append(nil)); err != nil || !reflect.DeepEqual(gotRefund, refund) {
		t.Fatalf("got %+v, %v\nwant %+v", gotRefund, err, refund)
	}
}
