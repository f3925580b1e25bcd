package report

import (
	"context"
	"fmt"

	"footfall/schemas/lake"
	"footfall/schemas/reports"
)

// boundsRows of visits are looked at at once for the first and the last one: a few
// milliseconds' work.
const boundsRows = 250_000

// Bounds says from when to when an organizer, or an event of it, has valid visits
// and orders at an as-of (0: the newest), and how many orders ever arrived. The
// organizer may be empty where the event, or the catalog, leaves no choice. The
// error is an *admin.Refusal where one of them is not known, or the lake's.
func (e *Engine) Bounds(ctx context.Context, organizer, event string, asOfUS int64) (b reports.Bounds, err error) {
	p, err := newPlan(Query{Organizer: organizer, Event: event, AsOfUS: asOfUS})
	if err != nil {
		return b, err
	}
	err = e.deps.Lake.Read(ctx, asOfUS, func(ctx context.Context, r *reports.Reading) error {
		if err := p.resolve(ctx, newKnown(r.Conn)); err != nil {
			return err
		}
		b = reports.Bounds{Zone: p.zone.String(), Currency: p.currency, AsOfUS: r.AsOfUS, Freshness: r.Freshness}
		if err := p.orderBounds(ctx, r, &b); err != nil {
			return err
		}
		return e.visitBounds(ctx, r, p, &b)
	})
	return b, err
}

func (p *plan) orderBounds(ctx context.Context, r *reports.Reading, b *reports.Bounds) error {
	text, err := fill("bounds_orders", map[string]string{"organizer": fmt.Sprint(p.organizer), "scope": p.ofEvent()})
	if err != nil {
		return err
	}
	var currencies []any
	if err := r.QueryRowContext(ctx, text).Scan(&b.Orders, &b.FirstOrderMS, &b.LastOrderMS, &currencies); err != nil {
		return fmt.Errorf("finding the first and the last order: %w", err)
	}
	for _, c := range currencies {
		b.Currencies = append(b.Currencies, fmt.Sprint(c))
	}
	return nil
}

// ofEvent is the condition that keeps to the event, where there is one.
func (p *plan) ofEvent() string {
	if p.event == 0 {
		return "true"
	}
	return fmt.Sprintf("event_id = %d", p.event)
}

// visitBounds looks at all visits where they are few, or else at those of the two
// ends, at twice as many each time.
func (e *Engine) visitBounds(ctx context.Context, r *reports.Reading, p *plan, b *reports.Bounds) error {
	if r.VisitRows == 0 {
		return nil
	}
	if _, err := r.ExecContext(ctx, lake.FoldMacroSQL); err != nil {
		return fmt.Errorf("setting up the report: %w", err)
	}
	from, to := r.VisitMinMS, r.VisitMaxMS+1
	step := to - from
	if r.VisitRows > e.boundsRows {
		step = max(step/(1+r.VisitRows/e.boundsRows), 1)
	}
	for n, end := 0, from; end < to && b.FirstVisitMS == 0; n++ {
		start := end
		end = min(start+step<<n, to)
		var last int64
		var err error
		if b.FirstVisitMS, last, err = p.validVisits(ctx, r, fmt.Sprintf("first_visits_%d", n), [2]int64{start, end}); err != nil {
			return err
		}
		if end == to {
			b.LastVisitMS = last
		}
	}
	if b.FirstVisitMS == 0 {
		return nil
	}
	for n, start := 0, to; start > from && b.LastVisitMS == 0; n++ {
		end := start
		start = max(end-step<<n, from)
		var err error
		if _, b.LastVisitMS, err = p.validVisits(ctx, r, fmt.Sprintf("last_visits_%d", n), [2]int64{start, end}); err != nil {
			return err
		}
	}
	return nil
}

// validVisits finds the first and the last valid visit of a range; 0 and 0 where
// it has none.
func (p *plan) validVisits(ctx context.Context, r *reports.Reading, view string, between [2]int64) (first, last int64, err error) {
	if err := r.Visits(ctx, view, between); err != nil {
		return 0, 0, err
	}
	visits, err := p.resolvedVisits(view, p.ofEvent())
	if err != nil {
		return 0, 0, err
	}
	err = r.QueryRowContext(ctx, "SELECT coalesce(min(visited_ms), 0), coalesce(max(visited_ms), 0) FROM ("+visits+") WHERE verdict = 'valid'").Scan(&first, &last)
	if err != nil {
		return 0, 0, fmt.Errorf("finding the first and the last visit: %w", err)
	}
	return first, last, nil
}
