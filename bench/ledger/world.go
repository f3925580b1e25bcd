package ledger

import (
	"fmt"
	"strings"
	"time"
)

// World is what the load is aimed at, and who owns which code. It stays as it
// is while the load runs.
type World struct {
	Organizers []Organizer `json:"organizers"`
	Events     []Event     `json:"events"`
	Codes      []Code      `json:"codes"`
	Coupons    []Coupon    `json:"coupons,omitempty"`
}

// Coupon is bound to the code of that text.
type Coupon struct {
	Organizer string `json:"organizer"`
	Text      string `json:"text"`
	Code      string `json:"code"`
	Event     string `json:"event,omitempty"` // of the code
}

// Organizer is a tenant; Secret signs its orders (whsec_…) and never gets into
// a ledger.
type Organizer struct {
	Slug   string `json:"slug"`
	Zone   string `json:"zone"` // IANA
	Secret string `json:"secret,omitempty"`
}

// Event is a thing on sale.
type Event struct {
	Slug      string `json:"slug"`
	Organizer string `json:"organizer"`
	Currency  string `json:"currency"`
	Ended     bool   `json:"ended,omitempty"`
}

// Code is a tracking code. Without an event it is a common one.
type Code struct {
	Organizer string   `json:"organizer"`
	Event     string   `json:"event,omitempty"`
	Text      string   `json:"text"`
	Aliases   []string `json:"aliases,omitempty"`
	Affiliate string   `json:"affiliate"`
	Paused    bool     `json:"paused,omitempty"`
}

// WithoutSecrets is the world as a ledger may hold it.
func (w World) WithoutSecrets() World {
	organizers := make([]Organizer, len(w.Organizers))
	for i, o := range w.Organizers {
		organizers[i] = Organizer{Slug: o.Slug, Zone: o.Zone}
	}
	w.Organizers = organizers
	return w
}

// index is a world made ready for look-ups.
type index struct {
	zones  map[string]*time.Location
	events map[string]Event
	codes  map[scope]*Code
	coupon map[scope]*Code // by the coupon's text, in an organizer
}

// scope is a folded text within an event, or within an organizer where the
// event is "".
type scope struct{ organizer, event, text string }

func newIndex(w World) (*index, error) {
	x := &index{zones: map[string]*time.Location{}, events: map[string]Event{}, codes: map[scope]*Code{}, coupon: map[scope]*Code{}}
	for _, o := range w.Organizers {
		zone, err := time.LoadLocation(o.Zone)
		if err != nil {
			return nil, fmt.Errorf("loading the zone of organizer %s: %w", o.Slug, err)
		}
		x.zones[o.Slug] = zone
	}
	for _, e := range w.Events {
		if x.zones[e.Organizer] == nil {
			return nil, fmt.Errorf("indexing event %s: %w: organizer %q", e.Slug, ErrWorld, e.Organizer)
		}
		x.events[e.Slug] = e
	}
	for i := range w.Codes {
		c := &w.Codes[i]
		for _, text := range append([]string{c.Text}, c.Aliases...) {
			at := scope{c.Organizer, c.Event, fold(text)}
			if x.codes[at] != nil {
				return nil, fmt.Errorf("indexing code %s: %w: two codes of one text", text, ErrWorld)
			}
			x.codes[at] = c
		}
	}
	for _, c := range w.Coupons {
		code := x.codes[scope{c.Organizer, c.Event, fold(c.Code)}]
		if code == nil || x.coupon[scope{c.Organizer, "", fold(c.Text)}] != nil {
			return nil, fmt.Errorf("indexing coupon %s: %w: it is there twice, or leads to no code", c.Text, ErrWorld)
		}
		x.coupon[scope{c.Organizer, "", fold(c.Text)}] = code
	}
	return x, nil
}

// resolve finds the code that text means on a link of the event.
func (x *index) resolve(event Event, text string) *Code {
	if c := x.codes[scope{event.Organizer, event.Slug, fold(text)}]; c != nil {
		return c
	}
	return x.codes[scope{event.Organizer, "", fold(text)}]
}

func (x *index) day(organizer string, at time.Time) string {
	return at.In(x.zones[organizer]).Format(time.DateOnly)
}

// fold is the ASCII case fold.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
