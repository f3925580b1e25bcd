package imports

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// readBytes are read ahead, also to see the whole first line.
const readBytes = MaxLineBytes

// scanner cuts UTF-8 into rows of cells (RFC 4180), holding one row.
type scanner struct {
	in        *bufio.Reader
	separator byte
	line      int64 // that the next byte stands in

	text   []byte  // of the row's cells, one after the other
	ends   []int   // in text, of each cell
	lines  []int64 // in which each cell begins
	length int     // of the row, as it stands in the file
}

// next reads a row. The error is io.EOF, a *Fault, or the file's.
func (s *scanner) next() error {
	s.text, s.ends, s.lines, s.length = s.text[:0], s.ends[:0], s.lines[:0], 0
	for {
		s.lines = append(s.lines, s.line)
		more, err := s.cell()
		if err != nil {
			return err
		}
		s.ends = append(s.ends, len(s.text))
		if !more {
			return nil
		}
		if len(s.ends) == MaxColumns {
			return s.limit("it has more than %d columns: no table to import has so many", MaxColumns)
		}
	}
}

// limit stops at a bound.
func (s *scanner) limit(detail string, args ...any) error {
	return &Fault{Line: s.lines[0], Detail: fmt.Sprintf(detail, args...), last: true, limit: true}
}

// wrong is a fault of the cell that is being read; the next row begins after
// this one's line.
func (s *scanner) wrong(detail string) error {
	fault := &Fault{Line: s.lines[len(s.lines)-1], Column: len(s.lines), Detail: detail}
	for {
		end, err := s.byte(true)
		if errors.Is(err, io.EOF) || err == nil && end.row {
			return fault
		}
		if err != nil {
			return err
		}
	}
}

// read is a byte, and what it means outside of quotes.
type read struct {
	b         byte
	row, cell bool // it ends the row, the cell
}

// byte reads one. CR LF comes as LF, and a CR alone, as old systems write it, too.
func (s *scanner) byte(outside bool) (read, error) {
	b, err := s.in.ReadByte()
	if err != nil {
		return read{}, err
	}
	if s.length++; s.length > MaxLineBytes {
		detail := "it is longer than %d bytes: no row to import is"
		if !outside {
			detail += fmt.Sprintf("; the quote of its column %d may never be closed", len(s.lines))
		}
		return read{}, s.limit(detail, MaxLineBytes)
	}
	if b == '\r' {
		b = '\n'
		if after, err := s.in.Peek(1); err == nil && after[0] == '\n' {
			if _, err := s.in.Discard(1); err != nil {
				return read{}, err
			}
		}
	}
	if b == '\n' {
		s.line++
	}
	return read{b: b, row: b == '\n', cell: b == s.separator}, nil
}

// cell reads a cell to the end of what ends it, and says whether another follows.
func (s *scanner) cell() (more bool, err error) {
	begin := len(s.text)
	for {
		r, err := s.byte(true)
		if errors.Is(err, io.EOF) {
			if s.length == 0 {
				return false, io.EOF
			}
			return false, nil
		}
		switch {
		case err != nil:
			return false, err
		case r.row, r.cell:
			return r.cell, nil
		case r.b == '"' && len(s.text) == begin:
			return s.quoted(begin)
		case r.b == '"':
			return false, s.wrong("there is a quote within the cell: put the whole cell in quotes and write the quote twice")
		case r.b == 0:
			return false, s.wrong("there is a NUL byte in the cell: save the file as \"CSV UTF-8\"")
		}
		if err := s.add(begin, r.b); err != nil {
			return false, err
		}
	}
}

// quoted reads a cell behind its first quote.
func (s *scanner) quoted(begin int) (more bool, err error) {
	opened := s.lines[len(s.lines)-1]
	for {
		r, err := s.byte(false)
		if errors.Is(err, io.EOF) {
			return false, &Fault{Line: opened, Column: len(s.lines), Detail: "its quote is never closed", last: true}
		}
		if err != nil {
			return false, err
		}
		if r.b != '"' {
			if err := s.add(begin, r.b); err != nil {
				return false, err
			}
			continue
		}
		r, err = s.byte(true)
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		case r.row, r.cell:
			return r.cell, nil
		case r.b != '"':
			return false, s.wrong("there is text behind its closing quote: a quote within quotes is written twice")
		}
		if err := s.add(begin, '"'); err != nil {
			return false, err
		}
	}
}

func (s *scanner) add(begin int, b byte) error {
	if len(s.text)-begin == MaxCellBytes {
		return &Fault{
			Line: s.lines[len(s.lines)-1], Column: len(s.lines), last: true, limit: true,
			Detail: fmt.Sprintf("the cell is longer than %d bytes: no cell to import is", MaxCellBytes),
		}
	}
	s.text = append(s.text, b)
	return nil
}

// cells gives the row's cells; they are good until the next row.
func (s *scanner) cells(dst [][]byte) [][]byte {
	dst = dst[:0]
	begin := 0
	for _, end := range s.ends {
		dst = append(dst, s.text[begin:end])
		begin = end
	}
	return dst
}

// blank says that the row has nothing in it, as the last ones of a spreadsheet.
func (s *scanner) blank() bool { return len(s.text) == 0 }

// separatorOf looks at the first line that isn't empty: the most frequent of the
// separators outside of quotes.
func separatorOf(in *bufio.Reader) (byte, error) {
	head, err := in.Peek(readBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	head = bytes.TrimLeft(head, "\r\n")
	counts, quoted := map[byte]int{}, false
	for _, b := range head {
		if b == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if b == '\n' || b == '\r' {
			break
		}
		counts[b]++
	}
	best := byte(',')
	for _, b := range []byte{';', '\t'} {
		if counts[b] > counts[best] {
			best = b
		}
	}
	return best, nil
}
