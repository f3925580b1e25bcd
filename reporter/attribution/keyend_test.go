package attribution_test

import (
	"testing"

	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	rows "footfall/schemas/lake"
	"footfall/schemas/visit"
)

// TestClickOfAKeyThatEndedSinceEarnsNothing: the consumer verified it before it
// knew of the end. A click from before the end, and one of another key, stay.
func TestClickOfAKeyThatEndedSinceEarnsNothing(t *testing.T) {
	const clicked = center - 1
	for _, c := range []struct {
		name       string
		key        uint8 // that minted it
		ended      uint8 // 0: none
		endsMS     int64
		wins       bool
		wantReason string
	}{
		{"no end", 9, 0, 0, true, "valid"},
		{"ended at the click", 9, 9, clicked, false, "expired_key"},
		{"ended before", 9, 9, clicked - 1000, false, "expired_key"},
		{"ended after", 9, 9, clicked + 1, true, "valid"},
		{"another key ended", 9, 8, clicked - 1000, true, "valid"},
		{"the last key that there can be", 255, 255, clicked - 1000, false, "expired_key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := []clickid.Key{{ID: 8, Secret: [32]byte{8}}, {ID: 9, Secret: [32]byte{9}}, {ID: 255, Secret: [32]byte{255}}}
			keys, err := clickid.NewKeys(c.key, all)
			check(t, err)
			o := anOrder("o", 1)
			epoch, shard, sequence, event, code, state, no, at := "00000000000000ab", int64(0), int64(5), int64(11), int64(1001), "resolved", false, clicked
			o.ClickStatus, o.ClickEpoch, o.ClickShard, o.ClickSequence = "valid", &epoch, &shard, &sequence
			o.ClickEventID, o.ClickCodeID, o.ClickCodeState, o.ClickEnded, o.ClickTest, o.ClickedAtMS = &event, &code, &state, &no, &no, &at
			o.ClickID = string(keys.Append(nil, clickid.Fields{Epoch: 0xab, Sequence: 5, TimeMS: clicked, Event: ids.EventID(11), Code: ids.CodeID(1001), State: visit.CodeResolved}))
			w := newWorld(t, 1, dims())
			w.commit(nil, []rows.OrderRow{o}, nil)
			for i := range all {
				if all[i].ID == c.ended {
					all[i].EndsMS = c.endsMS
				}
			}
			w.keys = all
			if e := w.explain("o"); (e.Winner != nil) != c.wins || e.Candidates[0].Reason != c.wantReason {
				t.Errorf("candidates %+v", e.Candidates)
			}
		})
	}
}

// TestClickThatNoLongerVerifiesRulesNoCodeOut: a refused click id rules its code out
// under the weaker rules only where it verifies; of a key that ended it could be
// anybody's, and the code that the order gives earns.
func TestClickThatNoLongerVerifiesRulesNoCodeOut(t *testing.T) {
	key := clickid.Key{ID: 9, Secret: [32]byte{9}}
	keys, err := clickid.NewKeys(9, []clickid.Key{key})
	check(t, err)
	const clicked = center - 1
	o := anOrder("o", 1)
	epoch, shard, sequence, event, code, state, no, at := "00000000000000ab", int64(0), int64(5), int64(11), int64(1001), "resolved", false, clicked
	o.ClickStatus, o.ClickEpoch, o.ClickShard, o.ClickSequence = "valid", &epoch, &shard, &sequence
	o.ClickEventID, o.ClickCodeID, o.ClickCodeState, o.ClickEnded, o.ClickTest, o.ClickedAtMS = &event, &code, &state, &no, &no, &at
	o.ClickID = string(keys.Append(nil, clickid.Fields{Epoch: 0xab, Sequence: 5, TimeMS: clicked, Event: ids.EventID(11), Code: ids.CodeID(1001), State: visit.CodeResolved}))
	o.AffiliateText = "ann"
	w := newWorld(t, 1, dims())
	w.commit(nil, []rows.OrderRow{o}, nil)
	key.EndsMS = clicked
	w.keys = []clickid.Key{key}
	if e := w.explain("o"); e.Winner == nil || e.Winner.Rule != "affiliate" {
		t.Errorf("winner %+v, candidates %+v", e.Winner, e.Candidates)
	}
}
