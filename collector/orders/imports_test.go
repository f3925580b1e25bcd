package orders_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"footfall/collector/orders"
	"footfall/internal/testkit"
	"footfall/schemas/order"
)

// importing sends a batch over the socket.
func (w *world) importing(ctx context.Context, kind, query string, documents ...string) (status int, a order.BatchAnswer, text string) {
	w.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", orders.ImportSocket(w.dir))
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://footfall/v1/imports/"+kind+"?"+query, strings.NewReader(strings.Join(documents, "\n")))
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Do(r)
	if err != nil {
		return 0, a, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Error(err)
	}
	if response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(bytes.NewReader(body)).Decode(&a); err != nil {
			w.t.Errorf("answer %q: %v", body, err)
		}
	}
	return response.StatusCode, a, string(body)
}

// imported sends a batch of alpha's and compares what became of its documents.
func (w *world) imported(kind, query, want string, documents ...string) order.BatchAnswer {
	w.t.Helper()
	status, a, text := w.importing(w.t.Context(), kind, "organizer=alpha"+query, documents...)
	var got []string
	for _, r := range a.Results {
		word := r.Status
		if r.Known {
			word += "+"
		}
		got = append(got, word)
	}
	if status != 200 || strings.Join(got, " ") != want {
		w.t.Errorf("batch of %d: %d %v, want %s\n%s", len(documents), status, got, want, text)
	}
	return a
}

func TestImportedOrderIsTheOneThatIsSigned(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	one, two, later := usualOrder(), usualOrder("id", `"A-2"`), usualOrder("state", `"cancelled"`)
	w.imported("orders", "&dry_run=true", "new new new new", one, two, later, one)
	if got := w.stored(); len(got) != 0 {
		t.Fatalf("a dry run stored %v", got)
	}
	w.imported("orders", "", "stored stored stored repeated", one, two, later, one)
	w.imported("refunds", "", "stored", usualRefund())
	w.imported("orders", "&dry_run=true", "repeated repeated new+", one, two, usualOrder("version", "9"))
	w.imported("refunds", "&dry_run=true", "repeated new", usualRefund(), usualRefund("id", `"R-2"`))
	w.want(200, "/v1/orders", one)
	w.want(200, "/v1/refunds", usualRefund())
	w = w.again()
	w.imported("orders", "", "repeated repeated repeated", one, two, later)
	w.imported("refunds", "", "repeated", usualRefund())
	want := map[string]int{"1/A-1/2": 1, "1/A-2/2": 1, "1/A-1/3": 1, "1/refund R-1": 1}
	if got := w.stored(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the journal has %v", got)
	}
	w.counted(3, "imported_total", "kind=order", "status=repeated")
	w.counted(1, "imported_total", "kind=refund", "status=repeated")
	w.counted(2, "requests_total", "endpoint=imports", "status=200")
}

func TestRefusedDocumentKeepsItsBatchOut(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	a := w.imported("orders", "", "new refused new", usualOrder(), usualOrder("id", `"A-2"`, "currency", `"XXX"`), usualOrder("id", `"A-3"`))
	if !a.Refused || a.Results[1].Pointer != "/currency" || a.Results[1].Detail == "" {
		t.Errorf("answered %+v", a)
	}
	if got := w.stored(); len(got) != 0 {
		t.Errorf("the journal has %v", got)
	}
	w.imported("orders", "", "refused refused", `{"id":`, usualOrder("coupon", `"`+strings.Repeat("x", orders.MaxRequestBytes)+`"`))
	w.counted(2, "refused_total", "reason=invalid")
	w.counted(1, "refused_total", "reason=malformed")
}

func TestImportedConflictChangesNothing(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	w.want(201, "/v1/orders", usualOrder())
	other := usualOrder("coupon", `"x"`)
	if a := w.imported("orders", "&dry_run=true", "conflict new", other, usualOrder("id", `"A-2"`)); a.Results[0].Pointer != "/version" {
		t.Errorf("answered %+v", a)
	}
	// It came between the two passes.
	if a := w.imported("orders", "", "conflict stored", other, usualOrder("id", `"A-2"`)); !a.Refused {
		t.Errorf("answered %+v", a)
	}
	w.counted(1, "refused_total", "reason=conflict")
	if got := w.stored(); len(got) != 2 {
		t.Errorf("the journal has %v", got)
	}
}

func TestImportBeyondItsBoundsIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	many := strings.Split(strings.Repeat("{}\n", order.MaxBatch)+"{}", "\n")
	for name, c := range map[string]struct {
		kind, query string
		body        string
		status      int
	}{
		"many":         {"orders", "organizer=alpha", strings.Join(many, "\n"), 413},
		"large":        {"orders", "organizer=alpha", strings.Repeat("x", order.MaxBatchBytes+1), 413},
		"no organizer": {"orders", "", "{}", 422},
		"unknown":      {"orders", "organizer=gamma", "{}", 422},
		"no such kind": {"visits", "organizer=alpha", "{}", 404},
	} {
		if status, _, text := w.importing(t.Context(), c.kind, c.query, c.body); status != c.status {
			t.Errorf("%s: %d %s, want %d", name, status, text, c.status)
		}
	}
	w.counted(2, "requests_total", "endpoint=imports", "status=413")
	if got := w.stored(); len(got) != 0 {
		t.Errorf("the journal has %v", got)
	}
}

func TestImportIsNotAnsweredBeforeItsSync(t *testing.T) {
	t.Parallel()
	g := &gate{wait: make(chan struct{})}
	w := start(t, gated(g))
	answered := make(chan int, 1)
	go func() {
		status, _, _ := w.importing(context.Background(), "orders", "organizer=alpha", usualOrder(), usualOrder("id", `"A-2"`))
		answered <- status
	}()
	testkit.Eventually(t, 10*time.Second, func() error {
		if len(w.stored()) < 2 {
			return errors.New("nothing appended yet")
		}
		return nil
	})
	select {
	case status := <-answered:
		t.Fatalf("answered %d before the sync", status)
	default:
	}
	after := w.crashed()
	close(g.wait)
	if status := <-answered; status != 200 {
		t.Errorf("answered %d", status)
	}
	// What a kill left of the batch is mended by the same batch.
	after.imported("orders", "", "repeated repeated stored", usualOrder(), usualOrder("id", `"A-2"`), usualOrder("id", `"A-3"`))
}

func TestImportThatCannotBeStoredIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	g := &gate{}
	w := start(t, gated(g))
	g.breaks(fmt.Errorf("syncing: %w", orders.ErrLost))
	if status, _, text := w.importing(t.Context(), "orders", "organizer=alpha", usualOrder()); status != 503 {
		t.Errorf("answered %d %s", status, text)
	}
	w.counted(1, "unavailable_total", "reason=journal_lost")
	g.breaks(nil)
	w.imported("orders", "", "stored", usualOrder())
}

func TestOnlyTheOwnerCanImport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// A dead process's socket stands in the way.
	if err := os.WriteFile(orders.ImportSocket(dir), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	w := start(t, options{dir: dir})
	info, err := os.Stat(orders.ImportSocket(dir))
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode()&fs.ModeSocket == 0 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(orders.ImportSocket(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

// Each collector knows only its own orders: both take what is sent to both at
// once, under one fingerprint, so that the lake knows it as one; of two that
// differ the lake sees two fingerprints, and decides.
func TestTwoCollectorsGiveTheLakeWhatItNeedsToDecide(t *testing.T) {
	t.Parallel()
	one, two := start(t, options{}), start(t, options{})
	text, _ := cookie()
	for _, body := range []string{usualOrder(), usualOrder("id", `"v"`, "visitor", `"`+text+`"`)} {
		a, b := one.want(201, "/v1/orders", body), two.want(201, "/v1/orders", body)
		if a.Fingerprint != b.Fingerprint {
			t.Errorf("fingerprints %s and %s of one order", a.Fingerprint, b.Fingerprint)
		}
		two.imported("orders", "", "repeated", body)
	}
	a, b := one.want(201, "/v1/orders", usualOrder("id", `"d"`)), two.want(201, "/v1/orders", usualOrder("id", `"d"`, "coupon", `"x"`))
	if a.Fingerprint == b.Fingerprint {
		t.Error("two that differ have one fingerprint")
	}
	two.imported("orders", "", "conflict", usualOrder("id", `"d"`))
}
