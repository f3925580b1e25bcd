package catalog

import (
	"slices"

	"footfall/schemas/ids"
)

// pauseHistory is when something was paused and when it was resumed, rising; the
// first entry's fromMS is 0.
type pauseHistory []pauseEntry

type pauseEntry struct {
	paused bool
	fromMS int64
}

// then adds a later version. The first one says how it was from the beginning,
// whenever it was written: a visit that a slow clock dates before is judged like
// the first that came.
func (h pauseHistory) then(paused bool, fromMS int64) pauseHistory {
	switch {
	case len(h) == 0:
		return append(h, pauseEntry{paused: paused})
	case h[len(h)-1].paused == paused:
		return h
	}
	return append(h, pauseEntry{paused, fromMS})
}

func (h pauseHistory) at(ms int64) bool {
	paused := false
	for i, e := range h {
		if i == 0 || e.fromMS <= ms {
			paused = e.paused
		}
	}
	return paused
}

// statesOf is a code's state over time: at each instant it is paused when it is
// so by itself, or when the affiliate that owns it at that instant is. owners is
// its dated history; an affiliate without an entry in pauses was never paused.
func statesOf(code ids.CodeID, own pauseHistory, owners []CodeOwner, pauses map[ids.AffiliateID]pauseHistory) []CodeState {
	turns := []int64{0}
	for _, e := range own {
		turns = append(turns, e.fromMS)
	}
	for i, o := range owners {
		if i > 0 {
			turns = append(turns, o.FromMS)
		}
		for _, e := range pauses[o.Affiliate] {
			turns = append(turns, e.fromMS)
		}
	}
	slices.Sort(turns)
	var states []CodeState
	for _, ms := range slices.Compact(turns) {
		paused := own.at(ms) || pauses[ownerAt(owners, ms)].at(ms)
		if n := len(states); n == 0 || states[n-1].Paused != paused {
			states = append(states, CodeState{Code: code, Paused: paused, FromMS: ms})
		}
	}
	return states
}
