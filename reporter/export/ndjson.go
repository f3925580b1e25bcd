package export

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"footfall/schemas/reports"
)

// objects writes rows as JSON objects whose fields stand in the order of the
// columns. Money is in minor units, of which `decimals` says how many make one.
type objects struct {
	columns  []reports.Column
	keys     [][]byte // what stands before each value
	decimals []byte   // what stands before the decimals; nil: no column is money
	end      []byte
}

// lined writes an object on a line of its own.
func lined(columns []reports.Column) (*objects, error) {
	return newObjects(columns, "{", ",", ":", "}\n")
}

// indented writes objects as in a list of the document, but for the commas.
func indented(columns []reports.Column) (*objects, error) {
	return newObjects(columns, ",\n    {\n      ", ",\n      ", ": ", "\n    }")
}

func newObjects(columns []reports.Column, begin, between, colon, end string) (*objects, error) {
	if err := checkNames(columns); err != nil {
		return nil, err
	}
	o := &objects{columns: columns, end: []byte(end)}
	before := begin
	money := false
	for _, c := range columns {
		o.keys = append(o.keys, append(appendJSONText([]byte(before), []byte(c.Name)), colon...))
		before = between
		money = money || c.Kind == reports.KindMoney
	}
	if money {
		o.decimals = []byte(before + `"decimals"` + colon)
	}
	return o, nil
}

// checkNames refuses what an object or a Parquet file can't hold.
func checkNames(columns []reports.Column) error {
	seen := map[string]bool{}
	for _, c := range columns {
		if seen[c.Name] {
			return fmt.Errorf("%w: %q is the name of two", ErrColumns, c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

func writeNDJSON(ctx context.Context, w io.Writer, o Options, t *reports.Table) error {
	rows, err := lined(t.Columns)
	if err != nil {
		return err
	}
	_, err = stream(ctx, t, streamed{
		format: rows.format,
		write: func(b *block) error {
			if _, err := w.Write(b.out); err != nil {
				return fmt.Errorf("writing NDJSON: %w", err)
			}
			return nil
		},
		progress: o.Progress,
	})
	return err
}

func (o *objects) format(b *block) {
	dst := b.out
	for i := range b.Rows {
		for at := range o.columns {
			dst = append(dst, o.keys[at]...)
			dst = appendJSON(dst, &b.Columns[at], i, o.columns[at].Kind)
		}
		if o.decimals != nil {
			dst = append(dst, o.decimals...)
			dst = appendDecimal(dst, int64(b.decimals(i)), 0)
		}
		dst = append(dst, o.end...)
	}
	b.out = dst
}

// appendJSON appends a value. A number that JSON hasn't (infinity) is null.
func appendJSON(dst []byte, v *reports.Vector, i int, kind reports.Kind) []byte {
	if missing(v, i) {
		return append(dst, "null"...)
	}
	switch kind {
	case reports.KindText, reports.KindDay:
		return appendJSONText(dst, v.Text(i))
	case reports.KindDecimal:
		if text := v.Text(i); isJSONNumber(text) {
			return append(dst, text...)
		}
		return appendJSONText(dst, v.Text(i))
	case reports.KindMoney:
		return appendDecimal(dst, v.Numbers[i], 0)
	case reports.KindFloat:
		if f := v.Floats[i]; math.IsNaN(f) || math.IsInf(f, 0) {
			return append(dst, "null"...)
		}
		return appendPlain(dst, v, i, kind, 0)
	case reports.KindTime, reports.KindDate:
		return append(appendPlain(append(dst, '"'), v, i, kind, 0), '"')
	default:
		return appendPlain(dst, v, i, kind, 0)
	}
}

func isJSONNumber(text []byte) bool { return isNumber(text) && json.Valid(text) }

// appendJSONText appends a string as encoding/json writes it without escaping for
// HTML.
func appendJSONText(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size, escape := 1, ""
		switch {
		case c == '"' || c == '\\':
			escape = `\` + string(rune(c))
		case c == '\b':
			escape = `\b`
		case c == '\f':
			escape = `\f`
		case c == '\n':
			escape = `\n`
		case c == '\r':
			escape = `\r`
		case c == '\t':
			escape = `\t`
		case c < ' ':
			escape = `\u00` + string(hex[c>>4]) + string(hex[c&0xf])
		default:
			var r rune
			r, size = utf8.DecodeRune(text[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				escape = `\ufffd`
			case r == '\u2028' || r == '\u2029':
				escape = `\u202` + string(hex[r&0xf])
			}
		}
		if escape != "" {
			dst = append(append(dst, text[start:i]...), escape...)
			start = i + size
		}
		i += size
	}
	return append(append(dst, text[start:]...), '"')
}
