package report_test

import (
	"fmt"
	"strings"
	"testing"

	"footfall/reporter/lake"
	"footfall/reporter/report"
	rows "footfall/schemas/lake"
)

// TestMidnightIsOfOneDayAlone: what happens at the very instant at which a range
// begins is in it, and at the one at which it ends is not, be it a visit, an order
// or a refund, by either basis. So two ranges side by side count everything once.
func TestMidnightIsOfOneDayAlone(t *testing.T) {
	s := newScene(t, "Asia/Kathmandu")
	for i, at := range []string{"2026-06-01T18:14:59.999Z", "2026-06-01T18:15:00Z", "2026-06-02T18:14:59.999Z", "2026-06-02T18:15:00Z"} {
		id := fmt.Sprint("o", i)
		s.order(id, at, clicked(s.visit(at, int64(i+1), nil)))
		s.refund("r-"+id, id, at, "box", 1, 500)
	}
	s.commit()
	for _, basis := range []string{"order", "visit"} {
		for _, c := range []struct{ from, to, want string }{
			{"2026-06-01", "2026-06-02", "2026-06-01 1 1 1 2 2500 500 USD"},
			{"2026-06-02", "2026-06-03", "2026-06-02 2 2 2 4 5000 1000 USD"},
			{"2026-06-03", "2026-06-04", "2026-06-03 1 1 1 2 2500 500 USD"},
		} {
			s.want(report.Query{By: "day", From: c.from, To: c.to, Basis: basis}, "day,visits,unique_visitors,orders,tickets_sold,total_sales,refunds", c.want)
		}
	}
}

// TestClaimReachesBackToItsMidnightAndNoFurther: the visit at the instant from which
// a claim holds is the code's, the one before it nobody's: of a common code and of
// an event's.
func TestClaimReachesBackToItsMidnightAndNoFurther(t *testing.T) {
	s := newScene(t, "UTC")
	for _, c := range []struct{ text, at string }{
		{"Claimed", "2026-05-31T13:59:59.999Z"},
		{"Claimed", "2026-05-31T14:00:00Z"},
		{"LATE", "2026-06-01T04:59:59.999Z"},
		{"LATE", "2026-06-01T05:00:00Z"},
	} {
		s.visit(c.at, 0, func(v *rows.VisitRow) { v.CodeID, v.CodeText, v.CodeState = 0, c.text, "unknown" })
	}
	s.commit()
	s.want(report.Query{By: "code", Columns: "requests,visits", Sort: "code"}, "code,requests,visits",
		"claimed 1 1 USD", "late 1 1 USD", "unknown_code 2 0 USD")
}

// TestVisitAtATakeoversMidnightIsTheNewOwners: to the millisecond.
func TestVisitAtATakeoversMidnightIsTheNewOwners(t *testing.T) {
	s := newScene(t, "UTC")
	d := s.catalog.states[0].d
	d.Owners = []lake.CodeOwner{{Code: 1001, Affiliate: 101}, {Code: 1001, Affiliate: 102, FromMS: ms("2026-06-02T00:00:00Z")}}
	s.visit("2026-06-01T23:59:59.999Z", 0, nil)
	s.visit("2026-06-02T00:00:00Z", 0, nil)
	s.commit()
	s.want(report.Query{By: "affiliate", Columns: "visits", Sort: "affiliate"}, "affiliate,visits", "Ann 1 USD", "Bob 1 USD")
}

// TestAnotherOrganizersTextClaimsNoVisit: an unknown text is nobody's here, whatever
// it leads to elsewhere.
func TestAnotherOrganizersTextClaimsNoVisit(t *testing.T) {
	s := newScene(t, "UTC")
	d := s.catalog.states[0].d
	d.Texts = append(d.Texts, lake.CodeText{Code: 2001, Folded: "zed"})
	s.visit("2026-06-01T10:00:00Z", 0, func(v *rows.VisitRow) { v.CodeID, v.CodeText, v.CodeState = 0, "zed", "unknown" })
	s.commit()
	s.want(report.Query{By: "code", Columns: "requests,visits"}, "code,requests,visits", "unknown_code 1 0 USD")
	s.want(report.Query{By: "typed", Columns: "requests", Where: "typed=ZED"}, "typed,requests", "zed 1 USD") // in any case of letters
}

// TestRatesAreRoundedHalfAwayFromZero: in both directions.
func TestRatesAreRoundedHalfAwayFromZero(t *testing.T) {
	s := newScene(t, "UTC")
	for i := range 3 {
		v := s.visit("2026-06-01T10:00:00Z", int64(i+1), nil)
		if i > 0 {
			s.order(fmt.Sprint("o", i), "2026-06-01T10:00:00Z", clicked(v))
		}
	}
	for i, amount := range []int64{128, 129, 0, 128, 127} { // ± 1 of 128 is ± 7812.5 millionths
		id := fmt.Sprint("refunded", i)
		s.order(id, "2026-05-01T10:00:00Z", nil)
		s.refund("r"+id, id, fmt.Sprintf("2026-06-%02dT10:00:00Z", 10+i), "box", 0, amount)
	}
	s.commit()
	s.want(report.Query{By: "code", From: "2026-06-01", To: "2026-06-02", Columns: "conversion_rate"}, "conversion_rate", "666667 USD")
	for where, rows := range map[string][]string{"=66.6667%": {"3 USD"}, ">=0.666667": {"3 USD"}, ">66.6667%": nil, "<0.666667": nil} {
		s.want(report.Query{By: "code", From: "2026-06-01", To: "2026-06-02", Columns: "visits", Where: "conversion_rate" + where}, "visits", rows...)
	}
	for day, want := range map[string]string{"2026-06-11 2026-06-12": "129 128 7813 USD", "2026-06-14 2026-06-15": "127 128 -7813 USD"} {
		from, to, _ := strings.Cut(day, " ")
		s.want(report.Query{By: "event", From: from, To: to, Compare: "previous", Columns: "refunds"}, "refunds,refunds_before,refunds_change", want)
	}
}

// TestNotesAreOfTheReportsOwnRange: not of the one that it is compared with, nor of
// what happened before and after.
func TestNotesAreOfTheReportsOwnRange(t *testing.T) {
	s := newScene(t, "UTC")
	for _, day := range []string{"2026-06-01", "2026-06-02", "2026-06-03"} {
		at := day + "T00:00:00Z"
		s.visit(at, 0, nil)
		s.order(day, at, nil)
		s.refund("much"+day, day, at, "box", 9, 500)
		s.refund("early"+day, "never"+day, at, "box", 1, 500)
	}
	s.commit()
	for basis, wanted := range map[string][]string{
		"order": {"refunds set aside: 1;", "refunds waiting: 1;", "without a visitor key: 1;"},
		"visit": {"without a visitor key: 1;", "without a credited visit: 1;"},
	} {
		a, err := s.run(report.Query{Organizer: "acme", From: "2026-06-02", To: "2026-06-03", Compare: "previous", Basis: basis})
		check(t, err)
		notes := strings.Join(a.Facts.Notes, "\n")
		for _, want := range wanted {
			if !strings.Contains(notes, want) {
				t.Errorf("by %s date, %q is not among the notes: %s", basis, want, notes)
			}
		}
	}
}

// TestEqualRowsStandInTheOrderOfTheirKeys: in whatever order they came.
func TestEqualRowsStandInTheOrderOfTheirKeys(t *testing.T) {
	s := newScene(t, "UTC")
	var want []string
	for i := range 20 {
		s.visit("2026-06-01T10:00:00Z", 0, func(v *rows.VisitRow) { v.Sub1 = fmt.Sprintf("s%02d", 7*i%20) })
		want = append(want, fmt.Sprintf("s%02d 1 USD", i))
	}
	s.commit()
	s.want(report.Query{By: "sub1", Columns: "visits", Sort: "-visits"}, "sub1,visits", want...)
}

// TestRowThatTheCatalogLacksIsNobodyElses: a condition that excludes somebody keeps
// the rows of whom the catalog doesn't know.
func TestRowThatTheCatalogLacksIsNobodyElses(t *testing.T) {
	s := newScene(t, "UTC")
	s.visit("2026-06-01T10:00:00Z", 0, nil)
	s.visit("2026-06-01T10:00:00Z", 0, func(v *rows.VisitRow) { v.CodeID = 9999 })
	s.commit()
	s.want(report.Query{By: "affiliate", Columns: "visits", Where: "affiliate!=ann"}, "affiliate,visits", "unknown 1 USD")
	s.want(report.Query{By: "affiliate", Columns: "visits", Where: "affiliate=ann"}, "affiliate,visits", "Ann 1 USD")
}
