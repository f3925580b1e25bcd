package report_test

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"footfall/reporter/lake"
	rows "footfall/schemas/lake"
)

// The recount is written against semantics.md with loops, sharing nothing with
// the statements it checks.

type figures struct{ visits, orders, credited, tickets, sales, refunds int64 }

type key struct {
	name     string // of the row: an id, a day, direct or unknown
	currency string
}

type question struct {
	organizer, event, affiliate int64 // event, affiliate 0: all
	codes                       []int64
	fromMS, toMS                int64
	zone                        *time.Location
	asOfUS                      int64
}

type input struct {
	visits  []rows.VisitRow
	orders  []rows.OrderRow
	refunds []rows.RefundRow
	d       *lake.Dimensions
	// unlocked: what click ids of keys that the consumer lacked decode to.
	unlocked map[string]rows.OrderRow
}

type credit struct {
	code, affiliate int64
	known           bool // false: the order is direct
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 32
		}
		return r
	}, strings.Trim(s, " "))
}

// codeOf resolves a text in an event at a time; the event's own codes come first.
func (in *input) codeOf(organizer, event int64, text string) (code, since int64) {
	for _, scope := range []int64{event, 0} {
		for _, c := range in.d.Codes {
			if c.Organizer != organizer || c.Event != scope {
				continue
			}
			for _, t := range in.d.Texts {
				if t.Code == c.ID && t.Folded == fold(text) {
					return c.ID, t.FromMS
				}
			}
		}
	}
	return 0, 0
}

func (in *input) owner(code, atMS int64) int64 {
	var owner int64
	for i, o := range in.d.Owners { // sorted by code and time
		first := i == 0 || in.d.Owners[i-1].Code != o.Code
		if o.Code == code && (first || o.FromMS <= atMS) {
			owner = o.Affiliate
		}
	}
	return owner
}

func (in *input) paused(code, atMS int64) bool {
	var paused bool
	for _, s := range in.d.States {
		if s.Code == code && s.FromMS <= atMS {
			paused = s.Paused
		}
	}
	return paused
}

func (in *input) event(id int64) (lake.Event, bool) {
	for _, e := range in.d.Events {
		if e.ID == id {
			return e, true
		}
	}
	return lake.Event{}, false
}

// visitCode is the code that a visit counts for, and whether there is one.
func (in *input) visitCode(v *rows.VisitRow) (int64, string) {
	if v.CodeState != "unknown" {
		return v.CodeID, v.CodeState
	}
	if code, since := in.codeOf(v.OrganizerID, v.EventID, v.CodeText); code != 0 && since <= v.VisitedAtMS {
		return code, "resolved"
	}
	return 0, "unknown"
}

func valid(v *rows.VisitRow, state string) bool {
	return !v.Test && !v.Ended && state == "resolved" && !v.Head && !v.Prefetch && !v.Bot
}

func positionLess(aKnown, aCollector int64, aEpoch string, aShard, aSequence, bKnown, bCollector int64, bEpoch string, bShard, bSequence int64) int {
	return cmp.Or(cmp.Compare(aKnown, bKnown), cmp.Compare(aCollector, bCollector), strings.Compare(aEpoch, bEpoch),
		cmp.Compare(aShard, bShard), cmp.Compare(aSequence, bSequence))
}

// purchase is an order as it counts.
type purchase struct {
	head      rows.OrderRow
	orderedMS int64
	lines     []rows.OrderRow
	credit    credit
}

func (p *purchase) counts() bool { return p.head.State == "completed" && !p.head.Test }

func (in *input) purchases(q question) map[string]*purchase {
	type slot struct {
		id      string
		version int64
	}
	winners := map[slot]rows.OrderRow{}
	for _, r := range in.orders {
		if r.KnownAtUS > q.asOfUS || r.OrganizerID != q.organizer {
			continue
		}
		s := slot{r.OrderID, r.Version}
		w, ok := winners[s]
		if !ok || positionLess(r.KnownAtUS, r.Collector, r.Epoch, r.Shard, r.Sequence, w.KnownAtUS, w.Collector, w.Epoch, w.Shard, w.Sequence) < 0 {
			winners[s] = r
		}
	}
	out := map[string]*purchase{}
	first := map[string]rows.OrderRow{}
	for s, r := range winners {
		if f, ok := first[s.id]; !ok || r.Version < f.Version {
			first[s.id] = r
		}
		if p := out[s.id]; p == nil || p.head.Version < r.Version {
			out[s.id] = &purchase{head: r}
		}
	}
	for id, p := range out {
		p.orderedMS = first[id].OrderedAtMS
		for _, r := range in.orders {
			if r.OrderID == id && r.OrganizerID == q.organizer && r.Epoch == p.head.Epoch && r.Shard == p.head.Shard && r.Sequence == p.head.Sequence {
				p.lines = append(p.lines, r)
			}
		}
		p.credit = in.credit(p, q)
	}
	return out
}

func (in *input) credit(p *purchase, q question) credit {
	o := p.head
	if u, ok := in.unlocked[o.ClickID]; ok && o.ClickStatus == "unknown_key" {
		o.ClickStatus, o.ClickEpoch, o.ClickShard, o.ClickSequence = u.ClickStatus, u.ClickEpoch, u.ClickShard, u.ClickSequence
		o.ClickEventID, o.ClickCodeID, o.ClickCodeState = u.ClickEventID, u.ClickCodeID, u.ClickCodeState
		o.ClickEnded, o.ClickTest, o.ClickedAtMS = u.ClickEnded, u.ClickTest, u.ClickedAtMS
	}
	var refused int64
	if o.ClickStatus == "valid" {
		code, ok := in.clickCredit(&o, p.orderedMS, q)
		if ok {
			return credit{code: code, affiliate: in.owner(code, *o.ClickedAtMS), known: true}
		}
		refused = code
	}
	if o.AffiliateText != "" {
		code, since := in.codeOf(q.organizer, o.EventID, o.AffiliateText)
		if code != 0 && since <= p.orderedMS && !in.paused(code, p.orderedMS) && code != refused {
			return credit{code: code, affiliate: in.owner(code, p.orderedMS), known: true}
		}
	}
	return credit{}
}

func (in *input) clickCredit(o *rows.OrderRow, orderedMS int64, q question) (code int64, ok bool) {
	clicked := *o.ClickedAtMS
	if *o.ClickCodeState == "unknown" {
		for i := range in.visits {
			v := &in.visits[i]
			if v.KnownAtUS <= q.asOfUS && v.Epoch == *o.ClickEpoch && v.Shard == *o.ClickShard && v.Sequence == *o.ClickSequence {
				code, _ = in.visitCode(v)
			}
		}
	} else if o.ClickCodeID != nil {
		code = *o.ClickCodeID
	}
	event, found := in.event(o.EventID)
	at := max(orderedMS, clicked)
	switch {
	case *o.ClickEventID != o.EventID, *o.ClickTest, *o.ClickEnded, *o.ClickCodeState == "none", *o.ClickCodeState == "paused", code == 0:
		return code, false
	case at-clicked >= 30*24*3600*1000, found && at >= event.EndMS:
		return code, false
	}
	return code, true
}

// taken is what a refund takes from its order; false: it is in no figure.
type taken struct {
	refund          rows.RefundRow
	tickets, amount int64
}

func (in *input) taken(q question, purchases map[string]*purchase) (out []taken, setAside, waiting int) {
	winners := map[string]rows.RefundRow{}
	for _, r := range in.refunds {
		if r.KnownAtUS > q.asOfUS || r.OrganizerID != q.organizer {
			continue
		}
		w, ok := winners[r.RefundID]
		if !ok || positionLess(r.KnownAtUS, r.Collector, r.Epoch, r.Shard, r.Sequence, w.KnownAtUS, w.Collector, w.Epoch, w.Shard, w.Sequence) < 0 {
			winners[r.RefundID] = r
		}
	}
	inOrder := make([]rows.RefundRow, 0, len(winners))
	for _, r := range winners {
		inOrder = append(inOrder, r)
	}
	slices.SortFunc(inOrder, func(a, b rows.RefundRow) int {
		return positionLess(a.KnownAtUS, a.Collector, a.Epoch, a.Shard, a.Sequence, b.KnownAtUS, b.Collector, b.Epoch, b.Shard, b.Sequence)
	})
	type rest struct{ quantity, amount int64 }
	left := map[string]map[string]*rest{}
	for _, r := range inOrder {
		inRange := r.RefundedAtMS >= q.fromMS && r.RefundedAtMS < q.toMS
		p := purchases[r.OrderID]
		if p == nil || !p.counts() {
			if inRange && (p == nil || p.head.State == "pending" && !p.head.Test) {
				waiting++
			}
			continue
		}
		if left[r.OrderID] == nil {
			left[r.OrderID] = map[string]*rest{}
			for _, l := range p.lines {
				left[r.OrderID][l.LineID] = &rest{l.Quantity, l.Quantity * l.UnitPrice}
			}
		}
		asks := map[string]rest{}
		fits := r.Currency == p.head.Currency
		if r.Whole {
			some := false
			for id, l := range left[r.OrderID] {
				asks[id] = *l
				some = some || l.quantity > 0 || l.amount > 0
			}
			fits = fits && some
		} else {
			for _, l := range in.refunds {
				if l.RefundID == r.RefundID && l.Epoch == r.Epoch && l.Sequence == r.Sequence && l.OrganizerID == r.OrganizerID {
					a := asks[*l.LineID]
					asks[*l.LineID] = rest{a.quantity + *l.Quantity, a.amount + *l.Amount}
				}
			}
		}
		for id, a := range asks {
			l := left[r.OrderID][id]
			fits = fits && l != nil && a.quantity <= l.quantity && a.amount <= l.amount
		}
		if !fits {
			if inRange {
				setAside++
			}
			continue
		}
		t := taken{refund: r}
		for id, a := range asks {
			left[r.OrderID][id].quantity -= a.quantity
			left[r.OrderID][id].amount -= a.amount
			t.tickets += a.quantity
			t.amount += a.amount
		}
		out = append(out, t)
	}
	return out, setAside, waiting
}

// recount gives the figures by every kind of report.
func (in *input) recount(q question) (map[string]map[key]figures, int, int) {
	out := map[string]map[key]figures{"affiliate": {}, "code": {}, "event": {}, "day": {}}
	add := func(event int64, c credit, currency string, atMS int64, f figures) {
		if q.event != 0 && event != q.event || q.affiliate != 0 && c.affiliate != q.affiliate || q.codes != nil && !slices.Contains(q.codes, c.code) {
			return
		}
		names := map[string]string{
			"day": time.UnixMilli(atMS).In(q.zone).Format(time.DateOnly), "event": number(event),
			"affiliate": number(c.affiliate), "code": number(c.code),
		}
		if !c.known {
			names["affiliate"], names["code"] = "direct", "direct"
		}
		for by, name := range names {
			k := key{name, currency}
			s := out[by][k]
			out[by][k] = figures{s.visits + f.visits, s.orders + f.orders, s.credited + f.credited, s.tickets + f.tickets, s.sales + f.sales, s.refunds + f.refunds}
		}
	}
	inside := func(ms int64) bool { return ms >= q.fromMS && ms < q.toMS }
	for i := range in.visits {
		v := &in.visits[i]
		code, state := in.visitCode(v)
		if v.KnownAtUS > q.asOfUS || v.OrganizerID != q.organizer || !inside(v.VisitedAtMS) || !valid(v, state) {
			continue
		}
		e, _ := in.event(v.EventID)
		add(v.EventID, credit{code, in.owner(code, v.VisitedAtMS), true}, e.Currency, v.VisitedAtMS, figures{visits: 1})
	}
	purchases := in.purchases(q)
	for _, p := range purchases {
		if !p.counts() || !inside(p.orderedMS) {
			continue
		}
		f := figures{orders: 1}
		if p.credit.known {
			f.credited = 1
		}
		for _, l := range p.lines {
			f.tickets += l.Quantity
			f.sales += l.Quantity * l.UnitPrice
		}
		add(p.head.EventID, p.credit, p.head.Currency, p.orderedMS, f)
	}
	refunds, setAside, waiting := in.taken(q, purchases)
	for _, r := range refunds {
		if !inside(r.refund.RefundedAtMS) {
			continue
		}
		p := purchases[r.refund.OrderID]
		add(p.head.EventID, p.credit, p.head.Currency, r.refund.RefundedAtMS, figures{tickets: -r.tickets, refunds: r.amount})
	}
	return out, setAside, waiting
}

func number(n int64) string {
	if n == 0 {
		return "unknown"
	}
	return strconv.FormatInt(n, 10)
}
