package routes

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Write puts u at path: whole or not at all, synced, readable by the owner's
// group.
func Write(path string, u Update) error {
	return Replace(path, 0o640, func(w io.Writer) error { return Encode(w, u) })
}

// Read reads the update at path. A damaged file gives a *CorruptError, a
// missing one os.ErrNotExist.
func Read(path string) (u Update, err error) {
	f, err := os.Open(path)
	if err != nil {
		return Update{}, fmt.Errorf("opening routes: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	u, err = Decode(f)
	if err != nil {
		return Update{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return u, nil
}

// Replace writes a new file beside path, syncs it, renames it over path and
// syncs the directory: after a crash path holds the old content or the new one,
// and once Replace returned nil it holds the new one.
func Replace(path string, mode os.FileMode, content func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, temporaryPrefix(path)+"*")
	if err != nil {
		return fmt.Errorf("making a file beside %s: %w", path, err)
	}
	placed := false
	defer func() {
		if err != nil && !placed {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if err := f.Chmod(mode); err != nil {
		return fmt.Errorf("setting the mode of %s: %w", f.Name(), err)
	}
	buffer := bufio.NewWriterSize(f, 256<<10)
	if err := content(buffer); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := buffer.Flush(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", f.Name(), err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("moving into place: %w", err)
	}
	placed = true
	if closeErr := f.Close(); closeErr != nil {
		return errors.Join(fmt.Errorf("closing %s: %w", path, closeErr), SyncDir(dir))
	}
	return SyncDir(dir)
}

func temporaryPrefix(path string) string { return "." + filepath.Base(path) + "." }

// HalfWritten gives the files that calls of Replace for path left beside it when
// their process died. Nobody else may be replacing path.
func HalfWritten(path string) ([]string, error) {
	dir := filepath.Dir(path)
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	var left []string
	for _, f := range found {
		if strings.HasPrefix(f.Name(), temporaryPrefix(path)) {
			left = append(left, filepath.Join(dir, f.Name()))
		}
	}
	return left, nil
}

// SyncDir makes the names in dir durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("opening directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing directory %s: %w", dir, err)
	}
	return nil
}
