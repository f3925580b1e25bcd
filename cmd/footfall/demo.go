package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"footfall/internal/ops"
)

// demoOptions are the flags of footfall demo.
type demoOptions struct {
	seed      uint64
	rate      float64 // actions a second
	visits    int     // 0: until stopped
	shop      string  // listen address
	clickURL  string
	ordersURL string
}

func newDemoCommand(e *env) *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Fill a running product with pretend ticket sellers, visits and orders",
		Long: `Makes three pretend organizers with events, affiliates and codes in the running
product, sends it visits and signed orders, and opens a pretend ticket shop where
the links lead. What happens is the same for the same --seed.

Start "footfall all" first, with the same --data.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return e.demo(c.Context(), o) },
	}
	f := c.Flags()
	f.Uint64Var(&o.seed, "seed", 1, "what happens follows from it")
	f.Float64Var(&o.rate, "rate", 5, "visits and orders a second")
	f.IntVar(&o.visits, "visits", 0, "stop after as many visits; 0: until a signal")
	f.StringVar(&o.shop, "shop", "127.0.0.1:8680", "address of the ticket shop, on the loopback")
	f.StringVar(&o.clickURL, "click-url", "", "base URL of the click listener (default: as configured)")
	f.StringVar(&o.ordersURL, "orders-url", "", "base URL of the order listener (default: as configured)")
	return c
}

// check refuses what makes no sense, and fills in the addresses that the
// listeners are configured with.
func (o *demoOptions) check(clicks, orders string) error {
	if o.rate <= 0 || o.rate > 1000 {
		return usagef("--rate %g: want more than 0 and at most 1000; bench/load sends more", o.rate)
	}
	if o.visits < 0 {
		return usagef("--visits %d: want 0 or more", o.visits)
	}
	if !loopbackHost(o.shop) {
		return usagef("--shop %s: want a loopback address, the shop is for this machine only", o.shop)
	}
	for _, base := range []struct {
		name   string
		value  *string
		listen string
	}{{"--click-url", &o.clickURL, clicks}, {"--orders-url", &o.ordersURL, orders}} {
		if *base.value == "" {
			*base.value = "http://" + base.listen
		}
		u, err := url.Parse(*base.value)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return usagef("%s %s: want a URL like http://127.0.0.1:8600", base.name, *base.value)
		}
		*base.value = strings.TrimSuffix(*base.value, "/")
	}
	return nil
}

func (e *env) demo(ctx context.Context, o demoOptions) error {
	s, err := e.settings()
	if err != nil {
		return err
	}
	if err := o.check(s.Collector.Edge.Listen, s.Collector.Orders.Listen); err != nil {
		return err
	}
	ctx, release := ops.Signals(ctx)
	defer release()
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", o.shop)
	if err != nil {
		return fmt.Errorf("opening the ticket shop on %s (--shop takes another address): %w", o.shop, err)
	}
	base := "http://" + listener.Addr().String()
	w, err := newDemoWorld(demoConfig{
		Seed: o.seed, Until: e.Now().Truncate(time.Minute), Days: 7, VisitsADay: 1000, Destinations: base + "/tickets",
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	run := demoRun{env: e, world: w, options: o, ask: e.call}
	return run.play(ctx, listener)
}

// demoRun is one run of the demo.
type demoRun struct {
	env     *env
	world   *demoWorld
	options demoOptions
	ask     asker
}

// play sets up, opens the shop on the listener, which it closes, and plays
// until ctx ends or all is sent.
func (d *demoRun) play(ctx context.Context, listener net.Listener) error {
	secrets, err := demoSetup(ctx, d.ask, d.world, d.env.Data)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	o := d.options
	player := &demoPlayer{
		ClickURL: o.clickURL, OrdersURL: o.ordersURL, Secrets: secrets, Client: demoClient(), Now: d.env.Now,
		Interval: time.Duration(float64(time.Second) / o.rate), Run: "live" + d.env.Now().UTC().Format("20060102T150405"),
	}
	defer player.Client.CloseIdleConnections()
	if err := player.ready(ctx, d.world); err != nil {
		err = fmt.Errorf("%w (is \"footfall all --data %s\" running?)", err, d.env.Data)
		return errors.Join(err, listener.Close())
	}
	handler, err := newShop(d.world.shop(o.clickURL, o.ordersURL, secrets), player.Client, d.env.Now)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if _, err := fmt.Fprintf(d.env.Out, "Links to click, and the shop where they lead: http://%s/\nSending visits and orders; stop with Ctrl-C.\n", listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	group, playing := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving the ticket shop: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		sent, err := player.play(playing, d.world, o.visits)
		_, printed := fmt.Fprintf(d.env.Out, "Sent %d visits, %d orders, %d refunds.\n", sent.Visits, sent.Orders, sent.Refunds)
		return errors.Join(err, printed, server.Close())
	})
	return group.Wait()
}

// shop is what the world's ticket shop sells, with a link or two for each
// event.
func (w *demoWorld) shop(clickURL, ordersURL string, secrets map[string]string) shopConfig {
	config := shopConfig{
		OrdersURL: ordersURL,
		Explain: func(organizer, order string) string {
			return "footfall explain order " + order + " --organizer " + organizer
		},
	}
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
