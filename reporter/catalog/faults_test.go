package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/policy"
)

const (
	// faultyWriter is set in the process that faults are made in, to the data
	// directory.
	faultyWriter = "FOOTFALL_TEST_CATALOG_FAULTY"
	// faultyMutant takes SQLite's journal away in that process.
	faultyMutant = "FOOTFALL_TEST_CATALOG_MUTANT"
	// faultyInvitation is the file beside the catalog with the token of an
	// invitation.
	faultyInvitation = "invitation"
	// everyStep makes the faults at every step instead of at some.
	everyStep = "FOOTFALL_TEST_EVERY_STEP"
)

// faultyChanges are the changes that are made while something fails. Each writes
// rows of several tables, and an audit entry whose action is its name.
func faultyChanges(c *Catalog) []struct {
	action string
	do     func(context.Context) error
} {
	ref := admin.CodeRef{Organizer: "acme", Text: "C1"}
	return []struct {
		action string
		do     func(context.Context) error
	}{
		{"affiliate pause", func(ctx context.Context) error { // a version of each of its codes
			_, err := c.PauseAffiliate(ctx, "test", "acme", "Ann", true)
			return err
		}},
		{"code add", func(ctx context.Context) error {
			_, err := c.AddCode(ctx, "test", admin.CodeAdd{Organizer: "acme", Text: "NEW", Affiliate: "Ann"})
			return err
		}},
		{"code rename", func(ctx context.Context) error {
			_, err := c.RenameCode(ctx, "test", ref, admin.CodeRename{Text: "RENAMED"})
			return err
		}},
		{"code reassign", func(ctx context.Context) error {
			_, err := c.ReassignCode(ctx, "test", ref, admin.CodeReassign{Affiliate: "Bob"})
			return err
		}},
		{"coupon add", func(ctx context.Context) error {
			_, err := c.AddCoupon(ctx, "test", admin.CouponAdd{Organizer: "acme", Text: "TEN", Code: "C2", From: "2026-11-01"})
			return err
		}},
		{"policy set", func(ctx context.Context) error {
			_, err := c.SetPolicy(ctx, "test", policy.Set{Organizer: "acme"})
			return err
		}},
		{"key end", func(ctx context.Context) error {
			_, err := c.EndClickKey(ctx, "test", 1, time.Unix(1, 0))
			return err
		}},
		{"member invite", func(ctx context.Context) error {
			_, err := c.Invite(ctx, "test", "acme", admin.InviteAdd{Email: "cy@acme.example", Role: admin.RoleViewer})
			return err
		}},
		{"member add", func(ctx context.Context) error { // a link, a person and a membership
			token, err := os.ReadFile(filepath.Join(c.config.Dir, faultyInvitation))
			if err != nil {
				return fmt.Errorf("reading the token: %w", err)
			}
			_, err = c.AcceptInvitation(ctx, string(token), admin.Accept{Name: "Dee", Password: aPassword})
			return err
		}},
		{"password set", func(ctx context.Context) error {
			return c.ChangePassword(ctx, 1, aPassword, "four other unrelated words")
		}},
		{"sign in", func(ctx context.Context) error {
			_, _, err := c.OpenSession(ctx, 1, "")
			return err
		}},
		{"person erase", func(ctx context.Context) error { return c.ErasePerson(ctx, "test", 2) }},
	}
}

// changeThroughFaults says what became of each change, and goes on after one that
// failed.
func changeThroughFaults(t *testing.T, dir string) {
	runtime.LockOSThread() // strace counts the calls of each thread apart
	c, err := open(t, dir, newClock(), nil)
	if err != nil {
		fmt.Printf("failed open: %v\n", err)
		return
	}
	if os.Getenv(faultyMutant) != "" {
		// No log to roll back or to recover from: what a change wrote so far stays.
		c.reader.SetMaxIdleConns(0) // the mode changes only while nobody else is there
		_, err := c.writer.Exec(`PRAGMA journal_mode = delete`)
		must(t, err)
		_, err = c.writer.Exec(`PRAGMA journal_mode = off`)
		must(t, err)
	}
	for _, change := range faultyChanges(c) {
		if err := change.do(t.Context()); err != nil {
			fmt.Printf("failed %s: %v\n", change.action, err)
			continue
		}
		fmt.Printf("done %s\n", change.action)
	}
	if err := c.Close(); err != nil {
		fmt.Printf("failed close: %v\n", err)
	}
}

// faultyBase makes the catalog that every fault begins with.
func faultyBase(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	c, err := open(t, dir, newClock(), nil)
	must(t, err)
	f := &fixture{Catalog: c, t: t, clock: newClock(), ctx: t.Context()}
	f.organizer("acme", "UTC")
	f.event("acme", "gala")
	f.affiliate("acme", "Ann")
	f.affiliate("acme", "Bob")
	for i := range 40 { // more than a page of versions
		f.code("acme", "", fmt.Sprint("C", i), "Ann")
	}
	f.owner()
	bo := f.member("bo@acme.example", admin.RoleAnalyst)
	for _, p := range []ids.PersonID{1, bo.ID} {
		_, _, err := f.OpenSession(f.ctx, p, "")
		must(t, err)
		_, err = f.SaveView(f.ctx, "acme", admin.SavedView{Person: p, Name: "mine"})
		must(t, err)
	}
	invitation, err := f.Invite(f.ctx, "test", "acme", admin.InviteAdd{Email: "dee@acme.example", Role: admin.RoleViewer})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, faultyInvitation), []byte(invitation.Token), 0o600))
	must(t, c.Close())
	return dir
}

var faultyTables = []string{
	"revisions", "affiliates", "codes", "code_texts", "code_owners", "code_claims", "coupons", "policies", "click_keys", "click_key_ends",
	"people", "members", "one_time_links", "sessions", "saved_views",
}

// standingIn is the rows of each table and the audit entries of the test's changes.
func standingIn(t *testing.T, dir string) (rows map[string]int, actions []string, problem error) {
	t.Helper()
	c, err := open(t, dir, newClock(), nil)
	if err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	defer func() { must(t, c.Close()) }()
	if err := c.Check(t.Context()); err != nil {
		return nil, nil, err
	}
	rows = map[string]int{}
	for _, table := range faultyTables {
		var n int
		if err := c.reader.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
			return nil, nil, err
		}
		rows[table] = n
	}
	entries, err := c.Audit(t.Context(), 0, 0)
	must(t, err)
	for _, e := range slices.Backward(entries) {
		actions = append(actions, e.Action)
	}
	return rows, actions, nil
}

// faultRig makes faults and knows what each change writes.
type faultRig struct {
	base    string
	rows    map[string]int // of the base
	entries int            // of the base's audit log
	writes  map[string]map[string]int
}

func newFaultRig(t *testing.T) *faultRig {
	t.Helper()
	g := &faultRig{base: faultyBase(t), writes: map[string]map[string]int{}}
	var actions []string
	var err error
	g.rows, actions, err = standingIn(t, g.base)
	must(t, err)
	g.entries = len(actions)
	dir := g.fresh(t)
	c, err := open(t, dir, newClock(), nil)
	must(t, err)
	must(t, c.Close())
	before := g.rows
	for i := range faultyChanges(c) {
		c, err := open(t, dir, newClock(), nil)
		must(t, err)
		change := faultyChanges(c)[i]
		must(t, change.do(t.Context()))
		must(t, c.Close())
		after, _, err := standingIn(t, dir)
		must(t, err)
		g.writes[change.action] = map[string]int{}
		for _, table := range faultyTables {
			g.writes[change.action][table] = after[table] - before[table]
		}
		before = after
	}
	return g
}

// fresh is a copy of the base.
func (g *faultRig) fresh(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	must(t, os.CopyFS(dir, os.DirFS(g.base)))
	return dir
}

// run makes the changes in a process with a fault: what it said, and whether the
// fault was reached.
func (g *faultRig) run(t *testing.T, dir, inject string, more ...string) (said []string, reached bool) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	trace := filepath.Join(t.TempDir(), "trace")
	calls, _, _ := strings.Cut(inject, ":")
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-o", trace, "-e", "trace="+calls, "-e", "inject="+inject,
		self, "-test.run=^TestFaultAtAnyStepLeavesAllOfAChangeOrNothing$")
	cmd.Env = append(append(os.Environ(), faultyWriter+"="+dir), more...)
	out, err := cmd.Output()
	if _, killed := errors.AsType[*exec.ExitError](err); err != nil && !killed {
		t.Fatal(err)
	}
	text, err := os.ReadFile(trace)
	must(t, err)
	return strings.Split(string(out), "\n"), strings.Contains(string(text), "INJECTED") || strings.Contains(string(text), "killed by SIGKILL")
}

// judge says what is wrong with the catalog after a fault.
func (g *faultRig) judge(t *testing.T, dir string, said []string) error {
	t.Helper()
	rows, actions, err := standingIn(t, dir)
	if err != nil {
		return err
	}
	actions = actions[min(g.entries, len(actions)):]
	want := maps.Clone(g.rows)
	for _, action := range actions {
		for table, n := range g.writes[action] {
			want[table] += n
		}
	}
	if !maps.Equal(want, rows) {
		return fmt.Errorf("the audit log says %v, but the rows are %v, want %v", actions, rows, want)
	}
	for _, line := range said {
		if action, done := strings.CutPrefix(line, "done "); done && !slices.Contains(actions, action) {
			return fmt.Errorf("%s was acknowledged and is lost", action)
		}
	}
	return nil
}

// TestFaultAtAnyStepLeavesAllOfAChangeOrNothing: killed, out of disk, or with an
// I/O error at the nth call, each change stands whole or not at all, what was
// acknowledged stands, and the file is sound. FOOTFALL_TEST_EVERY_STEP=1 makes
// the fault at every step.
func TestFaultAtAnyStepLeavesAllOfAChangeOrNothing(t *testing.T) {
	if dir := os.Getenv(faultyWriter); dir != "" {
		changeThroughFaults(t, dir)
		return
	}
	g := newFaultRig(t)
	const writing = "pwrite64,fsync,fdatasync,ftruncate"
	for _, fault := range []struct{ name, inject, says string }{
		{"kill -9", writing + ":signal=KILL:when=%d", ""},
		{"disk full for good", "pwrite64:error=ENOSPC:when=%d+", "the disk is full"},
		{"disk full once", "pwrite64:error=ENOSPC:when=%d", "the disk is full"},
		{"write error", writing + ":error=EIO:when=%d", "the disk failed"},
		{"read error", "pread64:error=EIO:when=%d", ""},
	} {
		t.Run(fault.name, func(t *testing.T) {
			first, step := 7, 61
			if os.Getenv(everyStep) != "" {
				first, step = 1, 1
			}
			n, explained := 0, false
			for at := first; ; at += step {
				dir := g.fresh(t)
				said, reached := g.run(t, dir, fmt.Sprintf(fault.inject, at))
				if !reached {
					break
				}
				n++
				if err := g.judge(t, dir, said); err != nil {
					t.Errorf("at call %d: %v; it said %q", at, err, said)
				}
				explained = explained || strings.Contains(strings.Join(said, "\n"), fault.says)
			}
			if n < 2 || !explained {
				t.Errorf("%d faults were made, and it said %q: %v", n, fault.says, explained)
			}
			t.Logf("%d faults", n)
		})
	}
	t.Run("kill -9 while the schema changes", func(t *testing.T) {
		first, step := 5, 47
		if os.Getenv(everyStep) != "" {
			first, step = 1, 1
		}
		n := 0
		for at := first; ; at += step {
			dir := t.TempDir()
			firstSchema(t, dir)
			_, reached := g.run(t, dir, fmt.Sprintf(writing+":signal=KILL:when=%d", at))
			if !reached {
				break
			}
			n++
			f := openFixture(t, dir, newClock(), nil)
			must(t, f.Check(f.ctx))
			if keys, err := f.VerifyingKeys(f.ctx, 3000); err != nil || len(keys) != 2 || keys[0].EndsMS != 7 {
				t.Errorf("at call %d: keys %+v, %v", at, keys, err)
			}
			must(t, f.Close())
		}
		if n < 2 {
			t.Errorf("%d faults", n)
		}
		t.Logf("%d faults", n)
	})
	t.Run("without a journal", func(t *testing.T) {
		for at := 30; at < 300; at += 3 {
			dir := g.fresh(t)
			said, reached := g.run(t, dir, fmt.Sprintf("pwrite64:signal=KILL:when=%d", at), faultyMutant+"=1")
			if !reached {
				break
			}
			if g.judge(t, dir, said) != nil {
				return
			}
		}
		t.Error("half of a change was left and nothing was seen")
	})
}
