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

// offsets are a zone's differences to UTC between two times, for SQL: integer
// arithmetic costs a tenth of a calendar's.
type offsets []span

// span is a time of one offset.
type span struct {
	fromMS   int64
	offsetMS int64
}

// offsetsOf gives those that times in a range need, in milliseconds.
func offsetsOf(zone *time.Location, fromMS, toMS int64) offsets {
	at := time.UnixMilli(max(fromMS, 0)).In(zone)
	start := int64(0)
	var list offsets
	for {
		_, offset := at.Zone()
		list = append(list, span{start, int64(offset) * 1000})
		_, end := at.ZoneBounds()
		if end.IsZero() || end.UnixMilli() >= min(toMS, latestTransition) {
			return list
		}
		start = end.UnixMilli()
		at = end.In(zone)
	}
}

// choose writes a CASE over a time ms that gives what each span has.
func (o offsets) choose(ms string, has func(span) string) string {
	if len(o) == 1 {
		return has(o[0])
	}
	var b strings.Builder
	b.WriteString("CASE")
	for i, s := range o[:len(o)-1] {
		fmt.Fprintf(&b, " WHEN %s < %d THEN %s", ms, o[i+1].fromMS, has(s))
	}
	fmt.Fprintf(&b, " ELSE %s END", has(o[len(o)-1]))
	return b.String()
}

// local is the zone's wall clock at ms, as milliseconds since its 1970.
func (o offsets) local(ms string) string {
	return "(" + ms + " + " + o.choose(ms, func(s span) string { return fmt.Sprint(s.offsetMS) }) + ")"
}

// The lengths of a day, an hour and a minute of the wall clock.
const (
	dayMS    = 24 * hourMS
	hourMS   = 60 * minuteMS
	minuteMS = 60 * 1000
)

// clockMS is how long an hour, or a minute, is.
func clockMS(name string) int64 {
	if name == "minute" {
		return minuteMS
	}
	return hourMS
}

// key is a time ms as a number that rises with time: the day since 1970; of a
// week its Monday's; the month since the year 0; of an hour or a minute the instant
// at which that of the wall clock begins, or its offset does.
func (o offsets) key(name, ms string) string {
	day := fmt.Sprintf("(%s // %d)", o.local(ms), dayMS)
	switch name {
	case "week":
		return fmt.Sprintf("(%[1]s - (%[1]s + 3) %% 7)", day) // 1970 began on a Thursday
	case "month":
		return fmt.Sprintf("(year(%[1]s) * 12 + month(%[1]s) - 1)::BIGINT", date(day))
	case "hour", "minute":
		begins := o.choose(ms, func(s span) string { return fmt.Sprint(s.fromMS) })
		return fmt.Sprintf("greatest(%[1]s - %[2]s %% %[3]d, %[4]s)", ms, o.local(ms), clockMS(name), begins)
	}
	return day
}

func date(day string) string { return "(DATE '1970-01-01' + (" + day + ")::INTEGER)" }

// label writes a key for people.
func (o offsets) label(name, key string) string {
	switch name {
	case "week":
		return "strftime(" + date(key) + ", '%G-W%V')"
	case "month":
		return fmt.Sprintf("printf('%%04d-%%02d', %[1]s // 12, %[1]s %% 12 + 1)", key)
	case "hour", "minute":
		clock := fmt.Sprintf("strftime(make_timestamp((%[1]s // %[2]d * %[2]d) * 1000), '%%Y-%%m-%%dT%%H:%%M')", o.local(key), clockMS(name))
		return clock + " || " + o.choose(key, func(s span) string { return "'" + offsetText(s.offsetMS) + "'" })
	}
	return "strftime(" + date(key) + ", '%Y-%m-%d')"
}

func offsetText(ms int64) string {
	sign := '+'
	if ms < 0 {
		sign, ms = '-', -ms
	}
	minutes := ms / (60 * 1000)
	return fmt.Sprintf("%c%02d:%02d", sign, minutes/60, minutes%60)
}

// place is the key of a time in Go, as key gives it in SQL.
func (o offsets) place(name string, ms int64) int64 {
	at := o[0]
	for _, s := range o {
		if s.fromMS <= ms {
			at = s
		}
	}
	local := ms + at.offsetMS
	day := local / dayMS
	switch name {
	case "week":
		return day - (day+3)%7
	case "month":
		t := time.UnixMilli(local).UTC()
		return int64(t.Year())*12 + int64(t.Month()) - 1
	case "hour", "minute":
		return max(ms-local%clockMS(name), at.fromMS)
	}
	return day
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
