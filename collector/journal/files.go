package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// writeSynced creates or replaces the file at path, whole or not at all, and
// returns when both its bytes and its name are on the disk.
func writeSynced(path string, data []byte) error {
	err := replaceSynced(path, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// replaceSynced gives path what fill writes, whole or not at all.
func replaceSynced(path string, fill func(*os.File) error) error {
	tmp := path + temporarySuffix
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err = fill(f); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(tmp))
	}
	return syncDir(filepath.Dir(path))
}

// makeDirs creates a directory where it is missing, and returns when its name and
// those of the parents made with it are on the disk: else a power cut could take
// the directory with everything synced in it.
func makeDirs(dir string, sync func(dir string) error) error {
	above := []string{filepath.Dir(dir)} // whoever made it may have died before this
	for at := filepath.Dir(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		above = append(above, filepath.Dir(at))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, parent := range above {
		if err := sync(parent); err != nil {
			return err
		}
	}
	return nil
}

// syncDir puts a directory's names on the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("opening directory %s: %w", dir, err)
	}
	err = d.Sync()
	if e := d.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("syncing directory %s: %w", dir, err)
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", path, err)
	}
	return nil
}

// fillBytes is written at once. What is written at once the kernel may keep as
// one folio, and the first store into a page makes all of its folio dirty, block
// by block: a large one makes that store slow and the next sync write all of it.
const fillBytes = 16 << 10

// fillZeroes writes real zeroes: an extent that is only reserved costs the
// click path its first write (p99 of 13 to 20 ms against 2). Reserving comes
// first all the same: a full disk then says so before anything is written.
func fillZeroes(f *os.File, bytes int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, bytes)
	for errors.Is(err, unix.EINTR) { // a signal, as of the profiler
		err = unix.Fallocate(int(f.Fd()), 0, 0, bytes)
	}
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	zeroes := make([]byte, fillBytes)
	for at := int64(0); at < bytes; {
		n, err := f.WriteAt(zeroes[:min(int64(len(zeroes)), bytes-at)], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// makeZeroFile creates a file of zeroes at path that is on the disk with its
// name, or nothing.
func makeZeroFile(path string, bytes int64, fill func(*os.File, int64) error) error {
	if err := replaceSynced(path, func(f *os.File) error { return fill(f, bytes) }); err != nil {
		return fmt.Errorf("filling segment %s with zeroes: %w", path, err)
	}
	return nil
}

// lockDir takes the journal's directory for this process. The lock goes with
// the returned file, also when the process is killed.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock %s: %w", path, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		held := &LockedError{Dir: dir}
		if text, e := os.ReadFile(path); e == nil {
			held.PID, _ = strconv.Atoi(strings.TrimSpace(string(text))) // not written yet: 0
		}
		_ = f.Close() // nothing was written
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, held
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		_ = f.Close() // the error below tells
		return nil, fmt.Errorf("writing lock %s: %w", path, err)
	}
	return f, nil
}
