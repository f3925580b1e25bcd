package report

import (
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// earlier is the range that a report is compared with: of the same length just
// before, a year before, or one of its own. Days are the zone's, whatever their
// length.
func earlier(compare string, between [2]int64, zone *time.Location) ([2]int64, error) {
	if from, to, own := strings.Cut(compare, "/"); own {
		before, err := (&Query{From: from, To: to}).rangeOf(zone)
		if r, refused := admin.AsRefusal(err); refused {
			return before, admin.Refuse(r.Reason, "/compare", "the range to compare with: %s", r.Detail)
		}
		if from == "" || to == "" {
			return before, admin.Refuse(admin.Invalid, "/compare", "compare is %q: want both ends of the range, as FROM/TO", compare)
		}
		return before, err
	}
	from, to := time.UnixMilli(between[0]).In(zone), time.UnixMilli(between[1]).In(zone)
	before := [2]int64{2*between[0] - between[1], between[0]}
	switch {
	case compare == compareYear:
		before = [2]int64{yearBefore(from, zone), yearBefore(to, zone)}
	case startsDay(from, zone) && startsDay(to, zone):
		days := dayNumber(to) - dayNumber(from)
		before[0] = dayStart(zone, calendarDay(from).AddDate(0, 0, -int(days)))
	}
	if before[0] < reports.RangeFrom || before[0] >= before[1] {
		return before, admin.Refuse(admin.Invalid, "/compare", "the range to compare with would begin before 1970")
	}
	return before, nil
}

// startsDay says whether a time is the first instant of a day of its zone.
func startsDay(at time.Time, zone *time.Location) bool {
	return dayStart(zone, calendarDay(at)) == at.UnixMilli()
}

// calendarDay is the date of a time in its zone, as a midnight of UTC.
func calendarDay(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}

func dayNumber(at time.Time) int64 {
	const daySeconds = 24 * 60 * 60
	return calendarDay(at).Unix() / daySeconds
}

// yearBefore is the same date and time of day one year earlier; of 29 February it
// is 28 February.
func yearBefore(at time.Time, zone *time.Location) int64 {
	year, month, day := at.Year()-1, at.Month(), at.Day()
	if month == time.February && day == 29 {
		day = 28
	}
	if startsDay(at, zone) {
		return dayStart(zone, time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
	}
	return time.Date(year, month, day, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), zone).UnixMilli()
}
