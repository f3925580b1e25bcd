package catalog

import (
	"strings"
	"time"
	_ "time/tzdata" // zones work on machines that have no zone files

	"footfall/schemas/admin"
	"footfall/schemas/imports"
)

// dayStart is the first instant of t's calendar date in loc: where the clocks
// skip midnight, the instant after the gap; where midnight comes twice, the
// first one.
func dayStart(year int, month time.Month, day int, loc *time.Location) time.Time {
	want := time.Date(year, month, day, 12, 0, 0, 0, loc) // noon is on the day in every zone
	t := time.Date(year, month, day, 0, 0, 0, 0, loc)
	if t.Day() != want.Day() { // before the gap that holds midnight
		_, end := t.ZoneBounds()
		return end.In(loc)
	}
	if start, _ := t.ZoneBounds(); !start.IsZero() {
		_, now := start.In(loc).Zone()
		_, before := start.Add(-time.Second).In(loc).Zone()
		first := t.Add(-time.Duration(before-now) * time.Second)
		if before > now && first.Before(start) && first.In(loc).Day() == want.Day() {
			return first.In(loc)
		}
	}
	return t
}

// nextMidnight is the first instant of the day after now's in loc.
func nextMidnight(now time.Time, loc *time.Location) time.Time {
	y, m, d := now.In(loc).Date()
	return dayStart(y, m, d+1, loc)
}

// parseDate reads a calendar date as the first instant of it in loc.
func parseDate(pointer, text string, loc *time.Location) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, admin.Refuse(admin.Invalid, pointer, "the date %q: want one like 2026-12-01", text)
	}
	return dayStart(t.Year(), t.Month(), t.Day(), loc), nil
}

// parseInstant reads RFC 3339, or a time or date without an offset in loc. A time
// that loc's clocks skip, or show twice, is refused and not guessed.
func parseInstant(pointer, text string, loc *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.In(loc), nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		t, err = imports.Local(text, t, loc)
		if err != nil {
			return t, admin.Refuse(admin.Invalid, pointer, "%v", err)
		}
		return t.In(loc), nil
	}
	if t, err := parseDate(pointer, text, loc); err == nil {
		return t, nil
	}
	return time.Time{}, admin.Refuse(admin.Invalid, pointer, "the time %q: want one like 2026-12-24T19:30, 2026-12-24, or 2026-12-24T19:30:00+01:00", text)
}

// comingMidnight reads a date of the organizer's zone that lies beyond the
// revision's known_at, which may be later than the clock: what begins before it
// would change a report that was already settled. An empty one is the next.
func (ch *change) comingMidnight(pointer, text, rule string, loc *time.Location) (time.Time, error) {
	known := time.UnixMicro(ch.knownUS)
	if text = strings.TrimSpace(text); text == "" {
		return nextMidnight(known, loc), nil
	}
	from, err := parseDate(pointer, text, loc)
	if err != nil {
		return from, err
	}
	if !from.After(known) {
		return from, admin.Refuse(admin.Invalid, pointer, "%s: the next one in %s begins %s", rule, loc, nextMidnight(known, loc).Format(time.DateOnly))
	}
	return from, nil
}
