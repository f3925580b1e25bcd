package report

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/order"
	"footfall/schemas/reports"
)

// Query is what a report is asked for; every field as a person gives it.
type Query struct {
	By         string // a dimension, or two with a comma between; affiliate when empty
	From, To   string // a day of the report's zone, or RFC 3339; half-open; empty: no bound
	Organizer  string // slug; may be empty where another field, or the catalog, leaves no choice
	Event      string // slug
	Affiliate  string // id, email, nickname or name, direct or unknown_code
	Code       string // text, direct or unknown_code
	Where      string // conditions, as schemas/filter reads them
	Sort       string // columns, each with - before it for descending
	Columns    string // measures or presets, by commas; default when empty
	Compare    string // previous, year, or FROM/TO as From and To are written; empty: with nothing
	Basis      string // order (when empty) or visit: whose date an order's figures fall on
	Zone       string // IANA; empty: the event's, else the organizer's
	Policy     int    // version that every order is credited by; 0: the one in force at its date
	Limit      int    // rows; 0: all
	Offset     int    // rows that come before the first
	Currency   string // ISO 4217: rows and totals of this one alone; empty: of each
	NobodyLast bool   // rows of nobody (direct, unknown_code) stand behind all others, whatever Sort says
	AsOfUS     int64  // microseconds since 1970; 0: the newest there is
	Settled    bool   // only if nothing of it can change any more; without AsOfUS, the newest that is so
}

// The reserved words that ask for what is nobody's.
const (
	direct      = "direct"
	unknownCode = "unknown_code"
)

// The words of compare and basis.
const (
	comparePrevious = "previous"
	compareYear     = "year"
	basisOrder      = "order"
	basisVisit      = "visit"
)

// maxLimit bounds a limit; it is more rows than a spreadsheet shows.
const maxLimit = 10_000_000

// parameters of a request, beside those that say how the answer is written.
func parameters() []string {
	return []string{
		"by", "from", "to", "organizer", "event", "affiliate", "code", "where", "sort", "columns", "compare", "basis", "zone", "policy", "limit", "offset", "nobody", "currency", "as_of", "settled",
		"format", "bom", "raw",
	}
}

// ParseQuery reads the parameters of a request. The error is an *admin.Refusal
// that names the parameter and what it may be.
func ParseQuery(values url.Values) (Query, error) {
	for name, given := range values {
		if !slices.Contains(parameters(), name) {
			return Query{}, admin.Refuse(admin.Invalid, "/"+name, "unknown parameter %q: want some of %s", name, strings.Join(parameters(), ", "))
		}
		if len(given) > 1 {
			return Query{}, admin.Refuse(admin.Invalid, "/"+name, "%s is given %d times: give it once", name, len(given))
		}
	}
	q := Query{
		By: values.Get("by"), From: values.Get("from"), To: values.Get("to"), Organizer: values.Get("organizer"),
		Event: values.Get("event"), Affiliate: values.Get("affiliate"), Code: values.Get("code"), Where: values.Get("where"), Sort: values.Get("sort"),
		Columns: values.Get("columns"), Compare: values.Get("compare"), Basis: values.Get("basis"), Zone: values.Get("zone"), Currency: strings.ToUpper(values.Get("currency")),
	}
	var err error
	if q.Limit, err = numberOf(values, "limit", maxLimit, "rows, or none for all"); err != nil {
		return Query{}, err
	}
	if q.Offset, err = numberOf(values, "offset", maxLimit, "rows, or none to begin with the first"); err != nil {
		return Query{}, err
	}
	const mostVersions = 1 << 31
	if q.Policy, err = numberOf(values, "policy", mostVersions, "as a policy's version, or none for those in force"); err != nil {
		return Query{}, err
	}
	switch text := values.Get("nobody"); text {
	case "":
	case "last":
		q.NobodyLast = true
	default:
		return Query{}, admin.Refuse(admin.Invalid, "/nobody", "nobody is %q: want last (direct and unknown codes stand behind all others), or nothing", text)
	}
	switch text := values.Get("settled"); text {
	case "", "0", "false":
	case "1", "true":
		q.Settled = true
	default:
		return Query{}, admin.Refuse(admin.Invalid, "/settled", "settled is %q: want 1 or 0", text)
	}
	q.AsOfUS, err = ParseAsOf(values.Get("as_of"))
	return q, err
}

// numberOf reads a number from 1; absent is 0.
func numberOf(values url.Values, name string, most int, what string) (int, error) {
	text := values.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, admin.Refuse(admin.Invalid, "/"+name, "%s is %q: want 1 to %d %s", name, text, most, what)
	}
	return n, nil
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
func (q *Query) check() error {
	if q.By == "" {
		q.By = "affiliate"
	}
	if q.Basis == "" {
		q.Basis = basisOrder
	}
	if q.Basis != basisOrder && q.Basis != basisVisit {
		return admin.Refuse(admin.Invalid, "/basis", "basis is %q: want order (an order counts on its date) or visit (on the date of its credited visit)", q.Basis)
	}
	if q.Compare != "" && q.Compare != comparePrevious && q.Compare != compareYear && !strings.Contains(q.Compare, "/") {
		return admin.Refuse(admin.Invalid, "/compare", "compare is %q: want previous (the range just before), year (the same range a year before) or FROM/TO (a range of its own)", q.Compare)
	}
	if q.Compare != "" && (q.From == "" || q.To == "") {
		return admin.Refuse(admin.Invalid, "/compare", "compare needs both ends of the range: give from and to")
	}
	if q.Limit < 0 || q.Limit > maxLimit {
		return admin.Refuse(admin.Invalid, "/limit", "limit is %d: want 1 to %d rows, or 0 for all", q.Limit, maxLimit)
	}
	if _, known := order.Decimals(q.Currency); q.Currency != "" && !known {
		return admin.Refuse(admin.Invalid, "/currency", "currency is %q: want a code of ISO 4217 such as USD", q.Currency)
	}
	if q.Offset < 0 || q.Offset > maxLimit {
		return admin.Refuse(admin.Invalid, "/offset", "offset is %d: want 0 to %d rows", q.Offset, maxLimit)
	}
	if q.AsOfUS < 0 {
		return admin.Refuse(admin.Invalid, "/as_of", "as-of is before 1970")
	}
	if q.Policy < 0 {
		return admin.Refuse(admin.Invalid, "/policy", "policy is %d: want a version, or 0 for those in force", q.Policy)
	}
	return nil
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
