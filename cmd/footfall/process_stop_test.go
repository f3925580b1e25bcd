package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"footfall/bench/ledger"
	"footfall/internal/testkit"
	"footfall/schemas/admin"
)

// TestASecondProcessOnTheDataIsRefused: the first one's pid and what to do; and
// the commands beside it go on working.
func TestASecondProcessOnTheDataIsRefused(t *testing.T) {
	s := newServer(t)
	static := testkit.Build(t, "./cmd/footfall-collector")
	pid := strconv.Itoa(s.Pid())
	elsewhere := []string{"FOOTFALL_COLLECTOR_EDGE_LISTEN=127.0.0.1:0", "FOOTFALL_COLLECTOR_ORDERS_LISTEN=127.0.0.1:0", "FOOTFALL_ADMIN_LISTEN=127.0.0.1:0"}
	enrolled := append([]string{"FOOTFALL_COLLECTOR_ID=1", "FOOTFALL_COLLECTOR_FEED_URL=http://127.0.0.1:9", "FOOTFALL_COLLECTOR_FEED_TOKEN=x"}, elsewhere...)
	whole := append([]string{"FOOTFALL_REPORTER_API_LISTEN=127.0.0.1:0", "FOOTFALL_REPORTER_WEB_LISTEN=127.0.0.1:0"}, elsewhere...)
	for _, c := range []struct {
		command testkit.Command
		says    string
	}{
		{testkit.Command{Path: s.bin, Args: []string{"all", "--data", s.data}, Env: whole}, "in use by process " + pid},
		{testkit.Command{Path: s.bin, Args: []string{"reporter", "--data", s.data}, Env: whole}, "in use by process " + pid},
		{testkit.Command{Path: static, Args: []string{"--data", s.data}, Env: enrolled}, "in use by process " + pid},
	} {
		p := testkit.StartCommand(t, c.command)
		if code := p.Wait(startTimeout); code != exitFailure {
			t.Errorf("%v: exit code %d, want %d", c.command.Args, code, exitFailure)
		}
		if output := p.Output(); !strings.Contains(output, c.says) || !strings.Contains(output, ": stop ") {
			t.Errorf("%v: want %q and what to do in\n%s", c.command.Args, c.says, output)
		}
	}
	s.command("organizer", "add", "acme", "--name", "Acme", "--zone", "Europe/Rome", "--currency", "EUR")
	if out := s.command("organizer", "list", "--format", "csv"); !strings.Contains(out, "acme") {
		t.Errorf("a command beside the server sees %s", out)
	}
	// It went through the socket: the server names its peer in the audit log.
	var audit admin.Page[admin.AuditEntry]
	s.call(http.MethodGet, "/v1/audit", nil, &audit)
	if len(audit.Items) == 0 || !strings.HasPrefix(audit.Items[0].Actor, "uid ") {
		t.Errorf("audit log %+v", audit)
	}
	select {
	case <-s.Done():
		t.Error("the first process ended")
	default:
	}
}

// visitors ask for links over connections of their own until nobody answers.
type visitors struct {
	address  string
	sent     atomic.Int64 // numbers the visits
	stopping atomic.Bool  // the server is told to stop next

	mu           sync.Mutex
	acknowledged []string // mu: sub1 of visits that came back with a click id
	broken       []string // mu: requests without an answer, and why
}

// run asks over one connection after the other, each for as long as the server
// keeps it. Whoever connects during the stop may find nobody there: between the
// last accept and the close of the listener the kernel takes connections that
// only it knows of.
func (v *visitors) run() {
	for {
		late := v.stopping.Load()
		conn, err := net.Dial("tcp", v.address)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return // the server is gone
		}
		if err == nil {
			err = v.ask(conn)
			_ = conn.Close() // answered or not, it was read to its end
		}
		if err != nil && !late {
			v.mu.Lock()
			v.broken = append(v.broken, err.Error())
			v.mu.Unlock()
		}
	}
}

// ask sends requests one after the other; the error is that of a request without
// an answer.
func (v *visitors) ask(conn net.Conn) error {
	answers := bufio.NewReader(conn)
	for {
		id := "term-" + strconv.FormatInt(v.sent.Add(1), 10)
		if _, err := fmt.Fprintf(conn, "GET /e/n-fair/?affiliate=foodie&sub1=%s HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 Firefox/145.0\r\n\r\n", id); err != nil {
			return fmt.Errorf("sending %s: %w", id, err)
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return fmt.Errorf("reading the answer to %s: %w", id, err)
		}
		_ = answer.Body.Close() // a redirect has none
		target, err := url.Parse(answer.Header.Get("Location"))
		if err != nil || answer.StatusCode != http.StatusFound {
			return fmt.Errorf("%s was answered %s: %w", id, answer.Status, err)
		}
		if target.Query().Get("click_id") != "" {
			v.mu.Lock()
			v.acknowledged = append(v.acknowledged, id)
			v.mu.Unlock()
		}
		if answer.Close {
			return nil
		}
	}
}

// TestSigtermUnderLoadBreaksNoConnection stops the product under visits: each
// connection that it has gets its answer, the drain ends by itself, and every
// acknowledged visit is in the lake, at once and after the next start.
func TestSigtermUnderLoadBreaksNoConnection(t *testing.T) {
	s := newServer(t)
	world := ledger.World{
		Organizers: []ledger.Organizer{{Slug: "north", Zone: "UTC"}},
		Events:     []ledger.Event{{Slug: "n-fair", Organizer: "north", Currency: "CAD"}},
		Codes:      []ledger.Code{{Organizer: "north", Text: "foodie", Affiliate: "ann"}},
	}
	s.seed(&world, map[string]string{})
	awaitEdge(t, s, &world)
	v := &visitors{address: s.clicks}
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() { v.run() })
	}
	awaitVisits(t, s, 2000)
	v.stopping.Store(true)
	code := s.Stop(startTimeout)
	group.Wait()
	if code != exitOK || strings.Contains(s.Output(), "connections cut") {
		t.Errorf("exit code %d\n%s", code, s.Output())
	}
	t.Logf("%d visits sent, %d acknowledged, %d without an answer", v.sent.Load(), len(v.acknowledged), len(v.broken))
	for _, text := range v.broken {
		t.Error(text)
	}
	check := func(when string) {
		t.Helper()
		times, wrong := visitTimes(t, s), 0
		for _, id := range v.acknowledged {
			if times[id] != 1 {
				wrong++
			}
		}
		if wrong > 0 {
			t.Errorf("%s %d of %d acknowledged visits are not in the lake exactly once", when, wrong, len(v.acknowledged))
		}
	}
	check("after the stop")
	s.start()
	testkit.Eventually(t, startTimeout, func() error {
		d, _ := s.report(url.Values{"organizer": {"north"}})
		if len(d.Totals) == 0 || number(t, d.Totals[0]["visits"]) < int64(len(v.acknowledged)) {
			return errors.New("the report is behind")
		}
		return nil
	})
	check("after the next start")
}
