// Package generator sends visits at a constant rate, and signed orders and
// refunds beside them, to a product on this machine, and keeps the ledger.
//
// It is an open loop: what is due is sent when it is due, whatever became of
// what was sent before, and a latency is counted from when the request was
// due. A server that stops for a second so costs every request of that second,
// not one. A server that is killed and comes back finds the schedule where the
// clock is.
//
// It refuses every address but loopback ones.
package generator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"footfall/bench/ledger"
)

// Deps are what a generator needs from outside.
type Deps struct {
	Clock  func() time.Time
	Log    *slog.Logger
	Ledger *ledger.Writer // the caller creates and ends it
}

// Generator is one run.
type Generator struct {
	config Config
	deps   Deps
	plan   *plan
	visits *client
	orders *client

	signers map[string]*signer
	clicks  map[int]*click // of the visits whose click ids orders carry

	mu    sync.Mutex
	tally *ledger.Tally // mu
	err   error         // mu; the ledger's first
}

// click is where a visit leaves its click id, "" for none.
type click struct {
	done chan struct{}
	id   string
}

// New checks the run. It sends nothing.
func New(config Config, deps Deps) (*Generator, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	g := &Generator{config: config, deps: deps, signers: map[string]*signer{}, clicks: map[int]*click{}, tally: ledger.NewTally()}
	g.plan = newPlan(&g.config)
	var err error
	if g.visits, err = newClient(config.VisitsURL, &config); err != nil {
		return nil, err
	}
	if config.Orders == 0 {
		return g, nil
	}
	if g.orders, err = newClient(config.OrdersURL, &config); err != nil {
		return nil, err
	}
	for _, o := range config.World.Organizers {
		if g.signers[o.Slug], err = newSigner(o.Secret); err != nil {
			return nil, err
		}
	}
	for number := range config.Orders {
		if o := g.plan.order(number, time.Time{}); o.click {
			g.clicks[o.visit] = &click{done: make(chan struct{})}
		}
	}
	return g, nil
}

// Run sends everything, waits for the last answer, and gives the summary. It
// ends early, with what was sent so far, when ctx ends or the ledger can't be
// written.
func (g *Generator) Run(ctx context.Context) (ledger.Summary, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := g.deps.Clock()
	var group sync.WaitGroup
	group.Go(func() { g.sendOrders(ctx, cancel, start) })
	g.sendVisits(ctx, cancel, start)
	group.Wait()
	g.visits.host.CloseIdleConnections()
	if g.orders != nil {
		g.orders.host.CloseIdleConnections()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return g.tally.Summary(), fmt.Errorf("sending load: %w", err)
	}
	return g.tally.Summary(), nil
}

// sendVisits is the pacer of visits. It returns when all are answered.
func (g *Generator) sendVisits(ctx context.Context, cancel context.CancelCauseFunc, start time.Time) {
	var group sync.WaitGroup
	defer group.Wait()
	room := make(chan struct{}, g.config.InFlight)
	next := 0
	defer func() { g.release(next) }()
	for number := range g.config.Visits {
		v := g.plan.visit(number)
		if !g.wait(ctx, start.Add(v.due)) {
			return
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		next = number + 1
		group.Go(func() {
			defer func() { <-room }()
			g.sendVisit(v, number, start, cancel)
		})
	}
}

// release lets go the orders that wait for visits which are not sent any more.
func (g *Generator) release(from int) {
	for number, c := range g.clicks {
		if number >= from {
			close(c.done)
		}
	}
}

func (g *Generator) sendVisit(v plannedVisit, number int, start time.Time, cancel context.CancelCauseFunc) {
	r := ledger.Record{Kind: ledger.KindVisit, ID: fmt.Sprintf("v%d-%08d", g.config.Seed, number), Visit: &v.visit}
	r.DueUS, r.SentUS = start.Add(v.due).UnixMicro(), g.deps.Clock().UnixMicro()
	g.visits.visit(v, &r)
	g.record(&r, cancel)
	if c := g.clicks[number]; c != nil {
		c.id = r.ClickID
		close(c.done)
	}
}

// sendOrders is the pacer of orders. It returns when all are answered.
func (g *Generator) sendOrders(ctx context.Context, cancel context.CancelCauseFunc, start time.Time) {
	var group sync.WaitGroup
	defer group.Wait()
	for number := range g.config.Orders {
		o := g.plan.order(number, start)
		if !g.wait(ctx, start.Add(o.due)) {
			return
		}
		group.Go(func() {
			s := shop{generator: g, plan: o, due: start.Add(o.due), cancel: cancel}
			s.run(ctx)
		})
	}
}

// wait sleeps until at. It tells whether the run goes on.
func (g *Generator) wait(ctx context.Context, at time.Time) bool {
	left := at.Sub(g.deps.Clock())
	if left <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// record dates the answer and writes the line.
func (g *Generator) record(r *ledger.Record, cancel context.CancelCauseFunc) {
	r.AnsweredUS = g.deps.Clock().UnixMicro()
	err := g.deps.Ledger.Append(*r)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tally.Add(r)
	if err != nil && g.err == nil {
		g.err = err
		cancel(err)
	}
}

// shop is a ticketing site that sends one order and what comes of it, each
// until it has a clear answer.
type shop struct {
	generator *Generator
	plan      plannedOrder
	due       time.Time
	cancel    context.CancelCauseFunc
	attempts  int
}

func (s *shop) run(ctx context.Context) {
	p := s.plan
	if p.click {
		c := s.generator.clicks[p.visit]
		select {
		case <-c.done:
			p.order.ClickID = c.id
		case <-ctx.Done():
			return
		}
	}
	if p.before && !s.refund(ctx) {
		return
	}
	if !s.send(ctx, &p.order, nil) {
		return
	}
	if p.repeat {
		s.send(ctx, &p.order, nil)
	}
	if p.conflict {
		other := p.order
		other.Lines = append([]ledger.Line(nil), other.Lines...)
		other.Lines[0].Quantity++
		s.send(ctx, &other, nil)
	}
	if p.cancel {
		cancelled := p.order
		cancelled.State = "cancelled"
		s.send(ctx, &cancelled, nil)
	}
	if !p.before {
		s.refund(ctx)
	}
}

func (s *shop) refund(ctx context.Context) bool {
	for i := range s.plan.refunds {
		if !s.send(ctx, nil, &s.plan.refunds[i]) {
			return false
		}
		if s.plan.again {
			s.send(ctx, nil, &s.plan.refunds[i])
		}
	}
	return true
}

// send sends an order or a refund until it is acknowledged or refused. It
// tells whether it was acknowledged. Attempts after the first are due when
// they are sent.
func (s *shop) send(ctx context.Context, order *ledger.Order, refund *ledger.Refund) bool {
	g := s.generator
	kind, path, content := ledger.KindOrder, "/v1/orders", any(order)
	if refund != nil {
		kind, path, content = ledger.KindRefund, "/v1/refunds", any(refund)
	}
	body, err := json.Marshal(content)
	if err != nil {
		s.cancel(fmt.Errorf("encoding order: %w", err))
		return false
	}
	giveUp := g.deps.Clock().Add(time.Duration(g.config.GiveUpSeconds) * time.Second)
	for {
		s.attempts++
		now := g.deps.Clock()
		r := ledger.Record{
			Kind: kind, ID: fmt.Sprintf("%s-%s-%d", kind, s.plan.order.ID, s.attempts),
			Organizer: s.plan.organizer, Order: order, Refund: refund, DueUS: now.UnixMicro(), SentUS: now.UnixMicro(),
		}
		if s.attempts == 1 {
			r.DueUS = s.due.UnixMicro()
		}
		g.orders.post(path, body, now, g.signers[s.plan.organizer], &r)
		g.record(&r, s.cancel)
		if r.Outcome == ledger.Acknowledged || r.Outcome == ledger.Refused {
			return r.Outcome == ledger.Acknowledged
		}
		next := g.deps.Clock().Add(time.Duration(g.config.RetryMS) * time.Millisecond)
		if next.After(giveUp) || !g.wait(ctx, next) {
			g.deps.Log.Warn("order given up", "order", s.plan.order.ID, "error", errors.New(r.Error))
			return false
		}
	}
}
