package main

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"footfall/schemas/imports"
	"footfall/schemas/order"
)

// versions compares the orders of one file with each other, in constant memory:
// what is needed of each stands in one of many small files by its id, and one of
// these is looked at at a time. A hundred million orders make files of 25 MB.
type versions struct {
	dir   string
	files [versionFiles]*versionFile
}

const versionFiles = 256

type versionFile struct {
	*os.File
	buffer *bufio.Writer
}

// noted is what is needed of an order.
type noted struct {
	ID      [16]byte // of its hash
	Content [16]byte // likewise
	Version int64
	Line    int64
	Status  [8]byte // new, known (new, and another version is stored), stored
}

const notedBytes = 16 + 16 + 8 + 8 + 8

func newVersions() (*versions, error) {
	dir, err := os.MkdirTemp("", "footfall-import-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary directory: %w", err)
	}
	return &versions{dir: dir}, nil
}

// close takes everything away.
func (v *versions) close() error {
	var errs []error
	for _, f := range v.files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(v.dir))...)
}

// note takes an order, and what the collector said of it.
func (v *versions) note(doc *imports.Document, result order.BatchResult) error {
	id, content := sha256.Sum256([]byte(doc.ID)), sha256.Sum256(doc.JSON)
	n := noted{Version: doc.Version, Line: doc.Line}
	copy(n.ID[:], id[:])
	copy(n.Content[:], content[:])
	switch {
	case result.Status == order.BatchRepeated:
		copy(n.Status[:], "stored")
	case result.Known:
		copy(n.Status[:], "known")
	}
	f := v.files[id[0]]
	if f == nil {
		file, err := os.Create(filepath.Join(v.dir, strconv.Itoa(int(id[0]))))
		if err != nil {
			return fmt.Errorf("noting an order: %w", err)
		}
		f = &versionFile{File: file, buffer: bufio.NewWriter(file)}
		v.files[id[0]] = f
	}
	if err := binary.Write(f.buffer, binary.LittleEndian, &n); err != nil {
		return fmt.Errorf("noting an order: %w", err)
	}
	return nil
}

// tally is what an import adds, changes and leaves.
type tally struct{ added, changed, unchanged int64 }

// compare counts, and gives the first faults: two that say to be the same version
// of an order, and differ.
func (v *versions) compare() (sum tally, faults imports.Faults, err error) {
	var differ []*imports.Fault
	for _, f := range v.files {
		if f == nil {
			continue
		}
		all, err := f.read()
		if err != nil {
			return sum, faults, err
		}
		slices.SortFunc(all, func(a, b noted) int {
			return cmp.Or(bytes.Compare(a.ID[:], b.ID[:]), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Line, b.Line))
		})
		for from := 0; from < len(all); {
			to := from + 1
			for to < len(all) && all[to].ID == all[from].ID {
				to++
			}
			differ = append(differ, sum.one(all[from:to])...)
			from = to
		}
		slices.SortFunc(differ, func(a, b *imports.Fault) int { return cmp.Compare(a.Line, b.Line) })
		if len(differ) > imports.MaxFaults+1 {
			differ = differ[:imports.MaxFaults+1]
		}
	}
	for _, f := range differ {
		faults.Add(f)
	}
	return sum, faults, nil
}

// one counts the versions of one order.
func (t *tally) one(all []noted) (differ []*imports.Fault) {
	known := slices.ContainsFunc(all, func(n noted) bool { return n.Status[0] != 0 })
	for i, n := range all {
		again := i > 0 && all[i-1].Version == n.Version
		switch {
		case again && all[i-1].Content != n.Content:
			differ = append(differ, &imports.Fault{Line: n.Line, Detail: fmt.Sprintf(
				"the same version of the same id stands in line %d with other content", all[i-1].Line)})
		case again || n.Status[0] == 's':
			t.unchanged++
		case known:
			t.changed++
		default:
			t.added++
			known = true
		}
	}
	return differ
}

func (f *versionFile) read() ([]noted, error) {
	if err := f.buffer.Flush(); err != nil {
		return nil, fmt.Errorf("noting an order: %w", err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	all := make([]noted, size/notedBytes)
	if err == nil {
		err = binary.Read(bufio.NewReader(f), binary.LittleEndian, all)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was noted of the orders: %w", err)
	}
	return all, nil
}
