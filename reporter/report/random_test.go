package report_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"footfall/reporter/lake"
	"footfall/reporter/report"
	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	rows "footfall/schemas/lake"
	"footfall/schemas/reports"
	"footfall/schemas/visit"
)

const hourMS = 3_600_000

func ms(text string) int64 {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at.UnixMilli()
}

// zonesAndChanges are zones with odd offsets and the instants around which a
// scenario happens: the clocks change there, or midnight is at an odd time.
func zonesAndChanges() map[string]int64 {
	return map[string]int64{
		"America/St_Johns":    ms("2026-03-08T05:30:00Z"), // UTC−3:30 to −2:30
		"Asia/Kathmandu":      ms("2026-03-08T18:15:00Z"), // UTC+5:45, midnight
		"Australia/Lord_Howe": ms("2026-04-04T15:00:00Z"), // back by half an hour
		"America/New_York":    ms("2026-11-01T06:00:00Z"), // a day of 25 hours
	}
}

// scenario makes random rows around an instant.
type scenario struct {
	*rand.Rand
	center   int64
	d        *lake.Dimensions
	keys     *clickid.Keys // held by the reporter alone: the consumer says unknown_key
	sequence int64
	in       *input
}

func newScenario(seed uint64, zone string, center int64) *scenario {
	s := &scenario{Rand: rand.New(rand.NewPCG(seed, 7)), center: center}
	s.d = &lake.Dimensions{
		Organizers: []lake.Organizer{
			{ID: 1, Slug: "acme", Name: "Acme", Zone: zone, Currency: "USD"},
			{ID: 2, Slug: "other", Name: "Other", Zone: "UTC", Currency: "EUR"},
		},
		Events: []lake.Event{
			{ID: 11, Organizer: 1, Slug: "rock", Name: "Rock", Zone: "America/St_Johns", Currency: "USD", EndMS: center + 24*hourMS},
			{ID: 12, Organizer: 1, Slug: "jazz", Name: "Jazz", Zone: "Asia/Kathmandu", Currency: "JPY", EndMS: center + 900*hourMS},
			{ID: 13, Organizer: 1, Slug: "folk", Name: "Folk", Zone: "Australia/Lord_Howe", Currency: "KWD", EndMS: center + 40*hourMS},
			{ID: 21, Organizer: 2, Slug: "elsewhere", Name: "Elsewhere", Zone: "UTC", Currency: "EUR", EndMS: center + 900*hourMS},
		},
		Affiliates: []lake.Affiliate{
			{ID: 101, Organizer: 1, Name: "Ann", Nickname: "an", Email: "ann@example.com"},
			{ID: 102, Organizer: 1, Name: "Bob"},
			{ID: 103, Organizer: 1, Name: "=Cid"},
			{ID: 201, Organizer: 2, Name: "Zed"},
		},
		Codes: []lake.Code{
			{ID: 1001, Organizer: 1, Text: "ANN"},
			{ID: 1002, Organizer: 1, Event: 11, Text: "Rock-Bob"},
			{ID: 1003, Organizer: 1, Text: "cid"},
			{ID: 1004, Organizer: 1, Text: "claimed"},
			{ID: 1005, Organizer: 1, Event: 12, Text: "late"},
			{ID: 2001, Organizer: 2, Text: "ANN"},
		},
		Texts: []lake.CodeText{
			{Code: 1001, Folded: "ann"},
			{Code: 1001, Folded: "annie"},
			{Code: 1002, Folded: "rock-bob"},
			{Code: 1003, Folded: "cid"},
			{Code: 1004, Folded: "claimed", FromMS: center - 10*hourMS},
			{Code: 1005, Folded: "late", FromMS: center + 5*hourMS},
			{Code: 2001, Folded: "ann"},
		},
		Owners: []lake.CodeOwner{
			{Code: 1001, Affiliate: 101},
			{Code: 1001, Affiliate: 102, FromMS: center},
			{Code: 1002, Affiliate: 102},
			{Code: 1003, Affiliate: 103},
			{Code: 1004, Affiliate: 101},
			{Code: 1005, Affiliate: 103},
			{Code: 2001, Affiliate: 201},
		},
		States: []lake.CodeState{
			{Code: 1001}, {Code: 1002}, {Code: 1003}, {Code: 1003, Paused: true, FromMS: center + 8*hourMS}, {Code: 1004}, {Code: 1005}, {Code: 2001},
		},
	}
	s.in = &input{d: s.d, unlocked: map[string]rows.OrderRow{}}
	return s
}

func pick[T any](s *scenario, list ...T) T { return list[s.IntN(len(list))] }

func (s *scenario) chance(percent int) bool { return s.IntN(100) < percent }

func (s *scenario) near() int64 { return s.center + int64(s.IntN(96*hourMS)) - 48*hourMS }

func (s *scenario) visit() rows.VisitRow {
	s.sequence++
	v := rows.VisitRow{
		VisitedAtMS: s.near(), Collector: 1, Epoch: "00000000000000ab", Shard: int64(s.IntN(3)), Sequence: s.sequence,
		OrganizerID: 1, EventID: pick(s, int64(11), 12, 13), CodeState: "resolved", BotRules: "r1", CatalogIncarnation: "00000000000000c0",
		Ended: s.chance(5), Test: s.chance(5), Head: s.chance(5), Prefetch: s.chance(5), Bot: s.chance(10),
	}
	switch s.IntN(8) {
	case 0:
		v.CodeState = "none"
	case 1, 2:
		v.CodeState, v.CodeText = "unknown", pick(s, "CLAIMED", "nobody", "Late", "late", "annıe", "ANN\u212a")
	case 3:
		v.CodeState, v.CodeID, v.CodeText = "paused", 1003, "cid"
	case 4:
		v.CodeID, v.CodeText = 9999, "lost-in-a-restore"
	default:
		v.CodeID, v.CodeText = pick(s, int64(1001), 1003, 1004), "x"
		if v.EventID == 11 && s.chance(50) {
			v.CodeID = 1002
		}
	}
	if s.chance(10) {
		v.OrganizerID, v.EventID, v.CodeID, v.CodeState = 2, 21, 2001, "resolved"
	}
	return v
}

// click puts a click id on an order, in every way that one can be wrong.
func (s *scenario) click(o *rows.OrderRow) {
	if s.chance(15) || len(s.in.visits) == 0 {
		return
	}
	v := s.in.visits[s.IntN(len(s.in.visits))]
	if s.chance(90) {
		o.EventID = v.EventID
		if v.OrganizerID != 1 {
			o.EventID = 11
		}
		o.OrderedAtMS = v.VisitedAtMS + int64(s.IntN(40*hourMS)) - 2*hourMS
		if s.chance(15) {
			o.OrderedAtMS = v.VisitedAtMS + 720*hourMS - int64(s.IntN(3)) + 1
		}
	}
	o.ClickID = fmt.Sprintf("click-%d", v.Sequence)
	parts := rows.OrderRow{
		ClickStatus: "valid", ClickEpoch: &v.Epoch, ClickShard: &v.Shard, ClickSequence: &v.Sequence, ClickEventID: &v.EventID,
		ClickCodeState: &v.CodeState, ClickEnded: &v.Ended, ClickTest: &v.Test, ClickedAtMS: &v.VisitedAtMS,
	}
	if v.CodeID != 0 {
		parts.ClickCodeID = &v.CodeID
	}
	if s.chance(15) {
		o.ClickStatus = pick(s, "forged", "malformed", "expired_key", "unknown_key")
		o.ClickID += o.ClickStatus // one text has one status: what a click id verifies as is a function of it
		return
	}
	if s.chance(15) {
		id := string(s.keys.Append(nil, clickid.Fields{
			Epoch: 0xab, Shard: uint8(v.Shard), Sequence: uint64(v.Sequence), TimeMS: v.VisitedAtMS, Event: ids.EventID(v.EventID), Code: ids.CodeID(v.CodeID),
			State: map[string]visit.CodeState{"none": 0, "resolved": 1, "unknown": 2, "paused": 3}[v.CodeState], Ended: v.Ended, Test: v.Test,
		}))
		o.ClickID, o.ClickStatus = id, "unknown_key"
		s.in.unlocked[id] = parts
		return
	}
	if s.chance(5) { // the visit's row was lost: the id alone must do
		lost := 1_000_000 + s.sequence
		parts.ClickSequence = &lost
	}
	o.ClickStatus, o.ClickEpoch, o.ClickShard, o.ClickSequence = parts.ClickStatus, parts.ClickEpoch, parts.ClickShard, parts.ClickSequence
	o.ClickEventID, o.ClickCodeID, o.ClickCodeState = parts.ClickEventID, parts.ClickCodeID, parts.ClickCodeState
	o.ClickEnded, o.ClickTest, o.ClickedAtMS = parts.ClickEnded, parts.ClickTest, parts.ClickedAtMS
}

func (s *scenario) order(orders int) []rows.OrderRow {
	s.sequence++
	o := rows.OrderRow{
		OrderID: fmt.Sprintf("o%d", s.IntN(orders/3)), Version: int64(1 + s.IntN(3)), State: pick(s, "completed", "completed", "completed", "pending", "cancelled"),
		OrderedAtMS: s.near(), Collector: int64(1 + s.IntN(2)), Epoch: pick(s, "00000000000000ac", "ff000000000000ac"), Sequence: s.sequence,
		OrganizerID: 1, EventID: pick(s, int64(11), 12, 13), Currency: pick(s, "USD", "JPY", "KWD"), Test: s.chance(5),
		Fingerprint: fmt.Sprintf("f%d", s.IntN(3)), Normalization: 1,
	}
	if s.chance(60) {
		o.AffiliateText = pick(s, "ann", " ANNIE ", "rock-BOB", "cid", "late", "claimed", "nobody", "none")
	}
	s.click(&o)
	if s.chance(10) {
		o.OrganizerID, o.EventID = 2, 21
	}
	o.LineCount = int64(1 + s.IntN(3))
	var lines []rows.OrderRow
	for n := range o.LineCount {
		o.LineNumber, o.LineID, o.TicketType = n, fmt.Sprintf("l%d", n), "seat"
		o.Quantity, o.UnitPrice = int64(1+s.IntN(4)), int64(s.IntN(5000))
		lines = append(lines, o)
	}
	return lines
}

func (s *scenario) refund(orders int) []rows.RefundRow {
	s.sequence++
	r := rows.RefundRow{
		RefundID: fmt.Sprintf("r%d", s.IntN(orders)), OrderID: fmt.Sprintf("o%d", s.IntN(orders+2)), RefundedAtMS: s.near(),
		Collector: 1, Epoch: "00000000000000ac", Sequence: s.sequence, OrganizerID: 1, Fingerprint: fmt.Sprintf("f%d", s.IntN(2)), Normalization: 1,
		Currency: pick(s, "USD", "JPY", "KWD"), Whole: s.chance(30), LineCount: 1,
	}
	for _, o := range s.in.orders {
		if o.OrderID == r.OrderID && s.chance(95) {
			r.Currency = o.Currency
		}
	}
	if r.Whole {
		return []rows.RefundRow{r}
	}
	var lines []rows.RefundRow
	for n := range 1 + s.IntN(2) {
		id, quantity, amount := fmt.Sprintf("l%d", s.IntN(3)), int64(1+s.IntN(2)), int64(s.IntN(4000))
		r.LineNumber, r.LineID, r.Quantity, r.Amount = int64(n), &id, &quantity, &amount
		lines = append(lines, r)
	}
	return lines
}

// fill commits the rows in a few entries of both logs.
func (s *scenario) fill(w *world, visits, orders int) {
	knownUS := (s.center + 2000*hourMS) * 1000
	const batches = 5
	for range batches {
		var v []rows.VisitRow
		var o []rows.OrderRow
		var r []rows.RefundRow
		for range visits / batches {
			v = append(v, s.visit())
		}
		w.commit(visitsLog, knownUS, v, nil, nil)
		s.in.visits = append(s.in.visits, v...)
		for range orders / batches {
			r = append(r, s.refund(orders/3)...)
			o = append(o, s.order(orders)...)
		}
		w.commit(ordersLog, knownUS+7, nil, o, r)
		s.in.orders, s.in.refunds = append(s.in.orders, o...), append(s.in.refunds, r...)
		knownUS += 1_000_000
	}
}

// got reads a table's rows as the recount has them.
func got(t *testing.T, table *answer) map[key]figures {
	t.Helper()
	at := func(name string) int {
		for i, c := range table.Columns {
			if c.Name == name {
				return i
			}
		}
		t.Fatalf("no column %s", name)
		return 0
	}
	out := map[key]figures{}
	for _, r := range table.Rows {
		k := key{r.Cells[0].Text, r.Currency}
		if table.Facts.By != "day" {
			k.name = number(r.Cells[0].Number)
			if r.Cells[1].Text == "direct" {
				k.name = "direct"
			}
		}
		f := figures{
			visits: r.Cells[at("visits")].Number, orders: r.Cells[at("orders")].Number, credited: r.Cells[at("credited_orders")].Number, tickets: r.Cells[at("tickets_sold")].Number,
			sales: r.Cells[at("total_sales")].Number, refunds: r.Cells[at("refunds")].Number,
		}
		if net := r.Cells[at("net_sales")].Number; net != f.sales-f.refunds {
			t.Errorf("%v: net sales %d of %+v", k, net, f)
		}
		if r.Cells[at("conversion_rate")].Empty != (f.visits == 0) {
			t.Errorf("%v: a rate without visits, or none with them: %+v", k, f)
		}
		if _, twice := out[k]; twice {
			t.Errorf("%v stands twice", k)
		}
		out[k] = f
	}
	return out
}

// TestNoReportDiffersFromTheRecount holds every kind of report, filter, zone and
// as-of of random scenarios against a count by hand: the difference is 0.
//
// FOOTFALL_RECOUNTS sets how many questions each scenario answers; the seed is
// printed, and FOOTFALL_SEED sets it.
func TestNoReportDiffersFromTheRecount(t *testing.T) {
	seed := uint64(setting(t, "FOOTFALL_SEED", 1))
	t.Logf("seed %d", seed)
	for zone, center := range zonesAndChanges() {
		seed++
		w := newWorld(t, seed)
		w.keys = []clickid.Key{{ID: 9, Secret: [32]byte{1, 2, 3}}}
		s := newScenario(seed, zone, center)
		var err error
		s.keys, err = clickid.NewKeys(9, w.keys)
		check(t, err)
		w.catalog.states = []state{{knownUS: 1, d: s.d}}
		s.fill(w, 400, 100)
		for i := range setting(t, "FOOTFALL_RECOUNTS", 2) {
			q, asked := s.question(zone)
			want, setAside, waiting := s.in.recount(asked)
			for by, figures := range want {
				if i > 0 && s.chance(60) {
					continue
				}
				q.By = by
				table, err := w.run(q)
				check(t, err)
				compare(t, fmt.Sprintf("%s seed %d %+v", zone, seed, q), got(t, table), figures)
				notes := strings.Join(table.Facts.Notes, "\n")
				for what, n := range map[string]int{"refunds set aside: ": setAside, "refunds waiting: ": waiting} {
					if n > 0 && !strings.Contains(notes, fmt.Sprintf("%s%d;", what, n)) {
						t.Errorf("%s seed %d: want %s%d in %q", zone, seed, what, n, notes)
					}
				}
				checkTotals(t, table)
			}
		}
	}
}

func (s *scenario) question(zone string) (report.Query, question) {
	location := func(name string) *time.Location {
		l, err := time.LoadLocation(name)
		if err != nil {
			panic(err)
		}
		return l
	}
	q := report.Query{Organizer: "acme"}
	asked := question{organizer: 1, zone: location(zone), fromMS: 0, toMS: reports.RangeTo, asOfUS: 1 << 60}
	if s.chance(50) {
		e := pick(s, s.d.Events[:3]...)
		q.Event, asked.event, asked.zone = e.Slug, e.ID, location(e.Zone)
	}
	if s.chance(70) {
		from := time.UnixMilli(s.near()).In(asked.zone)
		to := from.AddDate(0, 0, 1+s.IntN(3))
		q.From, q.To = from.Format(time.DateOnly), to.Format(time.DateOnly)
		// None of the zones skips midnight, so the calendar's is the start.
		asked.fromMS = time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, asked.zone).UnixMilli()
		asked.toMS = time.Date(to.Year(), to.Month(), to.Day(), 0, 0, 0, 0, asked.zone).UnixMilli()
	}
	if s.chance(25) {
		q.Affiliate, asked.affiliate = pick(s, "101", "Ann", "AN"), 101
	}
	if s.chance(25) {
		q.Code, asked.codes = pick(s, "ann", "Annie"), []int64{1001}
	}
	if s.chance(50) {
		asked.asOfUS = (s.center+2000*hourMS)*1000 + int64(s.IntN(5_000_000))
		q.AsOfUS = asked.asOfUS
	}
	return q, asked
}

func compare(t *testing.T, what string, got, want map[key]figures) {
	t.Helper()
	for k, f := range want {
		if got[k] != f {
			t.Errorf("%s\n%v: got %+v, want %+v", what, k, got[k], f)
		}
	}
	for k, f := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("%s\n%v: got %+v, want no row", what, k, f)
		}
	}
}

// checkTotals: the totals of each currency are the sums of its rows, and of the rest
// where a limit cut some.
func checkTotals(t *testing.T, table *answer) {
	t.Helper()
	sums := map[string][]int64{}
	add := func(rows []reports.Row, sign int64) {
		for _, r := range rows {
			if sums[r.Currency] == nil {
				sums[r.Currency] = make([]int64, len(r.Cells))
			}
			for i, c := range r.Cells {
				k := table.Columns[i].Kind
				if additive := !strings.HasPrefix(table.Columns[i].Name, "average_order"); additive && (k == reports.KindCount || k == reports.KindMoney) {
					sums[r.Currency][i] += sign * c.Number
				}
			}
		}
	}
	add(table.Rows, 1)
	add(table.Rest, 1)
	add(table.Totals, -1)
	for currency, list := range sums {
		for i, n := range list {
			if n != 0 {
				t.Errorf("%s %s: the rows are %d off the total", currency, table.Columns[i].Name, n)
			}
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
