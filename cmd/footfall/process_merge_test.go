package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"footfall/bench/ledger"
	"footfall/internal/testkit"
)

// pinned is a report as it was for an as-of.
type pinned struct {
	asOf, format, by string
	body             []byte
}

// TestTheSameAsOfIsTheSameBytesAfterAMerge pins reports between commits, lets the
// consumer merge the files that they were made from, and asks again; then once
// more after a restart.
func TestTheSameAsOfIsTheSameBytesAfterAMerge(t *testing.T) {
	// A commit for almost every visit, so that merges come soon.
	s := newServer(t, "FOOTFALL_CONSUMER_COMMIT_INTERVAL_MS=1")
	world := ledger.World{
		Organizers: []ledger.Organizer{{Slug: "north", Zone: "America/St_Johns"}},
		Events:     []ledger.Event{{Slug: "n-fair", Organizer: "north", Currency: "CAD"}},
		Codes:      []ledger.Code{{Organizer: "north", Text: "foodie", Affiliate: "ann"}, {Organizer: "north", Text: "radio", Affiliate: "bob"}},
	}
	s.seed(&world, map[string]string{})
	awaitEdge(t, s, &world)
	player := &demoPlayer{
		ClickURL: "http://" + s.clicks, OrdersURL: "http://" + s.orders, Client: demoClient(), Now: time.Now,
		Secrets: map[string]string{"north": world.Organizers[0].Secret},
	}
	visits := int64(0)
	// step sends a visit and an order, and waits until the report has them.
	step := func() {
		t.Helper()
		visits++
		click, err := player.click(t.Context(), &demoVisit{
			Method: http.MethodGet, Target: "/e/n-fair/?affiliate=" + world.Codes[visits%2].Text, Header: http.Header{"User-Agent": {"Mozilla/5.0 Firefox/145.0"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		err = player.post(t.Context(), "/v1/orders", "north", map[string]any{
			"id": fmt.Sprint("o-", visits), "event": "n-fair", "ordered_at": time.Now().UTC().Format(time.RFC3339Nano), "currency": "CAD", "click_id": click,
			"lines": []map[string]any{{"id": "1", "ticket_type": "day", "quantity": 1, "unit_price": 100 * visits}},
		})
		if err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, startTimeout, func() error {
			d, _ := s.report(url.Values{"organizer": {"north"}})
			if len(d.Totals) == 0 || number(t, d.Totals[0]["visits"]) != visits || number(t, d.Totals[0]["orders"]) != visits {
				return errors.New("the report is behind")
			}
			return nil
		})
	}
	var pins []pinned
	for range 6 {
		step()
		asOf := newest(s)
		for _, format := range []string{"csv", "json", "table"} {
			for _, by := range []string{"affiliate", "day"} {
				pins = append(pins, pinned{asOf, format, by, s.pin(asOf, format, by)})
			}
		}
	}
	first := append(lakeFiles(t, s, "visits"), lakeFiles(t, s, "orders")...)
	left := func() (n int) {
		live := append(lakeFiles(t, s, "visits"), lakeFiles(t, s, "orders")...)
		for _, path := range first {
			if slices.Contains(live, path) {
				n++
			}
		}
		return n
	}
	for left() > 0 {
		if step(); visits > 500 {
			t.Fatalf("after %d visits %d of %d files are not merged", visits, left(), len(first))
		}
	}
	t.Logf("%d files merged after %d visits; %d reports pinned", len(first), visits, len(pins))
	check := func(when string) {
		t.Helper()
		for _, p := range pins {
			if again := s.pin(p.asOf, p.format, p.by); !bytes.Equal(again, p.body) {
				t.Errorf("%s, as of %s, by %s:\n%s\nit was\n%s", when, p.asOf, p.by, again, p.body)
			}
		}
	}
	check("after a merge")
	if code := s.Stop(startTimeout); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	s.start()
	check("after a restart")
	// The reports differ from each other, or the same bytes prove nothing.
	if bytes.Equal(pins[0].body, s.pin(newest(s), pins[0].format, pins[0].by)) {
		t.Error("a report of another as-of is the same")
	}
}

// pin asks for a report of an as-of.
func (s *server) pin(asOf, format, by string) []byte {
	s.t.Helper()
	parameters := url.Values{"organizer": {"north"}, "as_of": {asOf}, "format": {format}, "by": {by}}
	_, body, err := s.env().fetch(context.Background(), "/v1/report?"+parameters.Encode())
	if err != nil {
		s.t.Fatal(err)
	}
	return body
}
