package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"footfall/internal/ops"
)

// importFile is a file that can be read twice, and whose reading shows.
type importFile struct {
	*os.File
	bytes int64
	was   os.FileInfo
	shows *progress
}

// openImport opens FILE. What can be read only once, standard input or a pipe, is
// copied to a temporary file first, which has no name.
func (e *env) openImport(name string) (f *importFile, err error) {
	source := os.Stdin
	if name != "-" {
		if source, err = os.Open(name); err != nil {
			return nil, usageError{fmt.Errorf("opening the file to import: %w", err)}
		}
	}
	info, err := source.Stat()
	if err == nil && info.IsDir() {
		err = usagef("%s is a directory", name)
	}
	if err == nil && name != "-" && info.Mode().IsRegular() {
		return &importFile{File: source, bytes: info.Size(), was: info, shows: newProgress(e)}, nil
	}
	var spool *os.File
	if err == nil {
		spool, err = spooled(source)
	}
	if name != "-" {
		err = errors.Join(err, source.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if info, err = spool.Stat(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", name, err), spool.Close())
	}
	return &importFile{File: spool, bytes: info.Size(), was: info, shows: newProgress(e)}, nil
}

func spooled(source io.Reader) (*os.File, error) {
	spool, err := os.CreateTemp("", "footfall-import-")
	if err != nil {
		return nil, err
	}
	err = os.Remove(spool.Name())
	if err == nil {
		_, err = io.Copy(spool, source)
	}
	if err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return spool, nil
}

// pass begins to read the file from its beginning.
func (f *importFile) pass(what string) (io.Reader, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the file again: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the file again: %w", err)
	}
	if info.Size() != f.was.Size() || !info.ModTime().Equal(f.was.ModTime()) {
		return nil, errors.New("the file was changed while it was checked: import it again")
	}
	f.shows.begin(what, f.bytes)
	return io.TeeReader(f.File, f.shows), nil
}

// progress is one line on a terminal; anywhere else it is silent.
type progress struct {
	to    io.Writer // nil: no terminal
	now   func() time.Time
	what  string
	total int64
	done  int64
	last  time.Time
}

// progressPause is short enough to look alive and long enough to cost nothing.
const progressPause = 100 * time.Millisecond

func newProgress(e *env) *progress {
	p := &progress{now: e.Now}
	if ops.IsTerminal(e.Err) {
		p.to = e.Err
	}
	return p
}

func (p *progress) begin(what string, total int64) {
	p.what, p.total, p.done, p.last = what, total, 0, time.Time{}
}

// Write counts what is read of the file.
func (p *progress) Write(b []byte) (int, error) {
	p.done += int64(len(b))
	if p.to == nil || p.now().Sub(p.last) < progressPause {
		return len(b), nil
	}
	p.last = p.now()
	const megabyte = 1e6
	// A terminal that can't be written to keeps no import from its work.
	_, _ = fmt.Fprintf(p.to, "\r\x1b[K%s: %d %% of %.1f MB", p.what, 100*p.done/max(1, p.total), float64(p.total)/megabyte)
	return len(b), nil
}

// end takes the line away.
func (p *progress) end() {
	if p.to != nil {
		_, _ = fmt.Fprint(p.to, "\r\x1b[K")
	}
}
