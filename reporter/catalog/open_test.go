package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/policy"
)

// prepared makes a catalog in dir and lets a test spoil it.
func prepared(t *testing.T, dir string) string {
	t.Helper()
	c, err := open(t, dir, newClock(), nil)
	must(t, err)
	must(t, c.Close())
	return c.path()
}

func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", dataSource(path))
	must(t, err)
	for _, s := range statements {
		_, err := db.Exec(s)
		must(t, err)
	}
	must(t, db.Close())
}

func TestUnusableFileIsRefusedWithTheRemedyAndLeftAsItIs(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		is    error
		says  string
	}{
		{"garbage", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "catalog.db"), []byte("not a database at all"), 0o600))
		}, ErrNotCatalog, "footfall restore"},
		{"empty file", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "catalog.db"), nil, 0o600))
		}, ErrNotCatalog, "footfall restore"},
		{"directory", func(t *testing.T, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "catalog.db"), 0o700))
		}, ErrNotCatalog, "move it away"},
		{"another program's database", func(t *testing.T, dir string) {
			execute(t, filepath.Join(dir, "catalog.db"), `CREATE TABLE t (a)`)
		}, ErrNotCatalog, "another program"},
		{"magic and then garbage", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "catalog.db"), []byte(sqliteMagic+strings.Repeat("x", 52)+"Ftfl"+strings.Repeat("x", 8192)), 0o600))
		}, ErrNotCatalog, "footfall restore"},
		{"read-only", func(t *testing.T, dir string) {
			must(t, os.Chmod(prepared(t, dir), 0o400))
		}, ErrReadOnly, "chmod u+w"},
		{"newer schema", func(t *testing.T, dir string) {
			execute(t, prepared(t, dir), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
		}, ErrNewerSchema, "run the newer footfall"},
		{"lost", func(t *testing.T, dir string) {
			must(t, os.Remove(prepared(t, dir)))
		}, ErrLost, "footfall restore"},
		{"locked", func(t *testing.T, dir string) {
			lock, err := takeLock(filepath.Join(dir, "catalog.lock"))
			must(t, err)
			t.Cleanup(func() { must(t, lock.Close()) })
		}, ErrLocked, "process " + strconv.Itoa(os.Getpid())},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.spoil(t, dir)
			before := contents(t, dir)
			_, err := open(t, dir, newClock(), nil)
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v saying %q", err, c.is, c.says)
			}
			if after := contents(t, dir); after != before {
				t.Errorf("the file changed: %.80q became %.80q", before, after)
			}
		})
	}
}

func contents(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "catalog.db"))
	if err != nil && !errors.Is(err, os.ErrNotExist) && !strings.Contains(err.Error(), "directory") {
		t.Fatal(err)
	}
	return string(text)
}

func TestMissingCatalogIsMadeWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	// What a crash in the middle of making one leaves is no obstacle.
	must(t, os.WriteFile(filepath.Join(dir, "catalog.db.creating"), []byte("half"), 0o600))
	f := openFixture(t, dir, newClock(), nil)
	info, err := os.Stat(f.path())
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: the file holds keys", info.Mode())
	}
	must(t, f.Check(f.ctx))
	if _, err := os.Stat(filepath.Join(dir, "catalog.db.creating")); err == nil {
		t.Error("the file of the making is left")
	}
	var mode, foreign string
	var sync int
	must(t, f.writer.QueryRow(`SELECT (SELECT journal_mode FROM pragma_journal_mode), (SELECT synchronous FROM pragma_synchronous), (SELECT foreign_keys FROM pragma_foreign_keys)`).Scan(&mode, &sync, &foreign))
	if mode != "wal" || sync != 2 || foreign != "1" {
		t.Errorf("journal %s, synchronous %d, foreign keys %s", mode, sync, foreign)
	}
}

func TestDamagedPagesAreFoundByTheCheck(t *testing.T) {
	dir, k := t.TempDir(), newClock()
	f := openFixture(t, dir, k, nil)
	f.organizer("acme", "UTC")
	must(t, f.Close())
	file, err := os.OpenFile(f.path(), os.O_RDWR, 0)
	must(t, err)
	info, err := file.Stat()
	must(t, err)
	for at := int64(4096 * 3); at < info.Size(); at += 4096 {
		_, err = file.WriteAt([]byte{0xff, 0xff, 0xff, 0xff, 0xff}, at)
		must(t, err)
	}
	must(t, file.Close())
	c, err := open(t, dir, k, nil)
	if err == nil {
		err = errors.Join(c.Check(context.Background()), c.Close())
	}
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "restore a backup") {
		t.Errorf("got %v, want the damage and its remedy", err)
	}
}

// firstSchema makes in dir a catalog as the first version wrote it.
func firstSchema(t *testing.T, dir string) {
	t.Helper()
	db, err := openWriter(t.Context(), filepath.Join(dir, "catalog.db"))
	must(t, err)
	files, err := fs.Sub(migrations, "migrations")
	must(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	must(t, err)
	_, err = provider.UpTo(t.Context(), 1)
	must(t, err)
	const key = `x'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'`
	for _, statement := range []string{
		`INSERT INTO meta VALUES ('incarnation', '00000000000000c0'), ('watermark_us', '0'), ('takeovers_ms', '5')`,
		`INSERT INTO revisions VALUES (1, '00000000000000c0', 1000), (2, '00000000000000c0', 2000)`,
		`INSERT INTO organizers VALUES (1, 2, 'acme', 'UTC', 'EUR', 0)`, `INSERT INTO organizer_names VALUES (1, 'Acme')`,
		`INSERT INTO click_keys VALUES (1, ` + key + `, 1000, 1000, 1000, 7), (2, ` + key + `, 3000, 3000, 3000, 0)`,
		`UPDATE id_counters SET last = 1 WHERE kind = 'organizer'`,
	} {
		_, err := db.ExecContext(t.Context(), statement)
		must(t, err)
	}
	must(t, db.Close())
}

// TestCatalogOfTheFirstSchemaGoesOn: opened, and restored, with every key and its
// end.
func TestCatalogOfTheFirstSchemaGoesOn(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	firstSchema(t, dir)
	firstSchema(t, other)
	check := func(f *fixture) {
		t.Helper()
		must(t, f.Check(f.ctx))
		keys, err := f.VerifyingKeys(f.ctx, 2000)
		must(t, err)
		if len(keys) != 1 || keys[0].EndsMS != 7 {
			t.Errorf("keys as of then %+v", keys)
		}
		if keys, err = f.VerifyingKeys(f.ctx, newestUS); err != nil || len(keys) != 2 || keys[1].EndsMS != 0 {
			t.Errorf("keys %+v, %v", keys, err)
		}
		p, err := f.PolicyAt(f.ctx, "acme", 0)
		if err != nil || p.Version != 1 {
			t.Errorf("policy %+v, %v", p, err)
		}
	}
	f := openFixture(t, dir, newClock(), nil)
	check(f)
	f.affiliate("acme", "Ann")
	f.code("acme", "", "SPRING", "Ann")
	k, err := f.coupon("TEN", "SPRING", "", "")
	must(t, err)
	if k.ID != 1 {
		t.Errorf("the first coupon has the id %d", k.ID)
	}
	backup := f.backup()
	// The catalog that is replaced may be of the first schema too.
	must(t, f.Close())
	config := f.config
	config.Dir = other
	_, err = Restore(f.ctx, config, f.clock.Now, "test", backup, Seen{})
	must(t, err)
	f = openFixture(t, other, f.clock, nil)
	check(f)
	if k, err = f.coupon("ELEVEN", "SPRING", "", ""); err != nil || k.ID <= idGap {
		t.Errorf("after a restore the next coupon is %d, %v", k.ID, err)
	}
}

func TestOldSQLiteIsRefused(t *testing.T) {
	for _, c := range []struct {
		have, want string
		ok         bool
	}{
		{"3.51.3", "3.51.3", true},
		{"3.52.0", "3.51.3", true},
		{"4.0.0", "3.51.3", true},
		{"3.51.10", "3.51.3", true},
		{"3.51.2", "3.51.3", false},
		{"3.9.9", "3.51.3", false},
		{"3.51", "3.51.3", false},
		{"", "3.51.3", false},
	} {
		if atLeast(c.have, c.want) != c.ok {
			t.Errorf("%s at least %s: want %v", c.have, c.want, c.ok)
		}
	}
	must(t, checkSQLite(t.Context(), minSQLite))
	// At a start, before a file is touched: neither made nor changed.
	for _, dir := range []string{t.TempDir(), filepath.Dir(prepared(t, t.TempDir()))} {
		before := contents(t, dir)
		c, err := New(Config{Dir: dir}, Deps{Clock: newClock().Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
		must(t, err)
		c.oldestSQLite = "99.0.0"
		if err := c.Open(t.Context()); !errors.Is(err, ErrSQLite) || !strings.Contains(err.Error(), "99.0.0 or later is needed") {
			t.Errorf("opened with %v", err)
		}
		if contents(t, dir) != before {
			t.Error("the file was touched")
		}
	}
}

// TestSecondProcessIsRefusedWithTheFirstOnesID: one process writes and
// checkpoints, and while it does no other opens the file.
func TestSecondProcessIsRefusedWithTheFirstOnesID(t *testing.T) {
	f := newFixture(t)
	f.organizer("acme", "UTC")
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestFaultAtAnyStepLeavesAllOfAChangeOrNothing$")
	cmd.Env = append(os.Environ(), faultyWriter+"="+f.config.Dir)
	out, err := cmd.Output()
	if want := "failed open: " + ErrLocked.Error() + " by process " + strconv.Itoa(os.Getpid()); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("the second process said %q, %v; want %q", out, err, want)
	}
	f.affiliate("acme", "Ann") // the first goes on
	must(t, f.Check(f.ctx))
}

func TestHistoryCannotBeOverwritten(t *testing.T) {
	f := newFixture(t)
	f.organizer("acme", "UTC")
	f.event("", "gala")
	f.affiliate("", "Ann")
	f.code("", "", "SPRING", "Ann")
	_, err := f.AddCode(f.ctx, "test", claimOf("OLD", "Ann", "2026-11-01"))
	must(t, err)
	_, err = f.coupon("TEN", "SPRING", "", "")
	must(t, err)
	_, err = f.SetPolicy(f.ctx, "test", policy.Set{})
	must(t, err)
	_, err = f.EndClickKey(f.ctx, "test", 1, f.clock.Now())
	must(t, err)
	for _, table := range []string{"revisions", "organizers", "events", "affiliates", "codes", "code_texts", "code_claims", "code_owners", "audit", "policies", "coupons", "click_key_ends"} {
		for _, statement := range []string{`UPDATE %s SET rowid_or_first = 0`, `DELETE FROM %s`} {
			statement = strings.Replace(fmt.Sprintf(statement, table), "rowid_or_first", firstColumn(t, f, table), 1)
			if _, err := f.writer.Exec(statement); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", statement, err)
			}
		}
	}
}

func firstColumn(t *testing.T, f *fixture, table string) string {
	t.Helper()
	var name string
	must(t, f.writer.QueryRow(`SELECT name FROM pragma_table_info(?) LIMIT 1`, table).Scan(&name))
	return name
}

func TestRevisionsAreKnownAboveEveryWatermarkAnswered(t *testing.T) {
	dir, k := t.TempDir(), newClock()
	f := openFixture(t, dir, k, nil)
	ahead := k.Now().Add(time.Hour).UnixMicro() // a consumer's clock ran ahead
	must(t, f.NoteWatermark(f.ctx, ahead))
	must(t, f.NoteWatermark(f.ctx, ahead-1000)) // an older one changes nothing
	must(t, f.Close())

	f = openFixture(t, dir, k, nil) // kept across a restart
	f.organizer("acme", "UTC")
	known := knownAt(t, f)
	if known != ahead+1 {
		t.Errorf("known at %d, want the watermark %d + 1", known, ahead)
	}
	k.Advance(-time.Hour) // the clock steps back
	f.organizer("beta", "UTC")
	if next := knownAt(t, f); next != known+1 {
		t.Errorf("known at %d after %d", next, known)
	}
	d, err := f.Dimensions(f.ctx, known)
	must(t, err)
	if len(d.Organizers) != 1 {
		t.Errorf("the as-of sees %d organizers, want 1", len(d.Organizers))
	}
}

func knownAt(t *testing.T, f *fixture) int64 {
	t.Helper()
	_, us, err := lastRevision(f.ctx, f.reader)
	must(t, err)
	return us
}
