package filter

import "strings"

// reader takes a text apart from left to right.
type reader struct {
	text string
	at   int
}

func (r *reader) end() bool { return r.at == len(r.text) }

func (r *reader) skip() {
	for !r.end() && r.text[r.at] == ' ' {
		r.at++
	}
}

// term = field op value {"," value}.
func (r *reader) term() (Term, error) {
	t := Term{At: r.at}
	for !r.end() && !strings.ContainsRune(` =!<>~,"`, rune(r.text[r.at])) {
		r.at++
	}
	word := r.text[t.At:r.at]
	field, ok := fieldOf(word)
	if !ok {
		return t, wrong(t.At, "a field is wanted, such as source or visits")
	}
	t.Field = field
	r.skip()
	if t.Op, ok = r.operator(); !ok {
		return t, wrong(r.at, "after %s one of %s is wanted", word, operators)
	}
	for {
		r.skip()
		value, err := r.value(word)
		if err != nil {
			return t, err
		}
		t.Values = append(t.Values, value)
		r.skip()
		if r.end() || r.text[r.at] != ',' {
			return t, nil
		}
		switch {
		case t.Op != Equal && t.Op != Unequal:
			return t, wrong(r.at, "several values stand with = and != only")
		case len(t.Values) == maxValues:
			return t, wrong(r.at, "%s has more than %d values", word, maxValues)
		}
		r.at++
	}
}

func (r *reader) operator() (Op, bool) {
	for _, op := range []Op{Unequal, HasNot, AtMost, AtLeast, Equal, Less, More, Contains} { // the longer ones first
		if strings.HasPrefix(r.text[r.at:], string(op)) {
			r.at += len(op)
			return op, true
		}
	}
	return "", false
}

// value = bare | quoted. A bare one ends at a space, a comma or a quote.
func (r *reader) value(field string) (string, error) {
	if r.end() {
		return "", wrong(r.at, "a value for %s is wanted; one that is empty is written \"\"", field)
	}
	if r.text[r.at] == '"' {
		return r.quoted()
	}
	from := r.at
	for !r.end() && !strings.ContainsRune(` ,"\`, rune(r.text[r.at])) {
		r.at++
	}
	switch {
	case !r.end() && (r.text[r.at] == '"' || r.text[r.at] == '\\'):
		return "", wrong(r.at, "a value with a quote or a backslash is written in quotes, as \"\\\"\" and \"\\\\\"")
	case from == r.at:
		return "", wrong(r.at, "a value for %s is wanted; one that is empty is written \"\"", field)
	}
	return r.text[from:r.at], nil
}

// quoted = '"' {any but " and \, or \" or \\} '"'.
func (r *reader) quoted() (string, error) {
	from := r.at
	var b strings.Builder
	for r.at++; !r.end(); r.at++ {
		switch c := r.text[r.at]; c {
		case '"':
			r.at++
			return b.String(), nil
		case '\\':
			r.at++
			if r.end() || r.text[r.at] != '"' && r.text[r.at] != '\\' {
				return "", wrong(r.at-1, `after \ in quotes " or \ is wanted`)
			}
			b.WriteByte(r.text[r.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", wrong(from, "the quote that begins here has no end")
}

// and = "and", in any case, with a space behind it.
func (r *reader) and() error {
	const word = "and"
	if rest := r.text[r.at:]; len(rest) > len(word) && strings.EqualFold(rest[:len(word)], word) && rest[len(word)] == ' ' && r.text[r.at-1] == ' ' {
		r.at += len(word)
		r.skip()
		if r.end() {
			return wrong(r.at, "after and a condition is wanted")
		}
		return nil
	}
	return wrong(r.at, "and is wanted between conditions")
}
