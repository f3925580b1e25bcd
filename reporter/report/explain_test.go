package report_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"footfall/internal/testkit"
	"footfall/reporter/attribution"
	"footfall/reporter/export"
	"footfall/reporter/report"
	"footfall/schemas/admin"
	rows "footfall/schemas/lake"
)

// small is a world that a person can count: three affiliates, five visits, and
// one order for each way to be credited or refused.
func small(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, 3)
	at := ms("2026-11-01T06:00:00Z")
	w.catalog.states = []state{{knownUS: 1, d: newScenario(1, "America/New_York", at).d}}
	visit := func(sequence, event, code int64, codeState, text string, afterMS int64) rows.VisitRow {
		return rows.VisitRow{
			VisitedAtMS: at + afterMS, Collector: 1, Epoch: "00000000000000ab", Sequence: sequence, OrganizerID: 1, EventID: event,
			CodeID: code, CodeState: codeState, CodeText: text, BotRules: "crawlers 1",
		}
	}
	visits := []rows.VisitRow{
		visit(1, 12, 1001, "resolved", "ANN", -2*hourMS),
		visit(2, 12, 1001, "resolved", "ann", hourMS),
		visit(3, 11, 1002, "resolved", "Rock-Bob", 0),
		visit(4, 12, 1003, "paused", "cid", 9*hourMS),
		visit(5, 12, 0, "unknown", "Claimed", -hourMS),
		visit(6, 12, 0, "unknown", "nobody", 0),
		visit(7, 12, 9999, "resolved", "gone", 0),
	}
	w.commit(visitsLog, (at+100*hourMS)*1000, visits, nil, nil)
	var orders []rows.OrderRow
	order := func(id string, click int, affiliate string, afterMS int64, change func(*rows.OrderRow)) {
		o := rows.OrderRow{
			OrderID: id, Version: 2, State: "completed", OrderedAtMS: at + afterMS, Collector: 1, Epoch: "00000000000000ac",
			Sequence: int64(len(orders) + 1), OrganizerID: 1, EventID: 12, Currency: "JPY", AffiliateText: affiliate,
			Fingerprint: strings.Repeat("0a", 32), Normalization: 1, LineCount: 1, LineID: "l0", TicketType: "seat", Quantity: 2, UnitPrice: 1500,
		}
		if click > 0 {
			v := visits[click-1]
			o.ClickID, o.ClickStatus, o.ClickEpoch, o.ClickShard, o.ClickSequence = "id-of-"+v.CodeText, "valid", &v.Epoch, &v.Shard, &v.Sequence
			o.ClickEventID, o.ClickCodeState, o.ClickEnded, o.ClickTest, o.ClickedAtMS = &v.EventID, &v.CodeState, &v.Ended, &v.Test, &v.VisitedAtMS
			if v.CodeID != 0 {
				o.ClickCodeID = &v.CodeID
			}
		}
		if change != nil {
			change(&o)
		}
		orders = append(orders, o)
	}
	order("click", 1, "cid", 2*hourMS, nil)
	order("reassigned", 2, "", 2*hourMS, nil)
	order("before-visit", 2, "", -hourMS, nil)
	order("code", 0, " Annie ", hourMS, nil)
	order("direct", 0, "", 0, nil)
	order("other-event", 3, "", hourMS, nil)
	order("paused", 4, "", 10*hourMS, nil)
	order("ruled-out", 4, "cid", 10*hourMS-3*hourMS, nil)
	order("claimed", 5, "", 0, nil)
	order("unknown", 6, "nobody", hourMS, nil)
	order("window", 2, "", 721*hourMS, nil)
	order("window-last", 2, "", 721*hourMS-1, nil)
	order("unknown-to-catalog", 7, "", hourMS, nil)
	order("lost-row", 1, "", hourMS, func(o *rows.OrderRow) {
		lost := int64(77)
		o.ClickSequence = &lost
	})
	order("lost-unknown", 6, "", hourMS, func(o *rows.OrderRow) {
		lost := int64(78)
		o.ClickSequence = &lost
	})
	order("forged", 0, "late", hourMS, func(o *rows.OrderRow) { o.ClickID, o.ClickStatus = "=cmd()", "forged" })
	order("test", 1, "", hourMS, func(o *rows.OrderRow) { o.Test = true })
	order("organizer", 1, "", hourMS, func(o *rows.OrderRow) {
		other := int64(21)
		o.ClickEventID = &other
	})
	order("after-event", 3, "", 25*hourMS, func(o *rows.OrderRow) { o.EventID, o.Currency = 11, "USD" })
	order("click", 1, "cid", 2*hourMS, func(o *rows.OrderRow) { o.Fingerprint, o.Quantity = strings.Repeat("0b", 32), 9 })
	order("click", 1, "cid", 2*hourMS, nil)
	line, two, all := "l0", int64(1), int64(1500)
	refund := func(id, order string, whole bool) rows.RefundRow {
		r := rows.RefundRow{
			RefundID: id, OrderID: order, RefundedAtMS: at + 30*hourMS, Collector: 1, Epoch: "00000000000000ac", Sequence: int64(100 + len(id)),
			OrganizerID: 1, Currency: "JPY", Fingerprint: strings.Repeat("0c", 32), Normalization: 1, Whole: whole, LineCount: 1,
		}
		if !whole {
			r.LineID, r.Quantity, r.Amount = &line, &two, &all
		}
		return r
	}
	refunds := []rows.RefundRow{refund("r1", "click", false), refund("r12", "click", false), refund("r123", "click", false), refund("r1234", "not-yet", true)}
	w.commit(ordersLog, (at+101*hourMS)*1000, nil, orders, refunds)
	return w
}

func TestGoldenReports(t *testing.T) {
	w := small(t)
	for name, q := range map[string]report.Query{
		"affiliate": {By: "affiliate"},
		"code":      {By: "code", Sort: "code"},
		"event":     {By: "event", From: "2026-11-01", To: "2026-11-02"},
		"day":       {By: "day", Event: "jazz"},
		"limited":   {By: "code", Sort: "-orders", Limit: 2},
		"one":       {By: "day", Affiliate: "ann"},
		"direct":    {By: "event", Affiliate: "direct"},
		"empty":     {By: "affiliate", From: "2020-01-01", To: "2020-02-01"},
	} {
		q.Organizer = "acme"
		table, err := w.run(q)
		check(t, err)
		for _, format := range []string{"table", "csv", "json"} {
			var b bytes.Buffer
			check(t, export.Write(context.Background(), &b, format, export.Options{}, table.again()))
			testkit.Golden(t, name+"."+format, b.Bytes())
		}
	}
}

func TestEveryOrderIsExplained(t *testing.T) {
	w := small(t)
	for order, want := range map[string]string{
		"click":              "click_id valid, affiliate outranked",
		"reassigned":         "click_id valid",
		"before-visit":       "click_id valid",
		"code":               "affiliate valid",
		"direct":             "",
		"other-event":        "click_id other_event",
		"paused":             "click_id paused",
		"ruled-out":          "click_id paused, affiliate ruled_out",
		"claimed":            "click_id valid",
		"unknown":            "click_id unknown_code, affiliate unknown_code",
		"window":             "click_id outside_window",
		"window-last":        "click_id valid",
		"unknown-to-catalog": "click_id valid",
		"lost-row":           "click_id valid",
		"lost-unknown":       "click_id visit_lost",
		"forged":             "click_id forged, affiliate not_active_yet",
		"test":               "click_id valid",
		"organizer":          "click_id other_organizer",
		"after-event":        "click_id after_event",
	} {
		e, err := w.credits.Explain(context.Background(), w.lake, attribution.Question{Organizer: "acme", OrderID: order})
		check(t, err)
		var words []string
		for _, c := range e.Candidates {
			words = append(words, c.Rule+" "+c.Reason)
			if c.Why == "" || strings.HasSuffix(c.Why, c.Reason) {
				t.Errorf("%s: %s %s is not put into words: %q", order, c.Rule, c.Reason, c.Why)
			}
		}
		if got := strings.Join(words, ", "); got != want {
			t.Errorf("%s: %s, want %s", order, got, want)
		}
		if (e.Winner != nil) != strings.Contains(want, " valid") {
			t.Errorf("%s: winner %+v", order, e.Winner)
		}
		for _, format := range []string{"table", "json"} {
			var b bytes.Buffer
			check(t, export.WriteExplanation(&b, format, e))
			if order == "click" || order == "ruled-out" || order == "lost-row" || order == "direct" {
				testkit.Golden(t, "explain-"+order+"."+format, b.Bytes())
			}
		}
	}
	for _, unknown := range []struct{ organizer, order string }{{"acme", "nowhere"}, {"acmee", "click"}, {"other", "click"}} {
		_, err := w.credits.Explain(context.Background(), w.lake, attribution.Question{Organizer: unknown.organizer, OrderID: unknown.order})
		if refusal, ok := admin.AsRefusal(err); !ok || refusal.Reason != admin.NotFound {
			t.Errorf("%+v: %v, want not found", unknown, err)
		}
	}
	if _, err := w.credits.Explain(context.Background(), w.lake, attribution.Question{OrderID: "click"}); err == nil {
		t.Error("one of two organizers was guessed")
	}
}

// TestDayOfTheZoneHasItsOwnLength: an hour that the clocks repeat or skip never
// moves a visit to another day, nor is it counted twice.
func TestDayOfTheZoneHasItsOwnLength(t *testing.T) {
	for zone, c := range map[string]struct {
		day, next string
		hours     int64
		start     string
	}{
		"America/New_York":    {"2026-11-01", "2026-11-02", 25 * 2, "2026-11-01T04:00:00Z"},
		"America/St_Johns":    {"2026-03-08", "2026-03-09", 23 * 2, "2026-03-08T03:30:00Z"},
		"Australia/Lord_Howe": {"2026-04-05", "2026-04-06", 49, "2026-04-04T13:00:00Z"},
		"Asia/Kathmandu":      {"2026-03-08", "2026-03-09", 48, "2026-03-07T18:15:00Z"},
		"Asia/Beirut":         {"2026-03-29", "2026-03-30", 46, "2026-03-28T22:00:00Z"}, // midnight is skipped
		"America/Havana":      {"2026-11-01", "2026-11-02", 50, "2026-11-01T04:00:00Z"}, // midnight comes twice
	} {
		t.Run(zone, func(t *testing.T) {
			w := newWorld(t, 1)
			start := ms(c.start)
			w.catalog.states = []state{{knownUS: 1, d: newScenario(1, zone, start).d}}
			var visits []rows.VisitRow
			for half := int64(-4); half < c.hours+4; half++ { // a visit every half an hour
				visits = append(visits, rows.VisitRow{
					VisitedAtMS: start + half*hourMS/2, Sequence: half + 10, OrganizerID: 1, EventID: 12, CodeID: 1001, CodeState: "resolved",
				})
			}
			w.commit(visitsLog, 1000, visits, nil, nil)
			table, err := w.run(report.Query{By: "day", Organizer: "acme", From: c.day, To: c.next})
			check(t, err)
			if len(table.Rows) != 1 || table.Rows[0].Cells[0].Text != c.day || table.Rows[0].Cells[1].Number != c.hours {
				t.Errorf("got %+v, want one row of %s with %d half hours", table.Rows, c.day, c.hours)
			}
			all, err := w.run(report.Query{By: "day", Organizer: "acme"})
			check(t, err)
			if len(all.Rows) != 3 || all.Rows[1].Cells[1].Number != c.hours {
				t.Errorf("by day: %+v, want %d half hours in the middle", all.Rows, c.hours)
			}
		})
	}
}

// TestCatalogIsTheOneOfTheAsOf: a claim that is known later changes later reports only.
func TestCatalogIsTheOneOfTheAsOf(t *testing.T) {
	w := newWorld(t, 1)
	at := ms("2026-06-01T12:00:00Z")
	before, after := newScenario(1, "UTC", at).d, newScenario(1, "UTC", at).d
	before.Texts = before.Texts[:4]
	knownUS := (at + hourMS) * 1000
	w.catalog.states = []state{{knownUS: 1, d: before}, {knownUS: knownUS + 10, d: after}}
	w.commit(visitsLog, knownUS, []rows.VisitRow{{VisitedAtMS: at, OrganizerID: 1, EventID: 12, CodeState: "unknown", CodeText: "Claimed"}}, nil, nil)
	for asOfUS, want := range map[int64]int{knownUS: 0, knownUS + 9: 0, knownUS + 10: 1, 0: 1} {
		table, err := w.run(report.Query{Organizer: "acme", AsOfUS: asOfUS})
		check(t, err)
		if len(table.Rows) != want {
			t.Errorf("as of %d: %d rows, want %d", asOfUS, len(table.Rows), want)
		}
	}
	if w.catalog.answered != 1 {
		t.Errorf("the watermark that was answered is %d, want the orders log's 1", w.catalog.answered)
	}
}

// TestEqualVersionsFallToTheLeastPosition: of one id and version in two
// collectors the least (known_at, collector, epoch, shard, sequence) counts, in
// whatever order the rows stand.
func TestEqualVersionsFallToTheLeastPosition(t *testing.T) {
	w := newWorld(t, 1)
	at := ms("2026-06-01T12:00:00Z")
	w.catalog.states = []state{{knownUS: 1, d: newScenario(1, "UTC", at).d}}
	row := func(collector int64, epoch string, sequence, price int64) rows.OrderRow {
		return rows.OrderRow{
			OrderID: "o", Version: 2, State: "completed", OrderedAtMS: at, Collector: collector, Epoch: epoch, Sequence: sequence,
			OrganizerID: 1, EventID: 12, Currency: "JPY", Fingerprint: epoch, Normalization: 1, LineCount: 1, LineID: "l", Quantity: 1, UnitPrice: price,
		}
	}
	later := []rows.OrderRow{row(2, "00000000000000aa", 1, 1), row(1, "00000000000000ff", 1, 2), row(1, "00000000000000bb", 3, 3), row(1, "00000000000000bb", 4, 4)}
	w.commit(ordersLog, 2_000_000, nil, later, nil)
	sales := func(want int64) {
		t.Helper()
		table, err := w.run(report.Query{By: "event", Organizer: "acme"})
		check(t, err)
		if len(table.Rows) != 1 || table.figure(t, table.Totals[0], "total_sales") != want {
			t.Errorf("got %+v, want sales of %d", table.Totals, want)
		}
	}
	sales(3)
	// A commit that is known later never takes an order over, whatever its position.
	w.commit(ordersLog, 3_000_000, nil, []rows.OrderRow{row(1, "0000000000000001", 1, 5)}, nil)
	sales(3)
}
