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
}

// maxForwarded is how many X-Forwarded-For lines are looked at: proxies join
// them, so more than a few is noise. The last ones count.
const maxForwarded = 4

// parse reads the lines between the request line and the empty line. The
// server has checked that names and values hold no control bytes.
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
		}
		if len(line) == 0 {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			h.folded = true
			continue
		}
		colon := bytes.IndexByte(line, ':')
		if colon > 0 {
			h.field(line[:colon], line[colon+1:])
		}
	}
}

// field takes one line where its name is one that matters; the length sorts
// out most others.
func (h *head) field(name, value []byte) {
	switch len(name) {
	case 4:
		if is(name, "host") {
			h.host = trim(value)
			h.hosts++
		}
	case 5:
		if is(name, "x-moz") {
			h.prefetch = h.prefetch || prefetches(value)
		}
	case 6:
		if is(name, "cookie") && h.cookies == nil {
			h.cookies = value
		}
	case 7:
		switch {
		case is(name, "referer"):
			h.referrer = trim(value)
		case is(name, "sec-gpc"):
			h.gpc = string(trim(value)) == "1"
		case is(name, "purpose"):
			h.prefetch = h.prefetch || prefetches(value)
		}
	case 10:
		if is(name, "user-agent") {
			h.userAgent = trim(value)
		}
	case 11:
		if is(name, "sec-purpose") {
			h.prefetch = h.prefetch || prefetches(value)
		}
	case 14:
		if is(name, "content-length") && string(trim(value)) != "0" {
			h.body = true
		}
	case 15:
		if is(name, "x-forwarded-for") {
			h.forward(value)
		}
	case 17:
		if is(name, "transfer-encoding") {
			h.body = true
		}
	}
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
