package report_test

import (
	"slices"
	"strings"
	"testing"

	"footfall/reporter/lake"
	"footfall/reporter/report"
	"footfall/schemas/clickid"
	rows "footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/policy"
)

// used is how often a reading used tables that another one had made.
func (w *world) used() float64 {
	w.t.Helper()
	families, err := w.reg.Gather()
	check(w.t, err)
	for _, f := range families {
		if f.GetName() == "footfall_lake_kept_uses_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	w.t.Fatal("the metric is missing")
	return 0
}

// cold is the answer of a reader that has just begun.
func (w *world) cold(t *testing.T, q report.Query) string {
	t.Helper()
	reader, engine, reg := w.lake, w.engine, w.reg
	defer func() { w.lake, w.engine, w.reg = reader, engine, reg }()
	w.reopen(func(*lake.Config) {})
	return exported(t, w, q, "csv")
}

// TestKeptCreditsNeverAnswerAnotherQuestion: whatever changes between two reports,
// of what the lake knows, the catalog, the keys and the question, the second is
// what a reader gives that has kept nothing.
func TestKeptCreditsNeverAnswerAnotherQuestion(t *testing.T) {
	s := newScene(t, "UTC")
	w := s.world
	const knownUS = 5_000_000_000_000_000
	unknown := func(v *rows.VisitRow) { v.CodeID, v.CodeText, v.CodeState = 0, "Claimed", "unknown" }
	clickedVisit, lost := s.visit("2026-06-01T10:00:00Z", 0, nil), s.visit("2026-06-01T10:00:01Z", 0, unknown)
	s.order("o1", "2026-06-01T11:00:00Z", clicked(clickedVisit))
	s.order("o2", "2026-06-01T11:00:00Z", clicked(lost))
	w.commit(visitsLog, knownUS, s.visits[:1], nil, nil)
	w.commit(ordersLog, knownUS+1, nil, s.orders, nil)
	q := report.Query{By: "affiliate", Organizer: "acme", Columns: "orders,credited_orders,total_sales,refunds"}
	d := w.catalog.states[0].d
	last := ""
	for _, step := range []struct {
		name   string
		same   bool // as the report before it
		change func()
	}{
		{"first", false, func() {}},
		{"visit of a lost row arrives", false, func() { w.commit(visitsLog, knownUS+10, s.visits[1:], nil, nil) }},
		{"visit that no order needs", true, func() {
			s.visit("2026-06-05T10:00:00Z", 0, nil)
			w.commit(visitsLog, knownUS+11, s.visits[2:], nil, nil)
		}},
		{"order arrives", false, func() {
			s.order("o3", "2026-06-02T11:00:00Z", nil)
			w.commit(ordersLog, knownUS+20, nil, s.orders[4:], nil)
		}},
		{"refund arrives", false, func() {
			s.refund("r1", "o1", "2026-06-03T11:00:00Z", "seat", 1, 1000)
			w.commit(ordersLog, knownUS+30, nil, nil, s.refunds)
		}},
		{"earlier as-of", false, func() { q.AsOfUS = knownUS + 20 }},
		{"files merged", true, func() {
			view := lakelog.NewView(w.dir)
			check(t, view.Refresh())
			for _, table := range []string{rows.TableOrders, rows.TableVisits} {
				mergeAll(w, table, view.Snapshot().FilesOf(table), knownUS+40)
			}
		}},
		{"as-of before the order of a merged file", false, func() { q.AsOfUS = knownUS + 19 }},
		{"as-of before the visit of a merged file", false, func() { q.AsOfUS = knownUS + 9 }},
		{"the newest again", false, func() { q.AsOfUS = 0 }},
		{"range", false, func() { q.From, q.To = "2026-06-01", "2026-06-02" }},
		{"basis", false, func() { q.From, q.To, q.Basis = "", "", "visit" }},
		{"basis back", false, func() { q.Basis = "" }},
		{"owner", false, func() {
			next := *d
			next.Owners = slices.Clone(d.Owners)
			next.Owners[0].Affiliate = 102
			w.catalog.states = append(w.catalog.states, state{knownUS: knownUS + 50, d: &next})
		}},
		{"policy", false, func() {
			next := *d
			none := policy.Default()
			none.Version, none.Rules = 2, []string{policy.RuleCoupon}
			next.Policies = []lake.Policy{{Organizer: 1, Span: policy.Span{Policy: policy.Default(), UntilMS: 1}}, {Organizer: 1, Span: policy.Span{Policy: none, FromMS: 1, UntilMS: 1 << 60}}}
			w.catalog.states = append(w.catalog.states, state{knownUS: knownUS + 60, d: &next})
		}},
		{"what if", false, func() { q.Policy = policy.Default().Version }},
	} {
		step.change()
		figures := s.table(q, "affiliate", "orders", "credited_orders", "total_sales", "refunds")
		whole := q
		whole.By, whole.Columns = "code,day", "all"
		filtered := whole
		filtered.Where = "affiliate!=ann"
		for _, asked := range []report.Query{q, whole, filtered} {
			cold := w.cold(t, asked)
			if warm := exported(t, w, asked, "csv"); warm != cold {
				t.Errorf("%s: a reader that keeps tables says\n%s\none that has just begun\n%s", step.name, warm, cold)
			}
		}
		now := strings.Join(figures, "\n")
		if (now == last) != step.same {
			t.Errorf("%s: the figures are\n%s\nbefore it\n%s", step.name, now, last)
		}
		last = now
	}
	if w.used() < 10 {
		t.Errorf("kept tables were used %g times: nothing is shown by this test", w.used())
	}
}

// TestKeptCreditsNeverOutliveAKeysEnd: a click id's key that ends, or comes, is
// another crediting, though no row and no catalog changed.
func TestKeptCreditsNeverOutliveAKeysEnd(t *testing.T) {
	w, _ := filled(t, 60, 300)
	q := report.Query{By: "affiliate", Organizer: "acme", Columns: "orders,credited_orders,total_sales"}
	seen := map[string]bool{}
	for _, keys := range [][]clickid.Key{w.keys, nil, {{ID: 9, Secret: [32]byte{1}, EndsMS: 1}}} {
		w.keys = keys
		warm, cold := exported(t, w, q, "csv"), w.cold(t, q)
		if warm != cold {
			t.Errorf("with keys %v a reader that keeps tables says\n%s\none that has just begun\n%s", keys, warm, cold)
		}
		seen[warm] = true
	}
	if len(seen) < 2 {
		t.Error("the keys make no difference: nothing is shown by this test")
	}
}
