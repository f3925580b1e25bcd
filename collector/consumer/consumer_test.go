package consumer

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/order"
	"footfall/schemas/visit"
)

func b0() context.Context { return context.Background() }

func filepathGlob(root, pattern string) ([]string, error) {
	return filepath.Glob(filepath.Join(root, pattern))
}

func upTo(n int64) []int64 {
	var out []int64
	for i := int64(1); i <= n; i++ {
		out = append(out, i)
	}
	return out
}

func TestEveryRecordIsOneRow(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 2)
	b.journal.epoch(0xb, 2, testOrdersLog, 1) // another log's: left alone
	b.journal.add(0xb, 0, visitRecord(1, noon().UnixMilli(), 1))
	at := noon().UnixMilli()
	for i := range 500 {
		b.journal.add(0xa, i%2, visitRecord(uint64(i/2+1), at+int64(i), 1))
	}
	c := b.consumer(b.config())
	b.turn(c)
	b.turn(c)
	for shard := range int64(2) {
		if got := b.sequences(0xa, shard); !slices.Equal(got, upTo(250)) {
			t.Fatalf("shard %d holds %v", shard, got)
		}
	}
	if n := len(rowsOf[lake.VisitRow](b, lake.TableVisits)); n != 500 {
		t.Fatalf("%d rows", n)
	}
	if n := b.count("footfall_consumer_records_total", "visit"); n != 500 {
		t.Fatalf("counted %v visits", n)
	}
}

func TestRowSaysWhatTheEdgeRecorded(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	at := noon().UnixMilli()
	full := visit.Visit{
		Organizer: 1, Event: 2, Code: 3, CodeState: visit.CodePaused, CodeText: []byte("Anna"),
		Ended: true, Test: true, Head: true, Prefetch: true, RepeatedAffiliate: true, GPC: true, Consent: visit.ConsentGiven,
		Revision: ids.Revision{Incarnation: 0xab, Number: 9}, VisitorKey: 1<<63 + 5, VisitorSource: visit.VisitorCookie,
		UserAgent: []byte("bot"), Referrer: []byte("https://example.com/\xff"),
	}
	for i := range 5 {
		full.Sub[i] = []byte{'s', byte('1' + i)}
		full.UTM[i] = []byte{'u', byte('1' + i)}
	}
	least := visit.Visit{Organizer: 1, Event: 2}
	b.journal.add(0xa, 0,
		Record{Kind: KindVisit, Version: 1, Sequence: 1, TimeMS: at, Body: full.Append(nil)},
		Record{Kind: KindVisit, Version: 1, Sequence: 2, TimeMS: at + 1, Body: least.Append(nil)})
	c := b.consumer(b.config())
	b.turn(c)
	rows := rowsOf[lake.VisitRow](b, lake.TableVisits)
	known := b.snapshot().Logs[testLog].KnownAtUS
	want := []lake.VisitRow{
		{
			VisitedAtMS: at, KnownAtUS: known, Collector: 7, Epoch: "000000000000000a", Sequence: 1,
			OrganizerID: 1, EventID: 2, CodeID: 3, CodeText: "Anna", CodeState: "paused",
			Ended: true, Test: true, Head: true, Prefetch: true, Bot: true, BotKind: "crawler", BotRules: "rules/1",
			RepeatedAffiliate: true, GPC: true, Consent: "given", CatalogIncarnation: "00000000000000ab", CatalogRevision: 9,
			VisitorKey: -1<<63 + 5, VisitorSource: "cookie", UserAgent: "bot", Referrer: `https://example.com/\xff`,
			Sub1: "s1", Sub2: "s2", Sub3: "s3", Sub4: "s4", Sub5: "s5",
			UTMSource: "u1", UTMMedium: "u2", UTMCampaign: "u3", UTMTerm: "u4", UTMContent: "u5",
		},
		{
			VisitedAtMS: at + 1, KnownAtUS: known, Collector: 7, Epoch: "000000000000000a", Sequence: 2,
			OrganizerID: 1, EventID: 2, CodeState: "none", BotRules: "rules/1", CatalogIncarnation: "0000000000000000",
		},
	}
	for i := range want {
		if rows[i] != want[i] {
			t.Errorf("row %d\n got %+v\nwant %+v", i, rows[i], want[i])
		}
	}
}

func clickKeys(t *testing.T) *clickid.Keys {
	t.Helper()
	keys, err := clickid.NewKeys(1, []clickid.Key{{ID: 1, Secret: [32]byte{1, 2, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestOrderKeepsItsClickAsReceivedAndAsChecked(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xb, 1, testOrdersLog, 1)
	keys, at := clickKeys(t), noon().UnixMilli()
	fields := clickid.Fields{Epoch: 0xa, Shard: 3, Sequence: 77, TimeMS: at - 5000, Event: 2, Code: 9, State: visit.CodeResolved, Ended: true}
	id := string(keys.Append(nil, fields))
	flipped := []byte(id)
	flipped[30] ^= 1
	for i, click := range []string{id, string(flipped), "nonsense", ""} {
		o := order.Order{
			Organizer: 1, Event: 2, ID: "o1", Version: uint32(i + 1), State: order.Completed, OrderedMS: at, Currency: "EUR",
			ClickID: click, Affiliate: "anna", Coupon: "SAVE", VisitorKey: uint64(i) * 0xfedcba9876543210,
			Lines: []order.Line{{ID: "l1", TicketType: "adult", Quantity: 2, UnitPrice: 1250}, {ID: "l2", TicketType: "child", Quantity: 1, UnitPrice: 0}},
		}
		o.SetFingerprint()
		b.journal.add(0xb, 0, Record{Kind: KindOrder, Version: 1, Sequence: uint64(i + 1), TimeMS: at + int64(i), Body: o.Append(nil)})
	}
	c := b.consumer(b.ordersConfig())
	c.classify.keys = func() *clickid.Keys { return keys }
	b.turn(c)
	rows := rowsOf[lake.OrderRow](b, lake.TableOrders)
	if len(rows) != 8 {
		t.Fatalf("%d rows of 4 versions of 2 lines", len(rows))
	}
	first, second := rows[0], rows[1]
	if first.ClickID != id || first.ClickStatus != "valid" || *first.ClickEpoch != "000000000000000a" || *first.ClickShard != 3 ||
		*first.ClickSequence != 77 || *first.ClickEventID != 2 || *first.ClickCodeID != 9 || *first.ClickCodeState != "resolved" ||
		!*first.ClickEnded || *first.ClickTest || *first.ClickedAtMS != at-5000 {
		t.Errorf("the click of a valid id: %+v", first)
	}
	if first.LineID != "l1" || second.LineID != "l2" || second.LineNumber != 1 || second.LineCount != 2 || second.UnitPrice != 0 ||
		first.Quantity != 2 || first.UnitPrice != 1250 || first.ReceivedAtMS != at || first.State != "completed" || len(first.Fingerprint) != 64 {
		t.Errorf("lines: %+v\n%+v", first, second)
	}
	for i, status := range map[int]string{2: "forged", 4: "malformed", 6: ""} {
		r := rows[i]
		if r.ClickStatus != status || r.ClickEpoch != nil || r.ClickShard != nil || r.ClickCodeState != nil || r.ClickedAtMS != nil {
			t.Errorf("click %q is %q with parts %v", r.ClickID, r.ClickStatus, r.ClickEpoch)
		}
	}
	if key := uint64(rows[3].VisitorKey); key != 0xfedcba9876543210 || rows[0].VisitorKey != 0 {
		t.Errorf("visitor keys are %x and %x", key, rows[0].VisitorKey)
	}
	if rows[4].ClickID != "nonsense" {
		t.Errorf("a malformed click id was kept as %q", rows[4].ClickID)
	}
}

func TestWholeRefundIsOneRowWithoutLine(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xb, 1, testOrdersLog, 1)
	at := noon().UnixMilli()
	whole := order.Refund{Organizer: 1, ID: "r1", OrderID: "o1", RefundedMS: at, Currency: "EUR", Whole: true}
	byLine := order.Refund{
		Organizer: 1, ID: "r2", OrderID: "o1", RefundedMS: at, Currency: "EUR", Reason: "ill",
		Lines: []order.RefundLine{{LineID: "l1", Quantity: 1, Amount: 1250}, {LineID: "l2", Quantity: 1, Amount: 5}},
	}
	for i, r := range []*order.Refund{&whole, &byLine} {
		r.SetFingerprint()
		b.journal.add(0xb, 0, Record{Kind: KindRefund, Version: 1, Sequence: uint64(i + 1), TimeMS: at, Body: r.Append(nil)})
	}
	b.turn(b.consumer(b.ordersConfig()))
	rows := rowsOf[lake.RefundRow](b, lake.TableRefunds)
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	if r := rows[0]; !r.Whole || r.LineID != nil || r.Quantity != nil || r.Amount != nil || r.LineCount != 1 || r.RefundID != "r1" {
		t.Errorf("whole: %+v", r)
	}
	if r := rows[2]; r.Whole || *r.LineID != "l2" || *r.Quantity != 1 || *r.Amount != 5 || r.LineNumber != 1 || r.LineCount != 2 || r.Reason != "ill" {
		t.Errorf("by line: %+v", r)
	}
}

// taken runs a journal that gives the records 1 to 3 twice.
func taken(t *testing.T, keepRepeats bool) (*bench, []int64) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	at := noon().UnixMilli()
	for _, n := range []uint64{1, 2, 3, 2, 3, 1, 4} {
		b.journal.add(0xa, 0, visitRecord(n, at, 1))
	}
	config := b.config()
	config.keepRepeats = keepRepeats
	b.turn(b.consumer(config))
	return b, b.sequences(0xa, 0)
}

func TestRepeatedRecordIsTakenOnce(t *testing.T) {
	b, got := taken(t, false)
	if !slices.Equal(got, upTo(4)) {
		t.Fatalf("rows %v", got)
	}
	if n := b.count("footfall_consumer_repeated_records_total"); n != 3 {
		t.Fatalf("counted %v repeats", n)
	}
}

// The test above must not pass without its defence.
func TestWithoutDedupeRepeatsAreRows(t *testing.T) {
	if _, got := taken(t, true); slices.Equal(got, upTo(4)) {
		t.Fatal("no repeat came through with the dedupe off: the test of it tests nothing")
	}
}

func TestGapIsRememberedAndWhatFillsItTakenOnce(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	at := noon().UnixMilli()
	b.journal.add(0xa, 0, visitRecord(1, at, 1), heartbeat(2, at+1), visitRecord(5, at+2, 1), heartbeat(6, at+3))
	b.clock.Advance(time.Second)
	b.turn(b.consumer(b.config()))
	shard := b.snapshot().Logs[testLog].State.Epochs[0].Shards[0]
	if shard.Mark != 2 || len(shard.Above) != 1 || shard.Above[0] != (lakelog.Range{From: 5, To: 6, HeartbeatMS: at + 3}) {
		t.Fatalf("state %+v", shard)
	}
	if complete := b.snapshot().Logs[testLog].CompleteMS(); complete != at+1 {
		t.Fatalf("complete to %d over a gap", complete)
	}
	if gaps, records := b.count("footfall_consumer_gaps_total"), b.count("footfall_consumer_gap_records"); gaps != 1 || records != 2 {
		t.Fatalf("counted %v gaps of %v records", gaps, records)
	}
	// What was missing comes after all, to a consumer that starts again.
	b.journal.add(0xa, 0, visitRecord(4, at+2, 1), visitRecord(3, at+2, 1), visitRecord(4, at+2, 1))
	b.clock.Advance(time.Minute)
	c := b.consumer(b.config())
	b.turn(c)
	if got := b.sequences(0xa, 0); !slices.Equal(got, []int64{1, 3, 4, 5}) {
		t.Fatalf("rows %v", got)
	}
	shard = b.snapshot().Logs[testLog].State.Epochs[0].Shards[0]
	if shard.Mark != 6 || shard.Above != nil || shard.HeartbeatMS != at+3 {
		t.Fatalf("state %+v", shard)
	}
	if records := b.count("footfall_consumer_gap_records"); records != 0 {
		t.Fatalf("%v records lie in gaps", records)
	}
	// Rows that fill a gap stand in their place in the file.
	rows := rowsOf[lake.VisitRow](b, lake.TableVisits)
	if n := len(rows); rows[n-2].Sequence != 3 || rows[n-1].Sequence != 4 {
		t.Fatalf("the file's order is %d, %d", rows[n-2].Sequence, rows[n-1].Sequence)
	}
}

func TestEpochClosesAtTheLargerOfItsEndAndWhatWasTaken(t *testing.T) {
	at := noon().UnixMilli()
	for _, c := range []struct {
		name    string
		records []uint64
		end     EndShard
		closed  bool
		mark    uint64
		lost    uint64
	}{
		{"clean stop", []uint64{1, 2, 3}, EndShard{Last: 3}, true, 3, 0},
		{"the lake is ahead of the journal", []uint64{1, 2, 3, 4, 5}, EndShard{Last: 2}, true, 5, 0},
		{"missing and never seen", []uint64{1, 4}, EndShard{Last: 4, Missing: [][2]uint64{{2, 3}}}, true, 4, 2},
		{"missing and taken before", []uint64{1, 2, 3, 4}, EndShard{Last: 4, Missing: [][2]uint64{{2, 3}}}, true, 4, 0},
		{"missing and taken in part", []uint64{1, 3, 6}, EndShard{Last: 6, Missing: [][2]uint64{{5, 5}, {2, 4}}}, true, 6, 3},
		{"a hole in what was read and then cut", []uint64{1, 2, 5}, EndShard{Last: 2}, true, 5, 2},
		{"nothing was written", nil, EndShard{}, true, 0, 0},
		{"all of it is missing", nil, EndShard{Last: 2, Missing: [][2]uint64{{1, 2}}}, true, 2, 2},
		{"a survivor is withheld", []uint64{1, 4}, EndShard{Last: 4, Missing: [][2]uint64{{2, 2}}}, false, 1, 0},
		{"the last survivors are withheld", []uint64{1}, EndShard{Last: 3}, false, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.journal.epoch(0xa, 1, testLog, 1)
			for _, n := range c.records {
				b.journal.add(0xa, 0, visitRecord(n, at, 1))
			}
			b.journal.end(0xa, c.end)
			b.turn(b.consumer(b.config()))
			s := b.snapshot().Logs[testLog].State
			if e := s.Epochs[0]; e.Closed != c.closed || e.Shards[0].Mark != c.mark || s.LostRecords != c.lost {
				t.Fatalf("closed %v at %d with %d lost: %+v", e.Closed, e.Shards[0].Mark, s.LostRecords, s)
			}
			if (s.ClosedThrough != nil) != c.closed {
				t.Fatalf("closed through %+v", s.ClosedThrough)
			}
			if n := b.count("footfall_consumer_lost_records_total"); n != float64(c.lost) {
				t.Fatalf("counted %v lost", n)
			}
		})
	}
}

func TestClosedEpochIsNeverReadAgain(t *testing.T) {
	b := newBench(t)
	at := noon().UnixMilli()
	b.journal.epoch(0xa, 1, testLog, 1)
	b.journal.add(0xa, 0, visitRecord(1, at, 1))
	b.journal.end(0xa, EndShard{Last: 1})
	b.journal.epoch(0xb, 2, testLog, 1)
	b.journal.add(0xb, 0, visitRecord(1, at, 1))
	b.turn(b.consumer(b.config()))
	b.journal.add(0xa, 0, visitRecord(2, at, 1)) // nobody can have written it
	b.turn(b.consumer(b.config()))
	if got := b.sequences(0xa, 0); !slices.Equal(got, upTo(1)) {
		t.Fatalf("rows of the closed epoch %v", got)
	}
	// While the journal holds it, its marks stay for the collectors; then it is forgotten, and stays closed.
	if n := len(b.snapshot().Logs[testLog].State.Epochs); n != 2 {
		t.Fatalf("%d epochs in the state", n)
	}
	old := b.journal.epochs[0]
	b.journal.drop(0xa)
	c := b.consumer(b.config())
	b.turn(c)
	if n := len(b.snapshot().Logs[testLog].State.Epochs); n != 1 {
		t.Fatalf("%d epochs in the state", n)
	}
	b.journal.epochs = append([]Epoch{old}, b.journal.epochs...)
	c = b.consumer(b.config())
	b.turn(c)
	if got := b.count("footfall_consumer_ignored_epochs"); got != 1 {
		t.Fatalf("%v epochs shown as ignored", got)
	}
	if got := b.sequences(0xa, 0); !slices.Equal(got, upTo(1)) {
		t.Fatalf("rows of the forgotten epoch %v", got)
	}
}

func TestReplacedJournalIsRefused(t *testing.T) {
	at := noon().UnixMilli()
	for name, replace := range map[string]func(*literal){
		"a new journal that starts its ordinals again": func(l *literal) {
			l.epoch(0xc, 1, testLog, 1)
			l.epochs[0].StartedMS += 60_000
		},
		"another epoch under the newest ordinal": func(l *literal) { l.epoch(0xc, 2, testLog, 1) },
		"another collector's": func(l *literal) {
			l.epoch(0xc, 3, testLog, 1)
			l.epochs[0].Collector = 8
		},
		"two of one ordinal": func(l *literal) {
			l.epoch(0xc, 3, testLog, 1)
			l.epoch(0xd, 3, testLog, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for i, epoch := range []uint64{0xa, 0xb} {
				b.journal.epoch(epoch, uint64(i+1), testLog, 1)
				b.journal.add(epoch, 0, visitRecord(1, at, 1))
				b.journal.end(epoch, EndShard{Last: 1})
			}
			b.turn(b.consumer(b.config()))
			b.journal.epochs = nil
			replace(b.journal)
			if err := turn(b.consumer(b.config())); !errors.Is(err, ErrForeignJournal) {
				t.Fatalf("turn: %v", err)
			}
		})
	}
}

func TestPoisonRecordHoldsUpNothing(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	at := noon().UnixMilli()
	poison := []Record{
		{Kind: KindVisit, Version: 1, Sequence: 2, TimeMS: at, Segment: 4, Offset: 64, Body: []byte{0xff, 0xff, 0xff}},
		{Kind: KindVisit, Version: 1, Sequence: 3, TimeMS: at, Body: bytes.Repeat([]byte{0x0a}, 1<<20)},
		{Kind: KindVisit, Version: 9, Sequence: 4, TimeMS: at, Body: []byte("from the future")},
		{Kind: 12, Version: 1, Sequence: 5, TimeMS: at, Body: []byte{0}},
		{Kind: KindOrder, Version: 1, Sequence: 6, TimeMS: at},
	}
	b.journal.add(0xa, 0, visitRecord(1, at, 1))
	b.journal.add(0xa, 0, poison...)
	b.journal.add(0xa, 0, visitRecord(7, at, 1))
	b.turn(b.consumer(b.config()))
	if got := b.sequences(0xa, 0); !slices.Equal(got, []int64{1, 7}) {
		t.Fatalf("rows %v", got)
	}
	rows := rowsOf[lake.QuarantineRow](b, lake.TableQuarantine)
	if len(rows) != len(poison) {
		t.Fatalf("%d in quarantine", len(rows))
	}
	reasons := []string{"undecodable", "undecodable", "unknown_version", "unknown_kind", "unknown_kind"}
	for i, r := range rows {
		if r.Reason != reasons[i] || r.Sequence != int64(poison[i].Sequence) || !bytes.Equal(r.Body, poison[i].Body) ||
			r.Kind != int64(poison[i].Kind) || r.Version != int64(poison[i].Version) || r.Segment != int64(poison[i].Segment) ||
			r.Offset != poison[i].Offset || (r.Reason == "undecodable") != (r.Detail != "") {
			t.Errorf("row %d: reason %s, detail %q, sequence %d", i, r.Reason, r.Detail, r.Sequence)
		}
	}
	if mark := b.snapshot().Logs[testLog].State.Epochs[0].Shards[0].Mark; mark != 7 {
		t.Fatalf("mark %d", mark)
	}
	if n := b.count("footfall_consumer_quarantined_records_total", "undecodable"); n != 2 {
		t.Fatalf("counted %v", n)
	}
}

func TestWrongClockIsFlagged(t *testing.T) {
	const minute = 60_000
	at := noon().UnixMilli()
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	// A backlog of an hour: old times that hang together are right.
	b.journal.add(0xa, 0,
		visitRecord(1, at-60*minute, 1), visitRecord(2, at-59*minute, 1),
		visitRecord(3, at-59*minute-1, 1), // back
		visitRecord(4, at-53*minute, 1),   // a leap
		visitRecord(5, at-48*minute, 1), heartbeat(6, at-44*minute), heartbeat(7, at-39*minute),
	)
	c := b.consumer(b.config())
	b.turn(c)
	// Now the shard is drained: what comes was written just now.
	b.clock.Advance(time.Second)
	b.journal.add(0xa, 0, visitRecord(8, at-38*minute, 1), heartbeat(9, at+1000), visitRecord(10, at+1000, 1), visitRecord(11, at+7*minute, 1))
	b.turn(c)
	flagged := map[int64]bool{}
	for _, r := range rowsOf[lake.VisitRow](b, lake.TableVisits) {
		flagged[r.Sequence] = r.ClockFlagged
	}
	for n, want := range map[int64]bool{1: false, 2: false, 3: true, 4: true, 5: false, 8: true, 10: false, 11: true} {
		if flagged[n] != want {
			t.Errorf("visit %d flagged: %v", n, flagged[n])
		}
	}
}

func TestRowsOfTwoDaysAreInTwoDates(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 1)
	midnight := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC).UnixMilli()
	b.journal.add(0xa, 0, visitRecord(1, midnight-1, 1), visitRecord(2, midnight, 1), visitRecord(3, midnight-1, 1))
	b.turn(b.consumer(b.config()))
	for date, want := range map[string]int64{"2026-11-22": 2, "2026-11-23": 1} {
		var rows int64
		for _, f := range b.snapshot().Files {
			if dateOf(f) == date {
				rows += f.Rows
			}
		}
		if rows != want {
			t.Errorf("%s holds %d rows", date, rows)
		}
	}
	if n := len(b.snapshot().Files); n != 2 {
		t.Fatalf("%d files", n)
	}
}

func TestKnownAtIsOneForACommitAndRises(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 2)
	c := b.consumer(b.config())
	last := int64(0)
	for i := range uint64(4) {
		b.journal.add(0xa, 0, visitRecord(i+1, noon().UnixMilli(), 1))
		b.journal.add(0xa, 1, visitRecord(i+1, noon().UnixMilli(), 1))
		b.turn(c)
		known := b.snapshot().Logs[testLog].KnownAtUS
		if known <= last {
			t.Fatalf("known_at %d after %d", known, last)
		}
		last = known
		n := 0
		for _, r := range rowsOf[lake.VisitRow](b, lake.TableVisits) {
			if r.Sequence == int64(i+1) && r.KnownAtUS == known {
				n++
			}
		}
		if n != 2 {
			t.Fatalf("%d rows of the commit carry its known_at", n)
		}
		b.clock.Advance(-time.Hour) // the lake's clock goes back
	}
}
