package consumer

import (
	"fmt"
	"math/bits"
	"reflect"
	"strings"
	"unsafe"
)

// parquet-go v0.32.0 writes nulls as zeroes and empty strings where, within 64
// rows of one call, a column's last values stand in as many rows as there are
// before them: null, value, null, null. (writeRowsFuncOfOptional compares what is
// left of a word with (1<<y)-1, meaning (1<<(64-y))-1.) So no call is given rows
// behind such values.

// wordRows is how many rows the library looks at together.
const wordRows = 64

// nullable finds the columns of a row that are null at their zero value: by the
// place of the eight bytes that are zero then.
type nullable []uintptr

// nullableOf panics at a kind of column that it doesn't know: rows of lake are
// made here alone.
func nullableOf[T any]() nullable {
	var out nullable
	row := reflect.TypeFor[T]()
	for f := range row.Fields() {
		_, options, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		switch kind := f.Type.Kind(); {
		case !strings.Contains(","+options+",", ",optional,"), kind == reflect.Pointer:
		case kind == reflect.String:
			out = append(out, f.Offset+unsafe.Sizeof(uintptr(0))) // its length
		case kind == reflect.Int64:
			out = append(out, f.Offset)
		default:
			panic(fmt.Sprintf("%s.%s: a column of %s can't be optional", row, f.Name, kind))
		}
	}
	return out
}

// writable says how many of the rows may be given to the library at once.
func writable[T any](columns nullable, rows []T) int {
	words := make([]uint64, len(columns))
	for from := 0; from < len(rows); from += wordRows {
		n := min(wordRows, len(rows)-from)
		clear(words)
		for i := range rows[from : from+n] {
			row := unsafe.Pointer(&rows[from+i])
			for c, offset := range columns {
				// Within the row: the offset is one of its fields.
				if *(*uint64)(unsafe.Add(row, offset)) != 0 {
					words[c] |= 1 << i
				}
			}
		}
		cut := n
		for _, word := range words {
			if at := misread(word); at > 0 {
				cut = min(cut, at)
			}
		}
		if cut < n {
			return from + cut
		}
	}
	return len(rows)
}

// misread gives the row of a word from which on the library takes nulls for
// values; 0: it doesn't. A bit is set where there is a value.
func misread(word uint64) int {
	end := bits.Len64(word)
	run := bits.LeadingZeros64(^(word << (wordRows - end))) // the last values
	if end == 0 || 2*run != end {
		return 0
	}
	return end
}
