package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"footfall/internal/testkit"
	"footfall/reporter"
)

// recountScript counts again, in Python, from the texts alone.
const recountScript = "bench/recount/recount.py"

// recountScenariosAWorld share one start of the product.
const recountScenariosAWorld = 25

// recountSteps are when things happen in a world, from its center.
func recountSteps() []time.Duration {
	hours := []int{-76, -60, -52, -40, -30, -26, -20, -14, -8, -4, -2, -1, 0, 1, 2, 4, 7, 12, 20, 28, 35, 42, 50, 62}
	out := make([]time.Duration, len(hours))
	for i, h := range hours {
		out[i] = time.Duration(h) * time.Hour
	}
	return out
}

// recountCount is how many scenarios to count; FOOTFALL_RECOUNT asks for more.
func recountCount(t *testing.T) int {
	t.Helper()
	text := os.Getenv("FOOTFALL_RECOUNT")
	if text == "" {
		return 500
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("FOOTFALL_RECOUNT is %q: want a number of scenarios", text)
	}
	return n
}

// TestReportsEqualAnIndependentRecount: what the product answers is what the
// texts say of what it acknowledged, counted from the lake's files and from the
// journals by a program that shares nothing with it.
func TestReportsEqualAnIndependentRecount(t *testing.T) {
	t.Parallel()
	seed := recountSeed(t)
	centers := recountCenters()
	for left, world := recountCount(t), 0; left > 0; left, world = left-recountScenariosAWorld, world+1 {
		n := min(left, recountScenariosAWorld)
		t.Run(fmt.Sprintf("seed %d", seed+uint64(world)), func(t *testing.T) {
			t.Parallel()
			data := recountDir(t)
			playRecountWorld(t, data, seed+uint64(world), centers[world%len(centers)], n, 2)
			t.Logf("%s", recounted(t, data, 0))
		})
	}
}

// TestRecountTellsAWrongNumber: each of these makes the recount count wrong in
// one way, and the same answers are no longer the same.
func TestRecountTellsAWrongNumber(t *testing.T) {
	t.Parallel()
	data := recountDir(t)
	playRecountWorld(t, data, recountSeed(t), recountCenters()[0], 10, 6)
	recounted(t, data, 0)
	for _, mutant := range []string{
		"row",    // one fact of one row
		"owner",  // a code's owner of today, not of the visit's time
		"bots",   // bots are visits
		"least",  // of two orders with one id and version the later one
		"asof",   // what came after the as-of
		"refund", // refunds that exceed their order
		"claim",  // claims don't reach back
		"policy", // the default policy for ever
		"day",    // days of UTC
	} {
		out := recounted(t, data, 1, "--mutant", mutant)
		t.Logf("%s: %s", mutant, out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:])
	}
}

// recountSeed is 1, or what FOOTFALL_RECOUNT_SEED says.
func recountSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("FOOTFALL_RECOUNT_SEED")
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// recountDir is a directory in memory where there is one: thousands of orders
// are synced one by one.
func recountDir(t *testing.T) string {
	t.Helper()
	const memory = "/dev/shm"
	if _, err := os.Stat(memory); err != nil {
		return testkit.DataDir(t)
	}
	dir, err := os.MkdirTemp(memory, "footfall-test-") //nolint:usetesting // in memory, and kept when the test fails
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("data directory kept: %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// recounted runs the recount over a world and gives what it says; want is the
// exit code: 0 where everything is the same, 1 where there is a difference.
func recounted(t *testing.T, data string, want int, flags ...string) string {
	t.Helper()
	script := filepath.Join(testkit.ModuleRoot(t), recountScript)
	code, out := recountPython(t, append([]string{script, filepath.Join(data, "world.json")}, flags...))
	if code != want {
		t.Errorf("the recount ended with %d, want %d:\n%s", code, want, out)
	}
	return out
}

func playRecountWorld(t *testing.T, data string, seed uint64, c recountCenter, scenarios, reports int) {
	t.Helper()
	w, err := openRecountWorld(t.Context(), data, seed, c)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{}
	err = w.run(t.Context(), func(ctx context.Context) error {
		if err := w.play(ctx, scenarios, reports); err != nil {
			return err
		}
		keys, err = w.keys(ctx)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", c.at, err)
	}
	dumps, err := w.dumps()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(map[string]any{
		"lake": reporter.LakeDir(data), "journals": dumps, "keys": keys, "scenarios": w.list, "bots": []string{"Googlebot", "curl/", "Go-http-client"},
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "world.json"), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// play makes everything happen and asks the reports.
func (w *recountWorld) play(ctx context.Context, scenarios, reports int) error {
	for n := range scenarios {
		s, err := newRecountScenario(ctx, w, n)
		if err != nil {
			return fmt.Errorf("setting scenario %d up: %w", n, err)
		}
		w.list = append(w.list, s)
	}
	for _, s := range w.list {
		if err := w.fresh(ctx, s); err != nil {
			return err
		}
	}
	for i, step := range recountSteps() {
		if err := w.step(ctx, i, step); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	for _, f := range w.view.Snapshot().Files { // between two logs' commits, orders may be known before their visits
		if f.MinKnownAtUS > w.asOfs[0] && w.IntN(20) == 0 { // every organizer is there
			w.asOfs = append(w.asOfs, f.MinKnownAtUS)
		}
	}
	for _, s := range w.list {
		if err := s.ask(ctx, reports); err != nil {
			return fmt.Errorf("asking of %s: %w", s.slug, err)
		}
	}
	return nil
}

// step is some hours in which every organizer's catalog changes, and then
// everything else happens.
func (w *recountWorld) step(ctx context.Context, i int, at time.Duration) error {
	if now := w.center.Add(at); now.After(w.clock.now()) {
		w.clock.move(now)
	}
	if err := w.dayKeys(ctx); err != nil {
		return err
	}
	for _, s := range w.list {
		if i == 0 || s.chance(40) {
			continue
		}
		if err := s.shift(ctx); err != nil {
			return fmt.Errorf("changing the catalog of %s: %w", s.slug, err)
		}
	}
	w.clock.move(w.clock.now().Add(time.Second))
	order := make([]*recountScenario, 0, len(w.list)*5)
	for _, s := range w.list {
		for range 2 + w.IntN(4) {
			order = append(order, s)
		}
	}
	w.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	for _, s := range order {
		if err := s.act(ctx); err != nil {
			return fmt.Errorf("of %s: %w", s.slug, err)
		}
	}
	known, err := w.settle(ctx)
	if err == nil && i%6 == 3 {
		w.asOfs = append(w.asOfs, known)
	}
	return err
}

// recountDimensions are what a report can be by.
func recountDimensions() []string {
	return []string{
		"affiliate", "code", "event", "organizer", "day", "hour", "minute", "week", "month", "source", "verdict", "ticket-type", "typed", "order",
		"sub1", "sub2", "sub3", "sub4", "sub5", "utm-source", "utm-medium", "utm-campaign", "utm-term", "utm-content",
	}
}

// ask asks some reports of the scenario: who every order is credited to, then
// any, of the newest as-of and of earlier ones; the third is of everything, by
// owner and day.
func (s *recountScenario) ask(ctx context.Context, reports int) error {
	for i := range reports {
		q := url.Values{"organizer": {s.slug}, "by": {"order," + oneOf(s.w, "code", "affiliate")}, "columns": {"all"}}
		switch i {
		case 0:
		case 2:
			q.Set("by", "affiliate,day")
		default:
			s.vary(q)
		}
		if i%2 == 1 {
			q.Set("as_of", fmt.Sprint(oneOf(s.w, s.w.asOfs...)))
		}
		if err := s.askOne(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// vary makes any question of one.
func (s *recountScenario) vary(q url.Values) {
	w := s.w
	by := oneOf(w, recountDimensions()...)
	if second := oneOf(w, recountDimensions()...); second != by && s.chance(70) {
		by += "," + second
	}
	q.Set("by", by)
	if strings.Contains(by, "ticket-type") {
		q.Set("columns", "tickets_sold,total_sales,refunds,net_sales,share")
	} else if !strings.Contains(by, "order") && s.chance(20) {
		q.Set("columns", oneOf(w, "default", "waterfall", "unique_visitors,net_sales"))
	}
	if s.chance(40) {
		q.Set("basis", "visit")
	}
	if s.chance(40) {
		from := w.center.Add(time.Duration(w.IntN(140)-90) * time.Hour)
		q.Set("from", from.Format(time.DateOnly))
		q.Set("to", from.AddDate(0, 0, 1+w.IntN(5)).Format(time.DateOnly))
	}
	if s.chance(30) {
		field := oneOf(w, "source", "verdict", "typed", "sub1", "sub5", "utm-source", "utm-content")
		values := oneOf(w, `a,B`, `"(none)"`, `valid,bot`, `"(direct)","(no visit)"`, `nobody,claimme`, `"a,b"`)
		if field == "verdict" { // others are refused
			values = oneOf(w, `valid,bot`, `"(direct)","(no visit)"`, `unknown_code`, `head,prefetch,paused`)
		}
		q.Set("where", field+oneOf(w, " = ", " != ")+values)
	}
	if s.chance(20) {
		q.Set("policy", "1") // what if
	}
	switch w.IntN(5) {
	case 0:
		q.Set("event", oneOf(w, s.events...).slug)
	case 1:
		q.Set("zone", oneOf(w, w.zones...))
	case 2:
		q.Set("affiliate", oneOf(w, "direct", "unknown_code", fmt.Sprint(oneOf(w, s.affiliates...).id)))
	}
}

// askOne keeps a report's answer beside the question.
func (s *recountScenario) askOne(ctx context.Context, q url.Values) error {
	report, err := s.w.report(ctx, q)
	if p, ok := errors.AsType[*problem](err); ok && p.Pointer == "/from" {
		return nil // a range that is empty, as no day is between
	}
	if err != nil {
		return fmt.Errorf("report %s: %w", q.Encode(), err)
	}
	query := map[string]string{}
	for name := range q {
		query[name] = q.Get(name)
	}
	s.Answers = append(s.Answers, recountAnswer{Query: query, Report: report})
	return nil
}
