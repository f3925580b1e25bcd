package report

import (
	"context"
	"fmt"
	"slices"

	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// maxAsks bounds the reports of one reading: a dashboard's page has some six.
const maxAsks = 32

// Together makes several reports of one reading, so of one as-of and one state of
// the catalog, and hands each to deliver in the order of the asks, with its place
// among them. A table is what Run gives of the same query and as-of, and good until
// deliver returns. What the asks have in common is made once: the credits of an
// organizer's orders, and the figures of those that differ only in what their rows
// are told apart by, in their columns, order and limits.
//
// An as-of that any of them names is that of all. The error is a *reports.AskError
// where one of the reports can't be made, deliver's, or the lake's.
func (e *Engine) Together(ctx context.Context, asks []Query, deliver func(ctx context.Context, n int, t *reports.Table) error) error {
	delivered := 0
	err := e.together(ctx, asks, func(ctx context.Context, n int, t *reports.Table) error {
		if err := deliver(ctx, n, t); err != nil {
			return err
		}
		delivered++
		return nil
	})
	e.metrics.runs.WithLabelValues(resultOK).Add(float64(delivered))
	if err == nil {
		return nil
	}
	result := resultFailed
	if _, ok := admin.AsRefusal(err); ok {
		result = resultRefused
	}
	e.metrics.runs.WithLabelValues(result).Inc()
	return err
}

func (e *Engine) together(ctx context.Context, asks []Query, deliver func(context.Context, int, *reports.Table) error) error {
	p, err := newPage(asks)
	if err != nil || len(p.plans) == 0 {
		return err
	}
	if p.settled && p.asOfUS == 0 {
		if p.asOfUS, err = e.newestSettled(ctx); err != nil {
			return err
		}
	}
	return e.deps.Lake.Read(ctx, p.asOfUS, func(ctx context.Context, reading *reports.Reading) error {
		p.engine, p.reading = e, reading
		if err := p.prepare(ctx); err != nil {
			return err
		}
		for n, plan := range p.plans {
			table, err := p.table(ctx, plan)
			if err != nil {
				return &reports.AskError{Ask: n, Err: err}
			}
			if err := deliver(ctx, n, table); err != nil {
				return err
			}
			if n+1 == len(p.plans) {
				return nil
			}
			if err := pass(ctx, table); err != nil {
				return &reports.AskError{Ask: n, Err: err}
			}
		}
		return nil
	})
}

// page is several reports of one reading.
type page struct {
	plans   []*plan
	asOfUS  int64
	settled bool

	engine  *Engine
	reading *reports.Reading
	bases   []*base

	scope    string            // whose tables the reading has; empty: nobody's
	credited *reports.Credited // what they stand on; nil before
}

// base is the figures of some of the reports, told apart by all that any of them
// needs.
type base struct {
	*plan  // with what all of them need
	made   bool
	rows   int64           // of the figures
	stands map[int]*stands // by how many of the periods a report has
}

// newPage checks the queries as far as that goes without a catalog.
func newPage(asks []Query) (*page, error) {
	if len(asks) > maxAsks {
		return nil, admin.Refuse(admin.Invalid, "", "%d reports are asked for together: want %d at most", len(asks), maxAsks)
	}
	p := &page{}
	for n, q := range asks {
		one, err := newPlan(q)
		if err != nil {
			return nil, &reports.AskError{Ask: n, Err: err}
		}
		if q.AsOfUS != 0 && p.asOfUS != 0 && q.AsOfUS != p.asOfUS {
			return nil, &reports.AskError{Ask: n, Err: admin.Refuse(admin.Invalid, "/as_of",
				"as-of is %d, and %d of a report before it: those that are asked for together have one", q.AsOfUS, p.asOfUS)}
		}
		p.asOfUS = max(p.asOfUS, q.AsOfUS)
		p.settled = p.settled || q.Settled
		one.number = n
		p.plans = append(p.plans, one)
	}
	return p, nil
}

// pass takes what is left of a table's rows: the connection is free after them.
func pass(ctx context.Context, t *reports.Table) error {
	for {
		if b, err := t.Batches.Next(ctx); err != nil || b == nil {
			return err
		}
	}
}

// prepare looks up what the queries name, and finds what they have in common.
func (p *page) prepare(ctx context.Context) error {
	r := p.reading
	k := newKnown(r.Conn)
	for n, plan := range p.plans {
		if plan.query.Settled && !r.Freshness.Settled(r.AsOfUS) {
			return &reports.AskError{Ask: n, Err: admin.Refuse(admin.Invalid, "/settled",
				"as-of %d is not settled: what is known up to %d is; ask for that, or again later", r.AsOfUS, r.Freshness.WatermarkUS)}
		}
		if err := plan.resolve(ctx, k); err != nil {
			return &reports.AskError{Ask: n, Err: err}
		}
		p.join(plan)
	}
	for _, b := range p.bases {
		b.chooseOffsets(r.Basis)
	}
	for _, plan := range p.plans {
		plan.offsets = p.bases[plan.base].offsets
	}
	return nil
}

// join finds the figures that a report is a sum of, or begins them.
func (p *page) join(plan *plan) {
	for n, b := range p.bases {
		if !b.serves(plan) {
			continue
		}
		plan.base = n
		b.add(plan)
		return
	}
	plan.base = len(p.bases)
	common := *plan
	common.own, common.raws, common.periods = slices.Clone(plan.own), slices.Clone(plan.raws), slices.Clone(plan.periods)
	p.bases = append(p.bases, &base{plan: &common, stands: map[int]*stands{}})
}

// serves says whether a report is a sum of the base's figures, once they are told
// apart by what it needs. Whether visits are read says what is noted; lines of
// orders are other figures than orders.
func (b *base) serves(p *plan) bool {
	same := func(key func(*plan) any) bool { return fmt.Sprint(key(b.plan)) == fmt.Sprint(key(p)) }
	common := min(len(b.periods), len(p.periods))
	if len(p.tenants) > 1 && len(b.periods) != len(p.periods) {
		return false // what is noted of an organizer is noted while its tables are there
	}
	return slices.Equal(b.periods[:common], p.periods[:common]) && b.wantsVisits() == p.wantsVisits() && b.uses(tickets) == p.uses(tickets) &&
		same(func(p *plan) any { return p.scope() }) && same(func(p *plan) any { return p.event }) && same(func(p *plan) any { return p.zone }) &&
		slices.Equal(b.conditions.figures, p.conditions.figures) &&
		slices.EqualFunc(b.conditions.texts, p.conditions.texts, slices.Equal[[]string])
}

// add makes the base tell apart what one more report needs.
func (b *base) add(p *plan) {
	for _, d := range p.own {
		b.need(d)
	}
	var all []raw
	for _, r := range raws() {
		if b.wants(r.name) || p.wants(r.name) {
			all = append(all, r)
		}
	}
	b.raws = all
	if len(p.periods) > len(b.periods) {
		b.periods = slices.Clone(p.periods)
	}
}

// scope is whose orders are credited, and how. By order date the tables hold all
// that a part of their range needs; by visit date what is noted depends on which
// orders that could be of the range were looked at.
func (p *plan) scope() string {
	ids := make([]int64, len(p.tenants))
	for i, t := range p.tenants {
		ids[i] = t.id
	}
	if p.query.Basis == basisVisit {
		return fmt.Sprint(ids, p.query.Policy, p.periods)
	}
	return fmt.Sprint(ids, p.query.Policy)
}
