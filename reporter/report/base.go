package report

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"footfall/schemas/reports"
)

// tempTable stands before the name of a table of one reading alone.
const tempTable = "TEMP TABLE "

// stands is what a report stands on, beside the rows, and what to note.
type stands struct {
	credited reports.Credited
	rules    []string
	counts   map[string]int64 // by what is noted
}

// table makes one of the reports.
func (p *page) table(ctx context.Context, one *plan) (*reports.Table, error) {
	b := p.bases[one.base]
	if err := p.make(ctx, b); err != nil {
		return nil, err
	}
	on, err := b.standsOf(ctx, p.reading.Conn, one)
	if err != nil {
		return nil, err
	}
	p.engine.observe(on)
	return one.table(ctx, p.reading, b.rows > p.engine.manyRows, on) // there are no more rows than figures
}

// make makes the figures of a base, where they are not there.
func (p *page) make(ctx context.Context, b *base) error {
	if b.made {
		return nil
	}
	scope, many := b.scope(), len(b.tenants) > 1
	if p.scope != "" && (many || p.scope != scope) {
		if err := p.clear(ctx); err != nil {
			return err
		}
	}
	on := &stands{counts: map[string]int64{}}
	for i, t := range b.tenants {
		b.organizer = t.id
		if err := p.makeTenant(ctx, b, on); err != nil {
			return err
		}
		if !many {
			continue
		}
		if err := setAside(ctx, p.reading.Conn, b.figuresTable(), i == 0); err != nil {
			return err
		}
		p.credited = nil
	}
	if many {
		if _, err := p.reading.ExecContext(ctx, "ALTER TABLE all_figures RENAME TO "+b.figuresTable()); err != nil {
			return fmt.Errorf("joining the organizers' figures: %w", err)
		}
	}
	p.scope, b.made = scope, true
	b.rows = on.counts[figureRows]
	b.stands[len(b.periods)] = on
	return nil
}

// clear drops the tables of a scope, with the figures that are made of them.
func (p *page) clear(ctx context.Context) error {
	for _, b := range p.bases {
		b.made = false
	}
	p.scope, p.credited = "", nil
	return dropTables(ctx, p.reading.Conn)
}

// makeTenant makes the figures of one organizer.
func (p *page) makeTenant(ctx context.Context, b *base, on *stands) error {
	if p.credited == nil {
		credited, err := p.credit(ctx, b)
		if err != nil {
			return err
		}
		p.credited = &credited
	}
	for _, v := range p.credited.PolicyVersions {
		if !slices.Contains(on.credited.PolicyVersions, v) {
			on.credited.PolicyVersions = append(on.credited.PolicyVersions, v)
		}
	}
	on.credited.WhatIf = p.credited.WhatIf
	if len(b.tenants) > 1 {
		_, err := b.build(ctx, p.reading, tempTable)
		if err != nil {
			return err
		}
		return b.note(ctx, p.reading.Conn, b.notesTable(), on)
	}
	keep := reports.Keeping{Key: b.key(p.credited.Key), Tables: []string{b.figuresTable(), b.counted(), b.notesTable()}}
	err := p.reading.Keep(ctx, keep, func(ctx context.Context, table string) (int64, error) { return b.build(ctx, p.reading, table) })
	if err != nil {
		return err
	}
	return b.note(ctx, p.reading.Conn, b.notesTable(), on)
}

// key is all that the figures depend on beside rows, catalog, and credits.
func (b *base) key(credits string) string {
	var names []string
	for _, d := range b.own {
		names = append(names, d.name)
	}
	for _, r := range b.raws {
		names = append(names, r.name)
	}
	return fmt.Sprintf("figures %d %d %d %v %v %s %q %q %q %s", b.base, b.organizer, b.event, b.periods, b.offsets, b.query.Basis,
		names, b.conditions.figures, b.conditions.texts, credits)
}

// build makes the figures of an organizer and what to note of them.
func (b *base) build(ctx context.Context, reading *reports.Reading, table string) (rows int64, err error) {
	if err := b.creditedVisits(ctx, reading); err != nil {
		return 0, err
	}
	if b.wantsVisits() {
		if err := b.count(ctx, reading, table); err != nil {
			return 0, err
		}
	}
	if err := b.conditions.set(ctx, reading.Conn); err != nil {
		return 0, err
	}
	text, err := b.figures()
	if err != nil {
		return 0, err
	}
	if err := reading.QueryRowContext(ctx, "CREATE "+table+b.figuresTable()+" AS "+text).Scan(&rows); err != nil {
		return 0, fmt.Errorf("making the figures: %w", err)
	}
	if text, err = b.notes(len(b.periods)); err != nil {
		return 0, err
	}
	if _, err := reading.ExecContext(ctx, "CREATE "+table+b.notesTable()+" AS "+text); err != nil {
		return 0, fmt.Errorf("counting what to note: %w", err)
	}
	return max(rows, 1), nil
}

// credit makes the tables of orders, of all ranges that reports of the scope have.
func (p *page) credit(ctx context.Context, b *base) (reports.Credited, error) {
	ask := reports.Crediting{Organizer: b.organizer, Between: b.periods[0], ByVisit: b.query.Basis == basisVisit, Policy: b.query.Policy}
	for _, other := range p.bases {
		if other.scope() != b.scope() {
			continue
		}
		for _, between := range other.periods {
			ask.Between = [2]int64{min(ask.Between[0], between[0]), max(ask.Between[1], between[1])}
		}
	}
	return p.engine.deps.Credits.Credit(ctx, p.reading, ask)
}

// standsOf is what one of the base's reports stands on.
func (b *base) standsOf(ctx context.Context, conn *sql.Conn, one *plan) (*stands, error) {
	periods := len(one.periods)
	on, ok := b.stands[periods]
	if !ok {
		on = &stands{credited: b.stands[len(b.periods)].credited, counts: map[string]int64{}}
		text, err := b.notes(periods)
		if err != nil {
			return nil, err
		}
		if err := b.note(ctx, conn, "("+text+")", on); err != nil {
			return nil, err
		}
		b.stands[periods] = on
	}
	if one.wants("firsts") == b.wants("firsts") {
		return on, nil
	}
	own := *on
	own.counts = maps.Clone(on.counts)
	delete(own.counts, keylessVisits)
	return &own, nil
}

// setAside moves one organizer's figures out of the way of the next one's tables.
func setAside(ctx context.Context, conn *sql.Conn, figures string, first bool) error {
	keep := "INSERT INTO all_figures FROM " + figures
	if first {
		keep = "CREATE TEMP TABLE all_figures AS FROM " + figures
	}
	if _, err := conn.ExecContext(ctx, keep); err != nil {
		return fmt.Errorf("joining the organizers' figures: %w", err)
	}
	return dropTables(ctx, conn)
}

// dropTables drops what was made on a connection, but for figures set aside.
func dropTables(ctx context.Context, conn *sql.Conn) error {
	drops, err := texts(ctx, conn, `
		SELECT 'DROP TABLE temp.' || table_name FROM duckdb_tables() WHERE database_name = 'temp' AND table_name <> 'all_figures'
		UNION ALL SELECT 'DROP VIEW temp.' || view_name FROM duckdb_views()
		WHERE database_name = 'temp' AND NOT internal AND view_name NOT IN ('order_rows', 'refund_rows')
		UNION ALL SELECT DISTINCT 'DROP MACRO temp.' || function_name FROM duckdb_functions() WHERE database_name = 'temp' AND function_type = 'macro'`)
	if err != nil {
		return err
	}
	for _, drop := range drops { // names of our own
		if _, err := conn.ExecContext(ctx, drop); err != nil {
			return fmt.Errorf("clearing one organizer's tables: %w", err)
		}
	}
	return nil
}
