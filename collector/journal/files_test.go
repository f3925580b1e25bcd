package journal

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
)

func TestPowerCutNeverTakesTheDirectoryThatHoldsTheJournal(t *testing.T) {
	root := t.TempDir()
	var synced []string
	note := func(dir string) error {
		synced = append(synced, dir)
		return nil
	}
	dir := filepath.Join(root, "data", "journal", "orders")
	if err := makeDirs(dir, note); err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(root, "data", "journal"), filepath.Join(root, "data"), root}
	if !slices.Equal(synced, want) {
		t.Fatalf("synced %v, want %v", synced, want)
	}
	// It is there, but whoever made it may have died before it was on the disk.
	synced = nil
	if err := makeDirs(dir, note); err != nil || !slices.Equal(synced, want[:1]) {
		t.Fatalf("synced %v, want %v: %v", synced, want[:1], err)
	}
	failed := errors.New("input/output error")
	if err := makeDirs(dir, func(string) error { return failed }); !errors.Is(err, failed) {
		t.Fatalf("a failed sync: %v", err)
	}
}
