package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"footfall/schemas/routes"
)

// A day key is a file of 32 bytes in daykeys/, named by its UTC day: outside
// the versioned catalog and outside every backup, so that the key's end is the
// end of what it could tell about visitors.

const dayKeySuffix = ".key"

// keepDayKeys mints the keys of today and the days ahead, and destroys those of
// days that are long over. A day that is over gets no key any more.
func (c *Catalog) keepDayKeys(now time.Time) error {
	c.dayKeys.Lock()
	defer c.dayKeys.Unlock()
	dir := c.dayKeyDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of day keys: %w", err)
	}
	changed := false
	for ahead := range dayKeyAhead + 1 {
		day := now.UTC().AddDate(0, 0, ahead).Format(routes.DayFormat)
		made, err := mintDayKey(filepath.Join(dir, day+dayKeySuffix))
		if err != nil {
			return err
		}
		changed = changed || made
	}
	days, err := c.dayKeyDays()
	if err != nil {
		return err
	}
	for _, day := range days {
		if !dayKeyOver(day, now) {
			continue
		}
		if err := destroyDayKey(filepath.Join(dir, day+dayKeySuffix), !c.without.overwrite); err != nil {
			return err
		}
		c.metrics.destroyed.Inc()
		changed = true
	}
	if changed {
		c.broadcast(renamed{})
	}
	return nil
}

func dayKeyOver(day string, now time.Time) bool {
	begin, err := time.Parse(routes.DayFormat, day)
	return err == nil && !now.Before(begin.AddDate(0, 0, 1).Add(dayKeyKept))
}

// mintDayKey makes the file, whole or not at all, where there is none.
func mintDayKey(path string) (bool, error) {
	if _, err := os.Stat(path); err == nil {
		return false, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("looking at a day key: %w", err)
	}
	key, err := randomBytes(len(routes.Key{}))
	if err != nil {
		return false, err
	}
	// O_TRUNC takes what a crash left of an earlier try.
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return false, fmt.Errorf("making a day key: %w", err)
	}
	_, err = f.Write(key)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, fmt.Errorf("writing a day key: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return false, fmt.Errorf("moving a day key into place: %w", err)
	}
	return true, routes.SyncDir(filepath.Dir(path))
}

// destroyDayKey overwrites the bytes where they lie, then removes the file.
func destroyDayKey(path string, overwrite bool) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("opening a day key: %w", err)
	}
	info, err := f.Stat()
	if err == nil && overwrite {
		_, err = f.WriteAt(make([]byte, max(info.Size(), int64(len(routes.Key{})))), 0)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("overwriting a day key: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("removing a day key: %w", err)
	}
	return routes.SyncDir(filepath.Dir(path))
}

// dayKeyDays lists the days that have a key, oldest first.
func (c *Catalog) dayKeyDays() ([]string, error) {
	entries, err := os.ReadDir(c.dayKeyDir())
	if err != nil {
		return nil, fmt.Errorf("listing day keys: %w", err)
	}
	var days []string
	for _, e := range entries {
		if day, ok := strings.CutSuffix(e.Name(), dayKeySuffix); ok {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return days, nil
}

// servedDayKeys reads the keys that are handed to collectors.
func (c *Catalog) servedDayKeys(now time.Time) ([]routes.DayKey, error) {
	c.dayKeys.Lock()
	defer c.dayKeys.Unlock()
	days, err := c.dayKeyDays()
	if err != nil {
		return nil, err
	}
	keys := []routes.DayKey{}
	for _, day := range days {
		if dayKeyOver(day, now) {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(c.dayKeyDir(), day+dayKeySuffix))
		if err != nil {
			return nil, fmt.Errorf("reading a day key: %w", err)
		}
		key := routes.DayKey{Day: day}
		if len(raw) != len(key.Key) {
			return nil, fmt.Errorf("reading the key of %s: %d bytes instead of %d: remove the file, the day's later visits get a new key", day, len(raw), len(key.Key))
		}
		copy(key.Key[:], raw)
		keys = append(keys, key)
	}
	return keys, nil
}
