package export

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"footfall/schemas/reports"
)

// A number of more digits is written as text: Excel keeps 15 and makes zeroes of
// the others.
const (
	exactDigits = 15
	exactNumber = 999_999_999_999_999
)

// sheetWriter writes the rows of a table as those of a sheet.
type sheetWriter struct {
	columns []reports.Column
	letters []string // A, B, … AA
}

func newSheetWriter(columns []reports.Column) sheetWriter {
	s := sheetWriter{columns: columns}
	for i := range columns {
		s.letters = append(s.letters, columnLetters(i))
	}
	return s
}

// columnLetters names a column, from 0.
func columnLetters(i int) string {
	const letters = 26
	text := string(rune('A' + i%letters))
	for i = i/letters - 1; i >= 0; i = i/letters - 1 {
		text = string(rune('A'+i%letters)) + text
	}
	return text
}

// head is what stands before the rows: the header stays in view.
func (s sheetWriter) head() string {
	var b strings.Builder
	b.WriteString(xmlHead + `<worksheet xmlns="` + mainSpace + `"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>`)
	if len(s.columns) > 0 {
		b.WriteString(`<cols>`)
		for i, c := range s.columns {
			n := strconv.Itoa(i + 1)
			b.WriteString(`<col min="` + n + `" max="` + n + `" width="` + strconv.Itoa(columnWidth(c)) + `" customWidth="1"/>`)
		}
		b.WriteString(`</cols>`)
	}
	b.WriteString(`<sheetData><row r="1">`)
	var cells []byte
	for i, c := range s.columns {
		cells, _ = appendTextCell(cells, s.letters[i], 1, styleHeader, []byte(c.Name))
	}
	b.Write(cells)
	b.WriteString("</row>")
	return b.String()
}

// foot is what stands behind so many rows.
func (s sheetWriter) foot(rows int) string {
	if len(s.columns) == 0 {
		return "</sheetData></worksheet>"
	}
	return `</sheetData><autoFilter ref="A1:` + s.letters[len(s.letters)-1] + strconv.Itoa(rows+1) + `"/></worksheet>`
}

// columnWidth in characters. It follows from the column alone, since it stands
// before the rows.
func columnWidth(c reports.Column) int {
	width := 12
	switch c.Kind {
	case reports.KindText:
		width = 24
	case reports.KindTime:
		width = 24
	case reports.KindMoney, reports.KindDecimal:
		width = 16
	case reports.KindID, reports.KindDay, reports.KindDate, reports.KindCount, reports.KindRate, reports.KindBool, reports.KindFloat:
	}
	const button, most = 4, 60 // the filter's
	return min(most, max(width, utf8.RuneCountInString(c.Name)+button))
}

// bytes is an upper bound of what a block's rows take.
func (s sheetWriter) bytes(b *block) int64 {
	const cell, row, escaped = 96, 32, 7
	n := b.Rows * (row + cell*len(s.columns))
	for i, c := range s.columns {
		if !c.Kind.Textual() {
			continue
		}
		n += len(b.Columns[i].Bytes)
		for _, c := range b.Columns[i].Bytes {
			if c < ' ' || c == '&' || c == '<' || c == '>' || c == '_' || c >= 0xef {
				n += escaped
			}
		}
	}
	return int64(n)
}

func (s sheetWriter) format(b *block) {
	dst := b.out
	for i := range b.Rows {
		row := b.row + i
		dst = append(dst, `<row r="`...)
		dst = strconv.AppendInt(dst, int64(row), 10)
		dst = append(dst, `">`...)
		for at := range s.columns {
			v := &b.Columns[at]
			if missing(v, i) {
				continue
			}
			var cut bool
			if dst, cut = s.cell(dst, at, row, v, i, b.decimals(i)); cut {
				b.cut++
			}
		}
		dst = append(dst, `</row>`...)
	}
	b.out = dst
}

// cell appends a cell of the type that its column has; cut says that the text was
// too long.
func (s sheetWriter) cell(dst []byte, at, row int, v *reports.Vector, i, decimals int) (out []byte, cut bool) {
	column, kind := s.letters[at], s.columns[at].Kind
	switch kind {
	case reports.KindText:
		return appendTextCell(dst, column, row, styleText, v.Text(i))
	case reports.KindDecimal:
		if text := v.Text(i); isNumber(text) && digits(text) <= exactDigits {
			return append(append(beginNumber(dst, column, row, styleGeneral), text...), endNumber...), false
		}
		return appendTextCell(dst, column, row, styleText, v.Text(i))
	case reports.KindDay:
		if day, err := time.Parse(time.DateOnly, string(v.Text(i))); err == nil && firstSerial <= day.Unix()/secondsOfDay {
			return appendSerial(dst, column, row, styleDay, day.Unix()/secondsOfDay, 0), false
		}
		return appendTextCell(dst, column, row, styleText, v.Text(i))
	case reports.KindDate:
		if n := v.Numbers[i]; firstSerial <= n && n <= lastSerial {
			return appendSerial(dst, column, row, styleDay, n, 0), false
		}
	case reports.KindTime:
		const day = secondsOfDay * 1_000_000
		if n := v.Numbers[i]; firstSerial*day <= n && n < (lastSerial+1)*day {
			days := n / day
			if n%day < 0 {
				days--
			}
			return appendSerial(dst, column, row, styleTime, days, n-days*day), false
		}
	case reports.KindBool:
		dst = appendCell(dst, column, row, styleGeneral)
		return append(append(append(dst, ` t="b"><v>`...), byte('0'+min(1, magnitude(v.Numbers[i])))), endNumber...), false
	case reports.KindFloat:
		if text := appendFloat(nil, v.Floats[i]); isNumber(text) {
			return append(append(beginNumber(dst, column, row, styleGeneral), text...), endNumber...), false
		}
	default:
		if magnitude(v.Numbers[i]) <= exactNumber {
			dst = beginNumber(dst, column, row, styleOf(kind, decimals))
			return append(appendPlain(dst, v, i, kind, decimals), endNumber...), false
		}
	}
	return appendTextCell(dst, column, row, styleText, appendPlain(nil, v, i, kind, decimals))
}

func digits(text []byte) int {
	n := 0
	for _, c := range text {
		if c >= '0' && c <= '9' {
			n++
		}
	}
	return n
}

const endNumber = "</v></c>"

// The days since 1970 that a sheet has: from 1900-03-01, before which Excel has a
// day too many, to 9999-12-31.
const (
	firstSerial = -25_508
	lastSerial  = 2_932_896
	serialEpoch = 25_569 // the serial number of 1970-01-01
)

// appendSerial appends a day, and microseconds in it, as Excel counts them.
func appendSerial(dst []byte, column string, row, style int, days, us int64) []byte {
	dst = beginNumber(dst, column, row, style)
	if us == 0 {
		dst = appendDecimal(dst, days+serialEpoch, 0)
	} else {
		const day, digits = 86_400, 11 // a microsecond is 1.16e-11 of a day
		// The fraction us / 86.4e9, rounded to 11 digits: us * 1e11 / 86.4e9.
		fraction := (us*1_000 + day/100/2) / (day / 100) // us * 1e11 / (864e8) = us * 1000 / 864
		dst = appendDecimal(dst, (days+serialEpoch)*100_000_000_000+fraction, digits)
	}
	return append(dst, endNumber...)
}

func appendCell(dst []byte, column string, row, style int) []byte {
	dst = append(append(append(dst, `<c r="`...), column...), strconv.Itoa(row)...)
	dst = append(dst, `" s="`...)
	dst = strconv.AppendInt(dst, int64(style), 10)
	return append(dst, '"')
}

func beginNumber(dst []byte, column string, row, style int) []byte {
	return append(appendCell(dst, column, row, style), `><v>`...)
}

// appendTextCell appends a text that is one, whatever it begins with; an empty one
// is no cell.
func appendTextCell(dst []byte, column string, row, style int, text []byte) (out []byte, cut bool) {
	if len(text) == 0 {
		return dst, false
	}
	text, cut = cutText(text)
	dst = append(appendCell(dst, column, row, style), ` t="inlineStr"><is><t xml:space="preserve">`...)
	return append(appendXML(dst, text), `</t></is></c>`...), cut
}

// cutText keeps what a cell holds.
func cutText(text []byte) (kept []byte, cut bool) {
	if len(text) <= cellUnits {
		return text, false
	}
	units, last := 0, 0 // last: where to cut, with room for the sign
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		n := 1
		if r > 0xffff {
			n = 2
		}
		if units+n <= cellUnits-1 {
			last = at + size
		}
		if units += n; units > cellUnits {
			return append(append([]byte(nil), text[:last]...), "…"...), true
		}
		at += size
	}
	return text, false
}

// appendXML appends a text as a sheet has it: what XML can't hold is _xHHHH_
// (ECMA-376, ST_Xstring), and so is what only looks like that.
func appendXML(dst, text []byte) []byte {
	start := 0
	for i := 0; i < len(text); {
		c, size, escape := text[i], 1, ""
		switch {
		case c == '&':
			escape = "&amp;"
		case c == '<':
			escape = "&lt;"
		case c == '>':
			escape = "&gt;"
		case c == '_' && looksEscaped(text[i:]):
			escape = "_x005F_"
		case c < ' ' && c != '\t' && c != '\n':
			escape = escapedUnit(rune(c))
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRune(text[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				escape = string(utf8.RuneError)
			case r == 0xfffe || r == 0xffff:
				escape = escapedUnit(r)
			}
		}
		if escape != "" {
			dst = append(append(dst, text[start:i]...), escape...)
			start = i + size
		}
		i += size
	}
	return append(dst, text[start:]...)
}

func escapedUnit(r rune) string {
	const digits = "0123456789ABCDEF"
	return "_x" + string([]byte{digits[r>>12&0xf], digits[r>>8&0xf], digits[r>>4&0xf], digits[r&0xf]}) + "_"
}

// looksEscaped says whether a text begins with _xHHHH_.
func looksEscaped(text []byte) bool {
	const length = len("_x0000_")
	if len(text) < length || text[1] != 'x' || text[length-1] != '_' {
		return false
	}
	for _, c := range text[2 : length-1] {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}
