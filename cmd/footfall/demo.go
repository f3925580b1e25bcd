package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"footfall/internal/ops"
)

// demoOptions are the flags of footfall demo.
type demoOptions struct {
	seed uint64
	days int     // of past, on empty data
	rate float64 // actions a second
	shop string  // listen address
}

const (
	// demoMostDays keeps the events, whose dates are relative to now, in place.
	demoMostDays = 366
	// demoMostRate is for looking at; bench/load sends more.
	demoMostRate = 1000
)

func newDemoCommand(e *env) *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run it with pretend ticket sellers: weeks of past, then a stream of visits and orders",
		Long: `Makes three pretend organizers with events, affiliates and codes, and opens a
pretend ticket shop where their links lead. What happens is the same for the same
--seed.

On an empty data directory it first writes the past: --days of visits, orders and
refunds, through the same listeners, journals and consumer as everything else.
Then it runs the product as "footfall all" does, and keeps sending.`,
		Example: "  footfall demo --data demo-data\n  footfall demo --data demo-data --seed 7 --days 90",
		Args:    takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return e.demo(c.Context(), o)
		},
	}
	f := c.Flags()
	f.Uint64Var(&o.seed, "seed", 1, "what happens follows from it")
	f.IntVar(&o.days, "days", 28, "days of past to write on empty data")
	f.Float64Var(&o.rate, "rate", 2, "visits and orders a second")
	f.StringVar(&o.shop, "shop-listen", shopListen, "loopback address of the ticket shop")
	return c
}

// check refuses what makes no sense.
func (o *demoOptions) check() error {
	if o.rate <= 0 || o.rate > demoMostRate {
		return usagef("--rate %g: want more than 0 and at most %d; bench/load sends more", o.rate, demoMostRate)
	}
	if o.days < 0 || o.days > demoMostDays {
		return usagef("--days %d: want 0 to %d", o.days, demoMostDays)
	}
	if err := ops.CheckLoopback("--shop-listen", o.shop, "nothing else: the shop is for this machine only"); err != nil {
		return usageError{err}
	}
	return nil
}

func (e *env) demo(ctx context.Context, o demoOptions) error {
	w, err := newDemoWorld(demoConfig{
		Seed: o.seed, Until: e.Now().Truncate(time.Minute), Days: max(o.days, 1), VisitsADay: 500, Destinations: "http://" + o.shop + "/tickets",
	})
	if err != nil {
		return fmt.Errorf("making the demo's world: %w", err)
	}
	empty, err := emptyDir(e.Data)
	if err != nil {
		return err
	}
	switch _, err := os.Stat(filepath.Join(e.Data, demoUnfinished)); {
	case err == nil:
		return usagef("the demo's past in %s was not written to its end: remove that directory, or choose another --data", e.Data)
	case empty && o.days > 0:
		if err := e.demoPast(ctx, w, o); err != nil {
			return err
		}
	}
	p, err := e.openProduct(ctx)
	if err != nil {
		return err
	}
	secrets, err := p.prepare(ctx, w, o.shop)
	if err != nil {
		return errors.Join(err, p.rep.Close())
	}
	p.Add(ops.Part{Name: "demo", Run: func(ctx context.Context) error {
		player := &demoPlayer{
			ClickURL: "http://" + p.clicks(), OrdersURL: "http://" + p.orders(), Secrets: secrets, Client: demoClient(), Now: e.Now,
			Interval: time.Duration(float64(time.Second) / o.rate), Run: "live" + e.Now().UTC().Format("20060102T150405"),
		}
		defer player.Client.CloseIdleConnections()
		if err := player.ready(ctx, w); err != nil {
			return err
		}
		_, err := player.play(ctx, w, 0)
		return err
	}})
	return p.Run(ctx, func() error { return p.banner(ctx, w) })
}

// demoUnfinished stands in the data directory while the past is written.
const demoUnfinished = "demo-unfinished"

// demoPast writes the past, once it is known that the product can be started on it.
func (e *env) demoPast(ctx context.Context, w *demoWorld, o demoOptions) (err error) {
	if err := e.demoCanListen(ctx, o.shop); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(e.Out, "Writing %d days of the past into %s.\n", o.days, e.Data); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	unfinished := filepath.Join(e.Data, demoUnfinished)
	if err := errors.Join(os.MkdirAll(e.Data, 0o700), os.WriteFile(unfinished, nil, 0o600)); err != nil {
		return fmt.Errorf("beginning the demo's past: %w", err)
	}
	sent, err := e.writePast(ctx, w)
	if err != nil {
		return fmt.Errorf("writing the demo's past: %w", err)
	}
	if err := os.Remove(unfinished); err != nil {
		return fmt.Errorf("ending the demo's past: %w", err)
	}
	if _, err := fmt.Fprintf(e.Out, "%d visits, %d orders, %d refunds.\n", sent.Visits, sent.Orders, sent.Refunds); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// demoCanListen opens every listener of the product and closes it again: a port that
// is taken is said before minutes of past are written.
func (e *env) demoCanListen(ctx context.Context, shop string) error {
	s, err := e.settings()
	if err != nil {
		return err
	}
	for _, l := range []struct{ key, address string }{
		{"admin.listen", s.Admin.Listen},
		{"collector.edge.listen", s.Collector.Edge.Listen},
		{"collector.orders.listen", s.Collector.Orders.Listen},
		{"reporter.api.listen", s.Reporter.API.Listen},
		{"reporter.web.listen", s.Reporter.Web.Listen},
		{"--shop-listen", shop},
	} {
		if l.address == "" {
			continue
		}
		listener, err := ops.Listen(ctx, l.key, l.address)
		if err != nil {
			return ops.Starting("the demo", err)
		}
		if err := listener.Close(); err != nil {
			return fmt.Errorf("closing a listener: %w", err)
		}
	}
	return nil
}

// emptyDir says that nothing stands in a directory, or that there is none.
func emptyDir(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking into the data directory: %w", err)
	}
	return len(entries) == 0, nil
}

// shop is what the world's ticket shop sells, with a link or two for each
// event.
func (w *demoWorld) shop(clickURL, ordersURL string, secrets map[string]string, explain func(organizer, order string) string) shopConfig {
	config := shopConfig{OrdersURL: ordersURL, Explain: explain}
	for i := range w.Events {
		e := &w.Events[i]
		if !e.End.After(w.config.Until) {
			continue
		}
		one := shopEvent{
			Organizer: e.Organizer, Secret: secrets[e.Organizer], Slug: e.Slug, Name: e.Name,
			TicketType: e.Tickets[0].Type, UnitPrice: e.Tickets[0].Price, Currency: e.Currency,
		}
		for _, o := range w.Organizers {
			if o.Slug == e.Organizer {
				one.OrganizerName = o.Name
			}
		}
		for _, c := range w.codesOf(e) {
			if !c.Paused {
				one.Links = append(one.Links, shopLink{
					Affiliate: w.affiliate(c.Organizer, c.Affiliate).Name,
					URL:       clickURL + "/e/" + url.PathEscape(e.Slug) + "/?affiliate=" + url.QueryEscape(c.Text),
				})
			}
		}
		config.Events = append(config.Events, one)
	}
	return config
}
