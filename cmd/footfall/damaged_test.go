package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"footfall/reporter"
	"footfall/schemas/lake/lakelog"
)

// TestDamagedFileLeavesNoExport: where a committed file is gone, cut or flipped, an
// export in any format is refused with the file's name and the remedy, and what
// stands under its name stays; mended, it is the same bytes as before.
func TestDamagedFileLeavesNoExport(t *testing.T) {
	t.Parallel()
	data := recountDir(t)
	w, err := openRecountWorld(t.Context(), data, 3, recountCenters()[0])
	if err != nil {
		t.Fatal(err)
	}
	err = w.run(t.Context(), func(ctx context.Context) error { return w.play(ctx, 1, 0) })
	if err != nil {
		t.Fatal(err)
	}
	asked := []string{"--data", data, "report", "--organizer", w.list[0].slug, "--by", "code,day", "--columns", "all"}
	export := func(format, file string) (int, string) {
		var out, errs bytes.Buffer
		code := run(append(asked, "--format", format, "--out", file), &out, &errs)
		return code, errs.String()
	}
	whole := filepath.Join(t.TempDir(), "whole.csv")
	if code, errs := export("csv", whole); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	before, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := lakelog.OpenDir(reporter.LakeDir(data))
	if err != nil {
		t.Fatal(err)
	}
	view := lakelog.NewView(dir)
	if err := view.Refresh(); err != nil {
		t.Fatal(err)
	}
	files := view.Snapshot().FilesOf("visits")
	if len(files) == 0 {
		t.Fatal("there are no files to damage")
	}
	bad := files[len(files)/2]
	path := dir.Abs(bad.Path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string]func() error{
		"deleted":   func() error { return os.Remove(path) },
		"truncated": func() error { return os.WriteFile(path, good[:len(good)/2], 0o600) },
		"flipped": func() error {
			flipped := bytes.Clone(good)
			flipped[len(flipped)/2] ^= 1
			return os.WriteFile(path, flipped, 0o600)
		},
	}
	for name, damage := range damages {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{"csv", "xlsx", "parquet", "ndjson", "json"} {
			file := filepath.Join(t.TempDir(), "report."+format)
			code, errs := export(format, file)
			if code == exitOK || !strings.Contains(errs, bad.Path) || !strings.Contains(errs, "restore that file from a backup") {
				t.Errorf("%s, %s: exit code %d: %s", name, format, code, errs)
			}
			left, err := os.ReadDir(filepath.Dir(file))
			if err != nil || len(left) != 0 {
				t.Errorf("%s, %s: %v is left, %v", name, format, left, err)
			}
			if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s, %s: there is a file: %v", name, format, err)
			}
		}
		if code, _ := export("csv", whole); code == exitOK {
			t.Errorf("%s: an earlier export was replaced", name)
		}
		if after, err := os.ReadFile(whole); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%s: an earlier export is not what it was, %v", name, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, errs := export("csv", whole); code != exitOK {
		t.Errorf("mended: exit code %d: %s", code, errs)
	}
	if after, err := os.ReadFile(whole); err != nil || !bytes.Equal(after, before) {
		t.Errorf("mended, it is another export, %v", err)
	}
}
