package imports

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/order"
)

// Money reads a decimal amount, as 1234.50, as minor units of the currency. What
// could mean two amounts (1.234,50; 1,234; 45.500 EUR) is refused with what to
// write, and so is anything below zero or above most, minor units.
func Money(text, currency string, most int64) (minor int64, err error) {
	decimals, ok := order.Decimals(currency)
	if !ok {
		return 0, fmt.Errorf("%.64q is no ISO 4217 currency, as EUR", currency)
	}
	example := "1234"
	if decimals > 0 {
		example += "." + "5" + strings.Repeat("0", decimals-1)
	}
	whole, part, point := strings.Cut(text, ".")
	switch {
	case text == "":
		return 0, fmt.Errorf("the amount is missing: write it as %s", example)
	case strings.Trim(text, "0123456789.") != "" || whole == "" || point && (part == "" || strings.Contains(part, ".")):
		return 0, fmt.Errorf("%.64q is no amount: write it as %s, with a point before the decimals and nothing else", text, example)
	case len(part) > decimals:
		return 0, fmt.Errorf("%.64q has %d decimals and %s has %d: write it as %s", text, len(part), currency, decimals, example)
	}
	minor, err = strconv.ParseInt(whole+part+strings.Repeat("0", decimals-len(part)), 10, 64)
	if err != nil || minor > most {
		return 0, fmt.Errorf("%.64q is above the largest amount, %d minor units", text, most)
	}
	return minor, nil
}

// Whole reads an integer without sign, as 12.
func Whole(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("%.64q is no whole number: write it as 12", text)
	}
	return n, nil
}

// Flag reads true or false; nothing is false.
func Flag(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, fmt.Errorf("%.64q is neither true nor false", text)
}

// Time reads an instant: with its own zone, as 2026-11-22T20:15:00+01:00, or in
// the given one, as 2026-11-22 20:15:00. A local time that the zone doesn't
// have, or has twice, is refused, and so is one without a zone to read it in.
func Time(text string, zone *time.Location) (time.Time, error) {
	date, clock, ok := strings.Cut(strings.Replace(text, "T", " ", 1), " ")
	if ok && len(date) == len(time.DateOnly) && len(clock) >= len("15:04") && clock[2] == ':' && !strings.Contains(clock, ",") {
		for _, layout := range []string{"15:04:05Z07:00", "15:04Z07:00"} {
			if t, err := time.Parse(time.DateOnly+" "+layout, date+" "+clock); err == nil {
				return t, nil
			}
		}
		for _, layout := range []string{"15:04:05", "15:04"} {
			if t, err := time.Parse(time.DateOnly+" "+layout, date+" "+clock); err == nil {
				if zone == nil {
					return t, fmt.Errorf("%.64q has no zone: write it as 2026-11-22T20:15:00+01:00, or give --zone", text)
				}
				return Local(text, t, zone)
			}
		}
	}
	return time.Time{}, fmt.Errorf("%.64q is no time: write it as 2026-11-22T20:15:00+01:00, or with --zone as 2026-11-22 20:15:00", text)
}

// Local gives the one instant at which the zone's clocks show what t says in
// UTC. Text is what t was read from, for the error where there is none, or two.
func Local(text string, t time.Time, zone *time.Location) (time.Time, error) {
	var found []time.Time
	// The offsets that can be in force around it; none is as large as a day.
	for _, near := range []time.Time{t.Add(-24 * time.Hour), t.Add(24 * time.Hour)} {
		_, seconds := near.In(zone).Zone()
		at := t.Add(-time.Duration(seconds) * time.Second)
		if at.In(zone).Format(time.DateTime) == t.Format(time.DateTime) && (len(found) == 0 || !found[0].Equal(at)) {
			found = append(found, at)
		}
	}
	switch len(found) {
	case 0:
		return t, fmt.Errorf("%.64q is no time in %s: the clocks are put forward over it", text, zone)
	case 1:
		return found[0], nil
	}
	return t, fmt.Errorf("%.64q comes twice in %s, as the clocks are put back: write it with its offset, as %s", text, zone, found[0].In(zone).Format(time.RFC3339))
}
