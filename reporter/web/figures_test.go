package web

import (
	"math"
	"strings"
	"testing"
	"time"

	"footfall/schemas/reports"
)

func TestFiguresAreWrittenWholeAndSigned(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1\u202f000", -1234567: "−1\u202f234\u202f567", math.MinInt64: "−9\u202f223\u202f372\u202f036\u202f854\u202f775\u202f808"} {
		if got := count(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for _, c := range []struct {
		n        int64
		decimals int
		want     string
	}{
		{1234567, 0, "1\u202f234\u202f567"},
		{1234567, 2, "12\u202f345.67"},
		{5, 2, "0.05"},
		{-5, 3, "−0.005"},
		{123456789, 4, "12\u202f345.6789"},
		{0, 2, "0.00"},
		{-100, 2, "−1.00"},
		{math.MinInt64, 2, "−92\u202f233\u202f720\u202f368\u202f547\u202f758.08"},
	} {
		if got := decimal(c.n, c.decimals); got != c.want {
			t.Errorf("%d with %d decimals: %q, want %q", c.n, c.decimals, got, c.want)
		}
	}
	for n, want := range map[int64]string{0: "0.00", 27027: "2.70", 27050: "2.71", -27050: "−2.71", 1_000_000: "100.00", 2_500_000: "250.00", 49: "0.00", 50: "0.01"} {
		if got := percent(n); got != want+"\u202f%" {
			t.Errorf("%d millionths: %q, want %q", n, got, want)
		}
	}
}

func rowWith(currency string, decimals int, numbers map[string]int64) row {
	r := row{cells: map[string]reports.Cell{}, currency: currency, decimals: decimals}
	for name, n := range numbers {
		r.cells[name] = reports.Cell{Number: n}
	}
	return r
}

// Without a base there is no change: never infinity, never 100 %.
func TestAFigureWithoutABaseHasNoChange(t *testing.T) {
	r := rowWith("USD", 2, map[string]int64{"visits": 10, "visits_before": 0, "orders": 3, "orders_before": 2, "orders_change": 500_000, "conversion_rate": 50_000, "conversion_rate_before": 62_800})
	r.cells["visits_change"] = reports.Cell{Empty: true}
	if got := r.change("visits", reports.KindCount); got != "" {
		t.Errorf("visits against none: %q", got)
	}
	if got := r.change("orders", reports.KindCount); got != "+50.0\u202f%" {
		t.Errorf("orders: %q", got)
	}
	if got := r.change("conversion_rate", reports.KindRate); got != "−1.28 points" {
		t.Errorf("the rate: %q", got)
	}
	if got := r.change("tickets_sold", reports.KindCount); got != "" {
		t.Errorf("what is not there: %q", got)
	}
}

// No visits: an empty rate. Above 100 %: as it is, with its note. Few visits: muted,
// and said in words.
func TestARateSaysWhatItIsMadeOf(t *testing.T) {
	none := rateFigure(row{cells: map[string]reports.Cell{"visits": {}, "credited_orders": {}, "conversion_rate": {Empty: true}}})
	if none.Value != "–" || strings.Contains(strings.Join(none.Under, ""), "NaN") {
		t.Errorf("no visits: %+v", none)
	}
	above := rateFigure(rowWith("USD", 2, map[string]int64{"visits": 40, "credited_orders": 50, "conversion_rate": 1_250_000}))
	if above.Value != "125.00\u202f%" || len(above.Under) != 2 || above.Muted || !strings.Contains(above.Under[1], "without a click") {
		t.Errorf("above 100 %%: %+v", above)
	}
	few := rateFigure(rowWith("USD", 2, map[string]int64{"visits": 1, "credited_orders": 1, "conversion_rate": 1_000_000}))
	if !few.Muted || few.Under[0] != "1 of 1 visit" {
		t.Errorf("one visit: %+v", few)
	}
	cells := figureCells([]reports.Column{{Name: "conversion_rate", Kind: reports.KindRate}}, rowWith("USD", 2, map[string]int64{"visits": 1, "credited_orders": 1, "conversion_rate": 1_000_000}))
	if !cells[0].Muted || cells[0].Text != "1 of 1" {
		t.Errorf("in the table: %+v", cells[0])
	}
}

// A chart shows one currency: another one's amounts are in no bar of it.
func TestTwoCurrenciesAreInNoChartTogether(t *testing.T) {
	columns := []reports.Column{{Name: "day", Kind: reports.KindDay}}
	rows := []row{
		rowWith("USD", 2, map[string]int64{"total_sales": 100, "visits": 1}), rowWith("EUR", 2, map[string]int64{"total_sales": 7, "visits": 2}),
	}
	for i := range rows {
		rows[i].cells["day"] = reports.Cell{Text: "2026-11-01"}
	}
	points := pointsOf(reports.Table{Columns: columns, Facts: reports.Facts{Zone: "UTC", AsOfUS: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC).UnixMicro()}}, rows, "day", "USD", period{})
	if len(points) != 1 || points[0].now["total_sales"] != 100 {
		t.Errorf("%+v", points)
	}
	p := performance{Base: "/p", View: view{}}
	p.currencies(rows)
	if len(p.Currencies) != 2 || p.Currency != "USD" {
		t.Errorf("the switch: %+v, %s", p.Currencies, p.Currency)
	}
}

// Days without anything are there, up to today and not beyond it.
func TestAChartHasEveryDayOfItsRange(t *testing.T) {
	now := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	points := pointsOf(reports.Table{Facts: reports.Facts{Zone: "UTC", AsOfUS: now.UnixMicro()}}, nil, "day", "USD", period{from: "2026-11-01", to: "2026-11-08", days: 7})
	var days []string
	for _, p := range points {
		days = append(days, p.label)
	}
	if got := strings.Join(days, " "); got != "2026-11-01 2026-11-02 2026-11-03 2026-11-04 2026-11-05" {
		t.Errorf("days %s", got)
	}
	c := chartOf(points, "day", "USD", 2, true, true)
	if len(c.Panels) != 3 || c.Panels[0].Before != "" || !c.Panels[1].Bars[4].Last || c.Panels[1].Bars[3].Last {
		t.Errorf("chart %+v", c)
	}
}

func TestTheEvidenceSaysWhatFiguresStandOn(t *testing.T) {
	now := time.Date(2026, 11, 24, 19, 5, 9, 0, time.UTC)
	facts := reports.Facts{Zone: "America/New_York", Basis: "order date", AsOfUS: now.UnixMicro()}
	for name, c := range map[string]struct {
		freshness reports.Freshness
		want      string
		late      string
	}{
		"provisional": {reports.Freshness{WatermarkUS: now.UnixMicro() - 2_000_000, CompleteMS: now.UnixMilli() - 1000}, "Days in America/New_York · by order date · as of 14:05:09 · provisional after 14:05:07", ""},
		"settled":     {reports.Freshness{WatermarkUS: now.UnixMicro()}, "Days in America/New_York · by order date · as of 14:05:09 · settled", ""},
		"late":        {reports.Freshness{WatermarkUS: now.UnixMicro(), CompleteMS: now.Add(-13 * time.Minute).UnixMilli()}, "Days in America/New_York · by order date · as of 14:05:09 · settled", "13:52:09"},
	} {
		e := evidenceOf(reports.Table{Facts: facts, Freshness: c.freshness}, now, false)
		if e.Text() != c.want || e.Late != c.late {
			t.Errorf("%s: %q late %q, want %q late %q", name, e.Text(), e.Late, c.want, c.late)
		}
	}
}

func TestAFileIsNamedAfterItsQuestion(t *testing.T) {
	day := func(d int) int64 { return time.Date(2026, 11, d, 5, 0, 0, 0, time.UTC).UnixMilli() }
	got := fileName(reports.Table{Facts: reports.Facts{
		Organizer: "acme", Event: "gala", By: "affiliate,day", Zone: "America/New_York", FromMS: day(1), ToMS: day(8), AsOfUS: time.Date(2026, 11, 24, 19, 5, 9, 0, time.UTC).UnixMicro(),
	}}, "xlsx")
	if want := "gala_by-affiliate-day_2026-11-01_2026-11-07_America-New_York_as-of-20261124T190509Z_provisional.xlsx"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
