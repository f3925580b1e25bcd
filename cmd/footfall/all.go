package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"footfall/internal/ops"
	"footfall/reporter"
	"footfall/schemas/ids"
)

// The one-process product:
//
//	admin ─ reporter ─ consumer ─ collector ─ (sample shop)
//
// Started from left to right and stopped the other way round: the listeners
// close, the journals end their epochs, the consumer reads them to the end.

// shopListen is the sample's ticket shop: a pretend site to click through to.
const shopListen = "127.0.0.1:8680"

type allFlags struct {
	sample bool
	shop   string
}

func newAllCommand(e *env) *cobra.Command {
	flags := allFlags{}
	c := &cobra.Command{
		Use:   "all",
		Short: "Run everything in one process, until a signal",
		Long: `Runs the click and order listeners, the consumer and the reporter in one
process, with its data in --data. Other footfall commands with the same --data
talk to it.`,
		Example: "  footfall all\n  footfall all --data /var/lib/footfall --config /etc/footfall.toml",
		Args:    takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := e.openProduct(c.Context())
			if err != nil {
				return err
			}
			var world *demoWorld
			if flags.sample {
				if world, err = sampleWorld(e.Now(), "http://"+flags.shop); err != nil {
					return errors.Join(err, p.rep.Close())
				}
				if _, err := p.prepare(c.Context(), world, flags.shop); err != nil {
					return errors.Join(err, p.rep.Close())
				}
			}
			return p.Run(c.Context(), func() error { return p.banner(c.Context(), world) })
		},
	}
	c.Flags().BoolVar(&flags.sample, "sample", false, "on an empty catalog, set up one organizer to try things with; serve a pretend ticket shop")
	c.Flags().StringVar(&flags.shop, "shop-listen", shopListen, "loopback address of the sample's shop")
	return c
}

// product is all roles in one process.
type product struct {
	*role
	rep       *reporter.Reporter
	collector ids.CollectorID
	clicks    func() string // addresses, once open
	orders    func() string
}

// openProduct opens the catalog and builds the rest, which starts with run.
func (e *env) openProduct(ctx context.Context) (p *product, err error) {
	r, err := e.newRole()
	if err != nil {
		return nil, err
	}
	p = &product{role: r}
	if p.rep, err = r.openReporter(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.rep.Close())
		}
	}()
	if p.collector, err = p.rep.Embedded(ctx); err != nil {
		return nil, err
	}
	r.Add(p.rep.Parts()...)
	feed := p.rep.Feed(p.collector)
	if err := r.addConsumer(p.collector, feed, true); err != nil {
		return nil, err
	}
	edge, err := r.addCollector(p.collector, feed)
	if err != nil {
		return nil, err
	}
	p.clicks, p.orders = edge.ClickAddr, edge.OrderAddr
	p.rep.PointAt(func() string { return "http://" + edge.ClickAddr() }, func() string { return "http://" + edge.OrderAddr() })
	return p, nil
}

// ask asks this process's reporter.
func (p *product) ask() asker { return askHandler(p.rep.Handler()).call }

// prepare sets a world up where it is not there yet, adds the shop that its
// links lead to, and gives the organizers' webhook secrets.
func (p *product) prepare(ctx context.Context, world *demoWorld, listen string) (map[string]string, error) {
	if err := ops.CheckLoopback("--shop-listen", listen, "nothing else: the shop is for this machine only"); err != nil {
		return nil, usageError{err}
	}
	secrets, err := demoSetup(ctx, p.ask(), world, p.env.Data)
	if err != nil {
		return nil, fmt.Errorf("setting the pretend organizers up: %w", err)
	}
	p.Add(p.shopPart(world, secrets, listen))
	return secrets, nil
}

// shopPart serves the shop. It opens after the listeners, whose addresses its
// pages show.
func (p *product) shopPart(world *demoWorld, secrets map[string]string, listen string) ops.Part {
	var server *http.Server
	var listener net.Listener
	return ops.Part{
		Name: "ticket shop",
		Open: func(ctx context.Context) error {
			config := world.shop("http://"+p.clicks(), "http://"+p.orders(), secrets, p.env.explainCommand)
			handler, err := newShop(config, demoClient(), p.env.Now)
			if err != nil {
				return err
			}
			server = &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, ErrorLog: ops.ServerLog(p.Log)}
			listener, err = ops.Listen(ctx, "--shop-listen", listen)
			return err
		},
		Run: func(ctx context.Context) error {
			if listener == nil {
				return nil
			}
			served := make(chan error, 1)
			go func() { served <- server.Serve(listener) }()
			select {
			case err := <-served:
				return fmt.Errorf("serving the ticket shop: %w", err)
			case <-ctx.Done():
				return server.Close()
			}
		},
	}
}

// explainCommand is what to type about an order.
func (e *env) explainCommand(organizer, order string) string {
	return e.command("explain order " + order + " --organizer " + organizer)
}

// command is a footfall command for this data directory.
func (e *env) command(rest string) string {
	if e.Data == defaultData() {
		return "bin/footfall " + rest
	}
	return "bin/footfall --data " + e.Data + " " + rest
}

// banner says what to open and what to ask.
func (p *product) banner(ctx context.Context, world *demoWorld) error {
	setup, err := p.rep.SetupURL(ctx)
	if err != nil {
		return fmt.Errorf("making the set-up link: %w", err)
	}
	opens := "people sign in there"
	if setup != "" {
		opens = "opens once, within a day: whoever opens it becomes the owner"
	}
	lines := []string{
		"", "Footfall is running. Data: " + p.env.Data, "",
		"  clicks       http://" + p.clicks() + "/e/EVENT/?affiliate=CODE",
		"  orders       http://" + p.orders() + "/v1/orders",
		"  api          " + cmp.Or(p.rep.APIURL(), "none over TCP: reporter.api.listen is empty") + "/v1/…",
		"  metrics      http://" + p.Admin.Addr() + "/metrics",
		"  dashboard    " + cmp.Or(setup, p.rep.WebURL(), "none: reporter.web.listen is empty"),
		"               " + opens,
		"  not lost     a killed process loses nothing that was answered; a power cut at most",
		fmt.Sprintf("               the visits of the last %d ms, no order; a lost disk what is on it alone", p.settings.Collector.VisitsJournal.SyncIntervalMS),
	}
	if world != nil && len(world.Events) > 0 {
		lines = append(lines, "", "  Click a link, then buy in the shop that it leads to:")
		for i, link := range world.links("http://" + p.clicks()) {
			if i == mostLinks {
				break
			}
			lines = append(lines, "               "+link)
		}
		lines = append(lines, "  Then ask     "+p.env.command("report --by affiliate --organizer "+world.Organizers[0].Slug))
	} else {
		lines = append(lines, "", "  Begin with   "+p.env.command("organizer add --help"))
	}
	for _, line := range append(lines, "") {
		if _, err := fmt.Fprintln(p.env.Out, line); err != nil {
			return fmt.Errorf("writing the notice: %w", err)
		}
	}
	return nil
}

// mostLinks keeps the notice on one screen.
const mostLinks = 4
