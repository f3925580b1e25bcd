package catalog

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

const (
	// applicationID marks the file as ours: "Ftfl".
	applicationID = 0x4674666c
	// busyTimeout bounds the wait for another program's lock.
	busyTimeout = 5 * time.Second
	// minSQLite is the first version without the WAL-reset corruption.
	minSQLite = "3.51.3"
	// sqliteMagic begins every database file.
	sqliteMagic = "SQLite format 3\x00"
	// headerBytes of a database file, the application id at applicationAt.
	headerBytes   = 100
	applicationAt = 68
)

//go:embed migrations/*.sql
var migrations embed.FS

// openFiles opens the catalog, or makes one where none ever stood.
func (c *Catalog) openFiles(ctx context.Context) error {
	if err := checkSQLite(ctx, c.oldestSQLite); err != nil {
		return err
	}
	if err := checkFile(c.path()); errors.Is(err, fs.ErrNotExist) {
		if err := c.checkNeverStood(); err != nil {
			return err
		}
		if err := c.create(ctx); err != nil {
			return fmt.Errorf("making %s: %w", c.path(), err)
		}
	} else if err != nil {
		return err
	}
	var err error
	if c.writer, err = openWriter(ctx, c.path()); err != nil {
		return err
	}
	if err := migrate(ctx, c.writer, c.path()); err != nil {
		return err
	}
	c.reader, err = openReader(c.path())
	return err
}

// checkFile says what is wrong with the file at path before SQLite touches it.
func checkFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at the catalog: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a file: move it away", ErrNotCatalog, path)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) || err != nil && strings.Contains(err.Error(), "read-only") || err == nil && info.Mode().Perm()&0o200 == 0 {
		if f != nil {
			err = f.Close()
		}
		return errors.Join(fmt.Errorf("%w: %s: give this user write permission (chmod u+w), or mount its file system writable", ErrReadOnly, path), err)
	}
	if err != nil {
		return fmt.Errorf("opening the catalog: %w", err)
	}
	head := make([]byte, headerBytes)
	_, err = io.ReadFull(f, head)
	if closing := f.Close(); closing != nil {
		return fmt.Errorf("closing the catalog: %w", closing)
	}
	if err != nil || string(head[:len(sqliteMagic)]) != sqliteMagic {
		return fmt.Errorf("%w: %s holds something else (%d bytes): it is left as it is; move it away and restore a backup with «footfall restore FILE»", ErrNotCatalog, path, info.Size())
	}
	if binary.BigEndian.Uint32(head[applicationAt:]) != applicationID {
		return fmt.Errorf("%w: %s is another program's database: it is left as it is; move it away and restore a backup with «footfall restore FILE»", ErrNotCatalog, path)
	}
	return nil
}

// checkNeverStood refuses to begin anew where a catalog was lost: ids would be
// used twice.
func (c *Catalog) checkNeverStood() error {
	names, err := os.ReadDir(c.dayKeyDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for day keys: %w", err)
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: %s isn't there, but day keys beside it are: restore a backup with «footfall restore FILE», or, to begin anew, use another data directory", ErrLost, c.path())
	}
	return nil
}

// create makes a whole catalog under another name first: a crash leaves none
// or a whole one.
func (c *Catalog) create(ctx context.Context) error {
	temp := c.path() + ".creating"
	if err := removeDatabase(temp); err != nil {
		return err
	}
	db, err := openWriter(ctx, temp)
	if err != nil {
		return err
	}
	err = errors.Join(migrate(ctx, db, temp), c.seed(ctx, db))
	if err == nil {
		_, err = db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return errors.Join(err, removeDatabase(temp))
	}
	return moveInto(temp, c.path())
}

// seed writes what a new catalog begins with: who it is, its first revision and
// the first click key, which may mint at once as nobody has clicked yet.
func (c *Catalog) seed(ctx context.Context, db *sql.DB) error {
	incarnation, err := newIncarnation()
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	nowUS := c.deps.Clock().UnixMicro()
	secret, err := randomBytes(32)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO meta (key, value) VALUES ('incarnation', ?), ('watermark_us', '0')`, []any{incarnation.String()}},
		{`INSERT INTO revisions (number, incarnation, known_at_us) VALUES (1, ?, ?)`, []any{incarnation.String(), nowUS}},
		{`INSERT INTO click_keys (id, secret, known_us, created_us, served_us, mint_us) VALUES (1, ?1, ?2, ?2, ?2, ?2)`, []any{secret, nowUS}},
		{`INSERT INTO audit (at_us, actor, action, subject, before, after, revision) VALUES (?, 'footfall', 'catalog create', 'catalog', '{}', '{}', 1)`, []any{nowUS}},
	} {
		if _, err := tx.ExecContext(ctx, step.sql, step.args...); err != nil {
			return fmt.Errorf("seeding: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("seeding: %w", err)
	}
	return nil
}

// openWriter opens the only connection that writes.
func openWriter(ctx context.Context, path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dataSource(path, "journal_mode(wal)", "synchronous(full)", "secure_delete(1)")+"&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	if err := checkOpened(ctx, db, path); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	// The file holds keys: nobody else's business.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("setting the mode of the catalog: %w", err), db.Close())
	}
	return db, nil
}

func openReader(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dataSource(path, "query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("opening %s for reading: %w", path, err)
	}
	const readers = 4 // reports and feeds are few; each holds pages
	db.SetMaxOpenConns(readers)
	return db, nil
}

func dataSource(path string, pragmas ...string) string {
	pragmas = append([]string{"busy_timeout(" + formatInt(busyTimeout.Milliseconds()) + ")", "foreign_keys(1)", "trusted_schema(0)"}, pragmas...)
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=" + strings.Join(pragmas, "&_pragma=")
}

// checkSQLite refuses an SQLite that is older than the oldest that is safe, before
// it touches any file.
func checkSQLite(ctx context.Context, oldest string) error {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return fmt.Errorf("looking at SQLite's version: %w", err)
	}
	var version string
	err = db.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&version)
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("looking at SQLite's version: %w", err)
	}
	if !atLeast(version, oldest) {
		return fmt.Errorf("%w: %s has a defect that loses commits; %s or later is needed: build with a newer modernc.org/sqlite", ErrSQLite, version, oldest)
	}
	return nil
}

// checkOpened refuses a database that is not ours.
func checkOpened(ctx context.Context, db *sql.DB, path string) error {
	var application, tables int
	err := db.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)`).Scan(&application, &tables)
	if err != nil {
		return explainAt(path, fmt.Errorf("opening %s: %w", path, err))
	}
	if tables == 0 && application == 0 {
		if _, err := db.ExecContext(ctx, `PRAGMA application_id = `+strconv.Itoa(applicationID)); err != nil {
			return explainAt(path, fmt.Errorf("marking %s: %w", path, err))
		}
		return nil
	}
	if application != applicationID {
		return fmt.Errorf("%w: %s is another program's database: it is left as it is; move it away", ErrNotCatalog, path)
	}
	return nil
}

// migrate brings the schema up to date; a later one than ours is refused.
func migrate(ctx context.Context, db *sql.DB, path string) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	have, known, err := provider.GetVersions(ctx)
	if err != nil {
		return explainAt(path, fmt.Errorf("reading the version of %s: %w", path, err))
	}
	if have > known {
		return fmt.Errorf("%w: %s has schema %d, this program knows up to %d: run the newer footfall that wrote it", ErrNewerSchema, path, have, known)
	}
	if have == known {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return explainAt(path, fmt.Errorf("bringing %s from schema %d to %d: %w", path, have, known, err))
	}
	return nil
}

// readWatermark is the newest watermark ever answered, microseconds.
func readWatermark(ctx context.Context, q querier) (us int64, err error) {
	if err := q.QueryRowContext(ctx, `SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'watermark_us'`).Scan(&us); err != nil {
		return 0, fmt.Errorf("reading the newest watermark: %w", err)
	}
	return us, nil
}

func newIncarnation() (ids.Incarnation, error) {
	for {
		b, err := randomBytes(8)
		if err != nil {
			return 0, err
		}
		if n := binary.LittleEndian.Uint64(b); n != 0 {
			return ids.Incarnation(n), nil
		}
	}
}

func randomBytes(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("drawing random bytes: %w", err)
	}
	return b, nil
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

// atLeast compares dotted versions number by number.
func atLeast(have, want string) bool {
	h, w := strings.Split(have, "."), strings.Split(want, ".")
	for i := range w {
		if i >= len(h) {
			return false
		}
		a, errA := strconv.Atoi(h[i])
		b, errB := strconv.Atoi(w[i])
		if errA != nil || errB != nil {
			return false
		}
		if a != b {
			return a > b
		}
	}
	return true
}

// removeDatabase removes a database file that nobody has open, with its logs.
func removeDatabase(path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm", path + "-journal"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing %s: %w", name, err)
		}
	}
	return nil
}

// moveInto syncs a closed database and renames it over path, durably.
func moveInto(temp, path string) error {
	f, err := os.OpenFile(temp, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening %s: %w", temp, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("syncing %s: %w", temp, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("moving the catalog into place: %w", err)
	}
	return routes.SyncDir(filepath.Dir(path))
}
