package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"footfall/bench/ledger"
	"footfall/internal/testkit"
)

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // mu
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// TestIdsStayUniqueWhenTheClockGoesBack starts the product with a clock years
// before everything that it has recorded, twice at the very same instant: no click
// id and no row is made twice, and what is known rises all the same.
func TestIdsStayUniqueWhenTheClockGoesBack(t *testing.T) {
	data := filepath.Join(testkit.DataDir(t), "data")
	clickIDs := map[string]bool{}
	sent := 0
	s := &server{t: t, data: data}
	world := ledger.World{
		Organizers: []ledger.Organizer{{Slug: "north", Zone: "UTC"}},
		Events:     []ledger.Event{{Slug: "n-fair", Organizer: "north", Currency: "CAD"}},
		Codes:      []ledger.Code{{Organizer: "north", Text: "foodie", Affiliate: "ann"}},
	}
	asOf := "0"
	for run, now := range []time.Time{time.Now(), time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)} {
		log := &syncBuffer{}
		off := time.Until(now)
		e := &env{Out: log, Err: log, Now: func() time.Time { return time.Now().Add(off) }, Data: data, adjust: func(s *settings) {
			s.Admin.Listen, s.Reporter.API.Listen, s.Reporter.Web.Listen = "127.0.0.1:0", "", ""
			s.Collector.Edge.Listen, s.Collector.Orders.Listen = "127.0.0.1:0", "127.0.0.1:0"
		}}
		p, err := e.openProduct(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ready, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- p.Run(ctx, func() error { close(ready); return nil }) }()
		select {
		case <-ready:
		case err := <-ended:
			t.Fatalf("run %d: %v\n%s", run, err, log.b.String())
		}
		s.clicks, s.orders = p.clicks(), p.orders()
		if run == 0 {
			s.seed(&world, map[string]string{})
			awaitEdge(t, s, &world)
		}
		player := &demoPlayer{ClickURL: "http://" + s.clicks, Client: demoClient()}
		for range 20 {
			sent++
			id, err := player.click(t.Context(), &demoVisit{Method: http.MethodGet, Target: fmt.Sprintf("/e/n-fair/?affiliate=foodie&sub1=c-%d", sent), Header: http.Header{}})
			if err != nil || id == "" || clickIDs[id] {
				t.Errorf("run %d: click id %q, seen before: %t, %v", run, id, clickIDs[id], err)
			}
			clickIDs[id] = true
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run %d: %v", run, err)
		}
		if after := newest(s); len(after) < len(asOf) || after <= asOf && len(after) == len(asOf) {
			t.Errorf("run %d: known up to %s after %s", run, after, asOf)
		} else {
			asOf = after
		}
	}
	times := visitTimes(t, s)
	for n := 1; n <= sent; n++ {
		if times[fmt.Sprint("c-", n)] != 1 {
			t.Errorf("visit %d stands %d times in the lake", n, times[fmt.Sprint("c-", n)])
		}
	}
}

// TestAClockBeforeTheBuildIsWarnedOf builds the static collector with a commit of
// the next century.
func TestAClockBeforeTheBuildIsWarnedOf(t *testing.T) {
	static := testkit.Build(t, "./cmd/footfall-collector", "-ldflags=-X footfall/internal/ops.committed=2126-01-01T00:00:00Z")
	p := testkit.StartCommand(t, testkit.Command{Path: static, Args: []string{"--data", t.TempDir()}, Env: []string{
		"FOOTFALL_COLLECTOR_ID=1", "FOOTFALL_COLLECTOR_FEED_URL=http://127.0.0.1:9", "FOOTFALL_COLLECTOR_FEED_TOKEN=x",
		"FOOTFALL_COLLECTOR_EDGE_LISTEN=127.0.0.1:0", "FOOTFALL_COLLECTOR_ORDERS_LISTEN=127.0.0.1:0", "FOOTFALL_ADMIN_LISTEN=127.0.0.1:0",
	}})
	line := p.WaitLine("clock is before the time of this build", startTimeout)
	if !strings.Contains(line, `"level":"WARN"`) || !strings.Contains(line, "2126-01-01") {
		t.Errorf("warned by %s", line)
	}
	p.WaitLine("journal opened", startTimeout) // it starts all the same
}
