package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"footfall/bench/ledger"
	"footfall/internal/testkit"
	"footfall/schemas/admin"
)

// figures are those of one affiliate in one currency.
type figures struct{ Visits, Orders, Tickets, Sales, Refunds int64 }

// owner names an affiliate's row; 0 is direct.
type owner struct {
	Organizer string
	Affiliate int64
	Currency  string
}

// lakeReader is a process that reads the lake over and over.
type lakeReader struct {
	name   string
	stop   io.Closer
	sent   *sent
	last   map[owner]figures
	reads  atomic.Int64
	ended  chan error
	errors bytes.Buffer
}

// startReader runs one of docs/examples on the lake until it is stopped.
func startReader(ctx context.Context, t *testing.T, s *server, out *sent, environment, example string) *lakeReader {
	t.Helper()
	r := &lakeReader{name: environment + " " + example, sent: out, ended: make(chan error, 1)}
	c := exec.CommandContext(ctx, testkit.PythonPath(t, environment), "testdata/lake_reader.py", example,
		filepath.Join(s.data, "lake"), filepath.Join(testkit.ModuleRoot(t), "docs", "examples"))
	c.Stderr = &r.errors
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r.stop = in
	go func() {
		err := r.follow(said)
		_, _ = io.Copy(io.Discard, said)
		if waited := c.Wait(); waited != nil {
			err = errors.Join(err, fmt.Errorf("%w\n%s", waited, r.errors.String()))
		}
		r.ended <- err
	}()
	return r
}

// follow checks each reading against the one before: what was committed once is
// never gone again. Tickets fall where some are refunded.
func (r *lakeReader) follow(out io.Reader) error {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var said struct{ Rows [][]json.RawMessage }
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			return fmt.Errorf("reading %q: %w", lines.Text(), err)
		}
		now := map[owner]figures{}
		var visits, orders int64
		for _, cells := range said.Rows {
			var o owner
			var f figures
			for i, into := range []any{&o.Organizer, &o.Affiliate, &o.Currency, &f.Visits, &f.Orders, &f.Tickets, &f.Sales, &f.Refunds} {
				if err := json.Unmarshal(cells[i], into); err != nil {
					return fmt.Errorf("reading %s: %w", cells[i], err)
				}
			}
			now[o] = f
			visits, orders = visits+f.Visits, orders+f.Orders
		}
		if visits > r.sent.visits.Load() || orders > r.sent.orders.Load() {
			return fmt.Errorf("%d visits and %d orders are read, more than were sent", visits, orders)
		}
		for o, before := range r.last {
			if f := now[o]; f.Visits < before.Visits || f.Orders < before.Orders || f.Sales < before.Sales || f.Refunds < before.Refunds {
				return fmt.Errorf("%+v fell from %+v to %+v", o, before, f)
			}
		}
		r.last = now
		r.reads.Add(1)
	}
	return lines.Err()
}

// sent is what was sent, counted before it is: nobody may read more.
type sent struct{ visits, orders atomic.Int64 }

// TestLakeIsReadByOthersWhileItIsWritten has DuckDB 1.5 and 2.0, polars and pandas
// loop over the lake while visits, orders and refunds are committed, merged and
// checkpointed.
func TestLakeIsReadByOthersWhileItIsWritten(t *testing.T) {
	s := newServer(t, "FOOTFALL_CONSUMER_COMMIT_INTERVAL_MS=1")
	world := ledger.World{
		Organizers: []ledger.Organizer{{Slug: "north", Zone: "America/St_Johns"}, {Slug: "east", Zone: "Asia/Tokyo"}},
		Events:     []ledger.Event{{Slug: "n-fair", Organizer: "north", Currency: "CAD"}, {Slug: "e-gala", Organizer: "east", Currency: "JPY"}},
		Codes: []ledger.Code{
			{Organizer: "north", Text: "foodie", Affiliate: "ann"},
			{Organizer: "north", Text: "radio", Affiliate: "bob", Event: "n-fair"},
			{Organizer: "east", Text: "Gala.1", Affiliate: "cho"},
		},
	}
	s.seed(&world, map[string]string{})
	awaitEdge(t, s, &world)
	out := &sent{}
	send := newSender(t, s, &world, out)
	send.history(s)
	s.Stop(startTimeout)
	s.start() // it publishes the catalog at once
	awaitEdge(t, s, &world)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for n := range 20 {
		send.step(n)
	}
	readers := []*lakeReader{
		startReader(ctx, t, s, out, testkit.Python, "with_duckdb"), startReader(ctx, t, s, out, testkit.PythonDuckDB2, "with_duckdb"),
		startReader(ctx, t, s, out, testkit.Python, "with_polars"), startReader(ctx, t, s, out, testkit.Python, "with_pandas"),
	}
	first := append(lakeFiles(t, s, "visits"), lakeFiles(t, s, "orders")...)
	for n := 20; n%50 != 0 || !enough(t, s, readers, first); n++ {
		for _, r := range readers {
			select {
			case err := <-r.ended:
				t.Fatalf("%s ended after %d readings: %v", r.name, r.reads.Load(), err)
			default:
			}
		}
		send.step(n)
	}
	want := reported(t, s, &world, out)
	for _, r := range readers {
		if err := r.stop.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range readers {
		if err := <-r.ended; err != nil {
			t.Errorf("%s: %v", r.name, err)
			continue
		}
		t.Logf("%s: %d readings", r.name, r.reads.Load())
		for o, f := range want {
			if r.last[o] != f {
				t.Errorf("%s reads %+v of %+v, the report says %+v", r.name, r.last[o], o, f)
			}
		}
		if len(r.last) != len(want) {
			t.Errorf("%s reads %d rows, the report has %d", r.name, len(r.last), len(want))
		}
	}
}

// sender sends visits, orders and refunds of a world.
type sender struct {
	t      *testing.T
	world  *ledger.World
	player *demoPlayer
	out    *sent
}

func newSender(t *testing.T, s *server, world *ledger.World, out *sent) *sender {
	t.Helper()
	player := &demoPlayer{ClickURL: "http://" + s.clicks, OrdersURL: "http://" + s.orders, Client: demoClient(), Now: time.Now, Secrets: map[string]string{}}
	for _, o := range world.Organizers {
		player.Secrets[o.Slug] = o.Secret
	}
	return &sender{t: t, world: world, player: player, out: out}
}

func (p *sender) visit(event, code string) (click string) {
	p.t.Helper()
	p.out.visits.Add(1)
	click, err := p.player.click(p.t.Context(), &demoVisit{
		Method: http.MethodGet, Target: "/e/" + event + "/?affiliate=" + code, Header: http.Header{"User-Agent": {"Mozilla/5.0 Firefox/145.0"}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return click
}

func (p *sender) post(path, organizer string, body map[string]any) {
	p.t.Helper()
	if err := p.player.post(p.t.Context(), path, organizer, body); err != nil {
		p.t.Fatal(err)
	}
}

func (p *sender) order(id string, event ledger.Event, price int, credit map[string]any) {
	p.t.Helper()
	order := map[string]any{
		"id": id, "event": event.Slug, "ordered_at": time.Now().UTC().Format(time.RFC3339Nano), "currency": event.Currency,
		"lines": []map[string]any{
			{"id": "1", "ticket_type": "day", "quantity": 2, "unit_price": price}, {"id": "2", "ticket_type": "child", "quantity": 1, "unit_price": 500},
		},
	}
	maps.Copy(order, credit)
	p.out.orders.Add(1)
	p.post("/v1/orders", event.Organizer, order)
}

// step sends a visit, and with some an order and a refund: credited by the click
// id, by the code or a coupon alone, or not at all.
func (p *sender) step(n int) {
	p.t.Helper()
	code := p.world.Codes[n%len(p.world.Codes)]
	event := p.world.Events[slices.IndexFunc(p.world.Events, func(v ledger.Event) bool { return v.Organizer == code.Organizer })]
	click := p.visit(event.Slug, code.Text)
	if n%4 != 0 {
		return
	}
	id := fmt.Sprint("o-", n)
	p.order(id, event, 1000+n, []map[string]any{
		{"click_id": click}, {"affiliate": code.Text}, {"coupon": "SPRING"}, {"affiliate": "quiet"}, {"affiliate": "nobody", "coupon": "spring"}, {},
	}[n/4%6])
	refund := map[string]any{"id": "r-" + id, "order_id": id, "refunded_at": time.Now().UTC().Format(time.RFC3339Nano), "currency": event.Currency}
	switch n / 4 % 7 {
	case 0:
		refund["lines"] = []map[string]any{{"line_id": "1", "quantity": 1, "amount": 700}}
	case 1: // whole
	case 2: // more than there is: set aside
		refund["lines"] = []map[string]any{{"line_id": "2", "quantity": 9, "amount": 500}}
	default:
		return
	}
	p.post("/v1/refunds", event.Organizer, refund)
}

// history makes what must be read out of the catalog's history: a coupon, a code
// that is paused, and one that people typed before it was somebody's.
func (p *sender) history(s *server) {
	p.t.Helper()
	yesterday := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	gala := p.world.Events[1]
	p.order("o-claimed", gala, 4000, map[string]any{"click_id": p.visit(gala.Slug, "Late")})
	p.visit(gala.Slug, "late")
	s.call(http.MethodPost, "/v1/coupons", admin.CouponAdd{Organizer: "north", Text: "Spring", Code: "foodie", From: yesterday}, nil)
	s.call(http.MethodPost, "/v1/codes", admin.CodeAdd{Organizer: "north", Text: "quiet", Affiliate: "bob"}, nil)
	s.call(http.MethodPost, "/v1/codes/quiet/pause?organizer=north", nil, nil)
	s.call(http.MethodPost, "/v1/codes", admin.CodeAdd{Organizer: "east", Text: "late", Affiliate: "cho", ClaimFrom: yesterday}, nil)
}

// enough says whether every reader read several times, the files that were there
// at first are merged, and a checkpoint took the place of entries.
func enough(t *testing.T, s *server, readers []*lakeReader, first []string) bool {
	t.Helper()
	const reads = 3
	for _, r := range readers {
		if r.reads.Load() < reads {
			return false
		}
	}
	live := append(lakeFiles(t, s, "visits"), lakeFiles(t, s, "orders")...)
	if slices.ContainsFunc(first, func(path string) bool { return slices.Contains(live, path) }) {
		return false
	}
	checkpoints, err := filepath.Glob(filepath.Join(s.data, "lake", "_log", "*-visits", "checkpoints", "*.json"))
	return err == nil && len(checkpoints) > 0
}

// reported is what the report says once it has everything that was sent.
func reported(t *testing.T, s *server, world *ledger.World, out *sent) map[owner]figures {
	t.Helper()
	var want map[owner]figures
	testkit.Eventually(t, startTimeout, func() error {
		want = map[owner]figures{}
		var visits, orders int64
		for _, o := range world.Organizers {
			d, _ := s.report(url.Values{"organizer": {o.Slug}})
			for _, row := range d.Rows {
				var key owner
				if err := errors.Join(json.Unmarshal(row["affiliate_id"], &key.Affiliate), json.Unmarshal(row["currency"], &key.Currency)); err != nil {
					return err
				}
				key.Organizer = o.Slug
				f := figures{
					Visits: number(t, row["visits"]), Orders: number(t, row["orders"]), Tickets: number(t, row["tickets_sold"]),
					Sales: number(t, row["total_sales"]), Refunds: number(t, row["refunds"]),
				}
				if f != (figures{}) {
					want[key] = f
				}
				visits, orders = visits+f.Visits, orders+f.Orders
			}
		}
		if visits != out.visits.Load() || orders != out.orders.Load() {
			return fmt.Errorf("the report has %d visits and %d orders of %d and %d", visits, orders, out.visits.Load(), out.orders.Load())
		}
		return nil
	})
	return want
}
