package main

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// demoAction is one thing that somebody does at an instant: exactly one of
// Visit, Order and Refund is set.
type demoAction struct {
	At     time.Time // milliseconds
	Visit  *demoVisit
	Order  *demoOrder
	Refund *demoRefund
}

// demoVisit is one request for a link.
type demoVisit struct {
	Number  int // names it for demoOrder.Visit; dense over the world, from 0
	Event   string
	Method  string
	Target  string // path and query
	Header  http.Header
	Address string // of the client: the documentation ranges of RFC 5737, so nobody's
	Keep    bool   // an order will want its click id
}

// demoOrder is one signed purchase.
type demoOrder struct {
	Organizer string
	Visit     int // whose click id the body gets; -1: none
	Body      demoOrderBody
}

// demoOrderBody is the body of POST /v1/orders.
type demoOrderBody struct {
	ID        string          `json:"id"`
	Event     string          `json:"event"`
	OrderedAt time.Time       `json:"ordered_at"`
	Currency  string          `json:"currency"`
	ClickID   string          `json:"click_id,omitempty"`
	Affiliate string          `json:"affiliate,omitempty"`
	Lines     []demoOrderLine `json:"lines"`
}

type demoOrderLine struct {
	ID         string `json:"id"`
	TicketType string `json:"ticket_type"`
	Quantity   int64  `json:"quantity"`
	UnitPrice  int64  `json:"unit_price"` // minor units
}

// demoRefund is one signed refund, of a whole order.
type demoRefund struct {
	Organizer string
	Body      demoRefundBody
}

// demoRefundBody is the body of POST /v1/refunds.
type demoRefundBody struct {
	ID         string    `json:"id"`
	OrderID    string    `json:"order_id"`
	RefundedAt time.Time `json:"refunded_at"`
	Currency   string    `json:"currency"`
	Reason     string    `json:"reason,omitempty"`
}

const (
	demoDay = 24 * time.Hour

	// Shares of all visits. Machines are as common as on any shop's links.
	demoBots     = 0.08
	demoPrefetch = 0.02
	demoHeads    = 0.005
	demoUnknown  = 0.02 // a mistyped or invented code
	demoNoCode   = 0.05

	demoDirect  = 0.4  // orders of nobody's link, against the linked ones
	demoRefunds = 0.05 // of orders
	demoLost    = 0.1  // of linked orders: the click id got lost, the code was typed
)

// Actions is everything that happens, in the order of time, a day of it in
// memory at once. Each call gives the same again.
func (w *demoWorld) Actions() iter.Seq[demoAction] {
	return func(yield func(demoAction) bool) {
		begin := w.config.Until.Add(-time.Duration(w.config.Days) * demoDay)
		visits := 0
		var later []demoAction // orders and refunds of days to come
		for day := range w.config.Days {
			from := begin.Add(time.Duration(day) * demoDay)
			to := from.Add(demoDay)
			actions := append(later, w.visitsOf(day, from, &visits)...)
			actions = append(actions, w.ordersOf(day, from, actions[len(later):])...)
			slices.SortStableFunc(actions, func(a, b demoAction) int { return a.At.Compare(b.At) })
			n, _ := slices.BinarySearchFunc(actions, to, func(a demoAction, t time.Time) int { return cmp.Or(a.At.Compare(t), 1) })
			for _, a := range actions[:n] {
				if !yield(a) {
					return
				}
			}
			later = slices.Clone(actions[n:])
		}
	}
}

// visitsOf gives a day's visits in the order of time.
func (w *demoWorld) visitsOf(day int, from time.Time, count *int) []demoAction {
	var actions []demoAction
	total := 0.0
	for i := range w.Events {
		total += w.Events[i].pull
	}
	for i := range w.Events {
		e := &w.Events[i]
		r := w.random(day, i)
		// The busiest minute is some tens of times the ordinary one; drawing at
		// that rate and keeping each by its share gives every curve its shape.
		most := 40.0
		tries := int(float64(w.config.VisitsADay) * e.pull / total * most)
		codes := w.codesOf(e)
		for range tries {
			at := from.Add(time.Duration(r.Int64N(int64(demoDay)))).Truncate(time.Millisecond)
			if r.Float64()*most < e.interest(at) {
				actions = append(actions, demoAction{At: at, Visit: w.visit(r, e, codes)})
			}
		}
	}
	slices.SortStableFunc(actions, func(a, b demoAction) int { return a.At.Compare(b.At) })
	for i := range actions {
		actions[i].Visit.Number = *count
		*count++
	}
	return actions
}

// interest is how many times the ordinary rate people click at an instant:
// little at night, most in the evening, a rush as tickets go on sale, more in
// the last week, stragglers after the end.
func (e *demoEvent) interest(at time.Time) float64 {
	if at.Before(e.OnSale) {
		return 0
	}
	local := at.In(e.location)
	hour := float64(local.Hour()) + float64(local.Minute())/60
	rate := 1 + 0.9*math.Cos((hour-19.5)/24*2*math.Pi)
	if weekday := local.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		rate *= 1.3
	}
	if !at.Before(e.End) {
		return rate * 0.05
	}
	if e.Start.Sub(at) < 7*demoDay {
		rate *= 1.8
	}
	since := at.Sub(e.OnSale).Hours()
	return rate + 30*math.Exp(-since*2) + 2*math.Exp(-since/24)
}

func (w *demoWorld) visit(r *rand.Rand, e *demoEvent, codes []demoCode) *demoVisit {
	v := &demoVisit{
		Event: e.Slug, Method: http.MethodGet, Header: http.Header{},
		Address: fmt.Sprintf("%s.%d", []string{"192.0.2", "198.51.100", "203.0.113"}[r.IntN(3)], 1+r.IntN(254)),
	}
	agent := demoBrowsers()[r.IntN(len(demoBrowsers()))]
	query := url.Values{}
	switch kind := r.Float64(); {
	case kind < demoUnknown:
		query.Set("affiliate", []string{"anna2025", "SUMMER", "hafenwele", "freeticket"}[r.IntN(4)])
	case kind < demoUnknown+demoNoCode:
	default:
		query.Set("affiliate", w.pick(r, codes).Text)
	}
	switch kind := r.Float64(); {
	case kind < demoBots:
		agent = demoMachines()[r.IntN(len(demoMachines()))]
	case kind < demoBots+demoPrefetch:
		v.Header.Set("Sec-Purpose", "prefetch")
	case kind < demoBots+demoPrefetch+demoHeads:
		v.Method = http.MethodHead
	}
	if r.IntN(3) == 0 {
		source := []string{"instagram", "newsletter", "radio", "blog"}[r.IntN(4)]
		query.Set("utm_source", source)
		query.Set("utm_campaign", e.Slug)
		v.Header.Set("Referer", "https://"+source+".example/")
	}
	if r.IntN(12) == 0 {
		v.Header.Set("Sec-Gpc", "1")
	}
	v.Header.Set("User-Agent", agent)
	v.Target = "/e/" + url.PathEscape(e.Slug) + "/"
	if len(query) > 0 {
		v.Target += "?" + query.Encode()
	}
	return v
}

// pick draws a code by its affiliate's pull.
func (w *demoWorld) pick(r *rand.Rand, codes []demoCode) demoCode {
	total := 0.0
	for _, c := range codes {
		total += w.affiliate(c.Organizer, c.Affiliate).pull
	}
	at := r.Float64() * total
	for _, c := range codes {
		if at -= w.affiliate(c.Organizer, c.Affiliate).pull; at < 0 {
			return c
		}
	}
	return codes[len(codes)-1]
}

// ordersOf gives the orders that come of a day's visits, those of nobody's
// link, and their refunds; some days later than the visits. It marks the
// visits whose click ids are wanted.
func (w *demoWorld) ordersOf(day int, from time.Time, visits []demoAction) []demoAction {
	var actions []demoAction
	r := w.random(day, len(w.Events))
	number := 0
	add := func(e *demoEvent, at time.Time, visit int, affiliate string) {
		id := fmt.Sprintf("demo-%d-%s-%04d", w.config.Seed, from.UTC().Format("20060102"), number)
		number++
		at = at.Truncate(time.Millisecond)
		order := &demoOrder{Organizer: e.Organizer, Visit: visit, Body: demoOrderBody{
			ID: id, Event: e.Slug, OrderedAt: at.UTC(), Currency: e.Currency, Affiliate: affiliate, Lines: e.basket(r),
		}}
		refunded := r.Float64() < demoRefunds
		wait := time.Duration((1 + 70*r.Float64()) * float64(time.Hour)).Truncate(time.Millisecond)
		if !at.Before(e.End) || !at.Before(w.config.Until) {
			return
		}
		actions = append(actions, demoAction{At: at, Order: order})
		if back := at.Add(wait); refunded && back.Before(w.config.Until) {
			actions = append(actions, demoAction{At: back, Refund: &demoRefund{Organizer: e.Organizer, Body: demoRefundBody{
				ID: "refund-of-" + id, OrderID: id, RefundedAt: back.UTC(), Currency: e.Currency, Reason: "cannot come",
			}}})
		}
	}
	for _, a := range visits {
		e, sells, code := w.origin(a.Visit)
		draw, direct, lost := r.Float64(), r.Float64(), r.Float64()
		minutes := math.Exp(2 + 1.6*r.NormFloat64()) // most within half an hour, a few after days
		if draw < sells {
			at := a.At.Add(time.Duration((1 + minutes) * float64(time.Minute)))
			if lost < demoLost {
				add(e, at, -1, code)
			} else {
				a.Visit.Keep = true
				add(e, at, a.Visit.Number, "")
			}
		}
		if direct < demoDirect*0.04 {
			add(e, a.At.Add(time.Second), -1, "")
		}
	}
	return actions
}

// origin gives a visit's event, its code as typed, and how likely it ends in
// an order: machines don't buy.
func (w *demoWorld) origin(v *demoVisit) (e *demoEvent, sells float64, code string) {
	e = &w.Events[slices.IndexFunc(w.Events, func(e demoEvent) bool { return e.Slug == v.Event })]
	target, err := url.Parse(v.Target)
	if err != nil || v.Method == http.MethodHead || v.Header.Get("Sec-Purpose") != "" ||
		slices.Contains(demoMachines(), v.Header.Get("User-Agent")) {
		return e, 0, ""
	}
	code = target.Query().Get("affiliate")
	for _, c := range w.codesOf(e) {
		if c.Text == code {
			return e, w.affiliate(c.Organizer, c.Affiliate).sells, code
		}
	}
	return e, 0.02, ""
}

// basket is what somebody buys.
func (e *demoEvent) basket(r *rand.Rand) []demoOrderLine {
	lines := []demoOrderLine{{ID: "1", TicketType: e.Tickets[0].Type, Quantity: 1 + int64(min(r.ExpFloat64(), 5)), UnitPrice: e.Tickets[0].Price}}
	if r.IntN(4) == 0 {
		lines = append(lines, demoOrderLine{
			ID: strconv.Itoa(len(lines) + 1), TicketType: e.Tickets[1].Type, Quantity: 1 + r.Int64N(2), UnitPrice: e.Tickets[1].Price,
		})
	}
	return lines
}

func demoBrowsers() []string {
	return []string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
		"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22G100 Instagram 405.0.0.29.78 (iPhone14,5; iOS 18_6_2; de_DE; de; scale=3.00; 1170x2532; 806862101)",
	}
}

func demoMachines() []string {
	return []string{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
		"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
		"python-requests/2.32.3",
	}
}
