package consumer

import (
	"unicode/utf8"
	"unsafe"
)

// text holds the strings of a batch in a few large pieces, so that a row costs
// no allocation. Strings that it gave are dead after reset.
type text struct {
	pieces [][]byte
	used   int // pieces before this one are full
}

// textPiece is large against a record, and small against a batch.
const textPiece = 256 << 10

// string copies b into the batch. Bytes that are no UTF-8 come out as \xHH:
// columns are strings, and readers refuse a file for one bad byte.
func (t *text) string(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if !utf8.Valid(b) {
		return escape(b)
	}
	if t.used == len(t.pieces) || len(t.pieces[t.used])+len(b) > cap(t.pieces[t.used]) {
		if t.used < len(t.pieces) {
			t.used++
		}
		if t.used == len(t.pieces) {
			t.pieces = append(t.pieces, make([]byte, 0, max(textPiece, len(b))))
		}
		if cap(t.pieces[t.used]) < len(b) {
			t.pieces[t.used] = make([]byte, 0, len(b))
		}
	}
	piece := t.pieces[t.used]
	from := len(piece)
	t.pieces[t.used] = append(piece, b...)
	// Nothing writes to these bytes again before reset.
	return unsafe.String(&t.pieces[t.used][from], len(b))
}

func (t *text) reset() {
	for i := range t.pieces {
		t.pieces[i] = t.pieces[i][:0]
	}
	t.used = 0
}

func escape(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, len(b)+16)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			out = append(out, '\\', 'x', digits[b[0]>>4], digits[b[0]&15])
		} else {
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return string(out)
}
