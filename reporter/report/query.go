package report

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// Query is what a report is asked for; every field as a person gives it.
type Query struct {
	By        string // affiliate, code, event or day; affiliate when empty
	From, To  string // a day of the report's zone, or RFC 3339; half-open; empty: no bound
	Organizer string // slug; may be empty where another field, or the catalog, leaves no choice
	Event     string // slug
	Affiliate string // id, email, nickname or name, or direct
	Code      string // text, or direct
	Sort      string // a column, with - before it for descending
	Limit     int    // rows; 0: all
	AsOfUS    int64  // microseconds since 1970; 0: the newest there is
}

// The reserved word that asks for orders without credit.
const direct = "direct"

// maxLimit bounds a limit; it is more rows than a spreadsheet shows.
const maxLimit = 10_000_000

// ParseQuery reads the parameters of a request. The error is an *admin.Refusal
// that names the parameter and what it may be.
func ParseQuery(values url.Values) (Query, error) {
	known := []string{"by", "from", "to", "organizer", "event", "affiliate", "code", "sort", "limit", "as_of", "format"}
	for name, given := range values {
		if !slices.Contains(known, name) {
			return Query{}, admin.Refuse(admin.Invalid, "/"+name, "unknown parameter %q: want some of %s", name, strings.Join(known, ", "))
		}
		if len(given) > 1 {
			return Query{}, admin.Refuse(admin.Invalid, "/"+name, "%s is given %d times: give it once", name, len(given))
		}
	}
	q := Query{
		By: values.Get("by"), From: values.Get("from"), To: values.Get("to"), Organizer: values.Get("organizer"),
		Event: values.Get("event"), Affiliate: values.Get("affiliate"), Code: values.Get("code"), Sort: values.Get("sort"),
	}
	if text := values.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > maxLimit {
			return Query{}, admin.Refuse(admin.Invalid, "/limit", "limit is %q: want 1 to %d rows, or none for all", text, maxLimit)
		}
		q.Limit = limit
	}
	var err error
	q.AsOfUS, err = ParseAsOf(values.Get("as_of"))
	return q, err
}

// ParseAsOf reads an as-of: RFC 3339 with up to six decimals of the second, or
// microseconds since 1970; empty is 0, the newest.
func ParseAsOf(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if us, err := strconv.ParseInt(text, 10, 64); err == nil && us > 0 {
		return us, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil && at.UnixMicro() > 0 {
		return at.UnixMicro(), nil
	}
	return 0, admin.Refuse(admin.Invalid, "/as_of",
		"as-of is %q: want a time such as 2026-11-22T12:00:00.123456Z, or microseconds since 1970, as a report prints it", text)
}

// check fills defaults and refuses what no catalog can make right.
func (q *Query) check() (*kind, error) {
	if q.By == "" {
		q.By = "affiliate"
	}
	k, ok := kindOf(q.By)
	if !ok {
		return nil, admin.Refuse(admin.Invalid, "/by", "by is %q: want affiliate, code, event or day", q.By)
	}
	if q.Sort == "" {
		q.Sort = k.sort
	}
	column := strings.TrimPrefix(q.Sort, "-")
	if !slices.ContainsFunc(k.columns(), func(c reports.Column) bool { return c.Name == column }) {
		names := make([]string, 0, len(k.columns()))
		for _, c := range k.columns() {
			names = append(names, c.Name)
		}
		return nil, admin.Refuse(admin.Invalid, "/sort", "sort is %q: want one of %s, with - before it for descending", q.Sort, strings.Join(names, ", "))
	}
	if q.Limit < 0 || q.Limit > maxLimit {
		return nil, admin.Refuse(admin.Invalid, "/limit", "limit is %d: want 1 to %d rows, or 0 for all", q.Limit, maxLimit)
	}
	if q.AsOfUS < 0 {
		return nil, admin.Refuse(admin.Invalid, "/as_of", "as-of is before 1970")
	}
	return k, nil
}

// timeOf reads one end of the range.
func timeOf(field, text string, zone *time.Location, open int64) (int64, error) {
	if text == "" {
		return open, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return dayStart(zone, day), nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UnixMilli(), nil
	}
	return 0, admin.Refuse(admin.Invalid, "/"+field, "%s is %q: want a day such as 2026-11-22, or a time with its zone such as 2026-11-22T12:00:00Z", field, text)
}

// rangeOf reads the range in the report's zone.
func (q *Query) rangeOf(zone *time.Location) (between [2]int64, err error) {
	if between[0], err = timeOf("from", q.From, zone, reports.RangeFrom); err != nil {
		return between, err
	}
	if between[1], err = timeOf("to", q.To, zone, reports.RangeTo); err != nil {
		return between, err
	}
	for i, field := range []string{"from", "to"} {
		if between[i] < reports.RangeFrom || between[i] > reports.RangeTo {
			return between, admin.Refuse(admin.Invalid, "/"+field, "%s is outside of the years 1970 to 9999", field)
		}
	}
	if between[0] >= between[1] {
		return between, admin.Refuse(admin.Invalid, "/from",
			"from (%s) is not before to (%s): the range ends before its to, so one day is --from 2026-11-22 --to 2026-11-23", q.From, q.To)
	}
	return between, nil
}

// listed writes some of the values that are allowed.
func listed(values []string) string {
	const most = 20
	if len(values) == 0 {
		return "there is none yet"
	}
	text := strings.Join(values[:min(len(values), most)], ", ")
	if len(values) > most {
		text += fmt.Sprintf(" and %d more", len(values)-most)
	}
	return "there is " + text
}
