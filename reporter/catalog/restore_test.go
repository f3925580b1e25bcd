package catalog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"

	"github.com/parquet-go/parquet-go"
)

func (f *fixture) backup() string {
	f.t.Helper()
	path := filepath.Join(f.t.TempDir(), "backup.db")
	b, err := f.Backup(f.ctx, "test", path)
	must(f.t, err)
	if b.Bytes == 0 || len(b.SHA256) != 64 || b.Path != path {
		f.t.Errorf("backup %+v", b)
	}
	return path
}

func restore(f *fixture, backup string, seen Seen) (Restored, error) {
	f.t.Helper()
	must(f.t, f.Close())
	return Restore(f.ctx, f.config, f.clock.Now, "test", backup, seen)
}

func TestNoIDIsUsedTwiceAcrossARestore(t *testing.T) {
	dir, k := t.TempDir(), newClock()
	f := openFixture(t, dir, k, nil)
	f.organizer("acme", "UTC")
	f.event("acme", "gala")
	f.affiliate("acme", "Ann")
	f.code("acme", "", "SPRING", "Ann")
	path := f.backup()
	had, err := f.Revision(f.ctx)
	must(t, err)
	// What comes after the backup is lost, but its ids were given out.
	f.affiliate("acme", "Bob")
	lost := f.code("acme", "", "LOST", "Bob")
	must(t, f.NoteWatermark(f.ctx, k.Now().Add(time.Hour).UnixMicro()))
	edge, err := f.Revision(f.ctx)
	must(t, err)

	done, err := restore(f, path, Seen{Organizer: 9, Event: 5000, Code: 1, Collector: 3, NewestUS: k.Now().Add(2 * time.Hour).UnixMicro()})
	must(t, err)
	if done.Revision.Incarnation == had.Incarnation || done.Aside == "" || !done.LostFrom.Before(done.LostTo) {
		t.Errorf("restored %+v", done)
	}
	f = openFixture(t, dir, k, nil)
	if now, err := f.Revision(f.ctx); err != nil || now != done.Revision {
		t.Errorf("revision %v, want %v", now, done.Revision)
	}
	if known := knownAt(t, f); known <= k.Now().Add(2*time.Hour).UnixMicro() {
		t.Errorf("known at %d, below what the lake had", known)
	}
	update, err := f.Feed(1).Routes(f.ctx, edge)
	must(t, err)
	if update.Snapshot == nil || len(update.Snapshot.Codes) != 1 {
		t.Errorf("an edge of the former incarnation got %+v", update)
	}
	if o := f.organizer("beta", "UTC"); o.ID != 9+idGap+1 {
		t.Errorf("organizer %d", o.ID)
	}
	if e := f.event("acme", "expo"); e.ID != 5000+idGap+1 {
		t.Errorf("event %d", e.ID)
	}
	if a := f.affiliate("acme", "Cleo"); a.ID != 2+idGap+1 {
		t.Errorf("affiliate %d, Bob had 2", a.ID)
	}
	if c := f.code("acme", "", "LOST", "Cleo"); c.ID != lost.ID+idGap+1 {
		t.Errorf("code %d, the lost one was %d", c.ID, lost.ID)
	}
	if k, err := f.EnrolCollector(f.ctx, "test", admin.CollectorEnrol{Name: "edge"}); err != nil || k.ID != 3+idGap+1 {
		t.Errorf("collector %d, %v", k.ID, err)
	}
	must(t, f.Check(f.ctx))
	// History from before stays readable as of then.
	if d, err := f.Dimensions(f.ctx, newClock().Now().UnixMicro()+3); err != nil || d.Revision.Incarnation != had.Incarnation {
		t.Errorf("the as-of of before: %+v %v", d.Revision, err)
	}
	// The former catalog lies aside, whole.
	old, err := openReader(done.Aside)
	must(t, err)
	if r, _, err := lastRevision(f.ctx, old); err != nil || r != edge {
		t.Errorf("aside is %v, %v, want %v", r, err, edge)
	}
	must(t, old.Close())
}

// TestRestoreKeepsCollectorsAndClickKeys: a journal is bound to its collector's
// id, and a link that is out to its key: an older backup takes neither away.
func TestRestoreKeepsCollectorsAndClickKeys(t *testing.T) {
	dir, k := t.TempDir(), newClock()
	f := openFixture(t, dir, k, nil)
	f.organizer("acme", "UTC")
	gone, err := f.EnrolCollector(f.ctx, "test", admin.CollectorEnrol{Name: "gone"})
	must(t, err)
	path := f.backup()
	later, err := f.EnrolCollector(f.ctx, "test", admin.CollectorEnrol{Name: "edge", Orders: true})
	must(t, err)
	_, err = f.RetireCollector(f.ctx, "test", gone.ID)
	must(t, err)
	_, err = f.RotateClickKey(f.ctx, "test")
	must(t, err)
	_, err = f.EndClickKey(f.ctx, "test", 1, k.Now())
	must(t, err)
	want, err := f.VerifyingKeys(f.ctx, newestUS)
	must(t, err)

	done, err := restore(f, path, Seen{Open: []ids.CollectorID{later.ID}})
	must(t, err)
	if len(done.Recovered) > 0 {
		t.Errorf("recovered %v, which the former catalog knew", done.Recovered)
	}
	f = openFixture(t, dir, k, nil)
	if c, err := f.CollectorByToken(f.ctx, later.Token); err != nil || c.ID != later.ID || c.Name != "edge" || !c.Orders {
		t.Errorf("the later collector: %+v, %v", c, err)
	}
	if _, err := f.CollectorByToken(f.ctx, gone.Token); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("the retired collector's token: %v", err)
	}
	if keys, err := f.VerifyingKeys(f.ctx, newestUS); err != nil || !slices.Equal(keys, want) {
		t.Errorf("%d click keys, %v; there were %d", len(keys), err, len(want))
	}
	if fresh, err := f.RotateClickKey(f.ctx, "test"); err != nil || int(fresh.ID) != len(want)+1 {
		t.Errorf("the next click key is %d, %v", fresh.ID, err)
	}
}

func TestARestoreOpensNoEndedWebhookSecret(t *testing.T) {
	dir, k := t.TempDir(), newClock()
	f := openFixture(t, dir, k, nil)
	f.organizer("acme", "UTC")
	leaked, err := f.AddWebhookSecret(f.ctx, "test", "acme", "")
	must(t, err)
	kept, err := f.AddWebhookSecret(f.ctx, "test", "acme", "")
	must(t, err)
	path := f.backup()
	_, err = f.EndWebhookSecret(f.ctx, "test", "acme", leaked.ID)
	must(t, err)
	done, err := restore(f, path, Seen{})
	must(t, err)
	if !done.LostTo.IsZero() {
		t.Errorf("no revision was lost: %+v", done)
	}
	f = openFixture(t, dir, k, nil)
	rows, err := webhookSecrets(f.ctx, f.writer, ``)
	must(t, err)
	for _, r := range rows {
		if r.endedUS.Valid != (r.id == leaked.ID) || r.secret == leaked.Secret || r.id == kept.ID && r.secret != kept.Secret {
			t.Errorf("after the restore secret %d is %+v", r.id, r)
		}
	}
	if len(rows) != 2 {
		t.Errorf("%d secrets", len(rows))
	}
}

func TestRestoreOverGarbageOrNothing(t *testing.T) {
	f := newFixture(t)
	f.organizer("acme", "UTC")
	path := f.backup()
	must(t, f.Close())
	for name, spoil := range map[string]func(string) error{
		"nothing": func(string) error { return nil },
		"garbage": func(db string) error { return os.WriteFile(db, []byte("garbage"), 0o600) },
		"lost": func(db string) error {
			return errors.Join(os.MkdirAll(filepath.Join(filepath.Dir(db), "daykeys"), 0o700), os.WriteFile(filepath.Join(filepath.Dir(db), "daykeys", "2026-11-22.key"), make([]byte, 32), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := DefaultConfig()
			config.Dir = t.TempDir()
			must(t, spoil(filepath.Join(config.Dir, "catalog.db")))
			done, err := Restore(t.Context(), config, f.clock.Now, "test", path, Seen{
				Open: []ids.CollectorID{3, 4}, Recognized: map[ids.CollectorID]string{3: "embedded", 9: "never seen"},
			})
			must(t, err)
			if (done.Aside != "") != (name == "garbage") || fmt.Sprint(done.Recovered) != "[4]" {
				t.Errorf("%+v", done)
			}
			g := openFixture(t, config.Dir, f.clock, nil)
			if _, err := g.Organizer(g.ctx, "acme"); err != nil {
				t.Error(err)
			}
			// Of the collectors that the backup didn't know, the one whose journals are
			// here goes on; the other needs a new token.
			all, err := g.Collectors(g.ctx)
			must(t, err)
			if len(all) != 2 || all[0].ID != 3 || all[0].Name != "embedded" || !all[0].Orders || all[1].ID != 4 {
				t.Errorf("collectors %+v", all)
			}
			k, err := g.RenewToken(g.ctx, "test", 4)
			must(t, err)
			if _, err := g.CollectorByToken(g.ctx, k.Token); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRestoreRefusesWhatIsNoBackupAndChangesNothing(t *testing.T) {
	f := newFixture(t)
	f.organizer("acme", "UTC")
	good := f.backup()
	text, err := os.ReadFile(good)
	must(t, err)
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"garbage": []byte("garbage"), "empty": nil, "truncated": text[:len(text)/2],
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	if _, err := Restore(f.ctx, f.config, f.clock.Now, "test", good, Seen{}); !errors.Is(err, ErrLocked) {
		t.Errorf("beside a running server: %v", err)
	}
	must(t, f.Close())
	before := contents(t, f.config.Dir)
	for _, name := range []string{"garbage", "empty", "truncated", "missing"} {
		if _, err := Restore(f.ctx, f.config, f.clock.Now, "test", filepath.Join(dir, name), Seen{}); err == nil {
			t.Errorf("restored %s", name)
		}
	}
	if _, err := Restore(f.ctx, f.config, f.clock.Now, "test", good, Seen{Event: ids.MaxEventID}); !errors.Is(err, ErrIDsExhausted) {
		t.Errorf("beyond the last event id: %v", err)
	}
	if after := contents(t, f.config.Dir); after != before {
		t.Error("a refused restore changed the catalog")
	}
	left, err := filepath.Glob(filepath.Join(f.config.Dir, "*restoring*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestBackupNeverOverwritesAFile(t *testing.T) {
	f := newFixture(t)
	path := f.backup()
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: a backup holds keys", info.Mode())
	}
	if _, err := f.Backup(f.ctx, "test", path); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("again: %v", err)
	}
	if _, err := f.Backup(f.ctx, "test", filepath.Join(t.TempDir(), "no", "b.db")); err == nil {
		t.Error("into a directory that isn't there")
	}
	if n := counted(t, f, "footfall_catalog_failures_total", stepBackup); n != 1 {
		t.Errorf("counted %v failures", n)
	}
}

func TestLargestIDsOfTheLakeAreFound(t *testing.T) {
	root := t.TempDir()
	if seen, err := SeenInLake(filepath.Join(root, "none")); err != nil || seen.Code != 0 {
		t.Errorf("no lake: %+v %v", seen, err)
	}
	dir, err := lakelog.OpenDir(root)
	must(t, err)
	must(t, dir.Open("c7-visits", lakelog.KindVisits, 7, 100))
	w, err := dir.Writer("c7-visits")
	must(t, err)
	const code = 77
	f, err := os.Create(dir.Abs("v.parquet"))
	must(t, err)
	rows := []lake.VisitRow{{OrganizerID: 3, EventID: 44, CodeID: code}, {OrganizerID: 2, EventID: 1}}
	must(t, parquet.Write(f, rows))
	must(t, f.Close())
	path := f.Name()
	var seen Seen
	must(t, seen.addFile(path))
	if seen.Organizer != 3 || seen.Event != 44 || seen.Code != 77 {
		t.Errorf("%+v", seen)
	}
	f, err = os.Create(dir.Abs("c.parquet"))
	must(t, err)
	affiliate := int64(1234)
	must(t, parquet.Write(f, []lake.CatalogRow{{Kind: lake.KindRevision, ID: 999_999}, {Kind: lake.KindAffiliate, ID: affiliate, AffiliateID: &affiliate}}))
	must(t, f.Close())
	must(t, seen.addFile(f.Name()))
	if seen.Affiliate != 1234 || seen.Code != 77 {
		t.Errorf("with the published catalog %+v", seen)
	}
	_ = w
	seen, err = SeenInLake(root)
	must(t, err)
	if seen.Collector != 7 || seen.NewestUS != 100 || fmt.Sprint(seen.Open) != "[7]" {
		t.Errorf("%+v", seen)
	}
}

// killedWriter is set in the process that is killed.
const killedWriter = "FOOTFALL_TEST_CATALOG_WRITER"

func TestKillNineLosesNoAcknowledgedChange(t *testing.T) {
	if dir := os.Getenv(killedWriter); dir != "" {
		writeUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	c, err := open(t, dir, newClock(), nil)
	must(t, err)
	f := &fixture{Catalog: c, t: t, clock: newClock(), ctx: context.Background()}
	f.organizer("acme", "UTC")
	f.affiliate("acme", "Ann")
	must(t, c.Close())
	var acked []string
	for round := range 5 {
		acked = append(acked, runAndKill(t, dir, 5+round*7)...)
		f := openFixture(t, dir, newClock(), nil)
		must(t, f.Check(f.ctx))
		for _, text := range acked {
			if _, err := f.Code(f.ctx, admin.CodeRef{Text: text}); err != nil {
				t.Errorf("acknowledged and lost: %s: %v", text, err)
			}
		}
		must(t, f.Close())
	}
	if len(acked) < 50 {
		t.Errorf("only %d changes were acknowledged", len(acked))
	}
}

// runAndKill kills a writer after its nth acknowledgement and gives those that
// were seen.
func runAndKill(t *testing.T, dir string, n int) (acked []string) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self, "-test.run=^TestKillNineLosesNoAcknowledgedChange$")
	cmd.Env = append(os.Environ(), killedWriter+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "acked ")
		if !ok {
			continue
		}
		if acked = append(acked, text); len(acked) == n {
			must(t, cmd.Process.Kill())
		}
	}
	if err := cmd.Wait(); err == nil || len(acked) < n {
		t.Fatalf("the writer ended by itself after %d: %v", len(acked), err)
	}
	return acked
}

func writeUntilKilled(t *testing.T, dir string) {
	c, err := open(t, dir, newClock(), nil)
	must(t, err)
	for i := 0; ; i++ {
		text := fmt.Sprintf("c%d-%d", os.Getpid(), i)
		_, err := c.AddCode(context.Background(), "test", admin.CodeAdd{Text: text, Affiliate: "Ann"})
		must(t, err)
		fmt.Println("acked " + text)
	}
}
