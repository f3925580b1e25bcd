package orders_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"footfall/collector/orders"
	"footfall/internal/testkit"
)

// gate stands between the listener and a real journal, and makes its syncs
// fail or wait. As in a real one, a record that is lost stays lost.
type gate struct {
	orders.Journal
	fail  atomic.Pointer[error]
	lost  sync.Map      // of orders.Position to the error
	wait  chan struct{} // nil: syncs don't wait
	holds chan orders.Position
}

func (g *gate) Sync(ctx context.Context, p orders.Position) error {
	if err, ok := g.lost.Load(p); ok {
		return err.(error)
	}
	if err := g.fail.Load(); err != nil && *err != nil {
		if errors.Is(*err, orders.ErrLost) {
			g.lost.Store(p, *err)
		}
		return *err
	}
	if g.wait != nil {
		select {
		case <-g.wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g.Journal.Sync(ctx, p)
}

func (g *gate) Hold(p orders.Position) {
	if g.holds != nil {
		g.holds <- p
	}
	g.Journal.Hold(p)
}

func (g *gate) breaks(err error) { g.fail.Store(&err) }

func gated(g *gate) options {
	return options{journal: func(j orders.Journal) orders.Journal {
		g.Journal = j
		return g
	}}
}

// posts sends the bodies at once and counts the answers by status.
func (w *world) posts(bodies []string) map[int]int {
	w.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	codes := make(map[int]int)
	begin := make(chan struct{})
	for _, body := range bodies {
		r := w.request("/v1/orders", "alpha", secretA, body)
		all.Go(func() {
			<-begin
			response, err := w.client.Do(r)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				w.t.Error(err)
				return
			}
			response.Body.Close()
			codes[response.StatusCode]++
		})
	}
	close(begin)
	all.Wait()
	return codes
}

func fifty(change func(i int) []string) []string {
	bodies := make([]string, 50)
	for i := range bodies {
		bodies[i] = usualOrder(change(i)...)
	}
	return bodies
}

func TestFiftyAtOnceOfOneOrderAreStoredOnce(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	same := w.posts(fifty(func(int) []string { return nil }))
	if same[201] != 1 || same[200] != 49 {
		t.Errorf("fifty of one order: %v", same)
	}
	other := w.posts(fifty(func(i int) []string { return []string{"id", `"B"`, "coupon", fmt.Sprintf(`"%d"`, i)} }))
	if other[201] != 1 || other[409] != 49 {
		t.Errorf("fifty that differ: %v", other)
	}
	if got := w.stored(); len(got) != 2 || got["1/A-1/2"] != 1 || got["1/B/2"] != 1 {
		t.Errorf("the journal has %v", got)
	}
}

func TestWithoutTheLedgerAnOrderWouldBeStoredTwice(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	w.Forget()
	if codes := w.posts(fifty(func(int) []string { return nil })); codes[201] == 1 {
		t.Errorf("the test above can't fail: %v", codes)
	}
	if got := w.stored(); got["1/A-1/2"] == 1 {
		t.Errorf("the test above can't fail: %v", got)
	}
}

func TestNothingIsAnsweredBeforeItsSync(t *testing.T) {
	t.Parallel()
	g := &gate{wait: make(chan struct{})}
	w := start(t, gated(g))
	answered := make(chan map[int]int, 2)
	go func() { answered <- w.posts(fifty(func(int) []string { return nil })) }()
	testkit.Eventually(t, 10*time.Second, func() error {
		if len(w.stored()) == 0 {
			return errors.New("nothing appended yet")
		}
		return nil
	})
	select {
	case codes := <-answered:
		t.Fatalf("answered before the sync: %v", codes)
	default:
	}
	if w.Checkpoint() != (orders.Position{}) {
		t.Errorf("the index is at %+v before the sync", w.Checkpoint())
	}
	w.counted(0, "taken_total", "kind=order", "status=stored")
	close(g.wait)
	if codes := <-answered; codes[201] != 1 || codes[200] != 49 {
		t.Errorf("answered %v", codes)
	}
}

// The process dies after the record is durable and before the client knows.
func TestKillBetweenSyncAndReplyStoresOnce(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"order": "/v1/orders", "refund": "/v1/refunds"} {
		body := usualOrder()
		if name == "refund" {
			body = usualRefund()
		}
		reached, goOn := make(chan struct{}, 1), make(chan struct{})
		w := start(t, options{before: func(w *world) {
			w.AfterSync(func() {
				reached <- struct{}{}
				<-goOn
			})
		}})
		cut := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := w.client.Do(w.request(path, "alpha", secretA, body).WithContext(ctx)) //nolint:bodyclose // there is none
			cut <- err
		}()
		<-reached
		after := w.crashed()
		cancel()
		if err := <-cut; err == nil {
			t.Errorf("%s: answered", name)
		}
		if a := after.want(200, path, body); a.Status != "repeated" {
			t.Errorf("%s: %+v", name, a)
		}
		if got := after.stored(); len(got) != 1 {
			t.Errorf("%s: the journal has %v", name, got)
		}
		// The connection alone was cut, and the process lives on: the same.
		w.AfterSync(func() {})
		close(goOn)
		w.want(200, path, body)
		if got := w.stored(); len(got) != 1 {
			t.Errorf("%s: the journal has %v", name, got)
		}
	}
}

func TestFailedSyncIsNotAcknowledgedAndNotForgotten(t *testing.T) {
	t.Parallel()
	g := &gate{}
	w := start(t, gated(g))
	g.breaks(errors.New("input/output error"))
	a := w.want(503, "/v1/orders", usualOrder())
	if a.Header.Get("Retry-After") != "10" {
		t.Errorf("no Retry-After: %v", a.Header)
	}
	w.want(503, "/v1/orders", usualOrder("currency", `"USD"`))
	w.counted(2, "unavailable_total", "reason=journal")
	if w.metric("unindexed_entries") != 1 {
		t.Error("the order is not waiting for the index")
	}
	// Its fate was unknown; now it is durable, so the other one conflicts.
	g.breaks(nil)
	w.want(409, "/v1/orders", usualOrder("currency", `"USD"`))
	w.want(200, "/v1/orders", usualOrder())
	if got := w.stored(); got["1/A-1/2"] != 1 {
		t.Errorf("the journal has %v", got)
	}
	if !strings.Contains(w.log.String(), "input/output error") {
		t.Errorf("nothing logged: %s", w.log)
	}
}

func TestRecordThatTheDiskTookIsStoredAgain(t *testing.T) {
	t.Parallel()
	g := &gate{}
	w := start(t, gated(g))
	g.breaks(fmt.Errorf("syncing: %w", orders.ErrLost))
	w.want(503, "/v1/orders", usualOrder())
	w.counted(1, "unavailable_total", "reason=journal_lost")
	g.breaks(nil)
	w.want(201, "/v1/orders", usualOrder("currency", `"USD"`))
	w.want(200, "/v1/orders", usualOrder("currency", `"USD"`))
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.counted(0, "unindexed_entries")
	w.want(200, "/v1/orders", usualOrder("currency", `"USD"`))
}

func TestRecordThatTheDiskTookBeforeItsSyncIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	g := &gate{}
	o := gated(g)
	// The index looks at the record, and forgets it, before its request asks.
	o.before = func(w *world) {
		w.AfterAppend(func() {
			if err := w.Flush(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	w := start(t, o)
	g.breaks(fmt.Errorf("syncing: %w", orders.ErrLost))
	w.want(503, "/v1/orders", usualOrder())
	w.counted(1, "unavailable_total", "reason=journal_lost")
	g.breaks(nil)
	w.want(201, "/v1/orders", usualOrder())
}

func TestFullDiskLosesNoAcknowledgedOrder(t *testing.T) {
	t.Parallel()
	dir := testkit.Tmpfs(t, 4<<20)
	w := start(t, options{dir: dir})
	free := testkit.FillDisk(t, dir)
	acknowledged := 0
	var refused answer
	for i := 0; refused.Code == 0 && i < 10_000; i++ {
		switch a := w.post("/v1/orders", usualOrder("id", fmt.Sprintf(`"%d"`, i), "coupon", `"`+strings.Repeat("x", 250)+`"`)); a.Code {
		case 201:
			acknowledged++
		case 503:
			refused = a
		default:
			t.Fatalf("answered %d %s", a.Code, a.Text)
		}
	}
	if refused.Code != 503 || refused.Header.Get("Retry-After") == "" || refused.Detail == "" {
		t.Fatalf("the full disk was answered %+v after %d orders", refused, acknowledged)
	}
	w.counted(1, "unavailable_total", "reason=journal_full")
	if w.metric("index_errors_total", "operation=write") == 0 {
		t.Error("the index's failure isn't counted")
	}
	if got := w.stored(); len(got) != acknowledged {
		t.Errorf("%d acknowledged, the journal has %d", acknowledged, len(got))
	}
	free()
	testkit.Eventually(t, 10*time.Second, func() error {
		if a := w.post("/v1/orders", usualOrder("id", `"after"`)); a.Code >= 300 {
			return fmt.Errorf("answered %d %s", a.Code, a.Text)
		}
		return nil
	})
	w = w.again()
	for i := range acknowledged {
		w.want(200, "/v1/orders", usualOrder("id", fmt.Sprintf(`"%d"`, i), "coupon", `"`+strings.Repeat("x", 250)+`"`))
	}
	w.want(200, "/v1/orders", usualOrder("id", `"after"`))
}

func TestPanicIsOneAnswer(t *testing.T) {
	t.Parallel()
	w := start(t, options{before: func(w *world) { w.AfterSync(func() { panic("a fault") }) }})
	if a := w.want(500, "/v1/orders", usualOrder()); strings.Contains(a.Text, "fault") {
		t.Errorf("the client is told %s", a.Text)
	}
	w.AfterSync(func() {})
	w.want(200, "/v1/orders", usualOrder())
	w.counted(1, "panics_total")
}

func TestSlowAndBrokenRequestsAreAnsweredWithoutAnAddress(t *testing.T) {
	t.Parallel()
	w := start(t, options{before: func(w *world) { w.ReadTimeout(100 * time.Millisecond) }})
	const smuggled = "POST /v1/refunds HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	var addresses []string
	for name, c := range map[string]struct {
		text string
		code int
	}{
		"slow body":        {"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{", 408},
		"no HTTP":          {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		"bad length":       {"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400},
		"length and chunk": {"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" + smuggled, 411},
		"length, no chunk": {"POST /v1/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, 401},
		"not signed":       {"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" + smuggled, 401},
	} {
		conn, err := net.Dial("tcp", w.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, conn.LocalAddr().String())
		if _, err := conn.Write([]byte(c.text)); err != nil {
			t.Fatal(err)
		}
		// A reset may come after the answer, for what was not read.
		text, _ := io.ReadAll(conn)
		if !strings.HasPrefix(string(text), fmt.Sprintf("HTTP/1.1 %d", c.code)) || strings.Count(string(text), "HTTP/1.1") != 1 {
			t.Errorf("%s: answered %q, want one %d", name, text, c.code)
		}
		conn.Close()
	}
	for _, address := range addresses {
		if strings.Contains(w.log.String(), address) {
			t.Errorf("the log has a client's address: %s", w.log)
		}
	}
	w.counted(1, "requests_total", "endpoint=other", "status=408")
}

// The answer waits for a journal that doesn't answer, but not for ever, and a
// stop doesn't either.
func TestStopWritesTheIndexAndClosesIt(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	w.want(201, "/v1/orders", usualOrder())
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if w.metric("unindexed_entries") != 0 {
		t.Error("the index isn't up to the journal")
	}
	if _, err := os.Stat(filepath.Join(w.dir, "orders-index.db-wal")); err == nil {
		t.Error("the index wasn't closed")
	}
	if _, err := http.Get("http://" + w.Addr().String()); err == nil { //nolint:bodyclose // there is none
		t.Error("it still listens")
	}
}

func TestUnusableConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []orders.Config{{}, {Listen: "127.0.0.1:0"}, {Dir: "x"}} {
		if _, err := orders.New(c, orders.Deps{}); !errors.Is(err, orders.ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	w := start(t, options{})
	taken, err := orders.New(orders.Config{Listen: w.Addr().String(), Dir: t.TempDir()}, orders.Deps{
		Journal: journalOf{w.journal}, Source: noSource{}, Clock: w.clock.Now, Log: quiet(), Metrics: registry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := taken.Ready(); err == nil {
		t.Error("ready before Open")
	}
	if err := taken.Open(t.Context()); err == nil || !strings.Contains(err.Error(), w.Addr().String()) {
		t.Errorf("a taken port: %v", err)
	}
}
