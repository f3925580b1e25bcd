package export

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"footfall/schemas/reports"
)

// byteOrderMark tells Excel that a CSV file is UTF-8.
const byteOrderMark = "\ufeff"

// csvWriter writes rows as RFC 4180 has it, without totals: whoever reads them
// adds up.
type csvWriter struct {
	columns []reports.Column
	raw     bool // no guard: for machines
}

func writeCSV(ctx context.Context, w io.Writer, o Options, t *reports.Table) error {
	c := csvWriter{columns: t.Columns, raw: o.Raw}
	var head []byte
	if o.BOM {
		head = append(head, byteOrderMark...)
	}
	for i, column := range t.Columns {
		head = c.text(c.comma(head, i), []byte(column.Name))
	}
	head = append(head, "\r\n"...)
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	_, err := stream(ctx, t, streamed{
		format: c.format,
		write: func(b *block) error {
			if _, err := w.Write(b.out); err != nil {
				return fmt.Errorf("writing CSV: %w", err)
			}
			return nil
		},
		progress: o.Progress,
	})
	return err
}

func (csvWriter) comma(dst []byte, column int) []byte {
	if column > 0 {
		return append(dst, ',')
	}
	return dst
}

func (c csvWriter) format(b *block) {
	dst := b.out
	for i := range b.Rows {
		began := len(dst)
		for at := range c.columns {
			dst = c.comma(dst, at)
			v := &b.Columns[at]
			if missing(v, i) {
				continue
			}
			switch kind := c.columns[at].Kind; kind {
			case reports.KindText, reports.KindDay:
				dst = c.text(dst, v.Text(i))
			case reports.KindDecimal:
				if text := v.Text(i); isNumber(text) {
					dst = append(dst, text...)
				} else {
					dst = c.text(dst, text)
				}
			default:
				dst = appendPlain(dst, v, i, kind, b.decimals(i))
			}
		}
		if len(dst) == began {
			dst = append(dst, `""`...) // an empty line is no row to some
		}
		dst = append(dst, '\r', '\n')
	}
	b.out = dst
}

// text appends a cell of text, guarded unless the file is for machines.
func (c csvWriter) text(dst, text []byte) []byte {
	if bare(text) {
		return append(dst, text...)
	}
	if c.raw || quiet(text) {
		return appendQuoted(dst, text)
	}
	return appendQuoted(dst, appendGuarded(nil, text))
}

// bare says whether a text can stand as it is: it begins with a letter or digit
// and holds no character that means something in a file of cells.
func bare(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	if c := text[0] | 0x20; (c < 'a' || c > 'z') && (text[0] < '0' || text[0] > '9') {
		return false
	}
	for ; len(text) >= word; text = text[word:] {
		if cellMarks(binary.LittleEndian.Uint64(text)) {
			return false
		}
	}
	for _, c := range text {
		if c < ' ' || c == ';' || c == '"' || c == ',' || c == 0x7f {
			return false
		}
	}
	return true
}

// word is how many bytes of a text are looked at together.
const word = 8

// cellMarks says whether one of eight bytes is a control character, a quote, a
// comma or a semicolon: most of an export's time went into asking one by one.
func cellMarks(w uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	// below has the high bit of each byte that is smaller than the one repeated in
	// m (at most 0x80) set, of the others not, but for some above such a byte.
	below := func(x, m uint64) uint64 { return (x - m) &^ x }
	found := below(w, ' '*ones) | below(w^('"'*ones), ones) | below(w^(','*ones), ones) | below(w^(';'*ones), ones) | below(w^(0x7f*ones), ones)
	return found&high != 0
}

// appendQuoted appends a text in quotes where it needs them.
func appendQuoted(dst, text []byte) []byte {
	needs := len(text) > 0 && (text[0] == ' ' || text[len(text)-1] == ' ')
	for _, c := range text {
		needs = needs || c < ' ' || c == '"' || c == ',' || c == ';' || c == 0x7f
	}
	if !needs {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, text[:i+1]...), '"')
		text = text[i+1:]
	}
	return append(append(dst, text...), '"')
}
