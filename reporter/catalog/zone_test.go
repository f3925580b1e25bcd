package catalog

import (
	"testing"
	"time"
)

func TestDaysBeginOnceWhateverTheClocksDo(t *testing.T) {
	for _, c := range []struct{ zone, day, want string }{
		{"Europe/Vienna", "2026-03-29", "2026-03-28T23:00:00Z"}, // clocks go forward at 02:00
		{"Europe/Vienna", "2026-03-30", "2026-03-29T22:00:00Z"},
		{"Europe/Vienna", "2026-10-25", "2026-10-24T22:00:00Z"}, // and back at 03:00
		{"Europe/Vienna", "2026-10-26", "2026-10-25T23:00:00Z"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"}, // midnight is skipped
		{"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"},    // midnight comes twice
		{"Asia/Amman", "2021-10-29", "2021-10-28T21:00:00Z"},        // twice, east of Greenwich: time.Date takes the second
		{"America/Havana", "2026-11-02", "2026-11-02T05:00:00Z"},
		{"America/Havana", "2026-03-08", "2026-03-08T05:00:00Z"}, // skipped
		{"Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z"},    // skipped
		{"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z"},   // skipped
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},   // the day before never was
		{"Asia/Kathmandu", "2026-11-22", "2026-11-21T18:15:00Z"},
		{"UTC", "2024-02-29", "2024-02-29T00:00:00Z"},
	} {
		loc, err := loadZone(c.zone)
		must(t, err)
		got, err := parseDate("/from", c.day, loc)
		must(t, err)
		if got.UTC().Format(time.RFC3339) != c.want {
			t.Errorf("%s in %s begins %s, want %s", c.day, c.zone, got.UTC().Format(time.RFC3339), c.want)
		}
		if before := got.Add(-time.Nanosecond).In(loc).Format(time.DateOnly); before >= c.day {
			t.Errorf("%s in %s: the instant before is still %s", c.day, c.zone, before)
		}
		if next := nextMidnight(got.Add(-time.Nanosecond), loc); !next.Equal(got) && c.zone != "Pacific/Apia" {
			t.Errorf("%s in %s: the midnight to come is %s", c.day, c.zone, next)
		}
	}
}

func TestEveryDayOfAYearFollowsTheOneBefore(t *testing.T) {
	for _, zone := range []string{"Europe/Vienna", "America/Havana", "Asia/Beirut", "Africa/Cairo", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "America/Asuncion"} {
		loc, err := loadZone(zone)
		must(t, err)
		last := dayStart(2025, 12, 31, loc)
		for day := range 366 {
			is := dayStart(2026, 1, 1+day, loc)
			if hours := is.Sub(last).Hours(); hours < 23 || hours > 25 {
				t.Errorf("%s: %s has %v hours", zone, last, hours)
			}
			last = is
		}
	}
}

func TestTimesAreReadInTheEventsZone(t *testing.T) {
	loc, err := loadZone("Europe/Vienna")
	must(t, err)
	for text, want := range map[string]string{
		"2026-12-24T19:30": "2026-12-24T18:30:00Z", "2026-12-24 19:30": "2026-12-24T18:30:00Z", "2026-12-24T19:30:15": "2026-12-24T18:30:15Z",
		"2026-12-24": "2026-12-23T23:00:00Z", "2026-12-24T19:30:00Z": "2026-12-24T19:30:00Z", "2026-12-24T19:30:00-05:00": "2026-12-25T00:30:00Z",
		"2027-03-28T03:00": "2027-03-28T01:00:00Z", "2026-10-25T02:30:00+01:00": "2026-10-25T01:30:00Z",
	} {
		got, err := parseInstant("/start", text, loc)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s is %v, %v; want %s", text, got, err, want)
		}
	}
	// The clocks skip two o'clock in March and show it twice in October.
	for _, text := range []string{"", "tomorrow", "24.12.2026", "2026-13-01", "2026-12-24T25:00", "2027-03-28T02:30", "2026-10-25 02:30"} {
		if got, err := parseInstant("/start", text, loc); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
