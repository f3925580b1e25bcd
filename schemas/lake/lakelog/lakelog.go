// Package lakelog is the lake's commit log: it alone says which data files
// exist. A log is one folder of dense numbered entries; an entry is committed
// by creating its file if absent, so that of two writers exactly one wins a
// number and the other reads the winner.
//
// Invariants: live files = all added minus all removed, over all logs; known_at
// rises within a log; a file is removed only by the log that owns it; an entry
// is believed only when its checksum holds, and counted only when its name is
// known to be on disk.
//
// It refuses to append to a log that the reporter did not open, or that is
// closed, and to guess what a damaged entry said.
package lakelog

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	logFolder        = "_log"
	stagingFolder    = "_staging"
	checkpointFolder = "checkpoints"
	entrySuffix      = ".json"
)

// Options are the edges of the file system that a test, or another kind of
// store, replaces. The zero value is a local directory.
type Options struct {
	// Link creates the second name if absent, in one step; os.Link when nil.
	Link func(from, to string) error
	// Step is told each step of a commit as it is reached; its error stops the
	// commit right there, as a crash would.
	Step func(step string) error
	// SyncFolder puts a folder's names on disk; an fsync of it when nil.
	SyncFolder func(path string) error
	// NoSync leaves out every fsync: for tests of long histories.
	NoSync bool
}

// Dir is the root of a lake on a file system. Safe for concurrent use.
type Dir struct {
	root    string
	options Options
}

// OpenDir opens the lake at root, making its folders where they are missing.
func OpenDir(root string) (*Dir, error) { return OpenDirWith(root, Options{}) }

// OpenDirWith is OpenDir with other edges.
func OpenDirWith(root string, options Options) (*Dir, error) {
	if options.Link == nil {
		options.Link = os.Link
	}
	if options.Step == nil {
		options.Step = func(string) error { return nil }
	}
	if options.SyncFolder == nil {
		options.SyncFolder = syncFolder
	}
	d := &Dir{root: root, options: options}
	for _, folder := range []string{logFolder, stagingFolder} {
		if err := d.makeFolder(folder); err != nil {
			return nil, fmt.Errorf("opening lake %s: %w", root, err)
		}
	}
	return d, nil
}

// Root is the folder that paths of files are relative to.
func (d *Dir) Root() string { return d.root }

// Abs gives the place on disk of a file's path.
func (d *Dir) Abs(path string) string { return filepath.Join(d.root, filepath.FromSlash(path)) }

func (d *Dir) entryPath(log string, number uint64) string {
	return filepath.Join(d.root, logFolder, log, fmt.Sprintf("%020d%s", number, entrySuffix))
}

// Commit creates the entry's file if absent. The content is on disk before the
// name is, and the name is when Commit returns nil. ErrTaken: the number is
// another's, or lies below a checkpoint, so that nobody will ever read it.
// Data files must be placed before. Most callers want Writer.Append.
func (d *Dir) Commit(e Entry) error {
	if !validName(e.Log) {
		return fmt.Errorf("committing to %q: %w", e.Log, ErrName)
	}
	data, err := e.Encode()
	if err != nil {
		return fmt.Errorf("committing %s %d: %w", e.Log, e.Number, err)
	}
	if err := d.create(e.Log, e.Number, data); err != nil {
		return fmt.Errorf("committing %s %d: %w", e.Log, e.Number, err)
	}
	newest, err := d.checkpoints(e.Log)
	if err != nil {
		return fmt.Errorf("committing %s %d: %w", e.Log, e.Number, err)
	}
	if len(newest) > 0 && newest[0] >= e.Number {
		return fmt.Errorf("committing %s %d below checkpoint %d: %w", e.Log, e.Number, newest[0], ErrTaken)
	}
	return nil
}

func (d *Dir) create(log string, number uint64, data []byte) error {
	name := fmt.Sprintf("%s-%020d-%s%s", log, number, randomHex(), entrySuffix)
	staged, err := d.stageBytes(name, data)
	if err != nil {
		return err
	}
	if err := d.options.Step("entry_staged"); err != nil {
		return err
	}
	path := d.entryPath(log, number)
	linked := d.options.Link(staged, path)
	if linked == nil {
		if err := d.options.Step("entry_linked"); err != nil {
			return err
		}
	}
	if err := os.Remove(staged); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing staged entry: %w", err)
	}
	switch {
	case errors.Is(linked, fs.ErrNotExist):
		// A successor may have swept our staged entry: that says nothing of the log.
		if _, err := os.Stat(filepath.Dir(path)); err == nil {
			return fmt.Errorf("linking: %w", linked)
		}
		return ErrNotOpen
	case errors.Is(linked, fs.ErrExist):
		// Our own earlier try may have won without our being told.
		winner, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading the winner: %w", err)
		}
		if !bytes.Equal(winner, data) {
			return ErrTaken
		}
	case linked != nil:
		return fmt.Errorf("linking: %w", linked)
	}
	return d.syncFolder(filepath.Dir(path))
}

// stageBytes writes a synced file below _staging and gives its place on disk.
func (d *Dir) stageBytes(name string, data []byte) (string, error) {
	f, err := d.Stage(name)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = d.SyncFile(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("staging %s: %w", name, err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// Stage creates a file below _staging, which nobody reads.
func (d *Dir) Stage(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(d.root, stagingFolder, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("staging: %w", err)
	}
	return f, nil
}

// SyncFile puts a staged file's content on disk.
func (d *Dir) SyncFile(f *os.File) error {
	if d.options.NoSync {
		return nil
	}
	return f.Sync()
}

// Place moves a synced staged file to its path in the lake and puts the name
// on disk. It stays invisible until an entry names it.
func (d *Dir) Place(staged, path string) error {
	folder := filepath.ToSlash(filepath.Dir(filepath.FromSlash(path)))
	if err := d.makeFolder(folder); err != nil {
		return fmt.Errorf("placing %s: %w", path, err)
	}
	if err := os.Rename(staged, d.Abs(path)); err != nil {
		return fmt.Errorf("placing %s: %w", path, err)
	}
	if err := d.options.Step("file_moved"); err != nil {
		return err
	}
	if err := d.syncFolder(d.Abs(folder)); err != nil {
		return fmt.Errorf("placing %s: %w", path, err)
	}
	return nil
}

// Remove deletes a data file from disk; one that is gone already is no error.
func (d *Dir) Remove(path string) error {
	if err := os.Remove(d.Abs(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", path, err)
	}
	return nil
}

// Verify reads a whole data file and compares it with its commit. The error
// wraps ErrMismatch, or fs.ErrNotExist when the file is gone.
func (d *Dir) Verify(f File) error {
	in, err := os.Open(d.Abs(f.Path))
	if err != nil {
		return fmt.Errorf("verifying %s: %w", f.Path, err)
	}
	hash := sha256.New()
	n, err := io.Copy(hash, in)
	if err := errors.Join(err, in.Close()); err != nil {
		return fmt.Errorf("verifying %s: %w", f.Path, err)
	}
	if n != f.Bytes {
		return fmt.Errorf("verifying %s: %d bytes, committed %d: %w", f.Path, n, f.Bytes, ErrMismatch)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != f.SHA256 {
		return fmt.Errorf("verifying %s: SHA-256 %s, committed %s: %w", f.Path, sum, f.SHA256, ErrMismatch)
	}
	return nil
}

// Read gives one entry. The error wraps fs.ErrNotExist when there is none (or
// none any more), and is a *CorruptError when it can't be believed.
func (d *Dir) Read(log string, number uint64) (*Entry, error) {
	path := d.entryPath(log, number)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading entry: %w", err)
	}
	e, err := DecodeEntry(path, data)
	if err != nil {
		return nil, err
	}
	if e.Log != log || e.Number != number {
		return nil, &CorruptError{Path: path, Reason: fmt.Sprintf("holds entry %d of %s", e.Number, e.Log)}
	}
	return e, nil
}

// Logs gives the names of all logs, sorted.
func (d *Dir) Logs() ([]string, error) {
	found, err := os.ReadDir(filepath.Join(d.root, logFolder))
	if err != nil {
		return nil, fmt.Errorf("listing logs: %w", err)
	}
	logs := make([]string, 0, len(found))
	for _, f := range found {
		if f.IsDir() && validName(f.Name()) {
			logs = append(logs, f.Name())
		}
	}
	return logs, nil
}

// Head folds one log up to its newest entry. A log that is not there has number 0.
func (d *Dir) Head(log string) (LogHead, error) {
	f := newFold(log)
	if err := d.catchUp(f); err != nil {
		return LogHead{}, err
	}
	return f.logHead(), nil
}

// numbers lists the numbered files of a folder, newest first; none when it is not there.
func numbers(folder string) ([]uint64, error) {
	found, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", folder, err)
	}
	var out []uint64
	for _, f := range found {
		digits, ok := strings.CutSuffix(f.Name(), entrySuffix)
		if n, err := strconv.ParseUint(digits, 10, 64); ok && len(digits) == 20 && err == nil {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out, nil
}

// checkpoints lists the numbers of a log's checkpoints, newest first.
func (d *Dir) checkpoints(log string) ([]uint64, error) {
	return numbers(filepath.Join(d.root, logFolder, log, checkpointFolder))
}

// makeFolder makes a folder and its parents below the root, and puts each new name on disk.
func (d *Dir) makeFolder(folder string) error {
	path := d.Abs(folder)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	var missing []string
	for p := path; ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); err == nil || p == filepath.Dir(p) {
			break
		}
		missing = append(missing, p)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("making folder: %w", err)
	}
	for _, p := range missing {
		if err := d.syncFolder(filepath.Dir(p)); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dir) syncFolder(path string) error {
	if d.options.NoSync {
		return nil
	}
	return d.options.SyncFolder(path)
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing folder: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("syncing folder %s: %w", path, err)
	}
	return nil
}

func randomHex() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program first
	return hex.EncodeToString(b[:])
}
