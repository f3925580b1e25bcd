package imports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Reader gives the rows of a file, in constant memory.
type Reader struct {
	columns []Column
	scan    scanner
	place   []int // in the file, by column; -1: not there
	width   int   // cells of the header
	cells   [][]byte
	row     Row
}

// Row is one row of a file; it is good until the next one.
type Row struct {
	Line   int64 // in which it begins
	reader *Reader
	text   []string // by column
	lines  []int64  // by cell of the file
}

// NewReader reads the header. The error is a *Fault, or the file's.
func NewReader(file io.Reader, columns []Column) (*Reader, error) {
	text, err := decoded(file)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(text, readBytes)
	separator, err := separatorOf(in)
	if err != nil {
		return nil, err
	}
	r := &Reader{columns: columns, scan: scanner{in: in, separator: separator, line: 1}}
	for {
		err := r.scan.next()
		if errors.Is(err, io.EOF) {
			return nil, &Fault{Detail: "the file is empty: its first line names the columns " + r.allowed(), last: true}
		}
		if err != nil {
			return nil, asLast(err)
		}
		if !r.scan.blank() {
			return r, r.header()
		}
	}
}

func asLast(err error) error {
	if fault, ok := errors.AsType[*Fault](err); ok {
		fault.last = true
	}
	return err
}

// allowed lists the columns.
func (r *Reader) allowed() string {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = c.Name
		if !c.Required {
			names[i] += " (optional)"
		}
	}
	return strings.Join(names, ", ")
}

// header finds each column's place.
func (r *Reader) header() error {
	r.place = make([]int, len(r.columns))
	for i := range r.place {
		r.place[i] = -1
	}
	r.cells = r.scan.cells(r.cells)
	r.width = len(r.cells)
	for at, cell := range r.cells {
		name, index := strings.ToLower(strings.TrimSpace(string(cell))), -1
		for i, c := range r.columns {
			if c.Name == name {
				index = i
			}
		}
		var detail string
		switch {
		case !utf8.Valid(cell):
			detail = "the header is not UTF-8: save the file as \"CSV UTF-8\""
		case name == "":
			detail = "the column has no name; there are " + r.allowed()
		case index < 0:
			detail = fmt.Sprintf("there is no column %.64q to import; there are %s", name, r.allowed())
		case r.place[index] >= 0:
			detail = fmt.Sprintf("the column %s is there twice, first as column %d", name, r.place[index]+1)
		default:
			r.place[index] = at
			continue
		}
		return &Fault{Line: r.scan.lines[at], Column: at + 1, Detail: detail, last: true}
	}
	for i, c := range r.columns {
		if c.Required && r.place[i] < 0 {
			return &Fault{Line: r.scan.lines[0], Detail: fmt.Sprintf("the column %s is missing; there are %s", c.Name, r.allowed()), last: true}
		}
	}
	r.row = Row{reader: r, text: make([]string, len(r.columns))}
	return nil
}

// Next gives the next row that has anything in it. The error is io.EOF, a
// *Fault, after which the next row can be read unless it is the last, or the
// file's.
func (r *Reader) Next() (*Row, error) {
	for {
		if err := r.scan.next(); err != nil {
			if fault, ok := errors.AsType[*Fault](err); ok && fault.Column > 0 {
				fault.Name = r.nameAt(fault.Column - 1)
			}
			return nil, err
		}
		if !r.scan.blank() {
			break
		}
	}
	r.cells = r.scan.cells(r.cells)
	line := r.scan.lines[0]
	if len(r.cells) != r.width {
		return nil, &Fault{
			Line: line, Column: min(len(r.cells), r.width) + 1, Name: r.nameAt(min(len(r.cells), r.width)),
			Detail: fmt.Sprintf("the row has %d cells and the header %d", len(r.cells), r.width),
		}
	}
	for at, cell := range r.cells {
		if !utf8.Valid(cell) {
			return nil, &Fault{
				Line: r.scan.lines[at], Column: at + 1, Name: r.nameAt(at),
				Detail: "the cell is not UTF-8: save the file as \"CSV UTF-8\"",
			}
		}
	}
	r.row.Line, r.row.lines = line, r.scan.lines
	for i, at := range r.place {
		r.row.text[i] = ""
		if at >= 0 {
			r.row.text[i] = string(r.cells[at])
		}
	}
	return &r.row, nil
}

// nameAt is the name of the column at a place of the file.
func (r *Reader) nameAt(at int) string {
	for i, place := range r.place {
		if place == at {
			return r.columns[i].Name
		}
	}
	return ""
}

// Text gives the cell of a column, "" where the file has no such column.
func (r *Row) Text(column int) string { return r.text[column] }

// Fault is something wrong with the cell of a column.
func (r *Row) Fault(column int, detail string, args ...any) *Fault {
	f := &Fault{Line: r.Line, Name: r.reader.columns[column].Name, Detail: fmt.Sprintf(detail, args...)}
	if at := r.reader.place[column]; at >= 0 {
		f.Line, f.Column = r.lines[at], at+1
	} else {
		f.Detail = f.Name + ": " + f.Detail
	}
	return f
}
