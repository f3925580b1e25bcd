package edge

import (
	"bytes"

	"footfall/schemas/routes"
	"footfall/schemas/visit"
)

// linkPrefix is what every link's path begins with.
const linkPrefix = "/e/"

// splitTarget takes a request target apart, on its bytes as received: nothing
// is decoded and no dot segment resolved, so that a path is one event's or
// none's. ok is false for everything but /e/SLUG and /e/SLUG/.
func splitTarget(target []byte) (slug, query []byte, ok bool) {
	if len(target) <= len(linkPrefix) || string(target[:len(linkPrefix)]) != linkPrefix {
		return nil, nil, false
	}
	slug = target[len(linkPrefix):]
	if n := bytes.IndexByte(slug, '?'); n >= 0 {
		slug, query = slug[:n], slug[n+1:]
	}
	if n := len(slug); n > 0 && slug[n-1] == '/' {
		slug = slug[:n-1]
	}
	if len(slug) == 0 || len(slug) > routes.MaxSlugBytes {
		return nil, nil, false
	}
	for i, c := range slug {
		alphanumeric := c-'0' <= 9 || (c|0x20)-'a' <= 'z'-'a'
		if !alphanumeric && (i == 0 || (c != '-' && c != '_' && c != '.')) {
			return nil, nil, false
		}
	}
	return slug, query, true
}

// parameter is what a name in the query means to the edge.
type parameter uint8

const (
	other parameter = iota
	affiliate
	clickID
	consent
	sub1 // sub2 to sub5 follow
	sub2
	sub3
	sub4
	sub5
	utmSource // in the order of visit.Visit.UTM
	utmMedium
	utmCampaign
	utmTerm
	utmContent
)

// longestName is that of the parameters above.
const longestName = len("utm_campaign")

// nameOf tells what a name means, after one decode: the destination decodes it
// too, and must not see another affiliate or click_id than the edge. Case
// matters.
func nameOf(raw []byte) parameter {
	if p := plainName(raw); p != other || bytes.IndexByte(raw, '%') < 0 {
		return p
	}
	var buffer [longestName + 1]byte
	decoded, _ := unescape(buffer[:0], raw, len(buffer))
	return plainName(decoded)
}

func plainName(name []byte) parameter {
	switch string(name) {
	case "affiliate":
		return affiliate
	case "click_id":
		return clickID
	case "consent":
		return consent
	case "sub1":
		return sub1
	case "sub2":
		return sub2
	case "sub3":
		return sub3
	case "sub4":
		return sub4
	case "sub5":
		return sub5
	case "utm_source":
		return utmSource
	case "utm_medium":
		return utmMedium
	case "utm_campaign":
		return utmCampaign
	case "utm_term":
		return utmTerm
	case "utm_content":
		return utmContent
	}
	return other
}

// nextPair cuts the first parameter off a query; value is nil where it has no
// equals sign. Empty parameters are passed over.
func nextPair(query []byte) (name, value, rest []byte, has bool) {
	for len(query) > 0 {
		pair := query
		if n := bytes.IndexByte(query, '&'); n >= 0 {
			pair, query = query[:n], query[n+1:]
		} else {
			query = nil
		}
		if len(pair) == 0 {
			continue
		}
		if n := bytes.IndexByte(pair, '='); n >= 0 {
			return pair[:n], pair[n+1:], query, true
		}
		return pair, nil, query, true
	}
	return nil, nil, nil, false
}

// unescape appends raw to dst after one decode of %XX and +, until dst holds
// limit bytes. A % without two hexadecimal digits stands for itself. whole says
// that all of raw went in.
func unescape(dst, raw []byte, limit int) (out []byte, whole bool) {
	for i := 0; i < len(raw); i++ {
		if len(dst) == limit {
			return dst, false
		}
		c := raw[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(raw) && hexadecimal(raw[i+1]) && hexadecimal(raw[i+2]):
			c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
			i += 2
		}
		dst = append(dst, c)
	}
	return dst, true
}

func hexadecimal(c byte) bool { return c-'0' <= 9 || (c|0x20)-'a' <= 'f'-'a' }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return (c | 0x20 - 'a') + 10
}

// codeRoom is what a code's value is decoded into: the longest text and the
// spaces around one that was copied out of a letter.
const codeRoom = visit.MaxCodeText + 32

// codeText decodes the value of affiliate once and trims it. valid says that
// the result fits the grammar of codes. The result aliases raw or buffer.
func codeText(raw []byte, buffer *[codeRoom]byte) (text []byte, valid bool) {
	if routes.GrammarHolds(raw) {
		return raw, true
	}
	decoded, whole := unescape(buffer[:0], raw, codeRoom)
	decoded = trim(decoded)
	return decoded, whole && routes.GrammarHolds(decoded)
}
