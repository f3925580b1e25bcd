package imports

import (
	"bufio"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// notText is a byte that stands for what is no text, in UTF-8 that is not valid.
const notText = 0xff

// decoded gives a file's bytes as UTF-8, without the mark at its beginning. What
// is not valid stays so: the cell that it stands in is refused.
func decoded(file io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(file, readBytes)
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	is := func(mark ...byte) bool { return len(head) >= len(mark) && string(head[:len(mark)]) == string(mark) }
	switch {
	case is(0xff, 0xfe, 0, 0), is(0, 0, 0xfe, 0xff):
		return nil, &Fault{Detail: "the file is in UTF-32: save it as \"CSV UTF-8\"", last: true}
	case is(0xef, 0xbb, 0xbf):
		_, err = in.Discard(3)
		return in, err
	case is(0xff, 0xfe), is(0xfe, 0xff):
		_, err = in.Discard(2)
		return &wide{in: in, big: head[0] == 0xfe}, err
	// A header is ASCII, so every other byte of it is zero.
	case len(head) >= 2 && head[0] != 0 && head[1] == 0:
		return &wide{in: in}, nil
	case len(head) >= 2 && head[0] == 0 && head[1] != 0:
		return &wide{in: in, big: true}, nil
	}
	return in, nil
}

// wide reads UTF-16.
type wide struct {
	in   *bufio.Reader
	big  bool
	held rune   // the first half of a pair, 0: none
	left []byte // of what was decoded
	room [2 * utf8.UTFMax]byte
}

// Read gives UTF-8; half pairs and half units come out as notText.
func (w *wide) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(w.left) == 0 {
			if w.left, err = w.next(w.room[:0]); err != nil && len(w.left) == 0 {
				if n > 0 && errors.Is(err, io.EOF) {
					err = nil
				}
				return n, err
			}
		}
		copied := copy(p[n:], w.left)
		w.left, n = w.left[copied:], n+copied
	}
	return n, nil
}

// next decodes a unit; the first half of a pair gives nothing yet.
func (w *wide) next(dst []byte) ([]byte, error) {
	for len(dst) == 0 {
		unit, err := w.unit()
		held := w.held
		w.held = 0
		switch {
		case err != nil && held != 0:
			return append(dst, notText), nil
		case err != nil:
			return dst, err
		case held != 0 && utf16.DecodeRune(held, unit) != utf8.RuneError:
			return utf8.AppendRune(dst, utf16.DecodeRune(held, unit)), nil
		case held != 0:
			dst = append(dst, notText)
		}
		switch {
		case unit >= 0xd800 && unit < 0xdc00:
			w.held = unit
		case unit < 0, utf16.IsSurrogate(unit):
			dst = append(dst, notText)
		default:
			dst = utf8.AppendRune(dst, unit)
		}
	}
	return dst, nil
}

// unit gives the next 16 bits, -1 for half of them at the end.
func (w *wide) unit() (rune, error) {
	a, err := w.in.ReadByte()
	if err != nil {
		return 0, err
	}
	b, err := w.in.ReadByte()
	if errors.Is(err, io.EOF) {
		return -1, nil
	}
	if w.big {
		a, b = b, a
	}
	return rune(a) | rune(b)<<8, err
}
