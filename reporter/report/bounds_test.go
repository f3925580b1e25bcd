package report_test

import (
	"fmt"
	"testing"

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
