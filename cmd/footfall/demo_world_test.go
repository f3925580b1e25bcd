package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func demoTestConfig() demoConfig {
	return demoConfig{
		Seed: 1, Until: time.Date(2026, 11, 22, 15, 30, 0, 0, time.UTC), Days: 14, VisitsADay: 400,
		Destinations: "http://127.0.0.1:8082/tickets",
	}
}

func newTestDemoWorld(t *testing.T, config demoConfig) *demoWorld {
	t.Helper()
	w, err := newDemoWorld(config)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// story is all actions as lines of JSON.
func story(t *testing.T, w *demoWorld) []string {
	t.Helper()
	var lines []string
	for a := range w.Actions() {
		line, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	return lines
}

func TestDemoIsTheSameForASeed(t *testing.T) {
	config := demoTestConfig()
	first := strings.Join(story(t, newTestDemoWorld(t, config)), "\n")
	w := newTestDemoWorld(t, config)
	for range 2 {
		if strings.Join(story(t, w), "\n") != first {
			t.Fatal("one seed gave two stories")
		}
	}
	config.Seed = 2
	if strings.Join(story(t, newTestDemoWorld(t, config)), "\n") == first {
		t.Error("two seeds gave one story")
	}
}

func TestDemoEndsEarlyWhenAsked(t *testing.T) {
	n := 0
	for range newTestDemoWorld(t, demoTestConfig()).Actions() {
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Errorf("%d actions", n)
	}
}

func TestDemoActionsRunForwardWithinTheirDays(t *testing.T) {
	config := demoTestConfig()
	last := config.Until.AddDate(0, 0, -config.Days)
	visits, kept, orders := 0, map[int]bool{}, map[string]bool{}
	for a := range newTestDemoWorld(t, config).Actions() {
		if a.At.Before(last) || !a.At.Before(config.Until) {
			t.Fatalf("an action at %s after %s, before %s", a.At, last, config.Until)
		}
		last = a.At
		switch {
		case a.Visit != nil:
			if a.Visit.Number != visits {
				t.Fatalf("visit %d is numbered %d", visits, a.Visit.Number)
			}
			visits++
			kept[a.Visit.Number] = a.Visit.Keep
		case a.Order != nil:
			if a.Order.Visit >= 0 && !kept[a.Order.Visit] {
				t.Errorf("order %s wants the click id of visit %d, which is not kept", a.Order.Body.ID, a.Order.Visit)
			}
			if orders[a.Order.Body.ID] || !a.Order.Body.OrderedAt.Equal(a.At) {
				t.Errorf("order %s is there twice, or dated wrongly", a.Order.Body.ID)
			}
			orders[a.Order.Body.ID] = true
		case a.Refund != nil:
			if !orders[a.Refund.Body.OrderID] {
				t.Errorf("refund %s comes before its order", a.Refund.Body.ID)
			}
		default:
			t.Error("an action of nothing")
		}
	}
	if visits < 14*300 || visits > 14*2500 {
		t.Errorf("%d visits in 14 days of about 400", visits)
	}
}

func TestDemoHasSomethingOfEverything(t *testing.T) {
	w := newTestDemoWorld(t, demoTestConfig())
	seen := map[string]int{}
	codes := map[string]bool{}
	for _, c := range w.Codes {
		codes[c.Text] = true
	}
	for a := range w.Actions() {
		if v := a.Visit; v != nil {
			target, err := url.Parse(v.Target)
			if err != nil || net.ParseIP(v.Address) == nil {
				t.Fatalf("visit %+v: %v", v, err)
			}
			code := target.Query().Get("affiliate")
			switch {
			case code == "":
				seen["no code"]++
			case !codes[code]:
				seen["unknown code"]++
			case code == "JONAS10":
				seen["paused code"]++
			}
			if v.Method == http.MethodHead {
				seen["head"]++
			}
			if v.Header.Get("Sec-Purpose") != "" {
				seen["prefetch"]++
			}
			if strings.Contains(v.Header.Get("User-Agent"), "bot") {
				seen["bot"]++
			}
			if v.Header.Get("Sec-Gpc") == "1" {
				seen["gpc"]++
			}
			seen["event "+v.Event]++
		}
		if o := a.Order; o != nil {
			switch {
			case o.Visit >= 0:
				seen["order by click"]++
			case o.Body.Affiliate != "":
				seen["order by code"]++
			default:
				seen["direct order"]++
			}
			seen["order of "+o.Organizer]++
		}
		if a.Refund != nil {
			seen["refund"]++
		}
	}
	want := []string{"no code", "unknown code", "paused code", "head", "prefetch", "bot", "gpc", "order by click", "order by code", "direct order", "refund"}
	for _, e := range w.Events {
		want = append(want, "event "+e.Slug)
	}
	for _, o := range w.Organizers {
		want = append(want, "order of "+o.Slug)
	}
	for _, name := range want {
		if seen[name] == 0 {
			t.Errorf("no %s: %v", name, seen)
		}
	}
	if sold, came := seen["order by click"], seen["event winter-lights"]; sold > came {
		t.Errorf("%d orders of %d visits", sold, came)
	}
}

func TestDemoCastFollowsTheRulesOfTheCatalog(t *testing.T) {
	w := newTestDemoWorld(t, demoTestConfig())
	slug := regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	text := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	taken := map[string]bool{}
	events := map[string]demoEvent{}
	currencies, zones := map[string]bool{}, map[string]bool{}
	for _, o := range w.Organizers {
		currencies[o.Currency], zones[o.Zone] = true, true
	}
	if len(w.Organizers) != 3 || len(currencies) != 2 || len(zones) != 3 {
		t.Errorf("%d organizers, %d currencies, %d zones", len(w.Organizers), len(currencies), len(zones))
	}
	for _, e := range w.Events {
		if _, twice := events[e.Slug]; twice || !slug.MatchString(e.Slug) || !e.OnSale.Before(e.Start) || !e.Start.Before(e.End) {
			t.Errorf("event %+v", e)
		}
		events[e.Slug] = e
	}
	for _, c := range w.Codes {
		if !text.MatchString(c.Text) || w.affiliate(c.Organizer, c.Affiliate).Name == "" {
			t.Errorf("code %+v", c)
		}
		if c.Event != "" && events[c.Event].Organizer != c.Organizer {
			t.Errorf("code %s is for an event of another organizer", c.Text)
		}
		name := c.Organizer + "/" + strings.ToLower(c.Text)
		if taken[name] {
			t.Errorf("code %s is there twice", c.Text)
		}
		taken[name] = true
	}
}

func TestDemoRushesWhenTicketsGoOnSale(t *testing.T) {
	w := newTestDemoWorld(t, demoTestConfig())
	rush, ordinary := 0, 0
	for a := range w.Actions() {
		if a.Visit == nil || a.Visit.Event != "kammer-nacht" {
			continue
		}
		for _, e := range w.Events {
			if e.Slug != a.Visit.Event {
				continue
			}
			switch since := a.At.Sub(e.OnSale); {
			case since < 0:
				t.Errorf("a visit %s before tickets were on sale", -since)
			case since < time.Hour:
				rush++
			case since >= 72*time.Hour && since < 73*time.Hour:
				ordinary++
			}
		}
	}
	if rush < 5*max(ordinary, 1) {
		t.Errorf("%d visits in the first hour, %d in the same one three days later", rush, ordinary)
	}
}
