package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/admin"
)

// view is what a Performance page shows, as it stands in its URL. Words that are
// no choice of ours are the default's; what people type reaches the report as it
// is, and is refused there.
type view struct {
	Event     string // slug; empty: all events
	Range     string // sale, today, 7d, 28d or custom
	From, To  string // first and last day, of range custom
	Zone      string // IANA; empty: the event's, else the organizer's
	Basis     string // order or visit
	By        string
	Where     string
	Affiliate string
	Code      string
	Sort      string
	Compare   string // previous or none
	Columns   string // extra ones, by commas
	Currency  string // whose figures the strip and the chart show; empty: the first
	Page      int    // from 1
	AsOf      string // as a report prints it; empty: the newest
}

// rowsOfPage fit a screen or two, and a page of them is light.
const rowsOfPage = 50

// The ranges.
const (
	rangeSale   = "sale"
	rangeToday  = "today"
	rangeWeek   = "7d"
	rangeMonth  = "28d"
	rangeCustom = "custom"
)

// choice is one of some words, and what it is called.
type choice struct {
	Value, Title string
	On           bool
	URL          string
}

func rangeChoices(event bool) []choice {
	list := []choice{{Value: rangeToday, Title: "Today"}, {Value: rangeWeek, Title: "7 days"}, {Value: rangeMonth, Title: "28 days"}, {Value: rangeSale, Title: "All time"}}
	if event {
		list = append([]choice{{Value: rangeSale, Title: "Whole sale"}}, list[:3]...)
	}
	return list
}

func byChoices() []choice {
	return []choice{
		{Value: "affiliate", Title: "Affiliate"},
		{Value: "code", Title: "Code"},
		{Value: "event", Title: "Event"},
		{Value: "day", Title: "Day"},
		{Value: "source", Title: "Source"},
		{Value: "sub1", Title: "Sub 1"},
		{Value: "utm_source", Title: "UTM source"},
		{Value: "ticket_type", Title: "Ticket type"},
		{Value: "order", Title: "Order"},
		{Value: "affiliate,event", Title: "Affiliate and event"},
		{Value: "code,day", Title: "Code and day"},
	}
}

// readView reads a page's URL.
func readView(q url.Values) view {
	word := func(name string, allowed ...string) string {
		if text := q.Get(name); slices.Contains(allowed, text) {
			return text
		}
		return ""
	}
	v := view{
		Event: strings.ToLower(q.Get("event")), Range: word("range", rangeSale, rangeToday, rangeWeek, rangeMonth, rangeCustom), From: q.Get("from"), To: q.Get("to"),
		Zone: q.Get("zone"), Basis: word("basis", "visit"), By: q.Get("by"), Where: strings.TrimSpace(q.Get("where")), Affiliate: q.Get("affiliate"), Code: q.Get("code"),
		Sort: q.Get("sort"), Compare: word("compare", "none"), Columns: q.Get("columns"), Currency: strings.ToUpper(q.Get("currency")), AsOf: q.Get("as_of"),
	}
	if v.Page, _ = strconv.Atoi(q.Get("page")); v.Page < 1 {
		v.Page = 1
	}
	switch {
	case v.Range == "" && v.From != "" && v.To != "":
		v.Range = rangeCustom
	case v.Range == "" && v.Event != "":
		v.Range = rangeSale
	case v.Range == "":
		v.Range = rangeMonth
	}
	if v.By == "" {
		v.By = "affiliate"
	}
	return v
}

// with is the URL's query of the view after some changes, name and value; an
// empty value takes a parameter away. Whatever is changed, paging begins anew.
func (v view) with(pairs ...string) string {
	q := url.Values{}
	for _, p := range [][2]string{
		{"event", v.Event},
		{"range", v.Range},
		{"from", v.From},
		{"to", v.To},
		{"zone", v.Zone},
		{"basis", v.Basis},
		{"by", v.By},
		{"where", v.Where},
		{"affiliate", v.Affiliate},
		{"code", v.Code},
		{"sort", v.Sort},
		{"compare", v.Compare},
		{"columns", v.Columns},
		{"currency", v.Currency},
		{"as_of", v.AsOf},
	} {
		if p[1] != "" {
			q.Set(p[0], p[1])
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	if q.Get("range") != rangeCustom {
		q.Del("from")
		q.Del("to")
	}
	if q.Get("by") == "affiliate" {
		q.Del("by")
	}
	return q.Encode()
}

// period is what a view's range means at an instant.
type period struct {
	from, to    string // as a report is asked; empty: no bound
	before      string // the range to compare with; empty: none
	BeforeWords string // the same, for people
	days        int    // 0: not known
	running     bool   // it has not ended yet
}

// periodOf works a range out. A running one is compared with the same elapsed part
// of the one before: the same number of days back, to the same minute of the day.
func (v view) periodOf(now time.Time, zone *time.Location) (period, error) {
	midnight := func(t time.Time, days int) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, zone)
	}
	now = now.In(zone)
	var p period
	var from, to time.Time
	switch v.Range {
	case rangeToday, rangeWeek, rangeMonth:
		p.days = map[string]int{rangeToday: 1, rangeWeek: 7, rangeMonth: 28}[v.Range]
		from, to = midnight(now, 1-p.days), midnight(now, 1)
	case rangeCustom:
		var last time.Time
		var err error
		if from, err = time.ParseInLocation(time.DateOnly, v.From, zone); err == nil {
			last, err = time.ParseInLocation(time.DateOnly, v.To, zone)
		}
		if err != nil || last.Before(from) {
			return p, admin.Refuse(admin.Invalid, "/from", "the range is %q to %q: want two days such as %s, the first not behind the last", v.From, v.To, now.Format(time.DateOnly))
		}
		to = midnight(last, 1)
		const hours, half = 24, 12
		p.days = int((to.Sub(from).Hours() + half) / hours)
	default:
		return p, nil
	}
	p.from, p.to = from.Format(time.DateOnly), to.Format(time.DateOnly)
	p.running = now.Before(to)
	if v.Compare == "none" {
		return p, nil
	}
	before := midnight(from, -p.days)
	if !p.running {
		p.before = before.Format(time.DateOnly) + "/" + p.from
		p.BeforeWords = spanWords(before, midnight(from, -1))
		return p, nil
	}
	until := time.Date(now.Year(), now.Month(), now.Day()-p.days, now.Hour(), now.Minute(), now.Second(), now.Nanosecond(), zone)
	p.before = before.Format(time.DateOnly) + "/" + until.UTC().Truncate(time.Millisecond).Add(time.Millisecond).Format(time.RFC3339Nano)
	p.BeforeWords = spanWords(before, until) + ", to " + until.Format("15:04")
	return p, nil
}

// spanWords names some days.
func spanWords(first, last time.Time) string {
	if first.Format(time.DateOnly) == last.Format(time.DateOnly) {
		return first.Format("Mon 2 Jan")
	}
	return first.Format("2 Jan") + " – " + last.Format("2 Jan")
}

// question is what the report of a view's rows is asked.
func (v view) question(organizer string, p period) url.Values {
	q := url.Values{"organizer": {organizer}, "by": {v.By}}
	for _, f := range [][2]string{
		{"event", v.Event},
		{"from", p.from},
		{"to", p.to},
		{"compare", p.before},
		{"zone", v.Zone},
		{"basis", v.Basis},
		{"where", v.Where},
		{"affiliate", v.Affiliate},
		{"code", v.Code},
		{"sort", v.Sort},
		{"as_of", v.AsOf},
		{"currency", v.Currency},
	} {
		if f[1] != "" {
			q.Set(f[0], f[1])
		}
	}
	q.Set("columns", v.columns())
	q.Set("nobody", "last")
	return q
}

// columns of the table: the mission's, and those that were added.
func (v view) columns() string {
	list := []string{"visits", "orders", "tickets_sold", "conversion_rate", "total_sales", "refunds", "net_sales", "share"}
	switch {
	case strings.Contains(v.By, "ticket_type"):
		list = []string{"tickets_sold", "total_sales", "refunds", "net_sales", "share"}
	case strings.Contains(v.By, "order"):
		list = []string{"orders", "credited_orders", "tickets_sold", "total_sales", "refunds", "net_sales"}
	default:
		list = append(list, "unique_visitors", "credited_orders")
	}
	for name := range strings.SplitSeq(v.Columns, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return strings.Join(list, ",")
}

// command is the same question on the command line.
func command(q url.Values) string {
	names := []string{"by", "organizer", "event", "from", "to", "compare", "zone", "basis", "where", "affiliate", "code", "sort", "columns", "currency", "nobody", "as_of", "limit", "offset"}
	var out strings.Builder
	out.WriteString("footfall report")
	for _, name := range names {
		if value := q.Get(name); value != "" {
			out.WriteString(" --" + strings.ReplaceAll(name, "_", "-") + " " + shellQuote(value))
		}
	}
	return out.String()
}

// shellQuote writes a word as a shell takes it.
func shellQuote(text string) string {
	plain := strings.IndexFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.,:/=", r))
	}) < 0
	if plain && text != "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// Latest is the view without an as-of: the newest figures.
func (v view) Latest() string { return v.with("as_of", "") }

// Frozen is the view as of an instant.
func (v view) Frozen(asOfUS int64) string { return v.with("as_of", formatInt(asOfUS)) }

// Cleared is the view without a filter.
func (v view) Cleared() string { return v.with("affiliate", "", "code", "", "where", "", "sort", "") }

// Keep are the parameters that a form of ours sends along, but for some.
func (v view) Keep(but ...string) []choice {
	q, err := url.ParseQuery(v.with())
	if err != nil {
		return nil // with writes it
	}
	var out []choice
	for name := range q {
		if !slices.Contains(but, name) {
			out = append(out, choice{Value: name, Title: q.Get(name)})
		}
	}
	slices.SortFunc(out, func(a, b choice) int { return strings.Compare(a.Value, b.Value) })
	return out
}
