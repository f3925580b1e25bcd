package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// By is what a table has a row for.
type By string

// Tables.
const (
	ByAffiliate By = "affiliate"
	ByCode      By = "code"
	ByEvent     By = "event"
	ByDay       By = "day" // of the organizer's zone
)

// Key names a row. Only the fields of its table are set; no affiliate and no
// code is what is credited to nobody.
type Key struct {
	Organizer string
	Affiliate string
	Code      string // the code's own text, also where an alias was used
	Event     string // by event; by code: the event of an event's own code
	Day       string // YYYY-MM-DD
	Currency  string // of the event: money is never summed across
}

// Figures of a row. Money in minor units.
type Figures struct {
	Requests int64 // recorded visits of every verdict
	Visits   int64 // valid ones
	Orders   int64 // completed
	Credited int64 // of those, to a code
	Tickets  int64 // of completed orders, less refunded
	Sales    int64 // gross
	Refunds  int64
}

func (f *Figures) add(g Figures) {
	f.Requests += g.Requests
	f.Visits += g.Visits
	f.Orders += g.Orders
	f.Credited += g.Credited
	f.Tickets += g.Tickets
	f.Sales += g.Sales
	f.Refunds += g.Refunds
}

// Row is the least and the most that a report by order date may show. They
// differ by the requests without a clear answer.
type Row struct {
	Key      Key
	Min, Max Figures
}

// Holds tells whether the figures are right.
func (r Row) Holds(f Figures) bool {
	between := func(low, value, high int64) bool { return low <= value && value <= high }
	return between(r.Min.Requests, f.Requests, r.Max.Requests) && between(r.Min.Visits, f.Visits, r.Max.Visits) &&
		between(r.Min.Orders, f.Orders, r.Max.Orders) && between(r.Min.Credited, f.Credited, r.Max.Credited) &&
		between(r.Min.Tickets, f.Tickets, r.Max.Tickets) &&
		between(r.Min.Sales, f.Sales, r.Max.Sales) && between(r.Min.Refunds, f.Refunds, r.Max.Refunds)
}

// Expectation is what the product must know after a run.
type Expectation struct {
	Visits []VisitFact // acknowledged and indeterminate ones
	Orders []OrderFact // by (organizer, id)
	index  *index
}

// VisitFact is what is known of one visit.
type VisitFact struct {
	Record
	EventOf Event
	Code    *Code // nil where the text means none
	Verdict string
}

// Reconcile works out what must be known, given who owns which code. Codes,
// owners and events must have stayed the same throughout. ErrContradiction is
// a fault of the product that the answers alone show.
func Reconcile(records []Record, world World) (*Expectation, error) {
	x, err := newIndex(world)
	if err != nil {
		return nil, err
	}
	e := &Expectation{index: x}
	clicks := map[string]*VisitFact{}
	for _, r := range records {
		if r.Kind != KindVisit || r.Outcome != Acknowledged && r.Outcome != Indeterminate {
			continue
		}
		fact, err := x.visit(r)
		if err != nil {
			return nil, err
		}
		e.Visits = append(e.Visits, fact)
	}
	for i := range e.Visits {
		v := &e.Visits[i]
		if v.ClickID == "" {
			continue
		}
		if twin := clicks[v.ClickID]; twin != nil {
			return nil, fmt.Errorf("reconciling visits %s and %s: %w: one click id for both", twin.ID, v.ID, ErrContradiction)
		}
		clicks[v.ClickID] = v
	}
	e.Orders, err = x.orders(records, clicks)
	return e, err
}

// visit derives the verdict: the first that applies.
func (x *index) visit(r Record) (VisitFact, error) {
	if r.Visit == nil {
		return VisitFact{}, fmt.Errorf("reconciling %s: %w: it has no visit", r.ID, ErrWorld)
	}
	event, ok := x.events[r.Visit.Event]
	if !ok {
		return VisitFact{}, fmt.Errorf("reconciling %s: %w: event %q", r.ID, ErrWorld, r.Visit.Event)
	}
	fact := VisitFact{Record: r, EventOf: event, Code: x.resolve(event, r.Visit.Code)}
	text := fold(r.Visit.Code)
	switch {
	case text == "test":
		fact.Verdict = "test"
	case event.Ended:
		fact.Verdict = "ended"
	case text == "" || text == "none" || text == "direct":
		fact.Verdict = "no_code"
	case fact.Code == nil:
		fact.Verdict = "unknown_code"
	case fact.Code.Paused:
		fact.Verdict = "paused"
	case r.Visit.Head:
		fact.Verdict = "head"
	case r.Visit.Prefetch:
		fact.Verdict = "prefetch"
	case r.Visit.Bot:
		fact.Verdict = "bot"
	default:
		fact.Verdict = "valid"
	}
	return fact, nil
}

// Rows is the whole table, in the order of its keys.
func (e *Expectation) Rows(by By) []Row {
	least, most := map[Key]*Figures{}, map[Key]*Figures{}
	for i := range e.Visits {
		e.addVisit(by, &e.Visits[i], least, most)
	}
	for i := range e.Orders {
		e.addOrder(by, &e.Orders[i], least, most)
	}
	var rows []Row
	for key := range most {
		rows = append(rows, Row{Key: key, Min: *figures(least, key), Max: *most[key]})
	}
	slices.SortFunc(rows, func(a, b Row) int { return compareKeys(a.Key, b.Key) })
	return rows
}

// addVisit counts a visit. One that was sent on one day and answered on the
// next may be on either.
func (e *Expectation) addVisit(by By, v *VisitFact, least, most map[Key]*Figures) {
	count := Figures{Requests: 1}
	if v.Verdict == "valid" {
		count.Visits = 1
	}
	organizer := v.EventOf.Organizer
	days := []string{e.index.day(organizer, time.UnixMicro(v.SentUS))}
	if other := e.index.day(organizer, time.UnixMicro(v.AnsweredUS)); other != days[0] {
		days = append(days, other)
	}
	keys := map[Key]bool{}
	for _, day := range days {
		keys[key(by, v.EventOf, v.Code, day)] = true
	}
	for k := range keys {
		figures(most, k).add(count)
		if v.Outcome == Acknowledged && len(keys) == 1 {
			figures(least, k).add(count)
		}
	}
}

// addOrder counts the possible contributions of an order: of each figure the
// least and the most.
func (e *Expectation) addOrder(by By, o *OrderFact, least, most map[Key]*Figures) {
	var worlds []map[Key]*Figures
	for _, p := range o.Possible {
		world := map[Key]*Figures{}
		for _, c := range p.contributions {
			figures(world, key(by, o.EventOf, p.Code, c.day)).add(c.Figures)
		}
		worlds = append(worlds, world)
	}
	all := map[Key]bool{}
	for _, world := range worlds {
		for k := range world {
			all[k] = true
		}
	}
	for k := range all {
		low, high := *figures(worlds[0], k), *figures(worlds[0], k)
		for _, world := range worlds[1:] {
			low = combine(low, *figures(world, k), minimum)
			high = combine(high, *figures(world, k), maximum)
		}
		figures(least, k).add(low)
		figures(most, k).add(high)
	}
}

func minimum(a, b int64) int64 { return min(a, b) }
func maximum(a, b int64) int64 { return max(a, b) }

func combine(a, b Figures, f func(a, b int64) int64) Figures {
	return Figures{
		Requests: f(a.Requests, b.Requests), Visits: f(a.Visits, b.Visits), Orders: f(a.Orders, b.Orders),
		Tickets: f(a.Tickets, b.Tickets), Sales: f(a.Sales, b.Sales), Refunds: f(a.Refunds, b.Refunds),
	}
}

func key(by By, event Event, code *Code, day string) Key {
	k := Key{Organizer: event.Organizer, Currency: event.Currency}
	switch by {
	case ByAffiliate:
		if code != nil {
			k.Affiliate = code.Affiliate
		}
	case ByCode:
		if code != nil {
			k.Code, k.Event = code.Text, code.Event
		}
	case ByEvent:
		k.Event = event.Slug
	case ByDay:
		k.Day = day
	}
	return k
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Organizer, b.Organizer), cmp.Compare(a.Affiliate, b.Affiliate),
		cmp.Compare(a.Code, b.Code), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Day, b.Day),
		cmp.Compare(a.Currency, b.Currency))
}

// figures is the entry of a key, made if absent.
func figures(of map[Key]*Figures, k Key) *Figures {
	f := of[k]
	if f == nil {
		f = &Figures{}
		of[k] = f
	}
	return f
}

// sortedKeys gives a map's keys in order.
func sortedKeys[K cmp.Ordered, V any](of map[K]V) []K {
	return slices.Sorted(maps.Keys(of))
}
