package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"footfall/bench/ledger"
	"footfall/bench/load/generator"
	"footfall/schemas/admin"
)

// probeCode is the code that only probes click.
const probeCode = "probe"

// patience bounds each wait for the product.
const patience = 30 * time.Second

// product is the started binary.
type product struct {
	cmd    *exec.Cmd
	data   string
	clicks string // address
	api    *http.Client
}

// start starts the product in dir and waits until it answers commands.
func start(ctx context.Context, binary, dir string) (*product, error) {
	clicks, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	p := &product{data: filepath.Join(dir, "data"), clicks: clicks}
	p.cmd = exec.CommandContext(ctx, binary, "all", "--data", p.data)
	p.cmd.Env = append(os.Environ(), "FOOTFALL_COLLECTOR_EDGE_LISTEN="+clicks, "FOOTFALL_COLLECTOR_ORDERS_LISTEN=127.0.0.1:0", "FOOTFALL_ADMIN_LISTEN=127.0.0.1:0", "FOOTFALL_REPORTER_API_LISTEN=127.0.0.1:0", "FOOTFALL_REPORTER_WEB_LISTEN=127.0.0.1:0")
	p.cmd.Stderr = os.Stderr
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	socket := filepath.Join(p.data, "footfall.sock")
	p.api = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	return p, nil
}

func (p *product) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping the product: %w", err)
	}
	return p.cmd.Wait()
}

func freeAddr(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// ask sends a request to the product's socket and gives the body.
func (p *product) ask(ctx context.Context, method, path string, in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("writing a request: %w", err)
	}
	if in == nil {
		body = nil
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://footfall"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := p.api.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the product: %w", err)
	}
	text, err := io.ReadAll(answer.Body)
	if closing := answer.Body.Close(); err == nil {
		err = closing
	}
	if err == nil && answer.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s %s", method, path, answer.Status, text)
	}
	return text, err
}

// world is three organizers, of which one has the probe's code beside others.
func world() ledger.World {
	w := ledger.World{}
	for _, o := range []string{"north", "east", "south"} {
		w.Organizers = append(w.Organizers, ledger.Organizer{Slug: o, Zone: "Europe/Vienna"})
		w.Events = append(w.Events, ledger.Event{Slug: o + "-fair", Organizer: o, Currency: "EUR"})
		for n := range 100 {
			w.Codes = append(w.Codes, ledger.Code{Organizer: o, Text: fmt.Sprintf("%s-%03d", o, n), Affiliate: fmt.Sprintf("partner-%d", n%20)})
		}
	}
	return w
}

// seed sets the world up and waits until the edge knows its last code.
func (p *product) seed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := until(ctx, func() error { _, err := p.ask(ctx, http.MethodGet, "/v1/organizers", nil); return err }); err != nil {
		return err
	}
	w := world()
	begin := time.Now().UTC()
	var posts []post
	for _, o := range w.Organizers {
		posts = append(posts, post{"/v1/organizers", admin.Organizer{Slug: o.Slug, Name: o.Slug, Zone: o.Zone, Currency: "EUR"}})
	}
	for _, e := range w.Events {
		posts = append(posts, post{"/v1/events", admin.EventAdd{
			Organizer: e.Organizer, Slug: e.Slug, Name: e.Slug, Destination: "https://tickets.example/" + e.Slug, Currency: e.Currency,
			Start: begin.AddDate(0, 1, 0).Format(time.RFC3339), End: begin.AddDate(0, 1, 1).Format(time.RFC3339),
		}})
	}
	known := map[string]bool{}
	for _, c := range append(w.Codes, ledger.Code{Organizer: "north", Text: probeCode, Affiliate: "partner-0"}) {
		if who := c.Organizer + c.Affiliate; !known[who] {
			known[who] = true
			posts = append(posts, post{"/v1/affiliates", admin.AffiliateAdd{Organizer: c.Organizer, Name: c.Affiliate, Email: who + "@partners.example"}})
		}
		posts = append(posts, post{"/v1/codes", admin.CodeAdd{Organizer: c.Organizer, Text: c.Text, Affiliate: c.Affiliate}})
	}
	for _, each := range posts {
		if _, err := p.ask(ctx, http.MethodPost, each.path, each.body); err != nil {
			return err
		}
	}
	client := plainClient()
	return until(ctx, func() error {
		location, err := p.click(ctx, client, http.MethodHead, strings.ToUpper(probeCode))
		if err == nil && !strings.Contains(location, "affiliate="+probeCode+"&") {
			err = fmt.Errorf("the edge does not know the probe's code yet: %s", location)
		}
		return err
	})
}

// post is one thing to set up.
type post struct {
	path string
	body any
}

// until tries until it works or ctx ends, and then gives the last error.
func until(ctx context.Context, try func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// plainClient keeps one connection and follows no redirect.
func plainClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxConnsPerHost: 1},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// click asks for a link of the probe's event and gives where it leads.
func (p *product) click(ctx context.Context, client *http.Client, method, code string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+p.clicks+"/e/north-fair/?affiliate="+code, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("making a click: %w", err)
	}
	request.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
	answer, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("clicking: %w", err)
	}
	if err := answer.Body.Close(); err != nil {
		return "", fmt.Errorf("clicking: %w", err)
	}
	if answer.StatusCode != http.StatusFound {
		return "", fmt.Errorf("clicking: answered %s", answer.Status)
	}
	return answer.Header.Get("Location"), nil
}

// loadEnd is how the load ended.
type loadEnd struct {
	summary ledger.Summary
	err     error
}

// load sends the constant rate, a little longer than the probes take.
func (p *product) load(ctx context.Context, o options, dir string) loadEnd {
	config := generator.Defaults()
	config.World, config.VisitsURL = world(), "http://"+p.clicks
	config.Orders, config.Refunds = 0, 0
	config.VisitsASecond, config.Visits = o.rate, int(o.rate*float64(o.seconds+2*warmSeconds))
	writer, err := ledger.Create(filepath.Join(dir, "ledger.jsonl"), ledger.Header{Seed: config.Seed, StartedUS: time.Now().UnixMicro(), World: config.World})
	if err != nil {
		return loadEnd{err: err}
	}
	g, err := generator.New(config, generator.Deps{Clock: time.Now, Log: slog.New(slog.DiscardHandler), Ledger: writer})
	if err != nil {
		return loadEnd{err: err}
	}
	summary, err := g.Run(ctx)
	if err == nil {
		err = writer.End(summary)
	}
	return loadEnd{summary, err}
}

// memory is the product's resident memory now and at its peak, in MiB.
func (p *product) memory() (now, peak int, err error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0, 0, fmt.Errorf("reading the product's memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		for name, to := range map[string]*int{"VmRSS:": &now, "VmHWM:": &peak} {
			if len(fields) > 1 && fields[0] == name {
				kib, err := strconv.Atoi(fields[1])
				if err != nil {
					return 0, 0, fmt.Errorf("reading the product's memory: %w", err)
				}
				*to = kib / 1024
			}
		}
	}
	return now, peak, nil
}
