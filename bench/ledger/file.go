package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Format is the name and version of the file's format.
const Format = "footfall-ledger/1"

// Header is a ledger's first line.
type Header struct {
	Format    string `json:"format"`
	Seed      uint64 `json:"seed"`
	StartedUS int64  `json:"started_us"`
	World     World  `json:"world"` // without secrets
}

// Ledger is a file that was read.
type Ledger struct {
	Header  Header
	Records []Record
	Summary *Summary // nil where the writer did not come to its end
}

// line is one line of the file: a record, or the summary that ends it.
type line struct {
	*Record
	Summary *Summary `json:"summary,omitempty"`
}

// Writer appends to a ledger. Its records reach the disk in groups, one sync
// each, behind the load's back: a slow disk never slows the load.
type Writer struct {
	file *os.File
	done chan struct{}

	mu      sync.Mutex
	wake    *sync.Cond // mu
	pending []byte     // mu
	closing bool       // mu
	err     error      // mu; the first
}

// Create makes a new ledger; a file that exists is refused. The caller closes
// the Writer.
func Create(path string, header Header) (*Writer, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("creating ledger: %w", err)
	}
	header.Format = Format
	header.World = header.World.WithoutSecrets()
	first, err := json.Marshal(header)
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting ledger: %w", err), file.Close())
	}
	w := &Writer{file: file, done: make(chan struct{}), pending: append(first, '\n')}
	w.wake = sync.NewCond(&w.mu)
	go w.write()
	return w, nil
}

// Append adds a record. It does not wait for the disk; an error of the disk
// shows in Close.
func (w *Writer) Append(r Record) error {
	return w.append(line{Record: &r})
}

func (w *Writer) append(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encoding ledger line: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return fmt.Errorf("appending to ledger: %w", fs.ErrClosed)
	}
	w.pending = append(append(w.pending, text...), '\n')
	w.wake.Signal()
	return w.err
}

// End writes the summary as the last line, syncs and closes. It gives the
// first error of the whole writing.
func (w *Writer) End(s Summary) error {
	return errors.Join(w.append(line{Summary: &s}), w.Close())
}

// Close syncs and closes a ledger without a summary, as that of a run that was
// given up. It may be called after End.
func (w *Writer) Close() error {
	w.mu.Lock()
	if w.closing {
		w.mu.Unlock()
		return nil
	}
	w.closing = true
	w.wake.Signal()
	w.mu.Unlock()
	<-w.done
	return errors.Join(w.err, w.file.Close()) // write has ended: err is still
}

// write is the goroutine that owns the file.
func (w *Writer) write() {
	defer close(w.done)
	var group []byte
	for {
		w.mu.Lock()
		for len(w.pending) == 0 && !w.closing {
			w.wake.Wait()
		}
		group, w.pending = w.pending, group[:0]
		failed := w.err != nil
		w.mu.Unlock()
		if len(group) == 0 || failed {
			return
		}
		_, err := w.file.Write(group)
		if err == nil {
			err = w.file.Sync()
		}
		if err != nil {
			w.mu.Lock()
			w.err = fmt.Errorf("writing ledger: %w", err)
			w.mu.Unlock()
		}
	}
}

// Read reads a whole ledger. A torn last line is left out; any other line that
// can't be read is a *LineError.
func Read(path string) (*Ledger, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading ledger: %w", err)
	}
	return Parse(text)
}

// Parse reads the bytes of a ledger.
func Parse(text []byte) (*Ledger, error) {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	l := &Ledger{}
	if err := json.Unmarshal(first, &l.Header); err != nil || l.Header.Format != Format {
		return nil, ErrHeader
	}
	for number := 2; len(rest) > 0; number++ {
		one, after, whole := bytes.Cut(rest, []byte("\n"))
		rest = after
		if !whole {
			break // torn
		}
		var read line
		if err := json.Unmarshal(one, &read); err != nil {
			return nil, &LineError{Line: number, Err: err}
		}
		switch {
		case read.Summary != nil:
			l.Summary = read.Summary
		case read.Record != nil && read.Kind != "":
			l.Records = append(l.Records, *read.Record)
		default:
			return nil, &LineError{Line: number, Err: errors.New("neither a record nor a summary")}
		}
	}
	return l, nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening directory: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}
