package ledger

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// window is how long after its visit an order can be credited to it.
const window = 30 * 24 * time.Hour

// Rules of credit.
const (
	ByClickID = "click_id"
	ByText    = "affiliate" // the code given on the order
	ByCoupon  = "coupon"
	Direct    = "direct"
)

// OrderFact is what is known of one order.
type OrderFact struct {
	Organizer string
	ID        string
	EventOf   Event
	Stored    bool       // it must be known to the product
	Possible  []Possible // what it may be; one where every answer was clear
}

// Possible is one thing that an order may be.
type Possible struct {
	Order  *Order // the version that counts; nil: the product doesn't know the order
	Rule   string // ByClickID, ByText, ByCoupon or Direct
	Code   *Code  // credited; nil where the rule is Direct
	Aside  []string
	Counts bool // completed and no test

	contributions []contribution
}

// Figures are what a possible order comes to over all days.
func (p Possible) Figures() (f Figures) {
	for _, c := range p.contributions {
		f.add(c.Figures)
	}
	return f
}

// contribution is what an order adds on a day.
type contribution struct {
	day string
	Figures
}

// history is all that was asked about one order.
type history struct {
	orders  []Record
	refunds []Record
}

// orders works out every order that the product may know.
func (x *index) orders(records []Record, clicks map[string]*VisitFact) ([]OrderFact, error) {
	histories := map[string]*history{}
	at := func(organizer, id string) *history {
		name := organizer + "\x00" + id
		if histories[name] == nil {
			histories[name] = &history{}
		}
		return histories[name]
	}
	for _, r := range records {
		if r.Outcome != Acknowledged && r.Outcome != Indeterminate {
			continue
		}
		switch {
		case r.Kind == KindOrder && r.Order != nil:
			h := at(r.Organizer, r.Order.ID)
			h.orders = append(h.orders, r)
		case r.Kind == KindRefund && r.Refund != nil:
			h := at(r.Organizer, r.Refund.OrderID)
			h.refunds = append(h.refunds, r)
		}
	}
	var facts []OrderFact
	for _, name := range sortedKeys(histories) {
		h := histories[name]
		if len(h.orders) == 0 {
			continue // a refund whose order never came changes no figure
		}
		fact, err := x.order(h, clicks)
		if err != nil {
			return nil, err
		}
		facts = append(facts, fact)
	}
	return facts, nil
}

func (x *index) order(h *history, clicks map[string]*VisitFact) (OrderFact, error) {
	first := h.orders[0]
	event, ok := x.events[first.Order.Event]
	if !ok || event.Organizer != first.Organizer {
		return OrderFact{}, fmt.Errorf("reconciling order %s: %w: event %q", first.Order.ID, ErrWorld, first.Order.Event)
	}
	fact := OrderFact{Organizer: first.Organizer, ID: first.Order.ID, EventOf: event}
	stored, candidates, err := versions(h.orders)
	if err != nil {
		return OrderFact{}, err
	}
	fact.Stored = stored != nil
	sure, unsure, err := refunds(h.refunds)
	if err != nil {
		return OrderFact{}, err
	}
	for _, order := range append([]*Order{stored}, candidates...) {
		fact.Possible = append(fact.Possible, x.possible(event, order, sure, clicks))
		if len(unsure) > 0 {
			fact.Possible = append(fact.Possible, x.possible(event, order, append(slices.Clone(sure), unsure...), clicks))
		}
	}
	return fact, nil
}

// versions gives the highest acknowledged version, and those above it that may
// be stored too.
func versions(records []Record) (stored *Order, candidates []*Order, err error) {
	acknowledged := map[uint32]*Order{}
	for _, r := range records {
		if r.Outcome != Acknowledged {
			continue
		}
		v := version(r.Order)
		if other := acknowledged[v]; other != nil && !same(other, r.Order) {
			return nil, nil, fmt.Errorf("reconciling order %s: %w: two contents of version %d were taken",
				r.Order.ID, ErrContradiction, v)
		}
		acknowledged[v] = r.Order
		if stored == nil || v > version(stored) {
			stored = r.Order
		}
	}
	for _, r := range records {
		if r.Outcome == Indeterminate && (stored == nil || version(r.Order) > version(stored)) {
			candidates = append(candidates, r.Order)
		}
	}
	return stored, candidates, nil
}

func version(o *Order) uint32 {
	if o.Version != 0 {
		return o.Version
	}
	switch o.State {
	case "pending":
		return 1
	case "cancelled":
		return 3
	}
	return 2
}

// same compares contents; times as instants.
func same(a, b *Order) bool {
	left, right := *a, *b
	left.OrderedAt, right.OrderedAt = a.OrderedAt.UTC(), b.OrderedAt.UTC()
	return reflect.DeepEqual(left, right)
}

// refunds gives each refund once, in the order in which they were taken: those
// that are stored, and those that may be.
func refunds(records []Record) (sure, unsure []*Refund, err error) {
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b Record) int { return cmp.Compare(a.AnsweredUS, b.AnsweredUS) })
	taken := map[string]*Refund{}
	for _, r := range records {
		if r.Outcome != Acknowledged {
			continue
		}
		other := taken[r.Refund.ID]
		if other == nil {
			taken[r.Refund.ID] = r.Refund
			sure = append(sure, r.Refund)
		} else if !reflect.DeepEqual(other.Lines, r.Refund.Lines) || !other.RefundedAt.Equal(r.Refund.RefundedAt) {
			return nil, nil, fmt.Errorf("reconciling refund %s: %w: two contents were taken", r.Refund.ID, ErrContradiction)
		}
	}
	for _, r := range records {
		if taken[r.Refund.ID] == nil {
			taken[r.Refund.ID] = r.Refund
			unsure = append(unsure, r.Refund)
		}
	}
	return sure, unsure, nil
}

// possible works out credit and contributions of an order with its refunds.
func (x *index) possible(event Event, order *Order, refunds []*Refund, clicks map[string]*VisitFact) Possible {
	p := Possible{Order: order, Rule: Direct}
	if order == nil {
		return p
	}
	p.Rule, p.Code = x.credit(event, order, clicks)
	if order.State != "" && order.State != "completed" || order.Test {
		return p
	}
	p.Counts = true
	gross := Figures{Orders: 1}
	if p.Code != nil {
		gross.Credited = 1
	}
	for _, l := range order.Lines {
		gross.Tickets += l.Quantity
		gross.Sales += l.Quantity * l.UnitPrice
	}
	p.contributions = []contribution{{x.day(event.Organizer, order.OrderedAt), gross}}
	rest := slices.Clone(order.Lines)
	left := map[string]int64{}
	for _, l := range rest {
		left[l.ID] += l.Quantity * l.UnitPrice
	}
	for _, r := range refunds {
		back, ok := take(r, rest, left)
		if !ok {
			p.Aside = append(p.Aside, r.ID)
			continue
		}
		p.contributions = append(p.contributions, contribution{x.day(event.Organizer, r.RefundedAt), back})
	}
	return p
}

// take gives back what a refund names, or all that is left where it is a whole
// one. What exceeds a line's rest is set aside whole: nothing is taken.
func take(r *Refund, rest []Line, left map[string]int64) (Figures, bool) {
	lines := r.Lines
	if len(lines) == 0 {
		for _, l := range rest {
			lines = append(lines, RefundLine{LineID: l.ID, Quantity: l.Quantity, Amount: left[l.ID]})
		}
	}
	quantity, amount := map[string]int64{}, map[string]int64{}
	var back Figures
	for _, l := range lines {
		quantity[l.LineID] += l.Quantity
		amount[l.LineID] += l.Amount
		back.Tickets -= l.Quantity
		back.Refunds += l.Amount
	}
	for id := range quantity {
		at := slices.IndexFunc(rest, func(l Line) bool { return l.ID == id })
		if at < 0 || quantity[id] > rest[at].Quantity || amount[id] > left[id] {
			return Figures{}, false
		}
	}
	for i := range rest {
		rest[i].Quantity -= quantity[rest[i].ID]
		left[rest[i].ID] -= amount[rest[i].ID]
	}
	return back, true
}

// credit applies the default policy as far as this load goes: the order's
// click, else the code on it, else its coupon.
func (x *index) credit(event Event, order *Order, clicks map[string]*VisitFact) (rule string, code *Code) {
	var out *Code // ruled out by a click that was refused
	if v := clicks[order.ClickID]; v != nil && order.ClickID != "" {
		late := order.OrderedAt.Sub(time.UnixMicro(v.SentUS)) > window
		refused := v.Verdict == "test" || v.Verdict == "ended" || v.Verdict == "no_code" || v.Verdict == "paused"
		if v.Code != nil && !refused && !late && v.EventOf.Slug == event.Slug {
			return ByClickID, v.Code
		}
		out = v.Code
	}
	if order.Affiliate != "" {
		if c := x.resolve(event, order.Affiliate); c != nil && !c.Paused && c != out {
			return ByText, c
		}
	}
	if order.Coupon != "" {
		c := x.coupon[scope{event.Organizer, "", fold(order.Coupon)}]
		if c != nil && (c.Event == "" || c.Event == event.Slug) && !c.Paused && c != out {
			return ByCoupon, c
		}
	}
	return Direct, nil
}
