package reports

// Bounds are from when to when there is anything to report on. Times are the
// rows' own, in milliseconds; where there is nothing, both ends are 0.
type Bounds struct {
	FirstVisitMS, LastVisitMS int64    // of valid visits
	FirstOrderMS, LastOrderMS int64    // order dates of what Orders counts
	Orders                    int64    // that ever arrived, in any state and credited or not; test orders are none
	Currencies                []string // of those, sorted

	Zone      string // the event's, or the organizer's
	Currency  string // likewise
	AsOfUS    int64
	Freshness Freshness
}
