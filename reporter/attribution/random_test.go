package attribution_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"footfall/reporter/lake"
	rows "footfall/schemas/lake"
	"footfall/schemas/policy"
	"footfall/schemas/reports"
)

const center = int64(1_790_000_000_000)

// scenario makes a world that has every case of the rules, at random.
type scenario struct {
	*rand.Rand
	model
	sequence int64
}

func pick[T any](s *scenario, list ...T) T { return list[s.IntN(len(list))] }

func (s *scenario) chance(percent int) bool { return s.IntN(100) < percent }

func newScenario(seed uint64) *scenario {
	s := &scenario{Rand: rand.New(rand.NewPCG(seed, 11))}
	var versions []policy.Policy
	for n := range 3 + s.IntN(2) {
		p := policy.Default()
		p.Version, p.WindowDays, p.CutAtEventEnd, p.Pick = n+1, pick(s, 1, 2, 30), s.chance(60), pick(s, "first", "last")
		s.Shuffle(len(p.Rules), func(i, j int) { p.Rules[i], p.Rules[j] = p.Rules[j], p.Rules[i] })
		if s.chance(50) {
			p.Rules = p.Rules[:1+s.IntN(4)]
		}
		if n > 0 {
			p.FromMS = center + int64(s.IntN(4)-2)*dayMS
		}
		versions = append(versions, p)
	}
	s.d = &lake.Dimensions{
		Organizers: []lake.Organizer{{ID: 1, Slug: "acme", Zone: "UTC", Currency: "EUR"}, {ID: 2, Slug: "other", Zone: "UTC", Currency: "EUR"}},
		Events: []lake.Event{
			{ID: 11, Organizer: 1, Slug: "gala", EndMS: center + dayMS},
			{ID: 12, Organizer: 1, Slug: "rock", EndMS: center + 99*dayMS},
			{ID: 21, Organizer: 2, Slug: "elsewhere", EndMS: center + 99*dayMS},
		},
		Affiliates: []lake.Affiliate{{ID: 101, Organizer: 1, Name: "Ann"}, {ID: 102, Organizer: 1, Name: "Bob"}, {ID: 201, Organizer: 2, Name: "Zed"}},
		Codes: []lake.Code{
			{ID: 1001, Organizer: 1, Text: "ANN"},
			{ID: 1002, Organizer: 1, Event: 11, Text: "gala-bob"},
			{ID: 1003, Organizer: 1, Text: "paused"},
			{ID: 1004, Organizer: 1, Text: "claimed"},
			{ID: 1005, Organizer: 1, Event: 12, Text: "late"},
			{ID: 2001, Organizer: 2, Text: "ann"},
		},
		Texts: []lake.CodeText{
			{Code: 1001, Folded: "ann"},
			{Code: 1001, Folded: "old-ann"},
			{Code: 1002, Folded: "gala-bob"},
			{Code: 1003, Folded: "paused"},
			{Code: 1004, Folded: "claimed", FromMS: center - dayMS},
			{Code: 1005, Folded: "late", FromMS: center},
			{Code: 2001, Folded: "ann"},
		},
		Owners: []lake.CodeOwner{
			{Code: 1001, Affiliate: 101},
			{Code: 1001, Affiliate: 102, FromMS: center},
			{Code: 1002, Affiliate: 102},
			{Code: 1003, Affiliate: 101},
			{Code: 1004, Affiliate: 102, FromMS: center - dayMS},
			{Code: 1005, Affiliate: 101, FromMS: center},
			{Code: 2001, Affiliate: 201},
		},
		States: []lake.CodeState{
			{Code: 1001},
			{Code: 1002},
			{Code: 1003},
			{Code: 1003, Paused: true, FromMS: center - dayMS},
			{Code: 1003, FromMS: center + dayMS},
			{Code: 1004},
			{Code: 1005},
			{Code: 2001},
		},
		Coupons: []lake.Coupon{
			{Organizer: 1, Code: 1001, Folded: "ten", FromMS: center - dayMS, UntilMS: center},
			{Organizer: 1, Code: 1003, Folded: "ten", FromMS: center, UntilMS: 1 << 60},
			{Organizer: 1, Code: 1002, Folded: "gala", FromMS: 0, UntilMS: center + dayMS},
			{Organizer: 2, Code: 2001, Folded: "other", UntilMS: 1 << 60},
		},
	}
	for _, span := range policy.Spans(versions) {
		s.d.Policies = append(s.d.Policies, lake.Policy{Organizer: 1, Span: span})
	}
	return s
}

// near is an instant around the center; instants meet often, to the millisecond.
func (s *scenario) near() int64 {
	at := center + int64(s.IntN(9)-4)*dayMS/2
	return at + pick(s, int64(0), 0, -1, 1, int64(s.IntN(dayMS)))
}

func (s *scenario) visit() rows.VisitRow {
	s.sequence++
	v := rows.VisitRow{
		VisitedAtMS: s.near(), Collector: int64(1 + s.IntN(2)), Epoch: pick(s, "00000000000000ab", "ff000000000000ab"), Shard: int64(s.IntN(2)), Sequence: s.sequence,
		OrganizerID: 1, EventID: pick(s, int64(11), 11, 12), CodeState: "resolved", BotRules: "r1", CatalogIncarnation: "00000000000000c0",
		Ended: s.chance(5), Test: s.chance(5), Bot: s.chance(20), Head: s.chance(5),
	}
	if s.chance(60) {
		v.VisitorKey, v.VisitorSource = int64(1+s.IntN(4)), pick(s, "cookie", "cookie", "cookie", "address")
	}
	switch s.IntN(8) {
	case 0:
		v.CodeState = "none"
	case 1, 2:
		v.CodeState, v.CodeText = "unknown", pick(s, "CLAIMED", "nobody", "late", "Late")
	case 3:
		v.CodeState, v.CodeID, v.CodeText = "paused", 1003, "paused"
	default:
		v.CodeID, v.CodeText = pick(s, int64(1001), 1001, 1003, 9999), "x"
	}
	if s.chance(10) {
		v.OrganizerID, v.EventID, v.CodeID, v.CodeState = 2, 21, 2001, "resolved"
	}
	return v
}

func (s *scenario) click(o *rows.OrderRow) {
	if s.chance(40) {
		return
	}
	v := s.visits[s.IntN(len(s.visits))]
	o.ClickID = fmt.Sprintf("click-%d", v.Sequence)
	if s.chance(10) {
		o.ClickStatus = pick(s, "forged", "malformed", "expired_key", "unknown_key")
		return
	}
	if s.chance(80) && v.OrganizerID == 1 {
		o.EventID = v.EventID
	}
	if s.chance(5) { // the visit's row was lost
		v.Sequence += 1_000_000
	}
	o.ClickStatus, o.ClickEpoch, o.ClickShard, o.ClickSequence, o.ClickEventID = "valid", &v.Epoch, &v.Shard, &v.Sequence, &v.EventID
	o.ClickCodeState, o.ClickEnded, o.ClickTest, o.ClickedAtMS = &v.CodeState, &v.Ended, &v.Test, &v.VisitedAtMS
	if v.CodeID != 0 {
		o.ClickCodeID = &v.CodeID
	}
}

func (s *scenario) order(ids int) (lines []rows.OrderRow) {
	s.sequence++
	o := rows.OrderRow{
		OrderID: fmt.Sprintf("o%d", s.IntN(ids)), Version: int64(1 + s.IntN(3)), State: pick(s, "completed", "completed", "completed", "pending", "cancelled"),
		OrderedAtMS: s.near(), Collector: int64(1 + s.IntN(2)), Epoch: pick(s, "00000000000000ac", "ff000000000000ac"), Sequence: s.sequence,
		OrganizerID: 1, EventID: pick(s, int64(11), 12), Currency: pick(s, "EUR", "JPY"), Test: s.chance(5),
		Fingerprint: fmt.Sprintf("f%d", s.IntN(2)), Normalization: 1,
	}
	if s.chance(10) {
		o.OrganizerID, o.EventID = 2, 21
	}
	s.click(&o)
	if s.chance(40) {
		o.AffiliateText = pick(s, "ann", " OLD-ann ", "gala-bob", "paused", "late", "claimed", "nobody", "none")
	}
	if s.chance(40) {
		o.CouponText = pick(s, "TEN", " ten", "gala", "other", "nothing")
	}
	if s.chance(40) {
		o.VisitorKey = int64(1 + s.IntN(5))
	}
	o.LineCount = int64(1 + s.IntN(3))
	for n := range o.LineCount {
		o.LineNumber, o.LineID, o.TicketType, o.Quantity, o.UnitPrice = n, fmt.Sprintf("l%d", n), "seat", int64(1+s.IntN(4)), int64(s.IntN(3)*1000)
		lines = append(lines, o)
	}
	return lines
}

func (s *scenario) refund(ids int) (lines []rows.RefundRow) {
	s.sequence++
	r := rows.RefundRow{
		RefundID: fmt.Sprintf("r%d", s.IntN(2*ids)), OrderID: fmt.Sprintf("o%d", s.IntN(ids+1)), RefundedAtMS: s.near(), Collector: int64(1 + s.IntN(2)),
		Epoch: "00000000000000ac", Sequence: s.sequence, OrganizerID: 1, Currency: pick(s, "EUR", "EUR", "JPY"), Whole: s.chance(30),
		Fingerprint: fmt.Sprintf("f%d", s.IntN(2)), Normalization: 1, LineCount: 1,
	}
	if r.Whole {
		return []rows.RefundRow{r}
	}
	r.LineCount = int64(1 + s.IntN(2))
	for n := range r.LineCount {
		id, quantity, amount := fmt.Sprintf("l%d", s.IntN(3)), int64(1+s.IntN(2)), int64(s.IntN(3)*1000)
		r.LineNumber, r.LineID, r.Quantity, r.Amount = n, &id, &quantity, &amount
		lines = append(lines, r)
	}
	return lines
}

// fill commits the rows in three entries.
func (s *scenario) fill(w *world, visits, orders int) {
	for range 3 {
		var v []rows.VisitRow
		var o []rows.OrderRow
		var r []rows.RefundRow
		for range visits / 3 {
			v = append(v, s.visit())
		}
		s.visits = append(s.visits, v...)
		for range orders / 3 {
			o, r = append(o, s.order(orders/2)...), append(r, s.refund(orders/2)...)
		}
		w.commit(v, o, r)
		s.orders, s.refunds = append(s.orders, o...), append(s.refunds, r...)
		for i := range v {
			s.visits[len(s.visits)-len(v)+i].KnownAtUS = w.knownUS
		}
	}
}

// TestNoCreditDiffersFromTheModel holds credits, orders and refunds of random
// worlds against loops over the same rows: the difference is 0. FOOTFALL_SEED sets
// the first seed, FOOTFALL_RECOUNTS the number of worlds.
func TestNoCreditDiffersFromTheModel(t *testing.T) {
	seed := uint64(setting(t, "FOOTFALL_SEED", 1))
	t.Logf("seed %d", seed)
	rules := map[string]int{}
	for i := range uint64(setting(t, "FOOTFALL_RECOUNTS", 3)) {
		s := newScenario(seed + i)
		w := newWorld(t, seed+i, s.d)
		s.fill(w, 120, 120)
		what := fmt.Sprintf("seed %d", seed+i)
		s.hold(w, what, rules)
		if i%2 == 0 {
			s.force = 1 + s.IntN(3)
			s.hold(w, fmt.Sprintf("%s policy %d", what, s.force), rules)
		}
	}
	t.Logf("credits by rule: %v", rules)
}

func (s *scenario) hold(w *world, what string, rules map[string]int) {
	w.t.Helper()
	orders := s.purchases()
	want, repaid := map[string]string{}, s.repaid(orders)
	for id, b := range orders {
		want[id] = fmt.Sprintf("direct policy %d", b.policy.Version)
		if g := s.credit(b); g != nil {
			want[id] = g.text(b.policy.Version)
			rules[g.rule]++
		}
		var tickets, sales int64
		for _, l := range b.lines {
			tickets, sales = tickets+l.Quantity, sales+l.Quantity*l.UnitPrice
		}
		want[id] += fmt.Sprintf(" counts %t ordered %d tickets %d sales %d", b.counts(), b.orderedMS, tickets, sales)
	}
	ask := asks()
	ask.Policy = s.force
	ask.Between = pick(s, ask.Between, [2]int64{center - 30*dayMS, center + 30*dayMS})
	w.read(ask, func(ctx context.Context, r *reports.Reading) {
		same(w.t, what+" credit", want, pairs(ctx, w.t, r, `SELECT o.order_id, CASE WHEN c.rule IS NULL THEN format('direct policy {}', o.policy_version)
			ELSE format('{} code {} affiliate {} visited {} {} policy {}', c.rule, c.code_id, coalesce(c.affiliate_id, 0), coalesce(c.visited_ms, 0),
			coalesce(c.epoch || '-' || c.shard || '-' || c.sequence, ''), c.policy_version) END
			|| format(' counts {} ordered {} tickets {} sales {}', o.counts, o.ordered_ms, o.tickets, o.sales)
			FROM orders o LEFT JOIN credits c USING (order_id)`))
		same(w.t, what+" refund", repaid, pairs(ctx, w.t, r,
			`SELECT refund_id, format('{} {} {}', status, tickets, amount) FROM refunds WHERE status NOT IN ('conflict', 'repeated')`))
		byLine := texts(ctx, w.t, r, `SELECT refund_id FROM refunds WHERE status = 'taken' EXCEPT ALL
			SELECT l.refund_id FROM (SELECT refund_id, sum(quantity) AS q, sum(amount) AS a FROM refund_lines GROUP BY refund_id) l
			JOIN refunds r ON r.refund_id = l.refund_id AND r.status = 'taken' AND r.tickets = l.q AND r.amount = l.a`)
		if len(byLine) > 0 {
			w.t.Errorf("%s: the lines of refunds %v don't sum to them", what, byLine)
		}
	})
}

// TestExplanationAgreesWithTheReport: for every order of a random world.
func TestExplanationAgreesWithTheReport(t *testing.T) {
	seed := uint64(setting(t, "FOOTFALL_SEED", 1))
	t.Logf("seed %d", seed)
	s := newScenario(seed)
	w := newWorld(t, seed, s.d)
	s.fill(w, 90, 60)
	var credits map[string]string
	w.read(asks(), func(ctx context.Context, r *reports.Reading) {
		credits = pairs(ctx, t, r, `SELECT order_id, coalesce(format('{} {} {} {} {}', c.rule, c.code_id, coalesce(c.affiliate_id, 0),
			coalesce(c.epoch || '-' || c.shard || '-' || c.sequence, ''), c.policy_version), 'direct') FROM orders LEFT JOIN credits c USING (order_id)`)
	})
	explained := 0
	for id, want := range credits {
		if explained++; explained > 40 {
			break
		}
		e := w.explain(id)
		got, wins := "direct", 0
		if e.Winner != nil {
			got = fmt.Sprintf("%s %d %d %s %d", e.Winner.Rule, e.Winner.CodeID, e.Winner.AffiliateID, e.Winner.Visit, e.PolicyVersion)
		}
		for _, c := range e.Candidates {
			if c.Wins {
				wins++
			}
			if c.Wins != (c.Reason == "valid") || c.Why == "" || c.Why == "refused: "+c.Reason {
				t.Errorf("%s: %+v", id, c)
			}
		}
		if got != want || wins > 1 || e.WhatIf() {
			t.Errorf("seed %d order %s: explained as %s, reported as %s, %d winners", seed, id, got, want, wins)
		}
	}
}

func pairs(ctx context.Context, t testing.TB, r *reports.Reading, query string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, row := range texts(ctx, t, r, query) {
		if _, twice := out[row[0]]; twice {
			t.Errorf("%s stands twice", row[0])
		}
		out[row[0]] = row[1]
	}
	return out
}

func same(t testing.TB, what string, want, got map[string]string) {
	t.Helper()
	for id, text := range want {
		if got[id] != text {
			t.Errorf("%s of %s\n got %s\nwant %s", what, id, got[id], text)
		}
	}
	for id, text := range got {
		if _, ok := want[id]; !ok {
			t.Errorf("%s of %s: got %s, want none", what, id, text)
		}
	}
}

func setting(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	check(t, err)
	return n
}
