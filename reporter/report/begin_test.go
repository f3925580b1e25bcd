package report_test

import (
	"reflect"
	"testing"

	"footfall/schemas/admin"
	rows "footfall/schemas/lake"
	"footfall/schemas/reports"
)

// TestBoundsAreOfValidVisitsAndEveryOrder: the whole sale begins with a visit that
// counts, a claim of its code included, and an order that arrived is told from none
// whoever it is credited to; whether all visits are looked at, or ever more of them.
func TestBoundsAreOfValidVisitsAndEveryOrder(t *testing.T) {
	s := newScene(t, "America/New_York")
	claimed := func(v *rows.VisitRow) { v.CodeID, v.CodeText, v.CodeState, v.EventID = 0, "Claimed", "unknown", 13 }
	s.visit("2026-03-01T10:00:00Z", 0, func(v *rows.VisitRow) { v.Bot = true })
	s.visit("2026-03-02T10:00:00Z", 0, func(v *rows.VisitRow) { v.CodeID, v.CodeText, v.CodeState = 0, "nobody", "unknown" })
	s.visit("2026-03-03T10:00:00Z", 0, nil)
	s.visit("2026-03-04T10:00:00Z", 0, nil)
	s.visit("2026-06-01T10:00:00Z", 0, claimed)
	s.visit("2026-06-05T10:00:00Z", 0, func(v *rows.VisitRow) { v.Head = true })
	s.visit("2026-06-06T10:00:00Z", 0, func(v *rows.VisitRow) { v.OrganizerID, v.EventID = 2, 21 })
	s.order("twice", "2026-03-09T10:00:00Z", nil)
	s.order("twice", "2026-03-05T10:00:00Z", func(o *rows.OrderRow) { o.Version, o.State = 1, "pending" })
	s.order("moved", "2026-03-08T10:00:00Z", func(o *rows.OrderRow) { o.Version, o.Currency = 1, "JPY" })
	s.order("moved", "2026-03-12T10:00:00Z", func(o *rows.OrderRow) { o.EventID, o.State = 13, "cancelled" })
	s.order("tried", "2026-03-01T10:00:00Z", func(o *rows.OrderRow) { o.Test = true })
	s.order("theirs", "2026-03-01T10:00:00Z", func(o *rows.OrderRow) { o.OrganizerID, o.EventID = 2, 21 })
	s.commit()
	for _, c := range []struct {
		event      string
		visits     [2]string
		orders     [2]string
		count      int64
		currencies []string
	}{
		{"", [2]string{"2026-03-03T10:00:00Z", "2026-06-01T10:00:00Z"}, [2]string{"2026-03-05T10:00:00Z", "2026-03-08T10:00:00Z"}, 2, []string{"USD"}},
		{"dollar", [2]string{"2026-03-03T10:00:00Z", "2026-03-04T10:00:00Z"}, [2]string{"2026-03-05T10:00:00Z", "2026-03-05T10:00:00Z"}, 1, []string{"USD"}},
		{"dinar", [2]string{"2026-06-01T10:00:00Z", "2026-06-01T10:00:00Z"}, [2]string{"2026-03-08T10:00:00Z", "2026-03-08T10:00:00Z"}, 1, []string{"USD"}},
		{"yen", [2]string{}, [2]string{}, 0, nil},
	} {
		want := reports.Bounds{Orders: c.count, Currencies: c.currencies}
		for i, at := range []*int64{&want.FirstVisitMS, &want.LastVisitMS, &want.FirstOrderMS, &want.LastOrderMS} {
			if text := append(c.visits[:], c.orders[:]...)[i]; text != "" {
				*at = ms(text)
			}
		}
		for _, rows := range []int64{1 << 40, 3, 1} {
			s.engine.LookAt(rows)
			got, err := s.engine.Bounds(t.Context(), "acme", c.event, 0)
			check(t, err)
			if got.AsOfUS != 5_000_000_000_000_001 || got.Zone != "America/New_York" {
				t.Errorf("event %q: %+v", c.event, got)
			}
			got.Zone, got.Currency, got.AsOfUS, got.Freshness = "", "", 0, reports.Freshness{}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("event %q, %d rows at once: %+v, want %+v", c.event, rows, got, want)
			}
		}
	}
	before, err := s.engine.Bounds(t.Context(), "acme", "", 5_000_000_000_000_000)
	check(t, err)
	if before.Orders != 0 || before.FirstOrderMS != 0 || before.FirstVisitMS == 0 {
		t.Errorf("before the orders were known: %+v", before)
	}
	if _, err := s.engine.Bounds(t.Context(), "acme", "elsewhere", 0); err == nil {
		t.Error("another organizer's event is not refused")
	} else if r, ok := admin.AsRefusal(err); !ok || r.Pointer != "/event" {
		t.Errorf("another organizer's event: %v", err)
	}
}
