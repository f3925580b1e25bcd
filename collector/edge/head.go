package edge

import "bytes"

// head is what the edge takes from a request's header lines, in one pass over
// the bytes as received. The slices alias them.
type head struct {
	host      []byte
	userAgent []byte
	referrer  []byte
	cookies   []byte
	forwarded [maxForwarded][]byte // X-Forwarded-For, lines in order
	nForward  int
	hosts     int
	gpc       bool
	prefetch  bool
	body      bool // Transfer-Encoding, or a Content-Length other than 0
	folded    bool // a line that goes on from the one before
	special   bool // holds what only the HTTP server can judge
}

// maxForwarded is how many X-Forwarded-For lines are looked at: proxies join
// them, so more than a few is noise. The last ones count.
const maxForwarded = 4

// parse reads the lines between the request line and the empty line. Where they
// are not special, every one is a name, a colon and printable ASCII, no name
// speaks of a body or of the connection's end, and there is one Host.
func (h *head) parse(raw []byte) {
	*h = head{}
	for len(raw) > 0 {
		line := raw
		if n := bytes.IndexByte(raw, '\n'); n >= 0 {
			line, raw = raw[:n], raw[n+1:]
		} else {
			raw = nil
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		} else {
			h.special = true
		}
		h.special = h.special || !plain(line, false) || !named(line)
		if len(line) > 0 {
			h.line(line)
		}
	}
	h.special = h.special || h.hosts != 1
}

// named holds for a line that begins with a token of RFC 9110, section 5.6.2, and
// a colon.
func named(line []byte) bool {
	for i, c := range line {
		if !tokenByte[c] {
			return c == ':' && i > 0
		}
	}
	return false
}

// line takes one line where its name is one that matters. The first letter
// sorts out most others.
func (h *head) line(line []byte) {
	switch line[0] | 0x20 {
	case ' ', '\t' | 0x20:
		h.folded = h.folded || line[0] == ' ' || line[0] == '\t'
	case 'h':
		if value, ok := field(line, "host"); ok {
			h.host = trim(value)
			h.hosts++
		}
	case 'u':
		if value, ok := field(line, "user-agent"); ok {
			h.userAgent = trim(value)
		}
	case 'r':
		if value, ok := field(line, "referer"); ok {
			h.referrer = trim(value)
		}
	case 'c':
		if value, ok := field(line, "cookie"); ok {
			if h.cookies == nil {
				h.cookies = value
			}
		} else if value, ok := field(line, "content-length"); ok {
			h.body = h.body || string(trim(value)) != "0"
			h.special = true
		} else if value, ok := field(line, "connection"); ok {
			value = trim(value)
			h.special = h.special || len(value) != len(keepAlive) || !is(value, keepAlive)
		}
	case 'e':
		if _, ok := field(line, "expect"); ok {
			h.special = true
		}
	case 't':
		if _, ok := field(line, "transfer-encoding"); ok {
			h.body, h.special = true, true
		}
	case 'x':
		if value, ok := field(line, "x-forwarded-for"); ok {
			h.forward(value)
		} else if value, ok := field(line, "x-moz"); ok {
			h.prefetch = h.prefetch || prefetches(value)
		}
	case 'p':
		if value, ok := field(line, "purpose"); ok {
			h.prefetch = h.prefetch || prefetches(value)
		}
	case 's':
		if value, ok := field(line, "sec-gpc"); ok {
			h.gpc = string(trim(value)) == "1"
		} else if value, ok := field(line, "sec-purpose"); ok {
			h.prefetch = h.prefetch || prefetches(value)
		}
	}
}

// keepAlive is what a connection is without being told so.
const keepAlive = "keep-alive"

// field gives the value of a line whose name is the one told, in lower case.
func field(line []byte, name string) (value []byte, ok bool) {
	if n := len(name); len(line) > n && line[n] == ':' && is(line[:n], name) {
		return line[n+1:], true
	}
	return nil, false
}

func (h *head) forward(value []byte) {
	if h.nForward == maxForwarded {
		copy(h.forwarded[:], h.forwarded[1:])
		h.nForward--
	}
	h.forwarded[h.nForward] = value
	h.nForward++
}

// is compares a header's name with one in lower case, without regard to case.
func is(name []byte, lower string) bool {
	for i := range name {
		c := name[i]
		if c-'A' <= 'Z'-'A' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// prefetches holds for "prefetch" and "prefetch;prerender".
func prefetches(value []byte) bool {
	value = trim(value)
	const word = "prefetch"
	return len(value) >= len(word) && is(value[:len(word)], word)
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
