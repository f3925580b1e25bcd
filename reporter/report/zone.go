package report

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones work on machines that have no zone files
)

// latestTransition bounds the zone's changes that are written into a statement:
// an order dated the year 9999 must not make it thousands of branches long.
const latestTransition = 4_102_444_800_000 // 2100-01-01

// dayMacro gives local_day(ms): the day of the zone, as days since 1970, of a
// time in milliseconds. The zone's offsets between two times are written into
// it: integer arithmetic costs a tenth of a calendar's.
func dayMacro(zone *time.Location, fromMS, toMS int64) string {
	var cases strings.Builder
	at := time.UnixMilli(max(fromMS, 0)).In(zone)
	for {
		_, offset := at.Zone()
		_, end := at.ZoneBounds()
		if end.IsZero() || end.UnixMilli() >= min(toMS, latestTransition) {
			return fmt.Sprintf("CREATE TEMP MACRO local_day(ms) AS (ms + CASE%s ELSE %d END) // 86400000",
				withCondition(cases.String()), int64(offset)*1000)
		}
		fmt.Fprintf(&cases, " WHEN ms < %d THEN %d", end.UnixMilli(), int64(offset)*1000)
		at = end.In(zone)
	}
}

// withCondition keeps a CASE of a zone without changes a CASE.
func withCondition(cases string) string {
	if cases == "" {
		return " WHEN false THEN 0"
	}
	return cases
}

// dayStart is the first instant of a day of the zone, in milliseconds. Where the
// clocks skip midnight it is the first one after it.
func dayStart(zone *time.Location, day time.Time) int64 {
	midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC).UnixMilli()
	const furthest = 26 * time.Hour // no zone is as far from UTC
	at := time.UnixMilli(midnight).Add(-furthest).In(zone)
	for {
		_, offset := at.Zone()
		start := max(midnight-int64(offset)*1000, at.UnixMilli())
		_, end := at.ZoneBounds()
		if end.IsZero() || start < end.UnixMilli() {
			return start
		}
		at = end.In(zone)
	}
}

// dayText writes a day that local_day gave.
func dayText(day int64) string {
	return time.Unix(day*24*60*60, 0).UTC().Format(time.DateOnly)
}
