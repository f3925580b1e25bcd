package consumer

import (
	"fmt"
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
	for from := 0; from < len(rows); from += wordRows {
		word := rows[from:min(from+wordRows, len(rows))]
		if n := uncut(columns, word); n < len(word) {
			return from + n
		}
	}
	return len(rows)
}

// uncut gives how many of a word's rows are written right in all columns. Fewer
// rows may end a column's values where more did not, so it looks again.
func uncut[T any](columns nullable, word []T) int {
	for c := 0; c < len(columns); c++ {
		if n := misread(columns[c], word); n > 0 && n < len(word) {
			word, c = word[:n], -1
		}
	}
	return len(word)
}

// misread gives the row of a word from which on the library takes a column's
// nulls for values; 0: it doesn't. It mostly looks at the last rows only.
func misread[T any](column uintptr, word []T) int {
	end := len(word)
	for end > 0 && !has(&word[end-1], column) {
		end--
	}
	first := end / 2 // of the values that the library is wrong about
	if end == 0 || end%2 == 1 || has(&word[first-1], column) {
		return 0
	}
	for i := first; i < end-1; i++ {
		if !has(&word[i], column) {
			return 0
		}
	}
	return end
}

// has says whether a row has a value in a column.
func has[T any](row *T, column uintptr) bool {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(row), column)) != 0 // within the row: column is one of its fields
}
