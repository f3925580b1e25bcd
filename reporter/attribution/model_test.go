package attribution_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"footfall/reporter/lake"
	rows "footfall/schemas/lake"
	"footfall/schemas/policy"
)

// The model is written with loops against the words of semantics, and shares
// nothing with the statements that it checks.

type model struct {
	visits  []rows.VisitRow
	orders  []rows.OrderRow
	refunds []rows.RefundRow
	d       *lake.Dimensions
	force   int // a policy's version that credits every order; 0: the one in force
}

type bought struct {
	head      rows.OrderRow
	lines     []rows.OrderRow
	orderedMS int64
	policy    policy.Policy
}

func (b *bought) counts() bool { return b.head.State == "completed" && !b.head.Test }

func lower(s string) string {
	b := []byte(strings.Trim(s, " "))
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func position(known, collector int64, epoch string, shard, sequence int64) []any {
	return []any{known, collector, epoch, shard, sequence}
}

func compare(a, b []any) int {
	for i := range a {
		var n int
		switch x := a[i].(type) {
		case int64:
			n = cmp.Compare(x, b[i].(int64))
		case string:
			n = strings.Compare(x, b[i].(string))
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

func orderPosition(o *rows.OrderRow) []any {
	return position(o.KnownAtUS, o.Collector, o.Epoch, o.Shard, o.Sequence)
}

// purchases are the orders of organizer 1 as they count.
func (m *model) purchases() map[string]*bought {
	best := map[string]map[int64]rows.OrderRow{}
	for _, o := range m.orders {
		if o.OrganizerID != 1 {
			continue
		}
		if best[o.OrderID] == nil {
			best[o.OrderID] = map[int64]rows.OrderRow{}
		}
		w, ok := best[o.OrderID][o.Version]
		if !ok || compare(orderPosition(&o), orderPosition(&w)) < 0 {
			best[o.OrderID][o.Version] = o
		}
	}
	out := map[string]*bought{}
	for id, versions := range best {
		b := &bought{}
		first := int64(1 << 60)
		for v, o := range versions {
			if v > b.head.Version {
				b.head = o
			}
			if v < first {
				first, b.orderedMS = v, o.OrderedAtMS
			}
		}
		for _, o := range m.orders {
			if o.OrganizerID == 1 && o.OrderID == id && compare(orderPosition(&o), orderPosition(&b.head)) == 0 {
				b.lines = append(b.lines, o)
			}
		}
		b.policy = m.policyAt(b.orderedMS)
		out[id] = b
	}
	return out
}

func (m *model) policyAt(atMS int64) policy.Policy {
	chosen := policy.Default()
	var from int64 = -1
	for _, p := range m.d.Policies {
		switch {
		case p.Organizer != 1:
		case m.force != 0:
			if p.Policy.Version == m.force {
				return p.Policy
			}
		case p.Policy.FromMS <= atMS && (p.Policy.FromMS > from || p.Policy.FromMS == from && p.Policy.Version > chosen.Version):
			chosen, from = p.Policy, p.Policy.FromMS
		}
	}
	return chosen
}

// find gives the code that a text leads to in an event of organizer 1, and since when.
func (m *model) find(event int64, text string) (code, since int64) {
	for _, scope := range []int64{event, 0} {
		for _, c := range m.d.Codes {
			for _, t := range m.d.Texts {
				if c.Organizer == 1 && c.Event == scope && t.Code == c.ID && t.Folded == lower(text) {
					return c.ID, t.FromMS
				}
			}
		}
	}
	return 0, 0
}

func (m *model) owner(code, atMS int64) (affiliate int64) {
	var from int64 = -1 << 62
	first := true
	for _, o := range m.d.Owners {
		if o.Code == code && (first || o.FromMS <= atMS && o.FromMS > from) {
			affiliate, from, first = o.Affiliate, o.FromMS, false
		}
	}
	return affiliate
}

func (m *model) pausedAt(code, atMS int64) (paused bool) {
	for _, s := range m.d.States { // by code and time
		if s.Code == code && s.FromMS <= atMS {
			paused = s.Paused
		}
	}
	return paused
}

func (m *model) end(event int64) int64 {
	for _, e := range m.d.Events {
		if e.ID == event {
			return e.EndMS
		}
	}
	return 1 << 62
}

// late says whether an order is too late for a visit.
func (m *model) late(p *policy.Policy, event, visitedMS, creditMS int64) bool {
	return creditMS-visitedMS >= int64(p.WindowDays)*24*3600*1000 || p.CutAtEventEnd && creditMS >= m.end(event)
}

// visitCode is the code that a visit counts for: its own, or the one that its
// unknown text was claimed for; 0: none.
func (m *model) visitCode(v *rows.VisitRow) int64 {
	if v.CodeState != "unknown" {
		return v.CodeID
	}
	if code, since := m.find(v.EventID, v.CodeText); code != 0 && since <= v.VisitedAtMS {
		return code
	}
	return 0
}

type given struct {
	rule                       string
	code, affiliate, visitedMS int64
	visit                      string
}

func (g given) text(version int) string {
	return fmt.Sprintf("%s code %d affiliate %d visited %d %s policy %d", g.rule, g.code, g.affiliate, g.visitedMS, g.visit, version)
}

// credit says who an order is credited to; nil: nobody.
func (m *model) credit(b *bought) *given {
	o := &b.head
	click, refused := m.click(b)
	for _, rule := range b.policy.Rules {
		var found *given
		switch rule {
		case "click_id":
			found = click
		case "affiliate":
			code, since := m.find(o.EventID, o.AffiliateText)
			if o.AffiliateText != "" && code != 0 && since <= b.orderedMS && !m.pausedAt(code, b.orderedMS) && code != refused {
				found = &given{rule: rule, code: code, affiliate: m.owner(code, b.orderedMS)}
			}
		case "coupon":
			found = m.coupon(b, refused)
		case "visitor":
			found = m.visitor(b)
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// click gives the credit of the click id, or the code that its refusal rules out.
func (m *model) click(b *bought) (credit *given, refused int64) {
	o := &b.head
	if o.ClickStatus != "valid" {
		return nil, 0
	}
	var code int64
	if *o.ClickCodeState == "unknown" {
		for i := range m.visits {
			v := &m.visits[i]
			if v.Epoch == *o.ClickEpoch && v.Shard == *o.ClickShard && v.Sequence == *o.ClickSequence {
				code = m.visitCode(v)
			}
		}
	} else if o.ClickCodeID != nil {
		code = *o.ClickCodeID
	}
	at := max(b.orderedMS, *o.ClickedAtMS)
	if *o.ClickEventID != o.EventID || *o.ClickTest || *o.ClickEnded || *o.ClickCodeState == "none" || *o.ClickCodeState == "paused" || code == 0 ||
		m.late(&b.policy, o.EventID, *o.ClickedAtMS, at) {
		return nil, code
	}
	return &given{
		rule: "click_id", code: code, affiliate: m.owner(code, *o.ClickedAtMS), visitedMS: *o.ClickedAtMS,
		visit: fmt.Sprintf("%s-%d-%d", *o.ClickEpoch, *o.ClickShard, *o.ClickSequence),
	}, 0
}

func (m *model) coupon(b *bought, refused int64) *given {
	for _, c := range m.d.Coupons {
		if b.head.CouponText == "" || c.Organizer != 1 || c.Folded != lower(b.head.CouponText) || b.orderedMS < c.FromMS || b.orderedMS >= c.UntilMS {
			continue
		}
		for _, k := range m.d.Codes {
			if k.ID == c.Code && (k.Event == 0 || k.Event == b.head.EventID) && !m.pausedAt(c.Code, b.orderedMS) && c.Code != refused {
				return &given{rule: "coupon", code: c.Code, affiliate: m.owner(c.Code, b.orderedMS)}
			}
		}
	}
	return nil
}

func (m *model) visitor(b *bought) *given {
	o := &b.head
	keys := map[int64]bool{}
	if o.VisitorKey != 0 {
		keys[o.VisitorKey] = true
	}
	for _, v := range m.visits {
		if o.ClickStatus == "valid" && v.OrganizerID == 1 && v.VisitorSource == "cookie" && v.VisitorKey != 0 &&
			v.Epoch == *o.ClickEpoch && v.Shard == *o.ClickShard && v.Sequence == *o.ClickSequence {
			keys[v.VisitorKey] = true
		}
	}
	var found []*rows.VisitRow
	for i := range m.visits {
		v := &m.visits[i]
		if v.OrganizerID != 1 || v.VisitorSource != "cookie" || !keys[v.VisitorKey] || v.EventID != o.EventID || v.VisitedAtMS > b.orderedMS ||
			v.Test || v.Ended || v.CodeState == "none" || v.CodeState == "paused" || m.visitCode(v) == 0 ||
			m.late(&b.policy, o.EventID, v.VisitedAtMS, b.orderedMS) {
			continue
		}
		found = append(found, v)
	}
	if len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, func(a, b *rows.VisitRow) int {
		return compare(position(a.VisitedAtMS, a.Collector, a.Epoch, a.Shard, a.Sequence), position(b.VisitedAtMS, b.Collector, b.Epoch, b.Shard, b.Sequence))
	})
	v := found[len(found)-1]
	if b.policy.Pick == "first" {
		v = found[0]
	}
	code := m.visitCode(v)
	return &given{
		rule: "visitor", code: code, affiliate: m.owner(code, v.VisitedAtMS), visitedMS: v.VisitedAtMS,
		visit: fmt.Sprintf("%s-%d-%d", v.Epoch, v.Shard, v.Sequence),
	}
}

// repaid says what each refund came to: its status, tickets and amount.
func (m *model) repaid(orders map[string]*bought) map[string]string {
	first := map[string]rows.RefundRow{}
	at := func(r *rows.RefundRow) []any { return position(r.KnownAtUS, r.Collector, r.Epoch, r.Shard, r.Sequence) }
	for _, r := range m.refunds {
		if w, ok := first[r.RefundID]; r.OrganizerID == 1 && (!ok || compare(at(&r), at(&w)) < 0) {
			first[r.RefundID] = r
		}
	}
	var list []rows.RefundRow
	for _, r := range first {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b rows.RefundRow) int { return compare(at(&a), at(&b)) })
	type rest struct{ quantity, amount int64 }
	left := map[string]map[string]rest{}
	out := map[string]string{}
	for _, r := range list {
		b := orders[r.OrderID]
		switch {
		case b == nil || b.head.State == "pending" && !b.head.Test:
			out[r.RefundID] = "waiting 0 0"
			continue
		case b.head.Test:
			out[r.RefundID] = "test 0 0"
			continue
		case b.head.State == "cancelled":
			out[r.RefundID] = "cancelled 0 0"
			continue
		}
		if left[r.OrderID] == nil {
			left[r.OrderID] = map[string]rest{}
			for _, l := range b.lines {
				left[r.OrderID][l.LineID] = rest{l.Quantity, l.Quantity * l.UnitPrice}
			}
		}
		lines, asks, fits, some := left[r.OrderID], map[string]rest{}, r.Currency == b.head.Currency, false
		for id, l := range lines {
			some = some || l.quantity > 0 || l.amount > 0
			if r.Whole {
				asks[id] = l
			}
		}
		for _, l := range m.refunds {
			if !r.Whole && l.OrganizerID == 1 && l.RefundID == r.RefundID && compare(at(&l), at(&r)) == 0 {
				asks[*l.LineID] = rest{asks[*l.LineID].quantity + *l.Quantity, asks[*l.LineID].amount + *l.Amount}
			}
		}
		for id, a := range asks {
			l, ok := lines[id]
			fits = fits && ok && a.quantity <= l.quantity && a.amount <= l.amount
		}
		if !fits || !some {
			out[r.RefundID] = "set_aside 0 0"
			continue
		}
		var sum rest
		for id, a := range asks {
			lines[id] = rest{lines[id].quantity - a.quantity, lines[id].amount - a.amount}
			sum = rest{sum.quantity + a.quantity, sum.amount + a.amount}
		}
		out[r.RefundID] = fmt.Sprintf("taken %d %d", sum.quantity, sum.amount)
	}
	return out
}
