package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"footfall/internal/ops"
)

// The past of a demo is written by the product itself, started on a clock that
// the demo moves: clicks go through the listener, orders are signed, and what
// comes out is what would have been there.

const (
	// demoDayTakes is the least that a day of the past takes: the catalog makes
	// its day keys a week ahead, once a second.
	demoDayTakes = 250 * time.Millisecond
	// demoProxies: the actions' addresses count, as behind one proxy.
	demoProxies = 1
)

// movedClock is a clock that somebody else moves.
type movedClock struct{ ms atomic.Int64 }

func (c *movedClock) now() time.Time     { return time.UnixMilli(c.ms.Load()) }
func (c *movedClock) move(now time.Time) { c.ms.Store(now.UnixMilli()) }

// writePast plays a world into empty data, at the times that its actions are
// meant for.
func (e *env) writePast(ctx context.Context, w *demoWorld) (sent demoCounts, err error) {
	clock := &movedClock{}
	clock.move(w.config.Until.AddDate(0, 0, -w.config.Days))
	past := &env{Out: io.Discard, Err: io.Discard, Now: clock.now, Data: e.Data, Config: e.Config}
	past.adjust = func(s *settings) {
		s.Admin.Listen, s.Reporter.API.Listen, s.Reporter.Web.Listen = "", "", ""
		s.Collector.Edge.Listen, s.Collector.Orders.Listen = "127.0.0.1:0", "127.0.0.1:0"
		s.Collector.Edge.TrustedHops = demoProxies
	}
	p, err := past.openProduct(ctx)
	if err != nil {
		return sent, err
	}
	secrets, err := demoSetup(ctx, p.ask(), w, e.Data)
	if err != nil {
		return sent, errors.Join(err, p.rep.Close())
	}
	whole := false // read when the parts have ended
	running, stop := context.WithCancel(ctx)
	defer stop()
	p.Add(ops.Part{Name: "past", Run: func(ctx context.Context) error {
		player := &demoPlayer{
			ClickURL: "http://" + p.clicks(), OrdersURL: "http://" + p.orders(), Secrets: secrets,
			Client: demoClient(), Now: clock.now, clicks: map[int]string{},
		}
		defer player.Client.CloseIdleConnections()
		if err := player.ready(ctx, w); err != nil {
			return err
		}
		playErr := player.playAt(ctx, w, clock)
		sent = player.sent
		if playErr != nil {
			return playErr
		}
		whole = true
		stop() // all of it: the parts end as at any stop
		<-ctx.Done()
		return nil
	}})
	err = p.Run(running, func() error { return nil })
	if err == nil && !whole {
		err = fmt.Errorf("%w: remove %s to begin again", errPastStopped, e.Data)
	}
	return sent, err
}

// errPastStopped is returned where a signal came before the past was whole.
var errPastStopped = errors.New("stopped before its end")

// playAt sends every action at its own time, of the clock that it moves.
func (p *demoPlayer) playAt(ctx context.Context, w *demoWorld, clock *movedClock) error {
	day := time.NewTicker(demoDayTakes)
	defer day.Stop()
	next := clock.now().Add(demoDay)
	for a := range w.Actions() {
		for a.At.After(next) {
			select {
			case <-day.C:
				next = next.Add(demoDay)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if a.Order != nil && a.Order.Visit >= 0 && p.clicks[a.Order.Visit] == "" {
			return fmt.Errorf("order %s comes before the visit that it is from", a.Order.Body.ID)
		}
		clock.move(a.At)
		if err := p.send(ctx, a, ""); err != nil {
			return err
		}
	}
	return nil
}
