package main

import (
	"fmt"
	"net/url"
	"time"
)

// sampleWorld is what `footfall all --sample` offers to somebody new: one
// organizer, one event, two affiliates, three codes. Its event is always some
// weeks ahead.
func sampleWorld(now time.Time, shop string) (*demoWorld, error) {
	const zone, currency = "America/New_York", "USD"
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("reading time zones: %w", err)
	}
	const daysAhead, hour, hours = 70, 19, 4
	day := now.In(location)
	start := time.Date(day.Year(), day.Month(), day.Day()+daysAhead, hour, 0, 0, 0, location)
	return &demoWorld{
		config:     demoConfig{Until: now},
		Organizers: []demoOrganizer{{"harbour", "Harbour Concerts", zone, currency}},
		Events: []demoEvent{{
			Organizer: "harbour", Slug: "harbour-lights", Name: "Harbour Lights", Destination: shop + "/tickets/harbour-lights",
			Zone: zone, Currency: currency, Start: start, End: start.Add(hours * time.Hour),
			Tickets: []demoTicket{{"general admission", 4500}},
		}},
		Affiliates: []demoAffiliate{
			{Organizer: "harbour", Name: "Atlantic Food Guide", Nickname: "atlfood", Email: "tickets@atlfood.example"},
			{Organizer: "harbour", Name: "Dockside Radio", Nickname: "dockside", Email: "promo@dockside.example"},
		},
		Codes: []demoCode{
			{Organizer: "harbour", Text: "atlfoodie", Affiliate: "atlfood"},
			{Organizer: "harbour", Text: "dockside", Affiliate: "dockside"},
			{Organizer: "harbour", Event: "harbour-lights", Text: "morningshow", Affiliate: "dockside"},
		},
	}, nil
}

// links gives a link for each code on each of its events.
func (w *demoWorld) links(base string) []string {
	var links []string
	for i := range w.Events {
		for _, c := range w.codesOf(&w.Events[i]) {
			if !c.Paused {
				links = append(links, base+"/e/"+url.PathEscape(w.Events[i].Slug)+"/?affiliate="+url.QueryEscape(c.Text))
			}
		}
	}
	return links
}
