package main

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"time"
)

// demoWorld is a small world of ticket sellers that is the same for a seed:
// who sells what, who links to it, and everything that people and machines did
// there. It does nothing by itself; whoever has it makes it happen.
type demoWorld struct {
	Organizers []demoOrganizer
	Events     []demoEvent
	Affiliates []demoAffiliate
	Codes      []demoCode

	config demoConfig
}

// demoConfig decides a demoWorld, wholly.
type demoConfig struct {
	Seed         uint64
	Until        time.Time // the end of what happens, exclusive
	Days         int       // how many days up to Until
	VisitsADay   int       // on an ordinary day; on-sale days have more
	Destinations string    // base URL of the ticket shop; an event's page is below it
}

type demoOrganizer struct {
	Slug, Name string
	Zone       string // IANA
	Currency   string
}

type demoEvent struct {
	Organizer  string // slug
	Slug, Name string
	// Destination is where buyers are sent to.
	Destination string
	Zone        string
	Currency    string
	OnSale      time.Time // first visits; the rush is right after
	Start, End  time.Time
	Tickets     []demoTicket

	pull     float64 // share of visits against the other events
	location *time.Location
}

type demoTicket struct {
	Type  string
	Price int64 // minor units
}

type demoAffiliate struct {
	Organizer             string // slug
	Name, Nickname, Email string

	pull  float64 // share of the organizer's visits
	sells float64 // orders of a valid visit
}

type demoCode struct {
	Organizer string
	Event     string // slug; "" for a common code
	Text      string
	Affiliate string // nickname
	Paused    bool
}

// demoSeller is an organizer as it is written down below.
type demoSeller struct {
	organizer  demoOrganizer
	events     []demoShow
	affiliates []demoAffiliate
	codes      []demoCode
}

// demoShow is an event as it is written down below, its dates relative to the
// world's end.
type demoShow struct {
	slug, name        string
	onSale, start     int // days before (-) and after the end
	hour, hours       int // of the day, in the organizer's zone; how long
	pull              float64
	adult, concession int64 // minor units
}

// newDemoWorld builds the world. It fails only where the machine has no time
// zones.
func newDemoWorld(config demoConfig) (*demoWorld, error) {
	w := &demoWorld{config: config}
	for _, s := range demoSellers() {
		zone, err := time.LoadLocation(s.organizer.Zone)
		if err != nil {
			return nil, err
		}
		w.Organizers = append(w.Organizers, s.organizer)
		for _, show := range s.events {
			w.Events = append(w.Events, show.event(s.organizer, zone, config))
		}
		for _, a := range s.affiliates {
			a.Organizer = s.organizer.Slug
			a.Email = a.Nickname + "@" + s.organizer.Slug + ".example"
			w.Affiliates = append(w.Affiliates, a)
		}
		for _, c := range s.codes {
			c.Organizer = s.organizer.Slug
			w.Codes = append(w.Codes, c)
		}
	}
	return w, nil
}

func (s demoShow) event(o demoOrganizer, zone *time.Location, config demoConfig) demoEvent {
	day := config.Until.In(zone)
	at := func(days, hour int) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day()+days, hour, 0, 0, 0, zone)
	}
	start := at(s.start, s.hour)
	return demoEvent{
		Organizer: o.Slug, Slug: s.slug, Name: s.name,
		Destination: strings.TrimSuffix(config.Destinations, "/") + "/" + url.PathEscape(s.slug),
		Zone:        o.Zone, Currency: o.Currency,
		OnSale: at(s.onSale, demoOnSaleHour), Start: start, End: start.Add(time.Duration(s.hours) * time.Hour),
		Tickets: []demoTicket{{"adult", s.adult}, {"concession", s.concession}},
		pull:    s.pull, location: zone,
	}
}

// codesOf gives the codes that work on links to the event, common ones
// included.
func (w *demoWorld) codesOf(e *demoEvent) []demoCode {
	var codes []demoCode
	for _, c := range w.Codes {
		if c.Organizer == e.Organizer && (c.Event == "" || c.Event == e.Slug) {
			codes = append(codes, c)
		}
	}
	return codes
}

func (w *demoWorld) affiliate(organizer, nickname string) demoAffiliate {
	for _, a := range w.Affiliates {
		if a.Organizer == organizer && a.Nickname == nickname {
			return a
		}
	}
	return demoAffiliate{}
}

// random is a stream of its own for each day and event, so that no action
// depends on what came before it.
func (w *demoWorld) random(day, event int) *rand.Rand {
	return rand.New(rand.NewPCG(w.config.Seed, uint64(day)<<32|uint64(event))) //nolint:gosec // wanted: the same for a seed
}

// demoOnSaleHour is when tickets go on sale, local time, and everybody clicks.
const demoOnSaleHour = 10

// demoSellers is the cast: two currencies, three zones, codes of both scopes,
// one text that belongs to different people at different organizers, a paused
// code, an affiliate without codes, an event that is over and one that is not
// on sale for long.
func demoSellers() []demoSeller {
	return []demoSeller{
		{
			organizer: demoOrganizer{"nordlicht", "Nordlicht Konzerte", "Europe/Berlin", "EUR"},
			events: []demoShow{
				{"winter-lights", "Winter Lights Festival", -40, 27, 18, 6, 3, 6900, 4900},
				{"kammer-nacht", "Kammermusiknacht", -6, 41, 20, 3, 2, 3200, 1600},
				{"jazz-im-hof", "Jazz im Hof", -60, -2, 19, 4, 1, 2400, 1800},
			},
			affiliates: []demoAffiliate{
				{Name: "Anna Konzertmagazin", Nickname: "anna", pull: 5, sells: 0.05},
				{Name: "Radio Hafenwelle", Nickname: "hafenwelle", pull: 4, sells: 0.03},
				{Name: "Kiezblog Nord", Nickname: "kiezblog", pull: 2, sells: 0.04},
				{Name: "Jonas Schallplatten", Nickname: "jonas", pull: 1, sells: 0.02},
			},
			codes: []demoCode{
				{Text: "ANNA", Affiliate: "anna"},
				{Text: "anna-story", Affiliate: "anna", Event: "winter-lights"},
				{Text: "Hafenwelle", Affiliate: "hafenwelle"},
				{Text: "morgenshow", Affiliate: "hafenwelle", Event: "winter-lights"},
				{Text: "kiez.nord", Affiliate: "kiezblog"},
				{Text: "JONAS10", Affiliate: "jonas", Paused: true},
				{Text: "kammer-tipp", Affiliate: "kiezblog", Event: "kammer-nacht"},
			},
		},
		{
			organizer: demoOrganizer{"maremoto", "Maremoto Produções", "Europe/Lisbon", "EUR"},
			events: []demoShow{
				{"fado-ao-vivo", "Fado ao Vivo", -30, 12, 21, 3, 2, 2800, 2200},
				{"mar-aberto", "Mar Aberto", -3, 60, 16, 8, 3, 5500, 4000},
			},
			affiliates: []demoAffiliate{
				{Name: "Inês Agenda Cultural", Nickname: "ines", pull: 4, sells: 0.05},
				{Name: "Lisboa Sem Sono", Nickname: "semsono", pull: 3, sells: 0.03},
				{Name: "Tiago Discos", Nickname: "tiago", pull: 1, sells: 0.02},
			},
			codes: []demoCode{
				{Text: "INES", Affiliate: "ines"},
				{Text: "sem-sono", Affiliate: "semsono"},
				{Text: "anna", Affiliate: "tiago"},
				{Text: "praia", Affiliate: "ines", Event: "mar-aberto"},
			},
		},
		{
			organizer: demoOrganizer{"brickyard", "Brickyard Theater", "America/New_York", "USD"},
			events: []demoShow{
				{"the-long-shift", "The Long Shift", -25, 5, 19, 3, 2, 8500, 6000},
				{"matinee-club", "Matinee Club", -50, 33, 14, 2, 1, 4200, 2500},
				{"open-roof", "Open Roof Cinema", -9, 75, 20, 4, 2, 1800, 1200},
			},
			affiliates: []demoAffiliate{
				{Name: "Maya Dance Studio", Nickname: "maya", pull: 5, sells: 0.06},
				{Name: "Off-Off Newsletter", Nickname: "offoff", pull: 3, sells: 0.04},
				{Name: "Lou's Diner", Nickname: "lou", pull: 2, sells: 0.02},
				{Name: "Sam's Record Store", Nickname: "sam", pull: 1, sells: 0.02},
			},
			codes: []demoCode{
				{Text: "MAYA", Affiliate: "maya"},
				{Text: "maya-reels", Affiliate: "maya", Event: "the-long-shift"},
				{Text: "offoff", Affiliate: "offoff"},
				{Text: "rooftop", Affiliate: "offoff", Event: "open-roof"},
				{Text: "lou_p", Affiliate: "lou"},
			},
		},
	}
}
