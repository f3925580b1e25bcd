package report

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"footfall/schemas/lake"
	"footfall/schemas/reports"
)

// fill puts texts for the names in braces of a statement.
func fill(name string, texts map[string]string) (string, error) {
	file, err := statements.ReadFile(name + ".sql")
	if err != nil {
		return "", fmt.Errorf("finding statement %s: %w", name, err)
	}
	pairs := make([]string, 0, 2*len(texts))
	for name, text := range texts {
		pairs = append(pairs, "{"+name+"}", text)
	}
	return strings.NewReplacer(pairs...).Replace(string(file)), nil
}

// makeTable runs a statement into a table; what stands before its name says where.
func makeTable(ctx context.Context, conn *sql.Conn, table, statement string, texts map[string]string) error {
	text, err := fill(statement, texts)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "CREATE "+table+" AS "+text); err != nil {
		return fmt.Errorf("making table %s: %w", table, err)
	}
	return nil
}

// periodsSQL are the ranges as a table: the report's, and the one to compare with,
// whose keys of a time are moved to their place in the report's own. A row may be
// in both.
func (p *plan) periodsSQL() string {
	columns := []string{"period", "from_ms", "to_ms"}
	for _, d := range p.own {
		if d.class == calendar {
			columns = append(columns, d.shift())
		}
	}
	var rows []string
	for n, r := range p.periods {
		row := []int64{int64(n), r[0], r[1]}
		for _, d := range p.own {
			if d.class == calendar {
				row = append(row, p.offsets.place(d.name, p.periods[0][0])-p.offsets.place(d.name, r[0]))
			}
		}
		rows = append(rows, "("+joined(row)+")")
	}
	return fmt.Sprintf("(VALUES %s) p(%s)", strings.Join(rows, ", "), strings.Join(columns, ", "))
}

// shift is the column of periodsSQL by which a key of a time is moved.
func (d dimension) shift() string { return "shift_" + d.name }

// shifted moves a key of a time to its place in the report's own range.
func (p *plan) shifted(d dimension, sql string) string {
	if d.class != calendar || len(p.periods) == 1 {
		return sql
	}
	return "(" + sql + " + p." + d.shift() + ")"
}

// texts are what every statement may name; from_ms and to_ms are the report's own.
func (p *plan) texts(more map[string]string) map[string]string {
	more["organizer"], more["counted"], more["periods"] = fmt.Sprint(p.organizer), p.counted(), p.periodsSQL()
	more["from_ms"], more["to_ms"] = fmt.Sprint(p.periods[0][0]), fmt.Sprint(p.periods[0][1])
	return more
}

// resolvedVisits is the statement of the visits of a view.
func (p *plan) resolvedVisits(view, scope string) (string, error) {
	return fill("visits", p.texts(map[string]string{"view": view, "scope": scope, "verdict": lake.VerdictSQL}))
}

// counted is the table that count makes.
func (p *plan) counted() string { return fmt.Sprintf("counted_%d", p.base) }

// count makes the table of the visits of the ranges.
func (p *plan) count(ctx context.Context, reading *reports.Reading, table string) error {
	between, scope := slices.Clone(p.periods), p.ofEvent()
	texts := p.texts(map[string]string{"firsts": "0", "keyless": "0", "dimensions": ""})
	if p.wants("firsts") {
		// Who is first is decided over whole UTC days and all events.
		for i := range between {
			between[i] = wholeDays(between[i])
		}
		scope = "true"
		texts["firsts"], texts["keyless"] = "sum(v.first)", "count(*) FILTER (v.verdict = 'valid' AND v.visitor_key IS NULL)"
	}
	view := fmt.Sprintf("visit_rows_%d", p.base)
	if err := reading.Visits(ctx, view, between...); err != nil {
		return err
	}
	visits, err := p.resolvedVisits(view, scope)
	if err != nil {
		return err
	}
	if p.wants("firsts") {
		if visits, err = fill("first", map[string]string{"visits": visits}); err != nil {
			return err
		}
	}
	texts["visits"] = visits
	for _, d := range p.own {
		if expression, ok := d.visitSQL(p.offsets, p.organizer); ok {
			texts["dimensions"] += p.shifted(d, expression) + " AS " + d.column() + ", "
		}
	}
	return makeTable(ctx, reading.Conn, table+p.counted(), "counted", texts)
}

// wholeDays widens a range to the UTC days that it touches.
func wholeDays(between [2]int64) [2]int64 {
	from := between[0] - between[0]%dayMS
	return [2]int64{from, max(between[1]+(dayMS-between[1]%dayMS)%dayMS, from)}
}

// creditedVisits makes the table of the visits that orders are credited to, where a
// dimension is a fact of those.
func (p *plan) creditedVisits(ctx context.Context, reading *reports.Reading) error {
	if !p.uses(fact) {
		return nil
	}
	var between [2]int64
	err := reading.QueryRowContext(ctx, "SELECT coalesce(min(visited_ms), 0), coalesce(max(visited_ms) + 1, 0) FROM credits").Scan(&between[0], &between[1])
	if err != nil {
		return fmt.Errorf("looking for credited visits: %w", err)
	}
	view := fmt.Sprintf("credited_rows_%d", p.base)
	if err := reading.Visits(ctx, view, between); err != nil {
		return err
	}
	visits, err := p.resolvedVisits(view, "(epoch, shard, sequence) IN (SELECT (epoch, shard, sequence) FROM credits)")
	if err != nil {
		return err
	}
	var dimensions []string
	for _, d := range p.own {
		if d.class == fact {
			dimensions = append(dimensions, d.visitText()+" AS "+d.column())
		}
	}
	return makeTable(ctx, reading.Conn, fmt.Sprintf(tempTable+"credited_visits_%d", p.base), "credited_visits",
		map[string]string{"visits": visits, "dimensions": strings.Join(dimensions, ", ")})
}

// sources are the statements whose rows the figures sum.
func (p *plan) sources() (string, error) {
	var list []string
	if p.wantsVisits() {
		columns := make([]string, 0, len(p.own))
		for _, d := range p.own {
			columns = append(columns, d.column()+", ")
		}
		text, err := fill("figures_visits", p.texts(map[string]string{"dimensions": strings.Join(columns, ""), "raws": p.rawSQL(func(s raw) string { return s.visit })}))
		if err != nil {
			return "", err
		}
		list = append(list, text)
	}
	ordered, refunded := "o.ordered_ms", "r.refunded_ms"
	if p.query.Basis == basisVisit {
		ordered, refunded = "c.visited_ms", "c.visited_ms"
	}
	texts := map[string]string{"lines": "", "visits": "", "refunds": "refunds", "taken": "r.status = 'taken'", "time": ordered}
	if p.uses(fact) {
		texts["visits"] = fmt.Sprintf("LEFT JOIN credited_visits_%d g ON g.epoch = c.epoch AND g.shard = c.shard AND g.sequence = c.sequence", p.base)
	}
	order, refund := func(s raw) string { return s.order }, func(s raw) string { return s.refund }
	if p.uses(tickets) {
		texts["lines"], texts["refunds"], texts["taken"] = "JOIN order_lines l ON l.order_id = o.order_id", "refund_lines", "true"
		order, refund = func(s raw) string { return s.orderLine }, func(s raw) string { return s.refundLine }
	}
	texts["dimensions"], texts["raws"] = p.orderDimensions(ordered), p.rawSQL(order)
	text, err := fill("figures_orders", p.texts(texts))
	if err != nil {
		return "", err
	}
	list = append(list, text)
	texts["time"] = refunded
	texts["dimensions"] = strings.ReplaceAll(p.orderDimensions(refunded), "l.ticket_type", "r.ticket_type")
	texts["raws"] = p.rawSQL(refund)
	if text, err = fill("figures_refunds", p.texts(texts)); err != nil {
		return "", err
	}
	return strings.Join(append(list, text), "\nUNION ALL\n"), nil
}

func (p *plan) orderDimensions(time string) string {
	var b strings.Builder
	for _, d := range p.own {
		b.WriteString(p.shifted(d, d.orderSQL(p.offsets, p.organizer, time)) + " AS " + d.column() + ", ")
	}
	return b.String()
}

// rawSQL gives the sums of one source; one that has none of a kind adds 0.
func (p *plan) rawSQL(of func(raw) string) string {
	list := make([]string, 0, len(p.raws)+1)
	for _, s := range p.raws {
		expression := of(s)
		if expression == "" {
			expression = "0"
		}
		list = append(list, "("+expression+")::BIGINT AS raw_"+s.name)
	}
	keyless := "0"
	if of(raw{visit: "visit"}) != "" && p.wants("firsts") {
		keyless = "keyless"
	}
	return strings.Join(append(list, "("+keyless+")::BIGINT AS keyless"), ", ")
}

// figures is the statement of all of them.
func (p *plan) figures() (string, error) {
	sources, err := p.sources()
	if err != nil {
		return "", err
	}
	var keys, sums []string
	for _, d := range p.own {
		keys = append(keys, d.column()+", ")
	}
	for _, s := range p.raws {
		sums = append(sums, "raw_"+s.name)
	}
	return fill("figures", p.texts(map[string]string{
		"sources": sources, "keys": strings.Join(keys, ""), "raws": strings.Join(append(sums, "keyless"), ", "), "filters": all(p.conditions.figures),
	}))
}

// figuresTable is the table of the figures that the report sums.
func (p *plan) figuresTable() string { return fmt.Sprintf("figures_%d", p.base) }

// lines is the table of the report's rows.
func (p *plan) lines() string { return fmt.Sprintf("lines_%d", p.number) }

// linesSQL is the statement of the report's rows, of all figures.
func (p *plan) linesSQL() (string, error) {
	var keys, group, sums, some []string
	for i, d := range p.by {
		keys = append(keys, fmt.Sprintf("%s AS k%d", d.column(), i+1))
		group = append(group, fmt.Sprintf("k%d", i+1))
	}
	// Another report of the same figures may compare with a range before.
	of := "period = 0"
	for _, s := range p.raws {
		if p.query.Compare == "" {
			sums = append(sums, fmt.Sprintf("sum(raw_%[1]s)::BIGINT AS raw_%[1]s", s.name))
			some = append(some, "raw_"+s.name+" <> 0")
			continue
		}
		of = "true"
		sums = append(sums, fmt.Sprintf("sum(CASE period WHEN 0 THEN raw_%[1]s ELSE 0 END)::BIGINT AS raw_%[1]s, sum(CASE period WHEN 1 THEN raw_%[1]s ELSE 0 END)::BIGINT AS was_%[1]s", s.name))
		some = append(some, fmt.Sprintf("raw_%[1]s <> 0 OR was_%[1]s <> 0", s.name))
	}
	if p.query.Currency != "" { // three letters, as check holds
		of = "(" + of + ") AND currency = '" + p.query.Currency + "'"
	}
	whole := "0 AS whole"
	if p.wantsShare() {
		whole = "(sum(raw_sales) OVER (PARTITION BY currency))::BIGINT AS raw_all_sales"
		if p.query.Compare != "" {
			whole += ", (sum(was_sales) OVER (PARTITION BY currency))::BIGINT AS was_all_sales"
		}
	}
	return fill("lines", map[string]string{
		"keys": strings.Join(keys, ", "), "group": strings.Join(group, ", "), "sums": strings.Join(sums, ", "), "any": strings.Join(some, " OR "),
		"whole": whole, "filters": all(p.conditions.sums), "figures": p.figuresTable(), "periods": of,
	})
}
