package edge

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"strconv"

	"footfall/schemas/visit"
)

// cookieName is the visitor cookie's; its value is that of visit.ParseCookie.
const cookieName = "footfall_visitor"

// cookieAttributes is what follows the value in Set-Cookie.
func cookieAttributes(c Config) string {
	attributes := "; Path=/e/; Max-Age=" + strconv.Itoa(c.CookieMaxAgeDays*secondsPerDay) + "; HttpOnly; SameSite=Lax"
	if !c.CookieInsecure {
		attributes += "; Secure"
	}
	return attributes
}

// readCookie finds the first visitor cookie of the right form in a Cookie line.
// Anything else, oversized or forged, is as good as none.
func readCookie(line []byte, to *[visit.CookieBytes]byte) bool {
	for more := true; more; {
		pair := line
		if n := bytes.IndexByte(line, ';'); n >= 0 {
			pair, line = line[:n], line[n+1:]
		} else {
			more = false
		}
		name, value, ok := bytes.Cut(trim(pair), []byte{'='})
		if ok && string(name) == cookieName && visit.ParseCookie(value, to) {
			return true
		}
	}
	return false
}

// newCookie fills id and appends the value of Set-Cookie.
func newCookie(dst []byte, id *[visit.CookieBytes]byte, attributes string) []byte {
	rand.Read(id[:]) //nolint:gosec // never fails: the program ends first
	dst = append(dst, cookieName...)
	dst = append(dst, '=')
	dst = base64.RawURLEncoding.AppendEncode(dst, id[:])
	return append(dst, attributes...)
}
