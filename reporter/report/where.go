package report

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/filter"
	"footfall/schemas/order"
	"footfall/schemas/reports"
)

// conditions are what a report's rows are filtered by, as SQL. Texts that a person
// typed stand in variables: each where_n is a list of texts.
type conditions struct {
	figures []string   // over the sources of figures
	sums    []string   // over rows
	texts   [][]string // of where_0, where_1, …
}

// variable keeps values out of the statement and gives what stands for them.
func (c *conditions) variable(values []string) string {
	c.texts = append(c.texts, values)
	return fmt.Sprintf("getvariable('where_%d')", len(c.texts)-1)
}

// set puts the values where the statements read them.
func (c *conditions) set(ctx context.Context, conn *sql.Conn) error {
	for i, values := range c.texts {
		if _, err := conn.ExecContext(ctx, fmt.Sprintf("SET VARIABLE where_%d = ?::VARCHAR[]", i), values); err != nil {
			return fmt.Errorf("setting up the report: %w", err)
		}
	}
	return nil
}

// all joins conditions.
func all(list []string) string {
	if len(list) == 0 {
		return "true"
	}
	return "(" + strings.Join(list, ") AND (") + ")"
}

// badTerm refuses a term with its position.
func badTerm(t filter.Term, format string, args ...any) error {
	return admin.Refuse(admin.Invalid, "/where", "where, at position %d: %s", t.At+1, fmt.Sprintf(format, args...))
}

// checkTerm refuses a field that rows can't be filtered by.
func (p *plan) checkTerm(t filter.Term) error {
	if d, ok := dimensionOf(t.Field); ok {
		return checkVerdicts(d, t)
	}
	if m, ok := measureOf(t.Field); ok && m.name != "share" {
		return p.fits(m, "/where")
	}
	names := dimensionNames()
	for _, m := range measures() {
		if m.name != "share" { // it depends on the rows that are left
			names = append(names, m.name)
		}
	}
	return badTerm(t, "%q can't be filtered by: want one of %s", t.Field, strings.Join(names, ", "))
}

// checkVerdicts refuses a verdict that no row can have: a misspelt one would be an
// empty report.
func checkVerdicts(d dimension, t filter.Term) error {
	if d.name != "verdict" || t.Op != filter.Equal && t.Op != filter.Unequal {
		return nil
	}
	known := append(verdicts(), "valid", "(direct)", "(no visit)")
	for _, v := range t.Values {
		if !slices.Contains(known, v) {
			return badTerm(t, "there is no verdict %q: want one of %s", v, strings.Join(known, ", "))
		}
	}
	return nil
}

// condition turns a term into SQL.
func (p *plan) condition(ctx context.Context, conn *sql.Conn, t filter.Term) error {
	if d, ok := dimensionOf(t.Field); ok {
		sql, err := p.dimensionCondition(ctx, conn, d, t)
		p.conditions.figures = append(p.conditions.figures, sql)
		return err
	}
	m, _ := measureOf(t.Field) // checked by checkTerm
	sql, err := p.measureCondition(m, t)
	p.conditions.sums = append(p.conditions.sums, sql)
	return err
}

// dimensionCondition filters rows before they are summed.
func (p *plan) dimensionCondition(ctx context.Context, conn *sql.Conn, d dimension, t filter.Term) (string, error) {
	if d.class == calendar {
		return p.timeCondition(d, t)
	}
	var matches string
	switch t.Op {
	case filter.Equal, filter.Unequal:
		if d.class == entity {
			keys, err := p.entityKeys(ctx, conn, d, t)
			if err != nil {
				return "", err
			}
			matches = d.column() + " IN (" + joined(keys) + ")"
			break
		}
		values := slices.Clone(t.Values)
		if d.name == "typed" {
			for i, v := range values {
				values[i] = foldCode(v)
			}
		}
		matches = fmt.Sprintf("list_contains(%s, %s)", p.conditions.variable(values), d.column())
	case filter.Contains, filter.HasNot:
		const folded = "translate(%s, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"
		matches = fmt.Sprintf("contains("+folded+", "+folded+")", d.called(), p.conditions.variable(t.Values)+"[1]")
	default:
		return "", badTerm(t, "%s has no order: want =, !=, ~ or !~", t.Field)
	}
	matches = "coalesce(" + matches + ", false)"
	if t.Op == filter.Unequal || t.Op == filter.HasNot {
		matches = "NOT " + matches
	}
	return matches, nil
}

// called is what people call a row of the dimension, over the sources of figures.
func (d dimension) called() string {
	name := map[string]string{"affiliate": "name", "code": "code_text", "event": "slug", "organizer": "slug"}[d.name]
	if name == "" {
		return d.column()
	}
	return fmt.Sprintf("CASE %[1]s WHEN %[2]d THEN 'direct' WHEN %[3]d THEN 'unknown_code' ELSE coalesce((SELECT any_value(x.%[4]s) FROM %[5]ss x WHERE x.%[5]s_id = %[1]s), 'unknown') END",
		d.column(), keyDirect, keyUnknownCode, name, d.name)
}

// entityKeys finds the ids that values of a term name.
func (p *plan) entityKeys(ctx context.Context, conn *sql.Conn, d dimension, t filter.Term) ([]int64, error) {
	var keys []int64
	for _, value := range t.Values {
		found, err := p.entityKey(ctx, conn, d, value)
		if refusal, ok := admin.AsRefusal(err); ok {
			return nil, badTerm(t, "%s", refusal.Detail)
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, found...)
	}
	return keys, nil
}

func (p *plan) entityKey(ctx context.Context, conn *sql.Conn, d dimension, value string) ([]int64, error) {
	if d.name == "affiliate" || d.name == "code" {
		if key, ok := nobody(value); ok {
			return []int64{key}, nil
		}
	}
	switch d.name {
	case "affiliate":
		return p.affiliates(ctx, conn, value)
	case "code":
		return p.codesOf(ctx, conn, value)
	case "event":
		return p.slugs(ctx, conn, "event", value, "organizer_id = "+strconv.FormatInt(p.organizer, 10))
	}
	return p.slugs(ctx, conn, "organizer", value, "true")
}

// timeCondition compares times of the zone by their labels, as rows show them.
func (p *plan) timeCondition(d dimension, t filter.Term) (string, error) {
	if t.Op == filter.Contains || t.Op == filter.HasNot {
		return "", badTerm(t, "%s is a time: want =, !=, <, <=, > or >=", t.Field)
	}
	var keys []int64
	for _, value := range t.Values {
		key, err := d.parse(value)
		if err != nil {
			return "", badTerm(t, "%s %q: want %s", t.Field, value, err)
		}
		keys = append(keys, key)
	}
	switch t.Op {
	case filter.Equal:
		return d.column() + " IN (" + joined(keys) + ")", nil
	case filter.Unequal:
		return d.column() + " NOT IN (" + joined(keys) + ")", nil
	default:
		return fmt.Sprintf("%s %s %d", d.column(), t.Op, keys[0]), nil
	}
}

// parse reads a label of a calendar dimension as its key. The error says what is wanted.
func (d dimension) parse(value string) (int64, error) {
	const daySeconds = 24 * 60 * 60
	switch d.name {
	case "week":
		var year, week int64
		if n, err := fmt.Sscanf(value, "%04d-W%02d", &year, &week); n == 2 && err == nil && len(value) == len("2026-W47") && week >= 1 {
			fourth := time.Date(int(year), time.January, 4, 0, 0, 0, 0, time.UTC).Unix() / daySeconds // is in week 1
			monday := fourth - (fourth+3)%7 + 7*(week-1)
			if y, w := time.Unix(monday*daySeconds, 0).UTC().ISOWeek(); int64(y) == year && int64(w) == week {
				return monday, nil
			}
		}
		return 0, fmt.Errorf("a week such as 2026-W47")
	case "month":
		if at, err := time.Parse("2006-01", value); err == nil {
			return int64(at.Year())*12 + int64(at.Month()) - 1, nil
		}
		return 0, fmt.Errorf("a month such as 2026-11")
	case "hour", "minute":
		if at, err := time.Parse("2006-01-02T15:04Z07:00", value); err == nil {
			return at.UnixMilli(), nil
		}
		if d.name == "minute" {
			return 0, fmt.Errorf("a minute with its offset such as 2026-11-22T13:05-05:00")
		}
		return 0, fmt.Errorf("an hour with its offset such as 2026-11-22T13:00-05:00")
	}
	if at, err := time.Parse(time.DateOnly, value); err == nil {
		return at.Unix() / daySeconds, nil
	}
	return 0, fmt.Errorf("a day such as 2026-11-22")
}

// measureCondition filters rows after they are summed.
func (p *plan) measureCondition(m measure, t filter.Term) (string, error) {
	if t.Op == filter.Contains || t.Op == filter.HasNot {
		return "", badTerm(t, "%s is a number: want =, !=, <, <=, > or >=", t.Field)
	}
	var each []string
	for _, value := range t.Values {
		one, err := p.comparison(m, t, value)
		if err != nil {
			return "", err
		}
		each = append(each, "coalesce("+one+", false)")
	}
	if t.Op == filter.Unequal {
		return strings.Join(each, " AND "), nil
	}
	return strings.Join(each, " OR "), nil
}

// moneyScale is more than any currency's decimals: amounts of a condition are
// compared at it, whatever the row's currency.
const moneyScale = 4

func (p *plan) comparison(m measure, t filter.Term, value string) (string, error) {
	sums := m.over("raw_")
	switch m.kind {
	case reports.KindMoney:
		n, ok := scaled(value, moneyScale)
		if !ok {
			return "", badTerm(t, "%s %q: want an amount such as 12.50, in the currency of the row", t.Field, value)
		}
		return fmt.Sprintf("(%s)::HUGEINT * %s %s %d", sums, p.minorScale(), t.Op, n), nil
	case reports.KindRate:
		number, percent := strings.CutSuffix(value, "%")
		scale := 6
		if percent {
			scale = 4
		}
		n, ok := scaled(number, scale)
		if !ok {
			return "", badTerm(t, "%s %q: want a rate such as 0.05 or 5%%", t.Field, value)
		}
		return fmt.Sprintf("(%s) %s %d", sums, t.Op, n), nil
	default:
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return "", badTerm(t, "%s %q: want a whole number", t.Field, value)
	}
	return fmt.Sprintf("(%s) %s %d", sums, t.Op, n), nil
}

// minorScale is what minor units of a row's currency are multiplied by to be in
// ten-thousandths of it. The currencies are the lake's, not a person's.
func (p *plan) minorScale() string {
	var cases strings.Builder
	for scale, digits := 1, moneyScale; digits >= 0; scale, digits = scale*10, digits-1 {
		var codes []string
		for _, c := range p.currencies {
			if n, _ := order.Decimals(c); n == digits {
				codes = append(codes, c)
			}
		}
		if len(codes) > 0 {
			fmt.Fprintf(&cases, " WHEN list_contains(%s, currency) THEN %d", p.conditions.variable(codes), scale)
		}
	}
	if cases.Len() == 0 { // no figures
		return "1"
	}
	return "CASE" + cases.String() + " ELSE 1 END"
}

// scaled reads a decimal as an integer of so many decimals; false where it is none,
// has more of them, or is too large.
func scaled(text string, decimals int) (int64, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimPrefix(whole, "-")
	if digits == "" || len(fraction) > decimals || strings.ContainsFunc(digits+fraction, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	return n, err == nil
}
