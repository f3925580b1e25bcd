package report_test

import (
	"strings"
	"testing"

	"footfall/reporter/report"
	"footfall/schemas/admin"
)

// TestAReportAskedForAsSettledNeverChanges: it is of an as-of at or below the
// watermark, or refused, and says so in the same bytes for ever.
func TestAReportAskedForAsSettledNeverChanges(t *testing.T) {
	w, s := filled(t, 20, 5)
	q := report.Query{Organizer: "acme", Settled: true}
	a, err := w.run(q)
	check(t, err)
	if !a.Facts.Settled || !a.Freshness.Settled(a.Facts.AsOfUS) || a.Facts.AsOfUS != a.Freshness.WatermarkUS {
		t.Errorf("as of %d, watermark %d, stated: %t", a.Facts.AsOfUS, a.Freshness.WatermarkUS, a.Facts.Settled)
	}
	q.AsOfUS = a.Facts.AsOfUS
	before := exported(t, w, q, "xlsx")
	s.fillLater(w)
	if exported(t, w, q, "xlsx") != before {
		t.Error("later rows changed a settled report")
	}
	q.AsOfUS = 1<<55 - 1
	_, err = w.run(q)
	if refusal, ok := admin.AsRefusal(err); !ok || !strings.Contains(refusal.Detail, "not settled") {
		t.Errorf("an as-of above the watermark: %v, want a refusal", err)
	}
	if _, err := report.ParseQuery(map[string][]string{"settled": {"perhaps"}}); err == nil {
		t.Error("settled=perhaps was taken")
	}
}
