package report

import (
	"fmt"
	"slices"
	"strings"

	"footfall/schemas/reports"
)

// The columns that every source of figures has; other dimensions are columns of
// their own, d_ before the name.
const (
	keyEvent     = "event_id"
	keyCode      = "code_key"
	keyAffiliate = "affiliate_key"
)

// The keys that are no id.
const (
	keyDirect      = 0
	keyUnknownCode = -1
)

// class says how a dimension is read and written.
type class int

const (
	entity   class = iota // an id of the catalog, or direct, or unknown_code
	calendar              // a time of the report's zone
	fact                  // a text of the visit
	orders                // one order each
	tickets               // a text of an order's lines
)

// dimension is one thing that rows are told apart by.
type dimension struct {
	name  string
	title string
	class class
}

// dimensionNames in the order in which they are listed.
func dimensionNames() []string {
	return []string{
		"affiliate", "code", "event", "organizer", "day", "hour", "minute", "week", "month", "source", "verdict", "ticket_type", "typed", "order",
		"sub1", "sub2", "sub3", "sub4", "sub5", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
	}
}

func dimensionOf(name string) (dimension, bool) {
	if !slices.Contains(dimensionNames(), name) {
		return dimension{}, false
	}
	d := dimension{name: name, class: fact}
	d.title = strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "_", " ")
	switch name {
	case "affiliate", "code", "event", "organizer":
		d.class = entity
	case "day", "hour", "minute", "week", "month":
		d.class = calendar
	case "order":
		d.class = orders
	case "ticket_type":
		d.class = tickets
	}
	if rest, ok := strings.CutPrefix(name, "utm_"); ok {
		d.title = "UTM " + rest
	}
	return d, true
}

// column is where the sources of figures have the dimension's key.
func (d dimension) column() string {
	switch d.name {
	case "event":
		return keyEvent
	case "code":
		return keyCode
	case "affiliate":
		return keyAffiliate
	}
	return "d_" + d.name
}

// own says whether the dimension is a column that only it makes.
func (d dimension) own() bool { return strings.HasPrefix(d.column(), "d_") }

// shown is one key column of a row: how it is made of the key, and sorted.
type shown struct {
	reports.Column
	sql  string
	sort []string // expressions over the row; empty: the column itself
}

func text(name, title, sql string) shown {
	return shown{Column: reports.Column{Name: name, Title: title, Kind: reports.KindText}, sql: sql}
}

// keys gives a dimension's key columns over the key k, the joins that they need,
// their aliases ending in suffix, and which of the columns says what a row is.
func (d dimension) keys(k, suffix string, zone offsets) (columns []shown, joins string, label int) {
	switch d.class {
	case entity:
		return d.entityKeys(k, suffix)
	case calendar:
		kind := reports.KindText
		if d.name == "day" {
			kind = reports.KindDay
		}
		c := reports.Column{Name: d.name, Title: d.title, Kind: kind}
		return []shown{{Column: c, sql: zone.label(d.name, k), sort: []string{k}}}, "", 0
	case orders:
		return []shown{
			text("order_id", "Order", k),
			{Column: reports.Column{Name: "ordered_at", Title: "Ordered", Kind: reports.KindTime}, sql: "o" + suffix + ".ordered_ms * 1000"},
			text("state", "State", "o"+suffix+".state"),
			text("event", "Event", "coalesce(oe"+suffix+".slug, 'unknown')"),
			text("rule", "Rule", "coalesce(oc"+suffix+".rule, 'direct')"),
		}, fmt.Sprintf(` JOIN orders o%[2]s ON o%[2]s.order_id = %[1]s LEFT JOIN credits oc%[2]s ON oc%[2]s.order_id = %[1]s
			LEFT JOIN events oe%[2]s ON oe%[2]s.event_id = o%[2]s.event_id`, k, suffix), 0
	default:
		return []shown{text(d.name, d.title, k)}, "", 0
	}
}

// entityKeys of what the catalog names: the id where there is one, the name, and
// one thing more.
func (d dimension) entityKeys(k, suffix string) (columns []shown, joins string, label int) {
	t := string(d.name[0]) + "t" + suffix
	name := func(column string) string {
		return fmt.Sprintf("CASE %s WHEN %d THEN 'direct' WHEN %d THEN 'unknown_code' ELSE coalesce(%s.%s, 'unknown') END", k, keyDirect, keyUnknownCode, t, column)
	}
	id := shown{Column: reports.Column{Name: d.name + "_id", Title: "Id", Kind: reports.KindID}, sql: fmt.Sprintf("CASE WHEN %[1]s > 0 THEN %[1]s END", k)}
	joins = fmt.Sprintf(" LEFT JOIN %[1]ss %[2]s ON %[2]s.%[1]s_id = %[3]s", d.name, t, k)
	switch d.name {
	case "affiliate":
		columns = []shown{id, text(d.name, d.title, name("name")), text("nickname", "Nickname", "coalesce("+t+".nickname, '')")}
	case "code":
		scope := "coalesce(CASE " + t + ".event_id WHEN 0 THEN 'common' ELSE se" + suffix + ".slug END, '')"
		columns = []shown{id, text(d.name, d.title, name("code_text")), text("scope", "Scope", scope)}
		joins += fmt.Sprintf(" LEFT JOIN events se%[1]s ON se%[1]s.event_id = %[2]s.event_id", suffix, t)
	default:
		columns = []shown{id, text(d.name, d.title, name("slug")), text(d.name+"_name", "Name", "coalesce("+t+".name, '')")}
	}
	return columns, joins, 1
}

// visitText is a dimension of class fact over a resolved visit v.
func (d dimension) visitText() string {
	switch d.name {
	case "verdict":
		return "v.verdict"
	case "typed":
		return "coalesce(nullif(fold(v.code_text), ''), '(none)')"
	case "source":
		// Of a referrer the host: after a scheme and what stands before an @, without
		// www., port, path, query and fragment.
		return `coalesce(nullif(v.utm_source, ''), nullif(regexp_extract(lower(v.referrer),
			'^(?:[a-z][a-z0-9+.-]*://)?(?:[^/?#@]*@)?(?:www\.)?(\[[^\]]*\]|[^/?#:]*)', 1), ''), '(none)')`
	}
	return "coalesce(nullif(v." + d.name + ", ''), '(none)')"
}

// visitSQL is the key over a visit v; false where visits have none.
func (d dimension) visitSQL(zone offsets, organizer int64) (string, bool) {
	switch {
	case d.name == "organizer":
		return fmt.Sprint(organizer), true
	case d.class == calendar:
		return zone.key(d.name, "v.visited_ms"), true
	case d.class == fact:
		return d.visitText(), true
	}
	return "", false
}

// orderSQL is the key over an order o with its credit c, its credited visit g
// where the dimension is a fact, and its line l where it is the line's.
func (d dimension) orderSQL(zone offsets, organizer int64, time string) string {
	switch {
	case d.name == "organizer":
		return fmt.Sprint(organizer)
	case d.class == calendar:
		return zone.key(d.name, time)
	case d.class == fact:
		return "CASE WHEN c.order_id IS NULL THEN '(direct)' ELSE coalesce(g.d_" + d.name + ", '(no visit)') END"
	case d.class == tickets:
		return "l.ticket_type"
	}
	return "o.order_id"
}
