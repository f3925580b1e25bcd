package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"footfall/schemas/admin"
	"footfall/schemas/routes"
)

// Check reads the whole file and says what is damaged: nil when nothing is.
func (c *Catalog) Check(ctx context.Context) error { return checkIntegrity(ctx, c.reader, c.path()) }

func checkIntegrity(ctx context.Context, q querier, path string) error {
	rows, err := q.QueryContext(ctx, `PRAGMA integrity_check(5)`)
	problems, err := collect(rows, err, func(r *sql.Rows) (text string, err error) {
		err = r.Scan(&text)
		return text, err
	})
	if err != nil {
		return explainAt(path, fmt.Errorf("checking %s: %w", path, err))
	}
	if len(problems) == 1 && problems[0] == "ok" {
		return nil
	}
	return fmt.Errorf("%w: %s: %s: keep a copy of the file and restore a backup with «footfall restore FILE»", ErrDamaged, path, listed(problems))
}

// Backup writes catalog and keys to a new file, whole or not at all, while the
// catalog goes on. Day keys are in no backup. The file holds secrets: 0600.
func (c *Catalog) Backup(ctx context.Context, actor, path string) (out admin.Backup, err error) {
	if !filepath.IsAbs(path) {
		return out, admin.Refuse(admin.Invalid, "/path", "the path %q is not absolute", path)
	}
	if _, err := os.Lstat(path); err == nil {
		return out, admin.Refuse(admin.Conflict, "/path", "%s exists: a backup never overwrites a file; choose another name", path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return out, fmt.Errorf("looking at %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			c.metrics.failure(stepBackup)
		}
	}()
	temp := path + ".partial"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return out, fmt.Errorf("making the backup: %w", err)
	}
	if err := f.Close(); err != nil {
		return out, fmt.Errorf("making the backup: %w", err)
	}
	if err := c.copyInto(ctx, temp); err != nil {
		return out, errors.Join(c.explain(err), removeDatabase(temp))
	}
	if out, err = finishBackup(ctx, temp, path); err != nil {
		return out, errors.Join(err, removeDatabase(temp))
	}
	return out, c.change(ctx, actor, func(ch *change) error {
		return ch.audit(ctx, "catalog backup", "catalog", nil, fields{"revision": out.Revision, "sha256": out.SHA256})
	})
}

// copyInto writes one snapshot of the catalog, on a connection of its own, as
// the readers may write no file at all.
func (c *Catalog) copyInto(ctx context.Context, temp string) error {
	db, err := sql.Open("sqlite", dataSource(c.path()))
	if err != nil {
		return fmt.Errorf("opening the catalog: %w", err)
	}
	if _, err = db.ExecContext(ctx, `VACUUM INTO ?`, temp); err != nil {
		err = fmt.Errorf("writing the backup: %w", err)
	}
	return errors.Join(err, db.Close())
}

// finishBackup checks what was written, syncs it and gives it its name.
func finishBackup(ctx context.Context, temp, path string) (out admin.Backup, err error) {
	db, err := openReader(temp)
	if err != nil {
		return out, err
	}
	err = checkIntegrity(ctx, db, temp)
	if err == nil {
		revision, _, failed := lastRevision(ctx, db)
		out.Revision, err = revision.String(), failed
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return out, err
	}
	f, err := os.OpenFile(temp, os.O_RDWR, 0)
	if err != nil {
		return out, fmt.Errorf("reading the backup: %w", err)
	}
	sum := sha256.New()
	out.Bytes, err = io.Copy(sum, f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return out, fmt.Errorf("syncing the backup: %w", err)
	}
	out.Path, out.SHA256 = path, hex.EncodeToString(sum.Sum(nil))
	// link, not rename: a file that came meanwhile is not overwritten.
	if err := os.Link(temp, path); err != nil {
		return out, fmt.Errorf("naming the backup: %w", err)
	}
	if err := os.Remove(temp); err != nil {
		return out, fmt.Errorf("naming the backup: %w", err)
	}
	return out, routes.SyncDir(filepath.Dir(path))
}
