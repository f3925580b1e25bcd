package generator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"footfall/bench/ledger"
)

// plan says what is sent when. Every item is a function of the seed and its
// number alone, so a run of any length needs no memory for it.
type plan struct {
	config   *Config
	interval time.Duration // between visits
	events   []target
}

// target is an event and the codes that work on its links.
type target struct {
	event ledger.Event
	codes []string
}

// plannedVisit is one link to ask for.
type plannedVisit struct {
	due       time.Duration // from the start
	visit     ledger.Visit
	userAgent string
}

// plannedOrder is one purchase and what comes of it. Its order has no click id
// yet.
type plannedOrder struct {
	due       time.Duration
	organizer string
	order     ledger.Order
	visit     int  // whose click id it carries
	click     bool // whether it does
	repeat    bool
	conflict  bool
	cancel    bool
	refunds   []ledger.Refund
	before    bool // the refunds come before the order
	again     bool // the refunds are sent twice
}

// Numbers of the random streams.
const (
	streamVisit = 1 << 62
	streamOrder = 1 << 61
)

func newPlan(c *Config) *plan {
	p := &plan{config: c, interval: time.Duration(float64(time.Second) / c.VisitsASecond)}
	for _, e := range c.World.Events {
		t := target{event: e}
		for _, code := range c.World.Codes {
			if code.Organizer == e.Organizer && (code.Event == "" || code.Event == e.Slug) {
				t.codes = append(append(t.codes, code.Text), code.Aliases...)
			}
		}
		p.events = append(p.events, t)
	}
	return p
}

func (p *plan) random(stream uint64, number int) *rand.Rand {
	return rand.New(rand.NewPCG(p.config.Seed, stream|uint64(number))) //nolint:gosec // wanted: the same for a seed
}

// chance is true for so many in a thousand.
func chance(r *rand.Rand, permille int) bool { return r.IntN(1000) < permille }

func (p *plan) visit(number int) plannedVisit {
	c, r := p.config, p.random(streamVisit, number)
	t := p.events[r.IntN(len(p.events))]
	v := plannedVisit{
		due: time.Duration(number) * p.interval,
		visit: ledger.Visit{
			Event: t.event.Slug,
			Code:  p.code(r, t),
			Head:  chance(r, c.HeadPermille), Prefetch: chance(r, c.PrefetchShare), Bot: chance(r, c.BotShare),
		},
		userAgent: browsers[r.IntN(len(browsers))],
	}
	if v.visit.Bot {
		v.userAgent = machines[r.IntN(len(machines))]
	}
	if n := r.IntN(1000); n < c.UnknownShare {
		v.visit.Code = fmt.Sprintf("nobody-%d", n)
	} else if n < c.UnknownShare+c.NoCodeShare {
		v.visit.Code = ""
	}
	return v
}

// code is one that works, in some spelling.
func (p *plan) code(r *rand.Rand, t target) string {
	if len(t.codes) == 0 {
		return ""
	}
	text := t.codes[r.IntN(len(t.codes))]
	switch r.IntN(4) {
	case 0:
		return strings.ToUpper(text)
	case 1:
		return strings.ToLower(text)
	}
	return text
}

// order plans an order for a visit that is due before it. start dates it.
func (p *plan) order(number int, start time.Time) plannedOrder {
	c, r := p.config, p.random(streamOrder, number)
	nearest := (number + 1) * c.Visits / (c.Orders + 1)
	o := plannedOrder{
		due:    time.Duration(nearest) * p.interval,
		visit:  r.IntN(max(nearest, 1)),
		repeat: every(c.RepeatEvery, number), conflict: every(c.ConflictEvery, number),
	}
	event := p.eventOf(o.visit)
	at := start.Add(o.due).UTC().Truncate(time.Millisecond)
	o.organizer = event.event.Organizer
	o.order = ledger.Order{
		ID:        fmt.Sprintf("order-%d-%06d", c.Seed, number),
		Event:     event.event.Slug,
		OrderedAt: at,
		Currency:  event.event.Currency,
		Lines:     []ledger.Line{{ID: "1", TicketType: "standard", Quantity: 1 + r.Int64N(4), UnitPrice: 500 + r.Int64N(9500)}},
	}
	if chance(r, 300) {
		o.order.Lines = append(o.order.Lines, ledger.Line{ID: "2", TicketType: "reduced", Quantity: 1 + r.Int64N(2), UnitPrice: r.Int64N(3000)})
	}
	o.click = chance(r, c.ClickShare)
	if chance(r, c.AffiliateShare) {
		o.order.Affiliate = p.code(r, event)
	}
	o.order.Coupon = p.coupon(number, o.organizer)
	p.refunds(number, r, &o)
	o.cancel = every(c.CancelEvery, number) && len(o.refunds) == 0
	return o
}

// coupon is of every fourth order one of its organizer's coupons, in capitals.
func (p *plan) coupon(number int, organizer string) string {
	if number%4 != 0 {
		return ""
	}
	var all []string
	for _, c := range p.config.World.Coupons {
		if c.Organizer == organizer {
			all = append(all, strings.ToUpper(c.Text))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return all[number/4%len(all)]
}

// eventOf is the event of a visit: the first thing its stream draws.
func (p *plan) eventOf(visit int) target {
	return p.events[p.random(streamVisit, visit).IntN(len(p.events))]
}

// refunds gives so many of the orders a refund, of each sort in turn: a part,
// the whole, the whole sent twice, a part sent before the order, more than
// there is.
func (p *plan) refunds(number int, r *rand.Rand, o *plannedOrder) {
	c := p.config
	if c.Refunds == 0 || (number+1)*c.Refunds/c.Orders == number*c.Refunds/c.Orders {
		return
	}
	sort := number * c.Refunds / c.Orders % 5
	line := o.order.Lines[0]
	refund := ledger.Refund{
		ID:         fmt.Sprintf("refund-%d-%06d", c.Seed, number),
		OrderID:    o.order.ID,
		RefundedAt: o.order.OrderedAt.Add(time.Second),
		Currency:   o.order.Currency,
		Reason:     "asked by the buyer",
	}
	part := []ledger.RefundLine{{LineID: line.ID, Quantity: 1 + r.Int64N(line.Quantity), Amount: line.UnitPrice}}
	switch sort {
	case 0:
		refund.Lines = part
	case 2:
		o.again = true
	case 3:
		refund.Lines, o.before = part, true
	case 4:
		refund.Lines = []ledger.RefundLine{{LineID: line.ID, Quantity: line.Quantity + 1, Amount: line.UnitPrice}}
	}
	o.refunds = []ledger.Refund{refund}
}

func every(n, number int) bool { return n > 0 && number%n == n-1 }
