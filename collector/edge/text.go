package edge

import (
	"encoding/binary"
	"unicode/utf8"

	"footfall/schemas/visit"
)

const upperHex = "0123456789ABCDEF"

// escapeByte appends c as %XX.
func escapeByte(dst []byte, c byte) []byte {
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

// queryByte marks the bytes that stand for themselves in a query: those of
// RFC 3986, section 3.4, without the ones that quote or separate elsewhere.
var queryByte = func() (table [256]bool) { //nolint:gochecknoglobals // a constant table
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$()*+,;:@/?=") {
		table[c] = true
	}
	return table
}()

// tokenByte marks the bytes of header names: RFC 9110, section 5.6.2.
var tokenByte = func() (table [256]bool) { //nolint:gochecknoglobals // a constant table
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") {
		table[c] = true
	}
	return table
}()

// appendQuery appends raw so that it is a part of a query whatever it holds:
// escapes are kept as they are, every other byte that a query can't hold, a
// lone % among them, is escaped.
func appendQuery(dst, raw []byte) []byte {
	for i, c := range raw {
		if queryByte[c] || (c == '%' && i+2 < len(raw) && hexadecimal(raw[i+1]) && hexadecimal(raw[i+2])) {
			dst = append(dst, c)
		} else {
			dst = escapeByte(dst, c)
		}
	}
	return dst
}

// escapeText appends a text as printable ASCII of at most limit bytes, whole
// escapes only.
func escapeText(dst, text []byte, limit int) []byte {
	limit += len(dst)
	for _, c := range text {
		printable := c >= ' ' && c < 0x7F && c != '%'
		switch {
		case printable && len(dst)+1 <= limit:
			dst = append(dst, c)
		case !printable && len(dst)+3 <= limit:
			dst = escapeByte(dst, c)
		default:
			return dst
		}
	}
	return dst
}

// plain reports whether every byte of b is printable ASCII, and no + or % where
// those are escapes: eight bytes at a time, because most texts are.
func plain(b []byte, escapes bool) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	zero := func(w uint64) uint64 { return (w - ones) & ^w & highs } // exact as a test for any
	var bad uint64
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		bad |= w | (w + ones) | (w - ones*' ') // the highest bit of a byte beyond 0x7F, at it, below the space
		if escapes {
			bad |= zero(w^ones*'%') | zero(w^ones*'+')
		}
	}
	if bad&highs != 0 {
		return false
	}
	for _, c := range b {
		if c < ' ' || c >= 0x7F || (escapes && (c == '%' || c == '+')) {
			return false
		}
	}
	return true
}

// clean gives text for keeping: at most limit bytes of UTF-8 without control
// bytes; what is neither is escaped as %XX. With escapes it is decoded once
// first. The result aliases text where nothing had to change, else it is
// appended to *to, which must have room for limit bytes.
func clean(to *[]byte, text []byte, limit int, escapes bool) []byte {
	if plain(text, escapes) {
		return text[:min(len(text), limit)]
	}
	var buffer [visit.MaxHeader + utf8.UTFMax]byte
	room := limit + utf8.UTFMax // a rune may straddle the limit
	rest := text[:min(len(text), room)]
	if escapes {
		rest, _ = unescape(buffer[:0], text, room)
	}
	dst := *to
	begin := len(dst)
	for len(rest) > 0 {
		r, n := utf8.DecodeRune(rest)
		keep := (r != utf8.RuneError || n > 1) && r >= ' ' && (r < 0x7F || r > 0x9F)
		if keep && len(dst)-begin+n <= limit {
			dst = append(dst, rest[:n]...)
		} else if !keep && len(dst)-begin+3*n <= limit {
			for _, c := range rest[:n] {
				dst = escapeByte(dst, c)
			}
		} else {
			break
		}
		rest = rest[n:]
	}
	*to = dst
	return dst[begin:len(dst):len(dst)]
}
