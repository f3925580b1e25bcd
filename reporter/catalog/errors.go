package catalog

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// Sentinels for errors.Is. The text that wraps them says the remedy.
var (
	// ErrLocked: another process has the catalog open.
	ErrLocked = errors.New("the catalog is in use")
	// ErrNotCatalog: the file is no catalog of Footfall.
	ErrNotCatalog = errors.New("not a catalog")
	// ErrReadOnly: the file or its directory can't be written.
	ErrReadOnly = errors.New("the catalog is read-only")
	// ErrNewerSchema: a later version of the program wrote the file.
	ErrNewerSchema = errors.New("the catalog is of a later version")
	// ErrLost: no catalog, but signs that one stood here.
	ErrLost = errors.New("the catalog is missing")
	// ErrSQLite: the SQLite that is built in has known defects.
	ErrSQLite = errors.New("the built-in SQLite is too old")
	// ErrDamaged: the file's pages contradict each other.
	ErrDamaged = errors.New("the catalog is damaged")
	// ErrIDsExhausted: a counter reached the last id of its kind.
	ErrIDsExhausted = errors.New("no ids are left")
	// ErrUnknownToken: no active collector has that token.
	ErrUnknownToken = errors.New("unknown token")
)

// explain adds the remedy to an error of SQLite that a person can act on.
func (c *Catalog) explain(err error) error { return explainAt(c.path(), err) }

func explainAt(path string, err error) error {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return err
	}
	const primary = 0xff // the low byte is the result code, the rest refines it
	switch failure.Code() & primary {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return fmt.Errorf("%w by another program for longer than %s: close what has %s open (a database browser?): %w", ErrLocked, busyTimeout, path, err)
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return fmt.Errorf("%w: %s: give this user write permission to the file and its directory: %w", ErrReadOnly, path, err)
	case lib.SQLITE_NOTADB:
		return fmt.Errorf("%w: %s: move it away and restore a backup with «footfall restore FILE»: %w", ErrNotCatalog, path, err)
	case lib.SQLITE_CORRUPT:
		return fmt.Errorf("%w: %s: stop Footfall, keep a copy of the file, and restore a backup with «footfall restore FILE»: %w", ErrDamaged, path, err)
	case lib.SQLITE_IOERR:
		return fmt.Errorf("the disk failed under %s: what was asked for may or may not be done, all of it or nothing: see the kernel's log: %w", path, err)
	case lib.SQLITE_FULL:
		return fmt.Errorf("the disk is full: nothing was changed: free space under %s: %w", path, err)
	}
	return err
}
