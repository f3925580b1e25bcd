package report_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"footfall/reporter/export"
	"footfall/reporter/report"
	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// together makes reports of one reading and gives the bytes of each.
func (w *world) together(asks ...report.Query) (out []string, err error) {
	err = w.engine.Together(context.Background(), asks, func(ctx context.Context, n int, t *reports.Table) error {
		if n != len(out) {
			return fmt.Errorf("report %d was delivered after %d others", n, len(out))
		}
		var b bytes.Buffer
		defer func() { out = append(out, b.String()) }()
		return export.Write(ctx, &b, "json", export.Options{}, t)
	})
	return out, err
}

// TestReportsAskedForTogetherAreEachAsAskedForAlone: whatever a page's reports have
// in common, none of them has a figure, a note or an order of another's.
func TestReportsAskedForTogetherAreEachAsAskedForAlone(t *testing.T) {
	w, s := filled(t, 100, 40)
	bys := []string{"affiliate", "code", "event", "day", "hour", "source", "verdict", "ticket_type", "order", "code,day", "organizer", "week,typed"}
	for range setting(t, "FOOTFALL_PAGES", 8) {
		common := report.Query{Organizer: "acme"}
		var asks []report.Query
		for range 2 + s.IntN(5) {
			if s.chance(30) {
				common = report.Query{
					Organizer: pick(s, "acme", "acme", "other"), From: pick(s, "2026-10-31", "2026-11-01"), To: "2026-11-03", Basis: pick(s, "order", "visit"),
					Event: pick(s, "", "", "rock"), Where: pick(s, "", "affiliate!=ann", "verdict!=bot"), Zone: pick(s, "", "Asia/Kathmandu"),
				}
				if common.Organizer == "other" {
					common.Event, common.Where = "", ""
				}
			}
			q := common
			q.By = pick(s, bys...)
			q.Columns = pick(s, "", "all", "waterfall", "orders,total_sales", "visits,orders", "share,net_sales")
			q.Limit, q.Offset = s.IntN(4), s.IntN(2)
			if q.From != "" {
				q.Compare = pick(s, "", "previous", "2026-10-30/2026-11-01")
			}
			if q.By == "organizer" && s.chance(50) {
				q = report.Query{By: q.By, Columns: q.Columns}
			}
			if _, err := w.run(q); err == nil { // a ticket type or an order lacks some columns
				asks = append(asks, q)
			}
		}
		if len(asks) < 2 {
			continue
		}
		got, err := w.together(asks...)
		check(t, err)
		for n, q := range asks {
			was := w.engine.Many(int64(s.IntN(3))) // these few are many to it
			if s.chance(50) {
				w.engine.Many(was)
			}
			if want := exported(t, w, q, "json"); got[n] != want {
				t.Errorf("%+v among %d is\n%s\nalone\n%s", q, len(asks), got[n], want)
			}
			w.engine.Many(was)
		}
	}
}

// TestReportsAskedForTogetherHaveOneAsOf: one that names another as-of is refused,
// and one that names none has that of the others.
func TestReportsAskedForTogetherHaveOneAsOf(t *testing.T) {
	w, s := filled(t, 60, 20)
	early := (s.center + 2000*hourMS) * 1000
	q := report.Query{Organizer: "acme", By: "day"}
	dated := q
	dated.AsOfUS = early
	got, err := w.together(q, dated)
	check(t, err)
	if got[0] != got[1] || got[0] == exported(t, w, q, "json") {
		t.Errorf("the report without an as-of is not of that of the others: %s", got[0])
	}
	other := dated
	other.AsOfUS++
	_, err = w.together(q, dated, other)
	refusedAs(t, err, 2, "/as_of")
}

// TestRefusalSaysWhichReportItIsOf: so that a page can say which of its parts is wrong.
func TestRefusalSaysWhichReportItIsOf(t *testing.T) {
	w, _ := filled(t, 20, 5)
	fine := report.Query{Organizer: "acme", By: "day"}
	for pointer, wrong := range map[string]report.Query{
		"/by":     {Organizer: "acme", By: "shoe size"},
		"/event":  {Organizer: "acme", Event: "nowhere"},
		"/where":  {Organizer: "acme", Where: "total_sales>many"},
		"/offset": {Organizer: "acme", Offset: -1},
	} {
		_, err := w.together(fine, wrong, fine)
		refusedAs(t, err, 1, pointer)
	}
	_, err := w.together(make([]report.Query, 33)...)
	if r, ok := admin.AsRefusal(err); !ok || !strings.Contains(r.Detail, "32") {
		t.Errorf("33 reports at once: %v", err)
	}
}

func refusedAs(t *testing.T, err error, ask int, pointer string) {
	t.Helper()
	var one *reports.AskError
	if !errors.As(err, &one) || one.Ask != ask {
		t.Errorf("the error is %v, want one of report %d", err, ask)
	}
	if r, ok := admin.AsRefusal(err); !ok || r.Pointer != pointer {
		t.Errorf("the error is %v, want a refusal of %s", err, pointer)
	}
}

// TestDeliveryThatTakesNoRowsHindersNoOther: and the error of one ends the page.
func TestDeliveryThatTakesNoRowsHindersNoOther(t *testing.T) {
	w, _ := filled(t, 60, 20)
	q := report.Query{Organizer: "acme", By: "code"}
	seen := 0
	err := w.engine.Together(t.Context(), []report.Query{q, q, q}, func(context.Context, int, *reports.Table) error {
		seen++
		if seen == 3 {
			return errors.ErrUnsupported
		}
		return nil
	})
	if seen != 3 || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%d reports were delivered, with the error %v", seen, err)
	}
}
