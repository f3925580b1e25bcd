package report

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"footfall/schemas/reports"
)

// keylessVisits are noted only where somebody counts visitors.
const keylessVisits = "keyless_visits"

// figureRows are counted with what to note.
const figureRows = "figures"

// notesTable is where it is counted.
func (p *plan) notesTable() string { return fmt.Sprintf("notes_%d", p.base) }

// notes is the statement that counts what a reader of one organizer's figures, of
// some of the periods, should know.
func (p *plan) notes(periods int) (string, error) {
	more := ""
	if p.wantsVisits() {
		more = fmt.Sprintf("UNION ALL SELECT DISTINCT 'bot_rules:' || bot_rules, 1 FROM %s WHERE %s AND period < %d", p.counted(), p.ofEvent(), periods)
	}
	if p.wants("firsts") {
		more += fmt.Sprintf(" UNION ALL SELECT '%s', coalesce(sum(keyless), 0)::BIGINT FROM %s WHERE period = 0", keylessVisits, p.figuresTable())
	}
	if p.query.Basis == basisVisit {
		more += fmt.Sprintf(` UNION ALL SELECT 'outside_basis', count(*) FROM orders o LEFT JOIN credits c USING (order_id)
			WHERE o.counts AND o.ordered_ms >= %d AND o.ordered_ms < %d AND c.visited_ms IS NULL`, p.periods[0][0], p.periods[0][1])
	}
	return fill("notes", p.texts(map[string]string{
		"figures": fmt.Sprintf("(FROM %s WHERE period < %d)", p.figuresTable(), periods), "all": p.figuresTable(), "more": more,
	}))
}

// note takes what was counted.
func (p *plan) note(ctx context.Context, conn *sql.Conn, from string, all *stands) error {
	rows, err := conn.QueryContext(ctx, "SELECT what, n FROM "+from)
	if err != nil {
		return fmt.Errorf("counting what to note: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var what string
		var n int64
		if err := rows.Scan(&what, &n); err != nil {
			return fmt.Errorf("counting what to note: %w", err)
		}
		if rule, ok := strings.CutPrefix(what, "bot_rules:"); ok {
			if !slices.Contains(all.rules, rule) {
				all.rules = append(all.rules, rule)
			}
			continue
		}
		all.counts[what] += n
	}
	return rows.Err()
}

// noted is what is counted for a note, in the order of the notes, and how it is said.
func noted() [][2]string {
	return [][2]string{
		{"order_conflicts", "conflicting orders: %d; the same id and version came with other content, and the first one counts"},
		{"refund_conflicts", "conflicting refunds: %d; the same id came with other content, and the first one counts"},
		{"refunds_set_aside", "refunds set aside: %d; they exceed what is left of their order and are in no figure"},
		{"refunds_waiting", "refunds waiting: %d; their order is not known or not completed, and they are in no figure"},
		{"unknown_codes", "tracking codes that the catalog doesn't know: %d; their figures stand under unknown"},
		{"unknown_events", "events that the catalog doesn't know: %d; their figures stand under unknown"},
		{keylessVisits, "visits without a visitor key: %d; they count as visits, never as unique visitors"},
		{"outside_basis", "orders of the range without a credited visit: %d; by visit date they are in no figure"},
	}
}

// facts are what the report was asked, and what it stands on.
func (p *plan) facts(b reports.Basis, on *stands) reports.Facts {
	names := make([]string, len(p.by))
	for i, d := range p.by {
		names[i] = d.name
	}
	q := p.query
	f := reports.Facts{
		By: strings.Join(names, ","), Event: strings.ToLower(q.Event), Affiliate: q.Affiliate, Code: q.Code, Where: p.where.String(),
		Basis: q.Basis + " date", Compare: q.Compare, Sort: q.Sort, Zone: p.zone.String(), FromMS: p.periods[0][0], ToMS: p.periods[0][1],
		AsOfUS: b.AsOfUS, Settled: q.Settled, PolicyVersions: on.credited.PolicyVersions, WhatIf: on.credited.WhatIf, CatalogRevision: b.CatalogRevision, BotRules: on.rules,
	}
	if len(p.tenants) == 1 {
		f.Organizer = p.tenants[0].slug
	} else {
		f.Organizer = "all organizers"
	}
	slices.Sort(f.PolicyVersions)
	if len(f.PolicyVersions) > 0 {
		f.PolicyVersion = f.PolicyVersions[len(f.PolicyVersions)-1]
	}
	slices.Sort(f.BotRules)
	if len(p.periods) > 1 {
		f.BeforeFromMS, f.BeforeToMS = p.periods[1][0], p.periods[1][1]
	}
	for _, n := range noted() {
		if count := on.counts[n[0]]; count > 0 {
			f.Notes = append(f.Notes, fmt.Sprintf(n[1], count))
		}
	}
	if f.WhatIf {
		f.Notes = append(f.Notes, fmt.Sprintf("what if: every order is credited by policy %d, whatever was in force at its date", q.Policy))
	}
	return f
}

// observe shows the last report's counts.
func (e *Engine) observe(on *stands) {
	e.metrics.conflicts.Set(float64(on.counts["order_conflicts"] + on.counts["refund_conflicts"]))
	e.metrics.setAside.Set(float64(on.counts["refunds_set_aside"]))
}
