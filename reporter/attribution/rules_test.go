package attribution_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"footfall/reporter/attribution"
	"footfall/reporter/lake"
	rows "footfall/schemas/lake"
	"footfall/schemas/policy"
	"footfall/schemas/reports"
)

// cases is a world of one order for each case, with the visit that it came by.
type cases struct {
	*world
	visits []rows.VisitRow
	orders []rows.OrderRow
	want   map[string]string
}

// dated is a catalog whose event ends a day after the center: ann is Ann's until
// then and Bob's from it on; stop was paused for two hours before the center;
// claim came to be at the center less an hour, and is claimed from a day before.
func dated() *lake.Dimensions {
	d := dims()
	d.Events = []lake.Event{
		{ID: 11, Organizer: 1, Slug: "gala", EndMS: center + dayMS},
		{ID: 12, Organizer: 1, Slug: "rock", EndMS: center + 999*dayMS},
		{ID: 21, Organizer: 2, Slug: "elsewhere", EndMS: center + 999*dayMS},
	}
	d.Affiliates = append(d.Affiliates, lake.Affiliate{ID: 102, Organizer: 1, Name: "Bob"})
	d.Codes = append(d.Codes, lake.Code{ID: 1002, Organizer: 1, Text: "stop"}, lake.Code{ID: 1003, Organizer: 1, Text: "claim"}, lake.Code{ID: 1004, Organizer: 1, Event: 12, Text: "rocker"})
	d.Texts = append(d.Texts, lake.CodeText{Code: 1001, Folded: "annie"}, lake.CodeText{Code: 1002, Folded: "stop"},
		lake.CodeText{Code: 1003, Folded: "claim", FromMS: center - dayMS}, lake.CodeText{Code: 1004, Folded: "rocker"})
	d.Owners = append(d.Owners, lake.CodeOwner{Code: 1001, Affiliate: 102, FromMS: center}, lake.CodeOwner{Code: 1002, Affiliate: 101},
		lake.CodeOwner{Code: 1003, Affiliate: 101, FromMS: center - dayMS}, lake.CodeOwner{Code: 1004, Affiliate: 101})
	d.States = append(d.States, lake.CodeState{Code: 1002}, lake.CodeState{Code: 1002, Paused: true, FromMS: center - 2*hourMS},
		lake.CodeState{Code: 1002, FromMS: center}, lake.CodeState{Code: 1003}, lake.CodeState{Code: 1004})
	d.Coupons = []lake.Coupon{
		{Organizer: 1, Code: 1001, Folded: "ten", FromMS: center - dayMS, UntilMS: center},
		{Organizer: 1, Code: 1002, Folded: "ten", FromMS: center, UntilMS: center + hourMS},
		{Organizer: 1, Code: 1002, Folded: "ten", FromMS: center - hourMS, UntilMS: center - hourMS}, // ended before it began
		{Organizer: 1, Code: 1002, Folded: "stopper", UntilMS: 1 << 60},
		{Organizer: 1, Code: 1004, Folded: "rock", UntilMS: 1 << 60},
		{Organizer: 2, Code: 1001, Folded: "foreign", UntilMS: 1 << 60},
	}
	return d
}

// add makes an order dated orderedMS after the center, by a click visitedMS after it
// where click is set.
func (c *cases) add(name string, orderedMS int64, want string, change func(o *rows.OrderRow, v *rows.VisitRow), click ...int64) {
	if c.want == nil {
		c.want = map[string]string{}
	}
	n := int64(len(c.orders) + 1)
	o := anOrder(name, n)
	o.OrderedAtMS = center + orderedMS
	v := rows.VisitRow{
		Collector: 1, Epoch: "00000000000000ab", Sequence: n, OrganizerID: 1, EventID: 11, CodeID: 1001, CodeText: "ANN", CodeState: "resolved", BotRules: "r1",
	}
	for _, at := range click {
		v.VisitedAtMS = center + at
	}
	if change != nil {
		change(&o, &v)
	}
	if len(click) > 0 {
		if o.ClickStatus == "" {
			o.ClickStatus = "valid"
		}
		o.ClickID = "click-of-" + name
		if o.ClickStatus == "valid" {
			copied := v
			o.ClickEpoch, o.ClickShard, o.ClickSequence, o.ClickEventID = &copied.Epoch, &copied.Shard, &copied.Sequence, &copied.EventID
			o.ClickCodeState, o.ClickEnded, o.ClickTest, o.ClickedAtMS = &copied.CodeState, &copied.Ended, &copied.Test, &copied.VisitedAtMS
			if copied.CodeID != 0 {
				o.ClickCodeID = &copied.CodeID
			}
		}
		if !strings.Contains(name, "lost") {
			c.visits = append(c.visits, v)
		}
	}
	c.orders = append(c.orders, o)
	c.want[name] = want
}

// hold compares "rule reason code affiliate" of each candidate, the strongest first.
func (c *cases) hold(t *testing.T) {
	t.Helper()
	list := map[string][]string{}
	c.read(asks(), func(ctx context.Context, r *reports.Reading) {
		for _, row := range texts(ctx, t, r, `SELECT c.order_id, concat_ws(' ', c.rule, CASE WHEN c.reason <> 'valid' THEN c.reason
			WHEN c.rank IS NULL THEN 'not_in_policy' WHEN w.rule <> c.rule THEN 'outranked' ELSE 'valid ' || coalesce(a.name, '') END)
			FROM candidates c LEFT JOIN credits w USING (order_id) LEFT JOIN affiliates a ON a.affiliate_id = c.affiliate_id
			ORDER BY c.order_id, c.rank NULLS LAST, c.rule`) {
			list[row[0]] = append(list[row[0]], row[1])
		}
	})
	for id, want := range c.want {
		if got := strings.Join(list[id], ", "); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

func (c *cases) reasons(id string) string {
	e := c.explain(id)
	var list []string
	for _, k := range e.Candidates {
		text := k.Rule + " " + k.Reason
		if k.Wins {
			text += " " + k.Affiliate
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func TestEveryRefusalAndEdgeOfClickIDs(t *testing.T) {
	c := &cases{world: newWorld(t, 1, dated())}
	const window = 30 * dayMS
	code := func(id int64, state, text string) func(*rows.OrderRow, *rows.VisitRow) {
		return func(_ *rows.OrderRow, v *rows.VisitRow) { v.CodeID, v.CodeState, v.CodeText = id, state, text }
	}
	c.add("before the new owner", 0, "click_id valid Ann", nil, -1)
	c.add("at the new owner's midnight", 0, "click_id valid Bob", nil, 0)
	c.add("in the visit's millisecond", -5, "click_id valid Ann", nil, -5)
	c.add("order before its visit", -5*hourMS, "click_id valid Ann", nil, -hourMS)
	c.add("order before a visit after the event", 0, "click_id after_event", nil, dayMS)
	c.add("last millisecond of the event", dayMS-1, "click_id valid Bob", nil, hourMS)
	c.add("event's end", dayMS, "click_id after_event", nil, hourMS)
	c.add("last millisecond of the window", window-1-2*dayMS+dayMS, "click_id valid Ann", func(o *rows.OrderRow, v *rows.VisitRow) { o.EventID, v.EventID = 12, 12 }, -dayMS)
	c.add("window's end", window-dayMS, "click_id outside_window", func(o *rows.OrderRow, v *rows.VisitRow) { o.EventID, v.EventID = 12, 12 }, -dayMS)
	for _, status := range []string{"forged", "malformed", "expired_key"} {
		c.add(status, 0, "click_id "+status, func(o *rows.OrderRow, _ *rows.VisitRow) { o.ClickStatus = status }, -1)
	}
	c.add("other organizer", 0, "click_id other_organizer", func(_ *rows.OrderRow, v *rows.VisitRow) { v.OrganizerID, v.EventID = 2, 21 }, -1)
	c.add("other event", 0, "click_id other_event", func(_ *rows.OrderRow, v *rows.VisitRow) { v.EventID = 12 }, -1)
	c.add("test", 0, "click_id test", func(_ *rows.OrderRow, v *rows.VisitRow) { v.Test = true }, -1)
	c.add("ended", 0, "click_id ended", func(_ *rows.OrderRow, v *rows.VisitRow) { v.Ended = true }, -1)
	c.add("bot", 0, "click_id valid Ann", func(_ *rows.OrderRow, v *rows.VisitRow) { v.Bot, v.Head, v.Prefetch = true, true, true }, -1)
	c.add("no code", 0, "click_id no_code", code(0, "none", ""), -1)
	c.add("paused", 0, "click_id paused", code(1002, "paused", "stop"), -hourMS)
	c.add("resumed since", 0, "click_id valid Ann", code(1002, "resolved", "stop"), -3*hourMS)
	c.add("claimed", 0, "click_id valid Ann", code(0, "unknown", "CLAIM"), -dayMS)
	c.add("before the claim", 0, "click_id unknown_code", code(0, "unknown", "CLAIM"), -dayMS-1)
	c.add("nobody's", 0, "click_id unknown_code", code(0, "unknown", "who"), -1)
	c.add("lost", 0, "click_id valid Ann", nil, -1)
	c.add("lost and unknown", 0, "click_id visit_lost", code(0, "unknown", "CLAIM"), -1)
	c.add("lost and not in the catalog", 0, "click_id valid ", code(9999, "resolved", "gone"), -1)
	c.commit(c.visits, c.orders, nil)
	c.hold(t)
	if e := c.explain("lost"); e.Winner.RowFound == nil || *e.Winner.RowFound || !strings.Contains(e.Winner.Why, "the id alone credits") {
		t.Errorf("a lost row is not said: %+v", e.Winner)
	}
}

func TestEveryRefusalAndEdgeOfCodesAndCoupons(t *testing.T) {
	c := &cases{world: newWorld(t, 1, dated())}
	codes := func(affiliate, coupon string) func(*rows.OrderRow, *rows.VisitRow) {
		return func(o *rows.OrderRow, v *rows.VisitRow) {
			o.AffiliateText, o.CouponText = affiliate, coupon
			if coupon == "stopper" || affiliate == "stop" {
				v.CodeID, v.CodeState = 1002, "paused"
			}
		}
	}
	c.add("code", -1, "affiliate valid Ann", codes(" aNN ", ""))
	c.add("code at the new owner's midnight", 0, "affiliate valid Bob", codes("ann", ""))
	c.add("alias", -1, "affiliate valid Ann", codes("ANNIE", ""))
	c.add("paused code", -2*hourMS, "affiliate paused", codes("stop", ""))
	c.add("code before its pause", -2*hourMS-1, "affiliate valid Ann", codes("stop", ""))
	c.add("code that was resumed", 0, "affiliate valid Ann", codes("stop", ""))
	c.add("code that did not exist", -dayMS-1, "affiliate not_active_yet", codes("claim", ""))
	c.add("code from its claim on", -dayMS, "affiliate valid Ann", codes("claim", ""))
	c.add("unknown code", 0, "affiliate unknown_code", codes("none", ""))
	c.add("code of another event", 0, "affiliate unknown_code", codes("rocker", ""))
	c.add("coupon", -1, "coupon valid Ann", codes("", " Ten"))
	c.add("coupon's first millisecond", -dayMS, "coupon valid Ann", codes("", "ten"))
	c.add("coupon too early", -dayMS-1, "coupon coupon_not_active_yet", codes("", "ten"))
	c.add("coupon bound anew", 0, "coupon valid Ann", codes("", "TEN"))
	c.add("coupon that ended", hourMS, "coupon coupon_ended", codes("", "TEN"))
	c.add("coupon of a paused code", -hourMS, "coupon paused", codes("", "stopper"))
	c.add("coupon of another event's code", 0, "coupon other_event", codes("", "rock"))
	c.add("another organizer's coupon", 0, "coupon unknown_coupon", codes("", "foreign"))
	c.add("code before coupon", -1, "affiliate valid Ann, coupon outranked", codes("ann", "ten"))
	c.add("coupon after a refused code", -1, "affiliate unknown_code, coupon valid Ann", codes("nobody", "ten"))
	c.add("click rules out", hourMS, "click_id paused, affiliate ruled_out, coupon ruled_out", codes("stop", "stopper"), -hourMS)
	c.add("click rules out its own alone", hourMS, "click_id paused, affiliate valid Bob, coupon ruled_out", codes("ann", "stopper"), -hourMS)
	c.add("another organizer's unknown code names none here", 0, "click_id other_organizer, affiliate valid Bob", func(o *rows.OrderRow, v *rows.VisitRow) {
		codes("ann", "")(o, v)
		v.OrganizerID, v.EventID, v.CodeID, v.CodeState, v.CodeText = 2, 21, 0, "unknown", "ann"
	}, -hourMS)
	c.add("a forged click rules out nothing", hourMS, "click_id forged, affiliate valid Ann", func(o *rows.OrderRow, v *rows.VisitRow) {
		codes("stop", "")(o, v)
		o.ClickStatus = "forged"
	}, -hourMS)
	c.commit(c.visits, c.orders, nil)
	c.hold(t)
	c.credits.WithoutRuledOut()
	if got := c.reasons("click rules out"); got == c.want["click rules out"] {
		t.Error("the test doesn't see that the click's code isn't ruled out")
	}
}

// visitorWorld is one visitor's visits to the gala, and an order at the center.
func visitorWorld(t *testing.T, pick string, visits ...rows.VisitRow) (*world, rows.OrderRow) {
	t.Helper()
	d := dated()
	p := policy.Default()
	p.Pick = pick
	d.Policies = []lake.Policy{{Organizer: 1, Span: policy.Spans([]policy.Policy{p})[0]}}
	w := newWorld(t, 1, d)
	for i := range visits {
		v := &visits[i]
		v.VisitedAtMS += center
		v.OrganizerID, v.BotRules, v.CodeText = 1, "r1", "x"
		if v.Collector == 0 {
			v.Collector = 1
		}
		if v.Epoch == "" {
			v.Epoch = "00000000000000ab"
		}
		if v.Sequence == 0 {
			v.Sequence = int64(i + 1)
		}
		if v.EventID == 0 {
			v.EventID = 11
		}
		if v.CodeState == "" {
			v.CodeID, v.CodeState = 1001, "resolved"
		}
		if v.VisitorKey == 0 {
			v.VisitorKey, v.VisitorSource = 7, "cookie"
		}
	}
	o := anOrder("o", 1)
	o.VisitorKey = 7
	w.commit(visits, []rows.OrderRow{o}, nil)
	return w, o
}

func TestVisitorsVisitIsTheOneThatThePolicyPicks(t *testing.T) {
	type v = rows.VisitRow
	for name, c := range map[string]struct {
		visits      []v
		first, last string // the sequence that is credited
	}{
		"none":              {nil, "", ""},
		"later":             {[]v{{VisitedAtMS: 1}}, "", ""},
		"at the order":      {[]v{{VisitedAtMS: 0}}, "1", "1"},
		"two":               {[]v{{VisitedAtMS: -9}, {VisitedAtMS: -8}}, "1", "2"},
		"window's end":      {[]v{{VisitedAtMS: -30 * dayMS}, {VisitedAtMS: -30*dayMS + 1}}, "2", "2"},
		"refused":           {[]v{{VisitedAtMS: -9}, {VisitedAtMS: -7, Test: true}, {VisitedAtMS: -6, Ended: true}, {VisitedAtMS: -5, CodeState: "none"}, {VisitedAtMS: -4, CodeState: "paused", CodeID: 1002}, {VisitedAtMS: -3, CodeState: "unknown"}}, "1", "1"},
		"another event":     {[]v{{VisitedAtMS: -9, EventID: 12}}, "", ""},
		"another visitor":   {[]v{{VisitedAtMS: -9, VisitorKey: 8, VisitorSource: "cookie"}}, "", ""},
		"not by the cookie": {[]v{{VisitedAtMS: -9, VisitorKey: 7, VisitorSource: "address"}}, "", ""},
		"bots too":          {[]v{{VisitedAtMS: -9, Bot: true}}, "1", "1"},
		"ties by sequence":  {[]v{{VisitedAtMS: -9}, {VisitedAtMS: -9}, {VisitedAtMS: -9}}, "1", "3"},
		"ties by collector": {[]v{{VisitedAtMS: -9, Collector: 2}, {VisitedAtMS: -9, Collector: 1}}, "2", "1"},
		"ties by epoch":     {[]v{{VisitedAtMS: -9, Epoch: "ff000000000000ab"}, {VisitedAtMS: -9, Epoch: "0f000000000000ab"}}, "2", "1"},
		"ties by shard":     {[]v{{VisitedAtMS: -9, Shard: 3}, {VisitedAtMS: -9, Shard: 2}}, "2", "1"},
	} {
		for pick, want := range map[string]string{"first": c.first, "last": c.last} {
			w, _ := visitorWorld(t, pick, append([]v(nil), c.visits...)...)
			var got string
			w.read(asks(), func(ctx context.Context, r *reports.Reading) {
				for _, row := range texts(ctx, t, r, "SELECT sequence::VARCHAR FROM credits WHERE rule = 'visitor'") {
					got += row[0]
				}
			})
			if got != want {
				t.Errorf("%s, %s: credited %q, want %q", name, pick, got, want)
			}
		}
	}
	w, _ := visitorWorld(t, "last", v{VisitedAtMS: -9})
	w.credits.WithoutLookup()
	if e := w.explain("o"); e.Winner != nil {
		t.Error("the test doesn't see that nothing is looked up")
	}
}

// TestStrongerRuleNeedsNoVisits: visits are opened for rule visitor only where an
// order needs them.
func TestStrongerRuleNeedsNoVisits(t *testing.T) {
	w, o := visitorWorld(t, "last", rows.VisitRow{VisitedAtMS: -9})
	other := o
	other.OrderID, other.Sequence, other.AffiliateText = "o", 9, "ann"
	other.Version = 3
	w.commit(nil, []rows.OrderRow{other}, nil)
	looks := map[string]bool{}
	check(t, w.lake.Read(context.Background(), 0, func(ctx context.Context, r *reports.Reading) error {
		visits := r.Visits
		r.Visits = func(ctx context.Context, name string, between ...[2]int64) error {
			looks[name] = between[0][0] < between[0][1]
			return visits(ctx, name, between...)
		}
		_, err := w.credits.Credit(ctx, r, asks())
		return err
	}))
	if looks["clicked_rows"] || looks["visitor_clicks"] || looks["visitor_visits"] {
		t.Errorf("looked up: %v", looks)
	}
	if e := w.explain("o"); len(e.Candidates) != 2 || e.Winner.Rule != "affiliate" || e.Candidates[1].Reason != "outranked" {
		t.Errorf("an explanation shows %+v", e.Candidates)
	}
}

// TestOrderIsCreditedByThePolicyOfItsDate: and by another one only where it is asked.
func TestOrderIsCreditedByThePolicyOfItsDate(t *testing.T) {
	d := dated()
	second := policy.Default()
	second.Version, second.FromMS, second.WindowDays, second.Rules = 2, center, 1, []string{policy.RuleCoupon, policy.RuleClickID}
	for _, s := range policy.Spans([]policy.Policy{policy.Default(), second}) {
		d.Policies = append(d.Policies, lake.Policy{Organizer: 1, Span: s})
	}
	c := &cases{world: newWorld(t, 1, d)}
	both := func(o *rows.OrderRow, v *rows.VisitRow) {
		o.CouponText, o.AffiliateText, o.EventID, v.EventID = "stopper", "claim", 12, 12
	}
	c.add("before", -1, "click_id valid Ann, affiliate outranked, coupon paused", both, -2*dayMS)
	c.add("from then on", 0, "coupon valid Ann, click_id outside_window, affiliate not_in_policy", both, -dayMS)
	c.commit(c.visits, c.orders, nil)
	c.hold(t)
	for version, rule := range map[int]string{1: "click_id", 2: "coupon"} {
		e, err := c.credits.Explain(context.Background(), c.lake, attribution.Question{Organizer: "acme", OrderID: "from then on", Policy: version})
		check(t, err)
		if e.Winner == nil || e.Winner.Rule != rule || e.PolicyVersion != version || e.PolicyInForce != 2 || e.WhatIf() != (version == 1) ||
			!strings.Contains(e.PolicyInForceWords, "window 1 day,") {
			t.Errorf("policy %d: %+v, %+v", version, e, e.Winner)
		}
	}
	if _, err := c.credits.Explain(context.Background(), c.lake, attribution.Question{Organizer: "acme", OrderID: "before", Policy: 3}); err == nil || !strings.Contains(err.Error(), "there is 1, 2") {
		t.Errorf("a version that isn't there: %v", err)
	}
}

// TestExplanationIsBounded: of very many visits, versions and refunds it shows
// some, the winner among them, and says so.
func TestExplanationIsBounded(t *testing.T) {
	var visits []rows.VisitRow
	for i := range 3 * attribution.MostExplained {
		visits = append(visits, rows.VisitRow{VisitedAtMS: int64(-1 - i)})
	}
	w, o := visitorWorld(t, "first", visits...)
	var orders []rows.OrderRow
	var refunds []rows.RefundRow
	for i := range int64(2 * attribution.MostExplained) {
		again := o
		again.Sequence, again.Fingerprint = 100+i, fmt.Sprint(i)
		orders, refunds = append(orders, again), append(refunds, aRefund(fmt.Sprint("r", i), "o", 1000+i, 1))
	}
	w.commit(nil, orders, refunds)
	e := w.explain("o")
	if len(e.Candidates) != attribution.MostExplained || !e.MoreCandidates || e.Winner == nil || !strings.HasSuffix(e.Winner.Visit, fmt.Sprint("-", 3*attribution.MostExplained)) {
		t.Errorf("%d candidates, more %t, winner %+v", len(e.Candidates), e.MoreCandidates, e.Winner)
	}
	if len(e.Versions) != attribution.MostExplained || e.VersionsLeftOut != attribution.MostExplained+1 || len(e.Refunds) != attribution.MostExplained || e.RefundsLeftOut != attribution.MostExplained {
		t.Errorf("%d versions and %d, %d refunds and %d", len(e.Versions), e.VersionsLeftOut, len(e.Refunds), e.RefundsLeftOut)
	}
}
