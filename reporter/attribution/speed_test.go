package attribution_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"footfall/reporter/lake"
	rows "footfall/schemas/lake"
	"footfall/schemas/reports"
)

func dims() *lake.Dimensions {
	return &lake.Dimensions{
		Organizers: []lake.Organizer{{ID: 1, Slug: "acme", Zone: "UTC", Currency: "EUR"}},
		Events:     []lake.Event{{ID: 11, Organizer: 1, Slug: "gala", Zone: "UTC", Currency: "EUR", EndMS: 1 << 50}},
		Affiliates: []lake.Affiliate{{ID: 101, Organizer: 1, Name: "Ann"}},
		Codes:      []lake.Code{{ID: 1001, Organizer: 1, Text: "ANN"}},
		Texts:      []lake.CodeText{{Code: 1001, Folded: "ann"}},
		Owners:     []lake.CodeOwner{{Code: 1001, Affiliate: 101}},
		States:     []lake.CodeState{{Code: 1001}},
	}
}

// manyOrders gives versions of orders with two lines each, two in three with a click.
func manyOrders(n int) []rows.OrderRow {
	random := rand.New(rand.NewPCG(1, 1))
	list := make([]rows.OrderRow, 0, 2*n)
	for i := range n {
		o := rows.OrderRow{
			OrderID: fmt.Sprintf("order-%d", i*4/5), Version: int64(2 + i%5/4), State: "completed", OrderedAtMS: 1e12 + int64(random.IntN(30*dayMS)),
			Collector: 1, Epoch: "00000000000000ac", Sequence: int64(i + 1), OrganizerID: 1, EventID: 11, Currency: "EUR",
			Fingerprint: fmt.Sprintf("%064x", random.Uint64()), Normalization: 1, LineCount: 2,
		}
		if i%3 > 0 {
			epoch, shard, sequence, event, code, state, at, no := "00000000000000ab", int64(i%4), int64(i), int64(11), int64(1001), "resolved", o.OrderedAtMS-hourMS, false
			o.ClickID, o.ClickStatus = fmt.Sprintf("%048d", i), "valid"
			o.ClickEpoch, o.ClickShard, o.ClickSequence, o.ClickEventID, o.ClickCodeID = &epoch, &shard, &sequence, &event, &code
			o.ClickCodeState, o.ClickEnded, o.ClickTest, o.ClickedAtMS = &state, &no, &no, &at
		}
		for line := range o.LineCount {
			o.LineNumber, o.LineID, o.TicketType, o.Quantity, o.UnitPrice = line, fmt.Sprint(line), "seat", 1, 1000
			list = append(list, o)
		}
	}
	return list
}

func BenchmarkCredit(b *testing.B) {
	for _, n := range []int{300, 50_000} {
		for name, between := range map[string][2]int64{"all": {reports.RangeFrom, reports.RangeTo}, "range": {1e12, 1e12 + 60*dayMS}} {
			b.Run(fmt.Sprintf("%d-%s", n, name), func(b *testing.B) {
				w := newWorld(b, 1, dims())
				w.commit(nil, manyOrders(n), nil)
				for b.Loop() {
					w.read(reports.Crediting{Organizer: 1, Between: between}, func(context.Context, *reports.Reading) {})
				}
			})
		}
		b.Run(fmt.Sprintf("%d-explain", n), func(b *testing.B) {
			w := newWorld(b, 1, dims())
			w.commit(nil, manyOrders(n), nil)
			for b.Loop() {
				w.explain("order-7")
			}
		})
	}
}
