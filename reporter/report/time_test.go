package report_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"footfall/reporter/report"
	"footfall/schemas/clickid"
	rows "footfall/schemas/lake"
	"footfall/schemas/reports"
)

// TestRepeatedHourIsTwoRows: an hour that the clocks repeat stands twice, each with
// its offset, by its instant; one that they skip not at all. So do its minutes.
func TestRepeatedHourIsTwoRows(t *testing.T) {
	for zone, c := range map[string]struct {
		start string // a visit every quarter of an hour from here on
		hours []string
	}{
		"America/New_York": {"2026-11-01T05:00:00Z", []string{"2026-11-01T01:00-04:00 4", "2026-11-01T01:00-05:00 4", "2026-11-01T02:00-05:00 4"}},
		"America/St_Johns": {"2026-03-08T04:30:00Z", []string{"2026-03-08T01:00-03:30 4", "2026-03-08T03:00-02:30 4", "2026-03-08T04:00-02:30 4"}},
		// Back by half an hour at 02:00: half an hour comes again.
		"Australia/Lord_Howe": {"2026-04-04T14:00:00Z", []string{"2026-04-05T01:00+11:00 4", "2026-04-05T01:00+10:30 2", "2026-04-05T02:00+10:30 4", "2026-04-05T03:00+10:30 2"}},
		"Asia/Kathmandu":      {"2026-03-08T18:15:00Z", []string{"2026-03-09T00:00+05:45 4", "2026-03-09T01:00+05:45 4", "2026-03-09T02:00+05:45 4"}},
	} {
		s := newScene(t, zone)
		location, err := time.LoadLocation(zone)
		check(t, err)
		var minutes []string
		for i := range 12 {
			at := time.UnixMilli(ms(c.start) + int64(i)*hourMS/4)
			minutes = append(minutes, at.In(location).Format("2006-01-02T15:04Z07:00")+" 1 USD")
			s.visit(at.Add(59*time.Second).UTC().Format(time.RFC3339), 0, nil)
		}
		s.commit()
		want := make([]string, len(c.hours))
		for i, hour := range c.hours {
			want[i] = hour + " USD"
		}
		s.want(report.Query{By: "hour"}, "hour,visits", want...)
		s.want(report.Query{By: "minute"}, "minute,visits", minutes...)
		fifth := strings.Fields(minutes[4])[0]
		s.want(report.Query{By: "minute", Where: "minute>=" + fifth, Columns: "visits"}, "minute,visits", minutes[4:]...)
		second := strings.Fields(want[1])
		s.want(report.Query{By: "hour", Where: "hour=" + second[0], Columns: "visits"}, "visits", map[bool][]string{true: nil, false: {second[1] + " USD"}}[zone == "Australia/Lord_Howe"]...)
	}
}

// TestComparedRangesStandByTheirPlace: the first day beside the first day, also over
// a change of the clocks; a leap day beside 28 February.
func TestComparedRangesStandByTheirPlace(t *testing.T) {
	s := newScene(t, "America/New_York")
	for _, at := range []string{
		"2023-02-28T12:00:00Z", "2024-02-29T12:00:00Z", "2024-02-29T13:00:00Z", "2024-02-28T12:00:00Z",
		"2026-10-30T12:00:00Z", "2026-11-01T12:00:00Z", "2026-11-01T13:00:00Z", "2026-11-02T12:00:00Z", "2026-10-31T12:00:00Z",
	} {
		s.visit(at, 0, nil)
	}
	s.commit()
	columns := "day,visits,visits_before,visits_change"
	// The clocks change on 2026-11-01: two days are 49 hours, the two before 48.
	s.want(report.Query{By: "day", From: "2026-11-01", To: "2026-11-03", Compare: "previous", Columns: "visits"}, columns,
		"2026-11-01 2 1 1000000 USD", "2026-11-02 1 1 0 USD")
	// A range that doesn't begin and end with days is moved by its length.
	s.want(report.Query{By: "event", From: "2026-11-01T12:30:00Z", To: "2026-11-01T13:30:00Z", Compare: "previous", Columns: "visits"}, columns, "1 1 0 USD")
	// 29 days against 28: the place of the 28th is the 28th's, and that of the 29th has nothing.
	s.want(report.Query{By: "day", From: "2024-02-01", To: "2024-03-01", Compare: "year", Columns: "visits"}, columns,
		"2024-02-28 1 1 0 USD", "2024-02-29 2 0 - USD")
	// 29 February is 28 February a year before: from there one day is to 1 March.
	s.want(report.Query{By: "day", From: "2024-02-29", To: "2024-03-01", Compare: "year", Columns: "visits"}, columns, "2024-02-29 2 1 1000000 USD")
	// A range of its own, whatever its length.
	s.want(report.Query{By: "event", From: "2026-11-01", To: "2026-11-02", Compare: "2024-02-29/2024-03-01", Columns: "visits"}, columns, "2 2 0 USD")
	for _, compare := range []string{"2024-02-29/", "/", "2024-03-01/2024-02-29", "2024-02-29/tomorrow"} {
		if _, err := s.run(report.Query{Organizer: "acme", From: "2026-11-01", To: "2026-11-02", Compare: compare}); err == nil || !strings.Contains(err.Error(), "compare") {
			t.Errorf("compare %q: %v", compare, err)
		}
	}
	// A row that only the earlier range has is shown too.
	s.want(report.Query{By: "code", From: "2026-11-03", To: "2026-11-05", Compare: "previous", Columns: "visits,conversion_rate"},
		"code,visits,visits_before,visits_change,conversion_rate,conversion_rate_before,conversion_rate_change", "ANN 0 3 -1000000 - 0 - USD")
	a, err := s.run(report.Query{Organizer: "acme", By: "day", From: "2026-11-01", To: "2026-11-03", Compare: "previous", Limit: 1})
	check(t, err)
	checkTotals(t, a)
}

// TestVisitDateIsTheCohorts: by visit date an order and its refund are on their
// visit's day, whenever they came; what has no visit is in no figure, and noted.
func TestVisitDateIsTheCohorts(t *testing.T) {
	s := newScene(t, "UTC")
	v := s.visit("2026-06-01T10:00:00Z", 1, nil)
	s.order("late", "2026-06-20T10:00:00Z", clicked(v))
	s.order("direct", "2026-06-01T10:00:00Z", nil)
	s.order("given", "2026-06-01T10:00:00Z", func(o *rows.OrderRow) { o.AffiliateText = "ann" })
	s.refund("r", "late", "2026-07-20T10:00:00Z", "box", 1, 500)
	s.commit()
	june1 := report.Query{By: "day", From: "2026-06-01", To: "2026-06-02", Basis: "visit"}
	s.want(june1, "day,visits,orders,tickets_sold,net_sales", "2026-06-01 1 1 2 2000 USD")
	july := report.Query{By: "day", From: "2026-06-20", To: "2026-08-01", Basis: "visit"}
	s.want(july, "day,orders")
	june1.Organizer = "acme"
	a, err := s.run(june1)
	check(t, err)
	if notes := strings.Join(a.Facts.Notes, "\n"); !strings.Contains(notes, "without a credited visit: 2;") || a.Facts.Basis != "visit date" {
		t.Errorf("%q: %q", a.Facts.Basis, notes)
	}
	june1.Basis = "order"
	s.want(june1, "day,visits,orders,tickets_sold,net_sales", "2026-06-01 1 2 6 5000 USD")
}

// TestOrganizersStandBesideEachOther: each with figures of its own alone, in UTC.
func TestOrganizersStandBesideEachOther(t *testing.T) {
	s := newScene(t, "Asia/Kathmandu")
	s.visit("2026-06-01T23:00:00Z", 1, nil)
	s.visit("2026-06-01T23:00:00Z", 1, func(v *rows.VisitRow) { v.OrganizerID, v.EventID, v.CodeID = 2, 21, 2001 })
	s.order("o", "2026-06-02T10:00:00Z", nil)
	s.order("o", "2026-06-02T10:00:00Z", func(o *rows.OrderRow) {
		o.OrganizerID, o.EventID, o.Currency, o.AffiliateText = 2, 21, "EUR", "ann"
	})
	for _, event := range []int64{12, 21} { // whose visitor's visits are looked for, in both
		s.order("seen", "2026-07-02T10:00:00Z", func(o *rows.OrderRow) {
			o.OrganizerID, o.EventID, o.State, o.VisitorKey = event/10, event, "pending", 77
		})
	}
	s.commit()
	s.want(report.Query{By: "organizer,day", Sort: "organizer,day"}, "organizer,day,visits,orders,credited_orders",
		"acme 2026-06-01 1 0 0 USD", "acme 2026-06-02 0 1 0 USD", "other 2026-06-01 1 0 0 EUR", "other 2026-06-02 0 1 1 EUR")
	s.want(report.Query{By: "organizer", Where: "organizer=other"}, "organizer,orders", "other 1 EUR")
	a, err := s.run(report.Query{By: "organizer"})
	check(t, err)
	if a.Facts.Zone != "UTC" || len(a.Totals) != 2 {
		t.Errorf("%+v, totals %+v", a.Facts, a.Totals)
	}
	if _, err := s.run(report.Query{By: "organizer", Affiliate: "ann"}); err == nil {
		t.Error("an affiliate of one organizer was looked for in all")
	}
}

// TestTotalsAreTheRowsAndTheRest of random questions, over every pair of dimensions
// and every measure.
func TestTotalsAreTheRowsAndTheRest(t *testing.T) {
	seed := uint64(setting(t, "FOOTFALL_SEED", 1))
	t.Logf("seed %d", seed)
	w := newWorld(t, seed)
	center := ms("2026-11-01T06:00:00Z")
	s := newScenario(seed, "America/New_York", center)
	w.catalog.states = []state{{knownUS: 1, d: s.d}}
	var err error
	s.keys, err = clickid.NewKeys(9, []clickid.Key{{ID: 9, Secret: [32]byte{1}}})
	check(t, err)
	s.fill(w, 100, 30)
	names := []string{
		"affiliate", "code", "event", "organizer", "day", "hour", "minute", "week", "month", "source", "verdict", "ticket-type", "typed", "order", "sub1", "utm-term",
	}
	for range setting(t, "FOOTFALL_RECOUNTS", 6) {
		by := pick(s, names...)
		if other := pick(s, names...); other != by && s.chance(60) {
			by += "," + other
		}
		q := report.Query{
			Organizer: "acme", By: by, Columns: "all", Limit: s.IntN(4), Offset: s.IntN(3), Basis: pick(s, "order", "visit"), Zone: pick(s, "", "Australia/Lord_Howe"),
			Where: pick(s, "", "event!=rock", "affiliate=ann,direct", "total_sales>=30", "net_sales<100 and day>=2026-10-31", "typed~a"),
		}
		a, err := w.run(q)
		if err != nil && strings.Contains(err.Error(), "is not a") {
			continue // a condition that lines or orders can't have
		}
		check(t, err)
		if int64(len(a.Rows)) > a.AllRows || q.Limit > 0 && len(a.Rows) > q.Limit {
			t.Errorf("%+v: %d of %d rows", q, len(a.Rows), a.AllRows)
		}
		checkTotals(t, a)
		if t.Failed() {
			t.Fatalf("%+v", q)
		}
	}
}

// TestOneCurrencyIsThatPartOfAll: its rows and its total are those that stand beside
// the others'.
func TestOneCurrencyIsThatPartOfAll(t *testing.T) {
	w, _ := filled(t, 60, 20)
	q := report.Query{Organizer: "acme", By: "event,day", Sort: "event,day", Columns: "all"}
	whole, err := w.run(q)
	check(t, err)
	if len(whole.Totals) < 2 {
		t.Fatalf("%d currencies prove nothing", len(whole.Totals))
	}
	q.AsOfUS = whole.Facts.AsOfUS
	for _, total := range whole.Totals {
		q.Currency = total.Currency
		one, err := w.run(q)
		check(t, err)
		var want []reports.Row
		for _, row := range whole.Rows {
			if row.Currency == total.Currency {
				want = append(want, row)
			}
		}
		if !reflect.DeepEqual(one.Rows, want) || len(one.Totals) != 1 || !reflect.DeepEqual(one.Totals[0], total) {
			t.Errorf("%s alone: %+v, %+v", total.Currency, one.Totals, one.Rows)
		}
	}
	q.Currency = "XOF"
	none, err := w.run(q)
	check(t, err)
	if len(none.Rows) != 0 || len(none.Totals) != 1 || none.Totals[0].Currency != "XOF" {
		t.Errorf("a currency that nothing has: %+v", none.Totals)
	}
}

// TestNobodysRowsStandBehindAllOthers where that is asked for, and are in the totals
// all the same.
func TestNobodysRowsStandBehindAllOthers(t *testing.T) {
	w, _ := filled(t, 60, 20)
	for _, by := range []string{"affiliate", "code", "code,day"} {
		plain, err := w.run(report.Query{Organizer: "acme", By: by, Sort: "-orders"})
		check(t, err)
		last, err := w.run(report.Query{Organizer: "acme", By: by, Sort: "-orders", NobodyLast: true})
		check(t, err)
		if !reflect.DeepEqual(plain.Totals, last.Totals) || len(plain.Rows) != len(last.Rows) {
			t.Errorf("by %s: other rows or totals", by)
		}
		seen := false
		for _, row := range last.Rows {
			nobody := row.Cells[0].Empty
			if seen && !nobody {
				t.Errorf("by %s: somebody's row stands behind nobody's", by)
			}
			seen = seen || nobody
		}
		if !seen {
			t.Errorf("by %s: there is no row of nobody", by)
		}
	}
}

// TestPagesRepeatAndMissNoRow: the pages of one as-of, one behind the other, are
// the whole, whatever it is sorted by.
func TestPagesRepeatAndMissNoRow(t *testing.T) {
	w, _ := filled(t, 60, 20)
	for _, q := range []report.Query{
		{By: "code"}, {By: "order", Sort: "-ordered_at"}, {By: "day,affiliate", Sort: "visits"}, {By: "source,event", Sort: "-net_sales"},
	} {
		q.Organizer = "acme"
		whole, err := w.run(q)
		check(t, err)
		q.AsOfUS = whole.Facts.AsOfUS
		var rows []reports.Row
		for q.Limit = 3; ; q.Offset += q.Limit {
			page, err := w.run(q)
			check(t, err)
			checkTotals(t, page)
			if !reflect.DeepEqual(page.Totals, whole.Totals) || page.AllRows != whole.AllRows {
				t.Errorf("by %s from %d: totals %+v of %d rows, of all %+v of %d", q.By, q.Offset, page.Totals, page.AllRows, whole.Totals, whole.AllRows)
			}
			if len(page.Rows) == 0 {
				break
			}
			rows = append(rows, page.Rows...)
		}
		if len(rows) < 4 || !reflect.DeepEqual(rows, whole.Rows) {
			t.Errorf("by %s: pages of %d rows, the whole has %d", q.By, len(rows), len(whole.Rows))
		}
	}
}
