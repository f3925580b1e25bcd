package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"footfall/bench/ledger"
	"footfall/internal/testkit"
	"footfall/schemas/admin"
)

// fleet is the three roles as processes of their own on one machine: the
// reporter, which commands and reports go through, and a collector with its
// consumer. They share a data directory.
type fleet struct {
	*server               // the reporter's process, and what is asked of it
	static         string // footfall-collector
	control        string // address of the control listener, the same after a restart
	id             int
	token          string
	edge, consumer *testkit.Process
	edgeAdmin      string
	sent           int // visits acknowledged
	order          int // orders acknowledged
	player         *demoPlayer
	organizer      string
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{
		server: &server{t: t, bin: testkit.Build(t, "./cmd/footfall"), data: filepath.Join(testkit.DataDir(t), "data"), clicks: testkit.FreeAddr(t), orders: testkit.FreeAddr(t)},
		static: testkit.Build(t, "./cmd/footfall-collector"), control: testkit.FreeAddr(t), edgeAdmin: testkit.FreeAddr(t), organizer: "north",
	}
	f.startReporter()
	p := testkit.StartCommand(t, testkit.Command{Path: f.bin, Args: []string{"--data", f.data, "collector", "enrol", "edge-1", "--orders", "--format", "json"}})
	if code := p.Wait(startTimeout); code != exitOK {
		t.Fatalf("enrolling: exit code %d\n%s", code, p.Output())
	}
	var k admin.Collector
	if err := json.NewDecoder(strings.NewReader(p.Output())).Decode(&k); err != nil || k.Token == "" {
		t.Fatalf("enrolling: %v\n%s", err, p.Output())
	}
	f.id, f.token = int(k.ID), k.Token
	f.player = &demoPlayer{ClickURL: "http://" + f.clicks, OrdersURL: "http://" + f.orders, Client: demoClient(), Now: time.Now, Secrets: map[string]string{}}
	return f
}

func (f *fleet) startReporter() {
	f.t.Helper()
	f.Process = testkit.StartCommand(f.t, testkit.Command{
		Path: f.bin, Args: []string{"reporter", "--data", f.data},
		Env: []string{"FOOTFALL_REPORTER_CATALOG_CONTROL_LISTEN=" + f.control, "FOOTFALL_ADMIN_LISTEN=127.0.0.1:0", "FOOTFALL_REPORTER_API_LISTEN=127.0.0.1:0", "FOOTFALL_REPORTER_WEB_LISTEN=127.0.0.1:0"},
	})
	f.WaitLine("reporter ready", startTimeout)
}

// enrolled is what a role apart is told, and a quick look at covered marks.
func (f *fleet) enrolled(adminListen string) []string {
	return []string{
		"FOOTFALL_COLLECTOR_ID=" + strconv.Itoa(f.id), "FOOTFALL_COLLECTOR_FEED_URL=http://" + f.control, "FOOTFALL_COLLECTOR_FEED_TOKEN=" + f.token,
		"FOOTFALL_COLLECTOR_EDGE_LISTEN=" + f.clicks, "FOOTFALL_COLLECTOR_ORDERS_LISTEN=" + f.orders, "FOOTFALL_ADMIN_LISTEN=" + adminListen,
		"FOOTFALL_COLLECTOR_ROUTES_COVERED_POLL_SECONDS=1", "FOOTFALL_COLLECTOR_ROUTES_SAVE_SECONDS=1", "FOOTFALL_COLLECTOR_ROUTES_BACKOFF_MAX_SECONDS=1",
		// So small that a few hundred visits seal one, and kept no longer than
		// the lake needs.
		"FOOTFALL_COLLECTOR_VISITS_JOURNAL_SEGMENT_BYTES=65536", "FOOTFALL_COLLECTOR_VISITS_JOURNAL_RETENTION_SECONDS=0",
	}
}

func (f *fleet) startEdge() {
	f.t.Helper()
	f.edge = testkit.StartCommand(f.t, testkit.Command{Path: f.static, Args: []string{"--data", f.data}, Env: f.enrolled(f.edgeAdmin)})
	f.edge.WaitLine("collector ready", startTimeout)
}

func (f *fleet) startConsumer() {
	f.t.Helper()
	f.consumer = testkit.StartCommand(f.t, testkit.Command{Path: f.bin, Args: []string{"consumer", "--data", f.data}, Env: f.enrolled("127.0.0.1:0")})
}

// click sends visits of a code; each must be redirected and recorded.
func (f *fleet) click(n int, code string) (clickID string) {
	f.t.Helper()
	for range n {
		var err error
		clickID, err = f.player.click(f.t.Context(), &demoVisit{
			Method: http.MethodGet, Target: "/e/n-fair/?affiliate=" + code,
			Header: http.Header{"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"}},
		})
		if err != nil || clickID == "" {
			f.t.Fatalf("click id %q, %v", clickID, err)
		}
		f.sent++
	}
	return clickID
}

// buy sends a signed order with a click id.
func (f *fleet) buy(clickID string) {
	f.t.Helper()
	f.order++
	body := map[string]any{
		"id": "order-" + strconv.Itoa(f.order), "event": "n-fair", "ordered_at": time.Now().UTC().Format(time.RFC3339Nano), "currency": "CAD", "click_id": clickID,
		"lines": []map[string]any{{"id": "1", "ticket_type": "day", "quantity": 2, "unit_price": 1000}},
	}
	if err := f.player.post(f.t.Context(), "/v1/orders", f.organizer, body); err != nil {
		f.t.Fatal(err)
	}
}

// awaitReport waits until the report has exactly what was acknowledged, all
// orders credited; more is an error at once.
func (f *fleet) awaitReport() {
	f.t.Helper()
	testkit.Eventually(f.t, startTimeout, func() error {
		d, _ := f.report(url.Values{"organizer": {f.organizer}})
		visits, orders, direct := int64(0), int64(0), int64(0)
		for _, row := range d.Rows {
			visits += number(f.t, row["visits"])
			orders += number(f.t, row["orders"])
			if plainText(row["affiliate"]) == "direct" {
				direct += number(f.t, row["orders"])
			}
		}
		if visits > int64(f.sent) || orders > int64(f.order) {
			f.t.Fatalf("the report has %d visits and %d orders of %d and %d that were sent", visits, orders, f.sent, f.order)
		}
		if visits < int64(f.sent) || orders < int64(f.order) || direct > 0 {
			return fmt.Errorf("the report has %d visits of %d, %d orders of %d, %d of them direct", visits, f.sent, orders, f.order, direct)
		}
		return nil
	})
}

func (f *fleet) addCode(text string) {
	f.t.Helper()
	f.call(http.MethodPost, "/v1/codes", admin.CodeAdd{Organizer: f.organizer, Text: text, Affiliate: "radio"}, nil)
}

// awaitCode waits until the edge resolves a code: the canonical spelling goes on
// to the destination. It asks as a link preview does, which no report counts.
func (f *fleet) awaitCode(text string) {
	f.t.Helper()
	testkit.Eventually(f.t, startTimeout, func() error {
		request, err := http.NewRequestWithContext(f.t.Context(), http.MethodHead, "http://"+f.clicks+"/e/n-fair/?affiliate="+strings.ToUpper(text), http.NoBody)
		if err != nil {
			return err
		}
		answer, err := f.player.Client.Do(request)
		if err != nil {
			return err
		}
		if err := answer.Body.Close(); err != nil {
			return err
		}
		if !strings.Contains(answer.Header.Get("Location"), "affiliate="+text+"&") {
			return fmt.Errorf("redirected to %s", answer.Header.Get("Location"))
		}
		return nil
	})
}

// TestRolesApartSurviveEachOther runs the three roles as their own processes
// and takes away one after the other.
func TestRolesApartSurviveEachOther(t *testing.T) {
	f := newFleet(t)
	world := ledger.World{
		Organizers: []ledger.Organizer{{Slug: "north", Zone: "America/St_Johns"}},
		Events:     []ledger.Event{{Slug: "n-fair", Organizer: "north", Currency: "CAD"}},
		Codes:      []ledger.Code{{Organizer: "north", Text: "foodie", Affiliate: "radio"}},
	}
	f.seed(&world, map[string]string{})
	f.player.Secrets["north"] = world.Organizers[0].Secret
	f.startEdge()
	f.startConsumer()
	awaitEdge(t, f.server, &world)
	f.buy(f.click(50, "foodie"))
	f.awaitReport()
	f.awaitCoveredMarks()

	// The reporter is killed: redirects and orders go on, the edge restarts from
	// its copies, and the consumer goes on committing.
	f.Kill()
	f.buy(f.click(50, "foodie"))
	f.edge.Kill()
	f.startEdge()
	f.buy(f.click(50, "foodie"))
	f.startReporter()
	f.addCode("late-1")
	f.awaitCode("late-1")
	f.buy(f.click(10, "late-1"))
	f.awaitReport()

	// The consumer is killed with work under way, twice.
	for range 2 {
		f.click(200, "foodie")
		f.consumer.Kill()
		f.buy(f.click(100, "late-1"))
		f.startConsumer()
		f.awaitReport()
	}
	f.retire()
}

// awaitCoveredMarks waits until the edge has deleted a segment: only the lake's
// marks, which come through the reporter, let it.
func (f *fleet) awaitCoveredMarks() {
	f.t.Helper()
	testkit.Eventually(f.t, startTimeout, func() error {
		f.click(20, "foodie")
		deleted, err := metricOf(f.edgeAdmin, "footfall_journal_deleted_segments_total", `journal="visits"`)
		if err != nil {
			return err
		}
		if deleted == 0 {
			return errors.New("no segment was deleted yet")
		}
		return nil
	})
	f.awaitReport()
}

// retire ends the collector: its token and its logs. Its consumer stops and says
// what to do; the edge goes on redirecting, since no buyer is to meet an error.
func (f *fleet) retire() {
	f.t.Helper()
	f.call(http.MethodPost, "/v1/collectors/"+strconv.Itoa(f.id)+"/retire", nil, nil)
	f.click(1, "foodie")
	if code := f.consumer.Wait(startTimeout); code != exitFailure || !strings.Contains(f.consumer.Output(), "enrol the collector again") {
		f.t.Errorf("the retired collector's consumer ended with exit code %d\n%s", code, f.consumer.Output())
	}
	f.sent-- // what came after the retirement is never taken
	f.click(1, "foodie")
	f.sent--
	f.awaitReport()
	if code := f.edge.Stop(startTimeout); code != exitOK {
		f.t.Errorf("the edge ended with exit code %d", code)
	}
	if code := f.Stop(startTimeout); code != exitOK {
		f.t.Errorf("the reporter ended with exit code %d", code)
	}
	if strings.Contains(f.Output()+f.edge.Output()+f.consumer.Output(), f.token) {
		f.t.Error("the token stands in the output")
	}
}
