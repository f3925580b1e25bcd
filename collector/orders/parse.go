package orders

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"footfall/schemas/order"
)

// Bounds of the JSON itself. An order is three deep and no object of it has
// more than a dozen members.
const (
	maxDepth   = 8
	maxMembers = 32
	maxItems   = order.MaxLines
	// maxPointerBytes bounds what an answer repeats of a request's keys.
	maxPointerBytes = 256
)

type kind uint8

const (
	kindNull kind = iota
	kindTrue
	kindFalse
	kindNumber
	kindText
	kindArray
	kindObject
)

// value is one JSON value.
type value struct {
	kind    kind
	text    string // of a number as it stood, of a text decoded
	items   []value
	members []member
}

type member struct {
	name string
	value
}

// parser reads JSON more strictly than encoding/json, which takes duplicate
// names, bytes that are no UTF-8 and half surrogates, and doesn't say where in
// the document a fault is.
type parser struct {
	text []byte
	at   int
	path []string
}

// parse reads one JSON document.
func parse(text []byte) (value, *problem) {
	p := &parser{text: text}
	if !utf8.Valid(text) {
		return value{}, notJSON("", "it is not UTF-8")
	}
	p.space()
	v, bad := p.value()
	if bad != nil {
		return value{}, bad
	}
	if p.space(); p.at < len(text) {
		return value{}, notJSON("", "there is more after the end of the document, at byte %d", p.at)
	}
	return v, nil
}

// pointer to where the parser is, in the form of RFC 6901.
func (p *parser) pointer() string {
	var b strings.Builder
	for _, name := range p.path {
		b.WriteString(pointerTo(name))
	}
	text := b.String()
	if len(text) > maxPointerBytes {
		text = strings.ToValidUTF8(text[:maxPointerBytes], "")
	}
	return text
}

func pointerTo(name string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func (p *parser) bad(detail string) *problem {
	return notJSON(p.pointer(), "%s, at byte %d", detail, p.at)
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take skips a byte where it is the next one.
func (p *parser) take(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) word(word string) bool {
	if strings.HasPrefix(string(p.text[p.at:min(p.at+len(word), len(p.text))]), word) {
		p.at += len(word)
		return true
	}
	return false
}

func (p *parser) value() (value, *problem) {
	if p.at == len(p.text) {
		return value{}, p.bad("it ends too early")
	}
	switch c := p.text[p.at]; {
	case c == '{':
		return p.object()
	case c == '[':
		return p.array()
	case c == '"':
		text, bad := p.str()
		return value{kind: kindText, text: text}, bad
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case p.word("null"):
		return value{kind: kindNull}, nil
	case p.word("true"):
		return value{kind: kindTrue}, nil
	case p.word("false"):
		return value{kind: kindFalse}, nil
	case p.word("NaN"), p.word("Infinity"):
		return value{}, invalid(p.pointer(), "it must be a number that JSON can write")
	}
	return value{}, p.bad("a value was expected")
}

func (p *parser) object() (value, *problem) {
	v := value{kind: kindObject}
	if len(p.path) == maxDepth {
		return v, p.bad("it is nested too deep")
	}
	p.at++
	p.space()
	if p.take('}') {
		return v, nil
	}
	for {
		if p.at == len(p.text) || p.text[p.at] != '"' {
			return v, p.bad("a name was expected")
		}
		name, bad := p.str()
		if bad != nil {
			return v, bad
		}
		p.path = append(p.path, name)
		for i := range v.members {
			if v.members[i].name == name {
				return v, p.bad("the name is there twice")
			}
		}
		if len(v.members) == maxMembers {
			return v, p.bad("the object has too many members")
		}
		if p.space(); !p.take(':') {
			return v, p.bad("a colon was expected")
		}
		p.space()
		item, bad := p.value()
		if bad != nil {
			return v, bad
		}
		v.members = append(v.members, member{name: name, value: item})
		p.path = p.path[:len(p.path)-1]
		if p.space(); p.take('}') {
			return v, nil
		}
		if !p.take(',') {
			return v, p.bad("a comma or } was expected")
		}
		p.space()
	}
}

func (p *parser) array() (value, *problem) {
	v := value{kind: kindArray}
	if len(p.path) == maxDepth {
		return v, p.bad("it is nested too deep")
	}
	p.at++
	p.space()
	if p.take(']') {
		return v, nil
	}
	for {
		if len(v.items) == maxItems {
			return v, invalid(p.pointer(), "it has more than %d items", maxItems)
		}
		p.path = append(p.path, strconv.Itoa(len(v.items)))
		item, bad := p.value()
		if bad != nil {
			return v, bad
		}
		v.items = append(v.items, item)
		p.path = p.path[:len(p.path)-1]
		if p.space(); p.take(']') {
			return v, nil
		}
		if !p.take(',') {
			return v, p.bad("a comma or ] was expected")
		}
		p.space()
	}
}

// number reads RFC 8259's number; what it is worth is for the field to say.
func (p *parser) number() (value, *problem) {
	start := p.at
	if p.take('-') && p.word("Infinity") {
		return value{}, invalid(p.pointer(), "it must be a number that JSON can write")
	}
	zero := p.at < len(p.text) && p.text[p.at] == '0'
	if n := p.digits(); n == 0 || zero && n > 1 {
		return value{}, p.bad("a number was expected")
	}
	if p.take('.') && p.digits() == 0 {
		return value{}, p.bad("a digit was expected")
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		if p.digits() == 0 {
			return value{}, p.bad("a digit was expected")
		}
	}
	return value{kind: kindNumber, text: string(p.text[start:p.at])}, nil
}

func (p *parser) digits() int {
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}

// str reads a string, its first quote included.
func (p *parser) str() (string, *problem) {
	p.at++
	var b []byte
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch {
		case c == '"':
			return string(b), nil
		case c < 0x20:
			return "", p.bad("a control character must be escaped")
		case c != '\\':
			b = append(b, c)
			continue
		}
		if p.at == len(p.text) {
			break
		}
		c = p.text[p.at]
		p.at++
		if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
			b = append(b, "\"\\/\b\f\n\r\t"[i])
			continue
		}
		r, ok := rune(0), false
		if c == 'u' {
			r, ok = p.escape()
		}
		if !ok {
			return "", p.bad("an escape is not valid")
		}
		b = utf8.AppendRune(b, r)
	}
	return "", p.bad("it ends within a string")
}

// escape reads the four digits after \u, and the other half of a pair.
func (p *parser) escape() (rune, bool) {
	r, ok := p.hex()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if !p.word(`\u`) {
		return 0, false
	}
	low, ok := p.hex()
	r = utf16.DecodeRune(r, low)
	return r, ok && r != utf8.RuneError
}

func (p *parser) hex() (rune, bool) {
	if p.at+4 > len(p.text) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.text[p.at:p.at+4]), 16, 16)
	p.at += 4
	return rune(n), err == nil
}
