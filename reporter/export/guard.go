package export

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// FormulaSafe keeps a spreadsheet from running a cell of text: it begins with an
// apostrophe where it would begin with =, +, -, @ (also full-width) or a control
// character (OWASP ASVS 1.2.10). Blanks and quotes before them are looked
// through. The same goes for each line of the cell and for what follows a ; or a
// tab in it, since programs that split a file there make cells of them.
func FormulaSafe(cell string) string {
	if quiet([]byte(cell)) {
		return cell
	}
	return string(appendGuarded(nil, []byte(cell)))
}

const apostrophe = '\''

// appendGuarded appends a text with its apostrophes.
func appendGuarded(dst, text []byte) []byte {
	if len(text) > 0 && (text[0] < ' ' || text[0] == 0x7f) {
		dst = append(dst, apostrophe)
		if !splits(text[0]) && active(text) {
			// One apostrophe stands for both reasons.
			end := segment(text)
			dst, text = append(dst, text[:end]...), text[end:]
		}
	}
	for len(text) > 0 {
		if active(text) {
			dst = append(dst, apostrophe)
		}
		end := segment(text)
		dst, text = append(dst, text[:end]...), text[end:]
	}
	return dst
}

// segment is the length of what a program may take for one cell, with what ends it.
func segment(text []byte) int {
	if i := bytes.IndexAny(text, ";\t\n\r"); i >= 0 {
		return i + 1
	}
	return len(text)
}

func splits(c byte) bool { return c == ';' || c == '\t' || c == '\n' || c == '\r' }

// active says whether a spreadsheet would run what begins so.
func active(text []byte) bool {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch r {
		case '=', '+', '-', '@',
			'＝', '＋', '－', '＠', // full-width, which some take for the ASCII ones
			'﹦', '﹢', '﹣', '﹫', // small
			'−': // the minus sign
			return true
		case ';', '\t', '\n', '\r': // a segment of its own begins behind it
			return false
		}
		if !seenThrough(r) {
			return false
		}
		text = text[size:]
	}
	return false
}

// seenThrough says whether a program may drop a character before it looks at
// what a cell begins with.
func seenThrough(r rune) bool {
	return r == '"' || r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// quiet says whether a text needs no look: it begins with an ASCII letter or digit
// and nothing in it could begin another cell.
func quiet(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	if c := text[0] | 0x20; (c < 'a' || c > 'z') && (text[0] < '0' || text[0] > '9') {
		return false
	}
	for _, c := range text {
		if c < ' ' || c == ';' {
			return false
		}
	}
	return true
}
