// Package filter is the grammar of what a person asks a report for: which rows
// (where), in which order (sort), with which columns (a list of words). The
// command line, the API and the pages read the same texts by it.
//
// Invariant: what is read and written again reads the same: Parse(w.String())
// is w. Nothing of a text is ever part of a statement: a value stays a value.
//
// It knows no field's name and no value's meaning: whoever asks checks those, and
// finds in each term where in the text it stood. It refuses what doesn't follow
// the grammar, with the position and with what may stand there.
package filter

import (
	"fmt"
	"strings"
)

// The bounds of a text. They are more than a person types, and keep what a
// program sends from costing more than a report.
const (
	maxText   = 8192 // bytes
	maxTerms  = 32
	maxValues = 200 // of one term
)

// Op compares.
type Op string

// The operators.
const (
	Equal     Op = "="
	Unequal   Op = "!="
	Less      Op = "<"
	AtMost    Op = "<="
	More      Op = ">"
	AtLeast   Op = ">="
	Contains  Op = "~"  // without regard to the case of ASCII letters
	HasNot    Op = "!~" // does not contain
	operators    = "=, !=, <, <=, >, >=, ~ or !~"
)

// Term is one condition. With several values, = is any of them and != none.
type Term struct {
	Field  string // in lower case, with underscores
	Op     Op
	Values []string
	At     int // where the field begins, in bytes from 0
}

// Where are the conditions of a text; all of them hold.
type Where []Term

// Key is one field to sort by.
type Key struct {
	Field      string // in lower case, with underscores
	Descending bool
	At         int
}

// Error says what is wrong with a text, and where.
type Error struct {
	At     int    // in bytes from 0
	Detail string // a sentence without its end
}

// Error gives the position as people count, from 1.
func (e *Error) Error() string { return fmt.Sprintf("at position %d: %s", e.At+1, e.Detail) }

func wrong(at int, format string, args ...any) error {
	return &Error{At: at, Detail: fmt.Sprintf(format, args...)}
}

// Parse reads conditions; a text of spaces alone has none. The error is an *Error.
func Parse(text string) (Where, error) {
	if len(text) > maxText {
		return nil, wrong(maxText, "the text is longer than %d bytes", maxText)
	}
	var where Where
	r := &reader{text: text}
	for r.skip(); !r.end(); {
		if len(where) == maxTerms {
			return nil, wrong(r.at, "there are more than %d conditions", maxTerms)
		}
		t, err := r.term()
		if err != nil {
			return nil, err
		}
		where = append(where, t)
		r.skip()
		if r.end() {
			break
		}
		if err := r.and(); err != nil {
			return nil, err
		}
	}
	return where, nil
}

// ParseSort reads fields by commas, each with - before it for descending. The
// error is an *Error.
func ParseSort(text string) ([]Key, error) {
	var keys []Key
	err := list(text, func(word string, at int) error {
		name, descending := strings.CutPrefix(word, "-")
		field, ok := fieldOf(name)
		if !ok {
			return wrong(at, "%q is no field: want one such as visits, with - before it for descending", word)
		}
		keys = append(keys, Key{Field: field, Descending: descending, At: at})
		return nil
	})
	return keys, err
}

// Word is one word of a list.
type Word struct {
	Text string // in lower case, with underscores
	At   int
}

// ParseList reads words by commas. The error is an *Error.
func ParseList(text string) ([]Word, error) {
	var words []Word
	err := list(text, func(word string, at int) error {
		field, ok := fieldOf(word)
		if !ok {
			return wrong(at, "%q is no word of letters, digits and underscores", word)
		}
		words = append(words, Word{Text: field, At: at})
		return nil
	})
	return words, err
}

// list takes the words of a text apart at its commas.
func list(text string, take func(word string, at int) error) error {
	if len(text) > maxText {
		return wrong(maxText, "the text is longer than %d bytes", maxText)
	}
	at := 0
	for n, word := range strings.Split(text, ",") {
		if n == maxValues {
			return wrong(at, "there are more than %d words", maxValues)
		}
		trimmed := strings.TrimLeft(word, " ")
		if err := take(strings.TrimRight(trimmed, " "), at+len(word)-len(trimmed)); err != nil {
			return err
		}
		at += len(word) + 1
	}
	return nil
}

// String writes the conditions so that they read the same.
func (w Where) String() string {
	terms := make([]string, len(w))
	for i, t := range w {
		values := make([]string, len(t.Values))
		for j, v := range t.Values {
			values[j] = quoted(v)
		}
		terms[i] = t.Field + string(t.Op) + strings.Join(values, ",")
	}
	return strings.Join(terms, " and ")
}

// quoted writes a value bare where it can stand so.
func quoted(value string) string {
	if value != "" && !strings.ContainsAny(value, " ,\"\\") {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// fieldOf gives a field's one spelling; false where it can't be one.
func fieldOf(word string) (string, bool) {
	if word == "" || !letter(word[0]) {
		return "", false
	}
	for i := range len(word) {
		if !letter(word[i]) && !(word[i] >= '0' && word[i] <= '9') && word[i] != '_' && word[i] != '-' {
			return "", false
		}
	}
	return strings.ReplaceAll(strings.ToLower(word), "-", "_"), true
}

func letter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }
