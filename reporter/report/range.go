package report

import "time"

// Range reads a half-open range as a report's from and to are written, in
// milliseconds: days of the zone, or instants. The error is an *admin.Refusal.
func Range(from, to string, zone *time.Location) (between [2]int64, err error) {
	q := Query{From: from, To: to}
	return q.rangeOf(zone)
}
