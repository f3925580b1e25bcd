package export

import (
	"math"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/reports"
)

// rateDecimals of a rate: it is in millionths.
const rateDecimals = 6

// appendDecimal appends n / 10^decimals.
func appendDecimal(dst []byte, n int64, decimals int) []byte {
	if decimals <= 0 {
		return strconv.AppendInt(dst, n, 10)
	}
	if n < 0 {
		dst = append(dst, '-')
	}
	u, unit := magnitude(n), uint64(1)
	for range decimals {
		unit *= 10
	}
	dst = append(strconv.AppendUint(dst, u/unit, 10), '.')
	fraction := len(dst)
	for range decimals {
		dst = append(dst, '0')
	}
	u %= unit
	for at := len(dst) - 1; at >= fraction; at-- {
		dst[at] += byte(u % 10)
		u /= 10
	}
	return dst
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n) //nolint:gosec // two's complement: right for the least int64 too
	}
	return uint64(n)
}

// decimal writes n / 10^decimals, with a separator between thousands.
func decimal(n int64, decimals int, thousands string) string {
	text := string(appendDecimal(nil, n, decimals))
	if thousands == "" {
		return text
	}
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	whole, fraction, found := strings.Cut(text, ".")
	whole = sign + grouped(whole, thousands)
	if found {
		return whole + "." + fraction
	}
	return whole
}

func grouped(digits, separator string) string {
	const group = 3
	first := len(digits) % group
	if first == 0 {
		first = min(group, len(digits))
	}
	var out strings.Builder
	out.WriteString(digits[:first])
	for i := first; i < len(digits); i += group {
		out.WriteString(separator + digits[i:i+group])
	}
	return out.String()
}

// appendFloat appends the shortest text that reads back as the same number.
func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 0):
		return append(dst, strconv.FormatFloat(f, 'f', -1, 64)...)
	}
	form := byte('f')
	const small, large = 1e-6, 1e21 // as JSON is usually written
	if abs := math.Abs(f); abs != 0 && (abs < small || abs >= large) {
		form = 'e'
	}
	return strconv.AppendFloat(dst, f, form, -1, 64)
}

// appendTime appends microseconds since 1970 as RFC 3339 in UTC, always with six
// digits, so that a column is of one shape.
func appendTime(dst []byte, us int64) []byte {
	return time.UnixMicro(us).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
}

const secondsOfDay = 24 * 60 * 60

// appendDate appends days since 1970.
func appendDate(dst []byte, days int64) []byte {
	return time.Unix(days*secondsOfDay, 0).UTC().AppendFormat(dst, time.DateOnly)
}

// appendPlain appends a value that isn't text as machines read it: no quotes, no
// thousands apart. Money has its currency's decimals.
func appendPlain(dst []byte, v *reports.Vector, i int, kind reports.Kind, decimals int) []byte {
	switch kind {
	case reports.KindMoney:
		return appendDecimal(dst, v.Numbers[i], decimals)
	case reports.KindRate:
		return appendDecimal(dst, v.Numbers[i], rateDecimals)
	case reports.KindFloat:
		return appendFloat(dst, v.Floats[i])
	case reports.KindBool:
		return strconv.AppendBool(dst, v.Numbers[i] != 0)
	case reports.KindTime:
		return appendTime(dst, v.Numbers[i])
	case reports.KindDate:
		return appendDate(dst, v.Numbers[i])
	default:
		return strconv.AppendInt(dst, v.Numbers[i], 10)
	}
}

// isNumber says whether a decimal's text is one: digits with a sign, a point and
// an exponent at most. Any other is written as text.
func isNumber(text []byte) bool {
	digits, point, exponent := 0, false, false
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '-' && (i == 0 || text[i-1] == 'e' || text[i-1] == 'E'):
		case c == '+' && i > 0 && (text[i-1] == 'e' || text[i-1] == 'E'):
		case c == '.' && !point && !exponent && digits > 0:
			point = true
		case (c == 'e' || c == 'E') && !exponent && digits > 0:
			exponent = true
		default:
			return false
		}
	}
	return digits > 0 && text[len(text)-1] >= '0' && text[len(text)-1] <= '9'
}

// timeIn writes a time of a report's range in its zone.
func timeIn(ms int64, zone *time.Location) string {
	return time.UnixMilli(ms).In(zone).Format("2006-01-02T15:04:05.999Z07:00")
}

// zoneOf loads a zone that the report was made in; the machine that writes knows
// it as the one that counted did, else times are written in UTC.
func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// asOfText writes an as-of with all of its microseconds.
func asOfText(us int64) string {
	return string(appendTime(nil, us))
}
