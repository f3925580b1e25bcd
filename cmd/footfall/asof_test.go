package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/lake/lakelog"
)

// A long history over the real parts: visits, orders, refunds, late ones among
// them, merges, changes of the catalog, clocks that go back two hours and on by a
// day, restarts, a collector that is retired and a new one, a backup and its
// restore. What was settled is asked again and again.

// asOfWorld is a world with the settled answers that it was given.
type asOfWorld struct {
	*recountWorld
	kept    []settledAnswer
	asked   int
	changed bool // the newest as-of has other answers than before
	first   []byte
	retired bool // a collector of this run is
	stood   []standing
	quiet   bool // the catalog is not to be changed: a backup of it will be put back
}

// settledAnswer is what was answered as of a settled instant.
type settledAnswer struct {
	path string
	body []byte
}

// asOfSteps is how long the history is; FOOTFALL_ASOF asks for more.
func asOfSteps(t *testing.T) int {
	t.Helper()
	text := os.Getenv("FOOTFALL_ASOF")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("FOOTFALL_ASOF is %q: want a number of steps", text)
	}
	return n
}

// TestSettledReportNeverChanges: the same bytes in every format, whatever comes.
func TestSettledReportNeverChanges(t *testing.T) {
	t.Parallel()
	seed := recountSeed(t)
	data := recountDir(t)
	steps := asOfSteps(t)
	r, err := openRecountWorld(t.Context(), data, seed, recountCenters()[0])
	if err != nil {
		t.Fatal(err)
	}
	w := &asOfWorld{recountWorld: r}
	generation := func(name string, do func(context.Context) error) {
		t.Helper()
		err := w.run(t.Context(), do)
		if errors.Is(err, lakelog.ErrClosed) && w.retired { // what the retired collector's consumer says at the stop
			w.retired, err = false, nil
		}
		if err != nil {
			t.Fatalf("seed %d, %s: %v", seed, name, err)
		}
		if err := w.open(t.Context()); err != nil {
			t.Fatalf("seed %d, after %s: %v", seed, name, err)
		}
	}
	backup := filepath.Join(data, "backup.db")
	generation("two collectors", func(ctx context.Context) error {
		return inOrder(
			func() error { return w.populate(ctx, 2) }, func() error { return w.steps(ctx, steps) },
			func() error { return w.retire(ctx) }, func() error { return w.steps(ctx, steps) })
	})
	if err := w.addCollector(t.Context(), "third"); err != nil {
		t.Fatal(err)
	}
	third := w.edges[1].id
	generation("a third collector", func(ctx context.Context) error {
		if err := inOrder(func() error { return w.all(ctx) }, func() error { return w.steps(ctx, steps) }); err != nil {
			return err
		}
		_, err := w.change(ctx, http.MethodPost, "/v1/backup", admin.BackupRequest{Path: backup}, nil)
		if err != nil {
			return err
		}
		w.quiet = true
		return w.steps(ctx, steps)
	})
	w.restore(t, backup)
	if err := w.attach("third", third); err != nil {
		t.Fatal(err)
	}
	generation("a restored catalog", func(ctx context.Context) error {
		w.quiet = false
		return inOrder(func() error { return w.all(ctx) }, func() error { return w.steps(ctx, steps) }, func() error { return w.all(ctx) })
	})
	if err := w.product.rep.Close(); err != nil {
		t.Error(err)
	}
	if !w.changed {
		t.Error("nothing ever changed at the newest as-of: that settled answers stay proves nothing")
	}
	apart, back, retired, lags := 0, 0, 0, 0
	for i, s := range w.stood {
		if s.watermarkUS < s.newestUS {
			apart++
		}
		if i > 0 && s.completeMS < w.stood[i-1].completeMS {
			back++
		}
		if s.closed > 0 {
			retired++
		}
		if s.lags {
			lags++
		}
	}
	if retired == 0 || back == 0 {
		t.Errorf("of %d looks at the log %d were after a retirement, and complete to went back %d times: it proves little", len(w.stood), retired, back)
	}
	t.Logf("seed %d: the log says what reports say %d times; %d with logs apart, %d after a retirement, %d with complete to gone back, %d with it far behind", seed, len(w.stood), apart, retired, back, lags)
	t.Logf("seed %d: %d settled answers, asked again %d times", seed, len(w.kept), w.asked)
}

// populate sets organizers up.
func (w *asOfWorld) populate(ctx context.Context, n int) error {
	for i := range n {
		s, err := newRecountScenario(ctx, w.recountWorld, i)
		if err != nil {
			return err
		}
		w.list = append(w.list, s)
		if err := w.fresh(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// steps lets things happen, and after each of them keeps some settled answers and
// asks for some earlier ones.
func (w *asOfWorld) steps(ctx context.Context, n int) error {
	for i := range n {
		if err := w.stepOn(ctx); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

func (w *asOfWorld) stepOn(ctx context.Context) error {
	w.clock.move(w.clock.now().Add(oneOf(w.recountWorld, -2*time.Hour, 24*time.Hour, time.Hour, 5*time.Hour)))
	if err := w.dayKeys(ctx); err != nil {
		return err
	}
	for _, s := range w.list {
		for range 10 {
			if err := w.happen(ctx, s); err != nil {
				return err
			}
		}
	}
	if _, err := w.settle(ctx); err != nil {
		return err
	}
	if err := w.stands(ctx); err != nil {
		return err
	}
	if err := w.keep(ctx); err != nil {
		return err
	}
	for range 2 {
		if err := w.again(ctx, oneOf(w.recountWorld, w.kept...)); err != nil {
			return err
		}
	}
	return nil
}

// happen is one thing of the public's, or a change of the catalog, which may be
// refused: a clock that went back makes some midnights past.
func (w *asOfWorld) happen(ctx context.Context, s *recountScenario) error {
	if w.quiet || !s.chance(20) {
		return s.act(ctx)
	}
	err := s.shift(ctx)
	if _, refused := errors.AsType[*problem](err); refused {
		return nil
	}
	return err
}

// keep asks as of the watermark.
func (w *asOfWorld) keep(ctx context.Context) error {
	asOf := w.view.Snapshot().WatermarkUS
	s := oneOf(w.recountWorld, w.list...)
	q := url.Values{"organizer": {s.slug}, "by": {oneOf(w.recountWorld, "affiliate", "code,day", "order,code", "verdict", "source", "event")}, "columns": {"all"}}
	if s.chance(30) {
		q.Set("basis", "visit")
	}
	newest, _, err := w.get(ctx, "/v1/report?organizer="+w.list[0].slug)
	if err != nil {
		return err
	}
	w.changed = w.changed || w.first != nil && !bytes.Equal(w.first, newest)
	w.first = newest
	q.Set("as_of", strconv.FormatInt(asOf, 10))
	for _, format := range []string{"json", oneOf(w.recountWorld, "table", "csv", "ndjson", "xlsx", "parquet")} {
		q.Set("format", format)
		if err := w.keepOne(ctx, "/v1/report?"+q.Encode()); err != nil {
			return err
		}
	}
	if len(s.orders) == 0 {
		return nil
	}
	id := oneOf(w.recountWorld, s.orders...).body["id"].(string)
	err = w.keepOne(ctx, "/v1/orders/"+s.slug+"/"+url.PathEscape(id)+"/explanation?as_of="+strconv.FormatInt(asOf, 10))
	if errors.Is(err, errNotYet) {
		return nil // the log of orders is ahead of the watermark
	}
	return err
}

// errNotYet is of an order that the as-of doesn't know.
var errNotYet = errors.New("not known at this as-of")

func (w *asOfWorld) keepOne(ctx context.Context, path string) error {
	body, settled, err := w.get(ctx, path)
	if err != nil {
		return err
	}
	if settled != "true" && settled != "" { // explanations don't say
		return fmt.Errorf("%s is as of the watermark, and settled is %q", path, settled)
	}
	w.kept = append(w.kept, settledAnswer{path, body})
	return nil
}

// again asks what was answered before.
func (w *asOfWorld) again(ctx context.Context, a settledAnswer) error {
	w.asked++
	body, settled, err := w.get(ctx, a.path)
	if err != nil {
		return err
	}
	if settled != "true" && settled != "" {
		return fmt.Errorf("%s was settled, and is no longer", a.path)
	}
	if !bytes.Equal(body, a.body) {
		return fmt.Errorf("%s was settled, and is\n%s\nwhere it was\n%s", a.path, body, a.body)
	}
	return nil
}

func (w *asOfWorld) all(ctx context.Context) error {
	for _, a := range w.kept {
		if err := w.again(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// get gives the bytes of an answer, and whether it says that it is settled.
func (w *asOfWorld) get(ctx context.Context, path string) (body []byte, settled string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://footfall"+path, http.NoBody)
	if err != nil {
		return nil, "", err
	}
	answer, err := askHandler(w.product.rep.Handler())(request)
	if err != nil {
		return nil, "", err
	}
	body, err = io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode == http.StatusNotFound {
		err = fmt.Errorf("%s: %w", path, errNotYet)
	}
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", path, answer.StatusCode, body)
	}
	return body, answer.Header.Get("Footfall-Settled"), err
}

// retire stops using the second collector and closes its logs.
func (w *asOfWorld) retire(ctx context.Context) error {
	second := w.edges[1]
	w.edges, w.retired = w.edges[:1], true
	_, err := w.change(ctx, http.MethodPost, fmt.Sprintf("/v1/collectors/%d/retire", second.id), nil, nil)
	return err
}

// restore puts the backup in the place of the catalog, on a clock that is two
// hours back: what was settled before must stay so also for the changes to come.
func (w *asOfWorld) restore(t *testing.T, backup string) {
	t.Helper()
	if err := w.product.rep.Close(); err != nil {
		t.Fatal(err)
	}
	w.clock.move(w.clock.now().Add(-2 * time.Hour))
	c := newRestoreCommand(&env{Out: io.Discard, Err: io.Discard, Now: w.clock.now, Data: w.data})
	c.SetArgs([]string{backup})
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.open(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// inOrder does one thing after the other, up to the first error.
func inOrder(things ...func() error) error {
	for _, do := range things {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}
