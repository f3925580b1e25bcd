package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"footfall/bench/ledger"
)

// noon is 12:00 UTC: 13:00 in Berlin, 07:00 in Bogota.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func world() ledger.World {
	return ledger.World{
		Organizers: []ledger.Organizer{{Slug: "north", Zone: "Europe/Berlin"}, {Slug: "south", Zone: "America/Bogota"}},
		Events: []ledger.Event{
			{Slug: "opera", Organizer: "north", Currency: "EUR"},
			{Slug: "gala", Organizer: "north", Currency: "CHF"},
			{Slug: "over", Organizer: "north", Currency: "EUR", Ended: true},
			{Slug: "rock", Organizer: "south", Currency: "COP"},
		},
		Codes: []ledger.Code{
			{Organizer: "north", Text: "Anna", Affiliate: "anna", Aliases: []string{"anna-old"}},
			{Organizer: "north", Event: "opera", Text: "BLOG", Affiliate: "blog"},
			{Organizer: "north", Text: "paused", Affiliate: "pat", Paused: true},
			{Organizer: "south", Text: "Anna", Affiliate: "other-anna"},
		},
		Coupons: []ledger.Coupon{
			{Organizer: "north", Text: "ten", Code: "anna"},
			{Organizer: "north", Text: "opera-ten", Code: "blog", Event: "opera"},
			{Organizer: "north", Text: "quiet", Code: "paused"},
		},
	}
}

// visit is an acknowledged one at noon with click id c-ID.
func visit(id, event, code string, change ...func(*ledger.Record)) ledger.Record {
	r := ledger.Record{
		Kind: ledger.KindVisit, ID: id, ClickID: "c-" + id, Outcome: ledger.Acknowledged,
		SentUS: noon.UnixMicro(), AnsweredUS: noon.UnixMicro(), Visit: &ledger.Visit{Event: event, Code: code},
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

// order is an acknowledged one of 2 tickets of 10.00 at noon + 1 h.
func order(id, event string, change ...func(*ledger.Record)) ledger.Record {
	organizer := "north"
	if event == "rock" {
		organizer = "south"
	}
	r := ledger.Record{
		Kind: ledger.KindOrder, ID: "request-" + id, Outcome: ledger.Acknowledged, Organizer: organizer,
		Order: &ledger.Order{
			ID: id, Event: event, OrderedAt: noon.Add(time.Hour),
			Lines: []ledger.Line{{ID: "1", Quantity: 2, UnitPrice: 1000}},
		},
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func refund(id, orderID string, at time.Time, lines ...ledger.RefundLine) ledger.Record {
	return ledger.Record{
		Kind: ledger.KindRefund, Outcome: ledger.Acknowledged, Organizer: "north", AnsweredUS: at.UnixMicro(),
		Refund: &ledger.Refund{ID: id, OrderID: orderID, RefundedAt: at, Lines: lines},
	}
}

func click(id string) func(*ledger.Record) { return func(r *ledger.Record) { r.Order.ClickID = id } }

func text(code string) func(*ledger.Record) {
	return func(r *ledger.Record) { r.Order.Affiliate = code }
}

func coupon(text string) func(*ledger.Record) {
	return func(r *ledger.Record) { r.Order.Coupon = text }
}

func state(state string) func(*ledger.Record) {
	return func(r *ledger.Record) { r.Order.State = state }
}
func unclear(r *ledger.Record) { r.Outcome, r.ClickID = ledger.Indeterminate, "" }

func TestVerdictIsTheFirstThatApplies(t *testing.T) {
	everything := func(r *ledger.Record) { r.Visit.Head, r.Visit.Prefetch, r.Visit.Bot = true, true, true }
	tests := []struct {
		record  ledger.Record
		verdict string
	}{
		{visit("1", "opera", "anna"), "valid"},
		{visit("1", "opera", "ANNA-OLD"), "valid"},
		{visit("1", "opera", "blog"), "valid"},
		{visit("1", "gala", "blog"), "unknown_code"},
		{visit("1", "rock", "blog"), "unknown_code"},
		{visit("1", "opera", "TEST", everything), "test"},
		{visit("1", "over", "test"), "test"},
		{visit("1", "over", "anna"), "ended"},
		{visit("1", "opera", "", everything), "no_code"},
		{visit("1", "opera", "Direct"), "no_code"},
		{visit("1", "opera", "none"), "no_code"},
		{visit("1", "opera", "Änna", everything), "unknown_code"},
		{visit("1", "opera", "paused", everything), "paused"},
		{visit("1", "opera", "anna", everything), "head"},
		{visit("1", "opera", "anna", func(r *ledger.Record) { r.Visit.Prefetch, r.Visit.Bot = true, true }), "prefetch"},
		{visit("1", "opera", "anna", func(r *ledger.Record) { r.Visit.Bot = true }), "bot"},
	}
	for _, test := range tests {
		e, err := ledger.Reconcile([]ledger.Record{test.record}, world())
		if err != nil {
			t.Fatal(err)
		}
		if e.Visits[0].Verdict != test.verdict {
			t.Errorf("%+v is %s, want %s", *test.record.Visit, e.Visits[0].Verdict, test.verdict)
		}
	}
}

func TestOrderIsCreditedByItsClickThenByItsText(t *testing.T) {
	visits := []ledger.Record{
		visit("anna", "opera", "anna"), visit("blog", "opera", "blog"), visit("paused", "opera", "paused"),
		visit("none", "opera", ""), visit("unknown", "opera", "nobody"), visit("test", "opera", "test"),
		visit("ended", "over", "anna"), visit("gala", "gala", "anna"),
		visit("bot", "opera", "anna", func(r *ledger.Record) { r.Visit.Bot = true }),
		visit("late", "opera", "anna", func(r *ledger.Record) { r.SentUS -= 30 * 24 * 3600 * 1e6 }),
	}
	tests := []struct {
		name            string
		order           ledger.Record
		rule, affiliate string
	}{
		{"click", order("1", "opera", click("c-anna")), ledger.ByClickID, "anna"},
		{"click before text", order("1", "opera", click("c-anna"), text("blog")), ledger.ByClickID, "anna"},
		{"click of a bot", order("1", "opera", click("c-bot")), ledger.ByClickID, "anna"},
		{"text", order("1", "opera", text("bLoG")), ledger.ByText, "blog"},
		{"text of another event", order("1", "gala", text("blog")), ledger.Direct, ""},
		{"text of a paused code", order("1", "opera", text("paused")), ledger.Direct, ""},
		{"coupon", order("1", "gala", coupon("TEN")), ledger.ByCoupon, "anna"},
		{"text before coupon", order("1", "opera", text("blog"), coupon("ten")), ledger.ByText, "blog"},
		{"coupon of another event's code", order("1", "gala", coupon("opera-ten")), ledger.Direct, ""},
		{"coupon of a paused code", order("1", "gala", coupon("quiet")), ledger.Direct, ""},
		{"another organizer's coupon", order("1", "rock", coupon("ten")), ledger.Direct, ""},
		{"refused click rules out its coupon", order("1", "opera", click("c-gala"), coupon("ten")), ledger.Direct, ""},
		{"nothing", order("1", "opera"), ledger.Direct, ""},
		{"no code, then text", order("1", "opera", click("c-none"), text("blog")), ledger.ByText, "blog"},
		{"unknown code", order("1", "opera", click("c-unknown")), ledger.Direct, ""},
		{"test click", order("1", "opera", click("c-test")), ledger.Direct, ""},
		{"paused click rules out its code alone", order("1", "opera", click("c-paused"), text("blog")), ledger.ByText, "blog"},
		{"click of another event", order("1", "opera", click("c-gala")), ledger.Direct, ""},
		{"refused click rules out its code", order("1", "opera", click("c-gala"), text("anna")), ledger.Direct, ""},
		{"ended click", order("1", "over", click("c-ended")), ledger.Direct, ""},
		{"late click", order("1", "opera", click("c-late")), ledger.Direct, ""},
		{"unheard-of click, then text", order("1", "opera", click("forged"), text("anna")), ledger.ByText, "anna"},
	}
	for _, test := range tests {
		e, err := ledger.Reconcile(append(slices.Clip(visits), test.order), world())
		if err != nil {
			t.Fatal(err)
		}
		p, affiliate := e.Orders[0].Possible[0], ""
		if p.Code != nil {
			affiliate = p.Code.Affiliate
		}
		if p.Rule != test.rule || affiliate != test.affiliate {
			t.Errorf("%s: %s %q, want %s %q", test.name, p.Rule, affiliate, test.rule, test.affiliate)
		}
	}
}

// rows as text, "KEY requests visits orders tickets sales refunds", a span
// where least and most differ.
func rows(t *testing.T, by ledger.By, records ...ledger.Record) []string {
	t.Helper()
	e, err := ledger.Reconcile(records, world())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range e.Rows(by) {
		if !r.Holds(r.Min) || !r.Holds(r.Max) {
			t.Errorf("%+v does not hold itself", r)
		}
		above := r.Max
		above.Refunds++
		if r.Holds(above) {
			t.Errorf("%+v holds more than its most", r)
		}
		line := fmt.Sprintf("%s/%s%s%s%s %s", r.Key.Organizer, r.Key.Affiliate, r.Key.Code, r.Key.Event, r.Key.Day, r.Key.Currency)
		for _, pair := range [][2]int64{
			{r.Min.Requests, r.Max.Requests},
			{r.Min.Visits, r.Max.Visits},
			{r.Min.Orders, r.Max.Orders},
			{r.Min.Tickets, r.Max.Tickets},
			{r.Min.Sales, r.Max.Sales},
			{r.Min.Refunds, r.Max.Refunds},
		} {
			if pair[0] == pair[1] {
				line += fmt.Sprintf(" %d", pair[0])
			} else {
				line += fmt.Sprintf(" %d..%d", pair[0], pair[1])
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestReportMustShowWhatWasAcknowledged(t *testing.T) {
	night := noon.Add(11 * time.Hour) // the 23rd in Berlin
	midnight := func(r *ledger.Record) {
		r.SentUS = noon.Add(11*time.Hour).UnixMicro() - 1
		r.AnsweredUS = r.SentUS + 2
	}
	same := []ledger.Record{visit("1", "opera", "anna"), visit("2", "opera", "ANNA-OLD"), visit("3", "rock", "anna"), visit("4", "opera", "")}
	tests := []struct {
		name    string
		by      ledger.By
		records []ledger.Record
		want    []string
	}{
		{"visits by affiliate", ledger.ByAffiliate, same, []string{"north/ EUR 1 0 0 0 0 0", "north/anna EUR 2 2 0 0 0 0", "south/other-anna COP 1 1 0 0 0 0"}},
		{"visits by code", ledger.ByCode, same, []string{"north/ EUR 1 0 0 0 0 0", "north/Anna EUR 2 2 0 0 0 0", "south/Anna COP 1 1 0 0 0 0"}},
		{"unclear visit", ledger.ByEvent, []ledger.Record{visit("1", "opera", "anna"), visit("2", "opera", "anna", unclear)}, []string{"north/opera EUR 1..2 1..2 0 0 0 0"}},
		{"degraded, refused and unsent", ledger.ByEvent, []ledger.Record{
			visit("1", "opera", "anna", func(r *ledger.Record) { r.Outcome = ledger.Degraded }),
			visit("2", "opera", "anna", func(r *ledger.Record) { r.Outcome = ledger.Refused }),
			visit("3", "opera", "anna", func(r *ledger.Record) { r.Outcome = ledger.Unsent }),
		}, nil},
		{"visit over midnight", ledger.ByDay, []ledger.Record{visit("1", "opera", "anna", midnight)}, []string{
			"north/2026-11-22 EUR 0..1 0..1 0 0 0 0", "north/2026-11-23 EUR 0..1 0..1 0 0 0 0",
		}},
		{"visit over midnight by event", ledger.ByEvent, []ledger.Record{visit("1", "opera", "anna", midnight)}, []string{"north/opera EUR 1 1 0 0 0 0"}},
		{
			"order sent three times", ledger.ByAffiliate,
			[]ledger.Record{order("1", "opera", text("anna"), unclear), order("1", "opera", text("anna")), order("1", "opera", text("anna"))},
			[]string{"north/anna EUR 0 0 1 2 2000 0"},
		},
		{"unclear order", ledger.ByAffiliate, []ledger.Record{order("1", "opera", text("anna"), unclear)}, []string{"north/anna EUR 0 0 0..1 0..2 0..2000 0"}},
		{"conflict", ledger.ByAffiliate, []ledger.Record{
			order("1", "opera", text("anna")),
			order("1", "opera", text("blog"), func(r *ledger.Record) { r.Outcome = ledger.Refused }),
		}, []string{"north/anna EUR 0 0 1 2 2000 0"}},
		{"cancelled", ledger.ByEvent, []ledger.Record{order("1", "opera"), order("1", "opera", state("cancelled"))}, nil},
		{"perhaps cancelled", ledger.ByEvent, []ledger.Record{order("1", "opera"), order("1", "opera", state("cancelled"), unclear)}, []string{"north/opera EUR 0 0 0..1 0..2 0..2000 0"}},
		{"pending, then completed", ledger.ByEvent, []ledger.Record{order("1", "opera", state("pending")), order("1", "opera")}, []string{"north/opera EUR 0 0 1 2 2000 0"}},
		{"completed, then late pending", ledger.ByEvent, []ledger.Record{order("1", "opera"), order("1", "opera", state("pending"))}, []string{"north/opera EUR 0 0 1 2 2000 0"}},
		{"test order", ledger.ByEvent, []ledger.Record{order("1", "opera", func(r *ledger.Record) { r.Order.Test = true })}, nil},
		{"one id at two organizers", ledger.ByEvent, []ledger.Record{order("1", "opera"), order("1", "rock")}, []string{"north/opera EUR 0 0 1 2 2000 0", "south/rock COP 0 0 1 2 2000 0"}},
		{
			"refund on its own day", ledger.ByDay,
			[]ledger.Record{order("1", "opera"), refund("r", "1", night, ledger.RefundLine{LineID: "1", Quantity: 1, Amount: 900})},
			[]string{"north/2026-11-22 EUR 0 0 1 2 2000 0", "north/2026-11-23 EUR 0 0 0 -1 0 900"},
		},
		{"whole refund before its order, twice", ledger.ByEvent, []ledger.Record{refund("r", "1", noon), refund("r", "1", noon), order("1", "opera")}, []string{"north/opera EUR 0 0 1 0 2000 2000"}},
		{"refund without an order", ledger.ByEvent, []ledger.Record{refund("r", "1", noon)}, nil},
		{"refund of more tickets", ledger.ByEvent, []ledger.Record{order("1", "opera"), refund("r", "1", noon, ledger.RefundLine{LineID: "1", Quantity: 3, Amount: 1})}, []string{"north/opera EUR 0 0 1 2 2000 0"}},
		{"second refund of more money than is left", ledger.ByEvent, []ledger.Record{
			order("1", "opera"), refund("r", "1", noon, ledger.RefundLine{LineID: "1", Quantity: 1, Amount: 1500}),
			refund("s", "1", night, ledger.RefundLine{LineID: "1", Quantity: 1, Amount: 501}),
		}, []string{"north/opera EUR 0 0 1 1 2000 1500"}},
		{"unclear refund", ledger.ByEvent, []ledger.Record{order("1", "opera"), func() ledger.Record { r := refund("r", "1", noon); unclear(&r); return r }()}, []string{"north/opera EUR 0 0 1 0..2 2000 0..2000"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := rows(t, test.by, test.records...); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", test.want) {
				t.Errorf("got\n%q\nwant\n%q", got, test.want)
			}
		})
	}
}

func TestContradictingAnswersAreAFault(t *testing.T) {
	tests := map[string][]ledger.Record{
		"one click id twice":         {visit("1", "opera", "anna"), visit("2", "opera", "anna", func(r *ledger.Record) { r.ClickID = "c-1" })},
		"two contents of an order":   {order("1", "opera"), order("1", "opera", text("anna"))},
		"two contents of a refund":   {order("1", "opera"), refund("r", "1", noon), refund("r", "1", noon.Add(1))},
		"two contents of a refund 2": {order("1", "opera"), refund("r", "1", noon), refund("r", "1", noon, ledger.RefundLine{LineID: "1", Quantity: 1})},
	}
	for name, records := range tests {
		if _, err := ledger.Reconcile(records, world()); !errors.Is(err, ledger.ErrContradiction) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestWorldThatDoesNotFitIsRefused(t *testing.T) {
	broken := map[string]func(*ledger.World){
		"zone":      func(w *ledger.World) { w.Organizers[0].Zone = "Nowhere/At_All" },
		"organizer": func(w *ledger.World) { w.Events[0].Organizer = "west" },
		"two codes": func(w *ledger.World) { w.Codes[2].Aliases = []string{"ANNA"} },
		"event":     func(w *ledger.World) { w.Events = w.Events[1:] },
	}
	for name, change := range broken {
		for kind, record := range map[string]ledger.Record{"visit": visit("1", "opera", "anna"), "order": order("1", "opera")} {
			w := world()
			change(&w)
			if _, err := ledger.Reconcile([]ledger.Record{record}, w); err == nil {
				t.Errorf("%s, %s: no error", name, kind)
			}
		}
	}
}
