package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"footfall/schemas/visit"
)

// trace is a form that an address may be left in.
type trace struct {
	form   string
	bytes  []byte
	number int64 // 0: none
}

// traces are the forms of an address: text as it is usually written, in full and
// in hexadecimal digits, its bytes in both orders, and an IPv4 address as a number.
func traces(a netip.Addr) []trace {
	raw := a.AsSlice()
	list := []trace{
		{form: "text", bytes: []byte(a.String())},
		{form: "text in full", bytes: []byte(a.StringExpanded())},
		{form: "hexadecimal", bytes: []byte(hex.EncodeToString(raw))},
		{form: "bytes", bytes: raw},
	}
	if a.Is4() {
		number := binary.BigEndian.Uint32(raw)
		list = append(list,
			trace{form: "bytes, swapped", bytes: binary.LittleEndian.AppendUint32(nil, number)},
			trace{form: "decimal number", bytes: strconv.AppendUint(nil, uint64(number), 10), number: int64(number)})
	}
	return list
}

// hidden is what must be nowhere, in the forms that it may be left in.
type hidden struct {
	name   string
	traces []trace
}

func hide(addresses ...netip.Addr) []hidden {
	list := make([]hidden, len(addresses))
	for i, a := range addresses {
		list[i] = hidden{name: a.String(), traces: traces(a)}
	}
	return list
}

// hideCookie hides the value of a visitor cookie.
func hideCookie(t *testing.T, value string) hidden {
	t.Helper()
	var raw [visit.CookieBytes]byte
	if !visit.ParseCookie(value, &raw) {
		t.Fatalf("%q is no visitor cookie", value)
	}
	return hidden{name: "cookie " + value, traces: []trace{
		{form: "text", bytes: []byte(value)},
		{form: "bytes", bytes: raw[:]},
		{form: "hexadecimal", bytes: []byte(hex.EncodeToString(raw[:]))},
		{form: "its first half as a number", bytes: strconv.AppendUint(nil, binary.BigEndian.Uint64(raw[:]), 10), number: int64(binary.BigEndian.Uint64(raw[:]))},
	}}
}

// hiddenIn looks for what is hidden in bytes, without regard to case.
func hiddenIn(content []byte, secrets []hidden) []string {
	var found []string
	lower := bytes.ToLower(content)
	for _, h := range secrets {
		for _, t := range h.traces {
			if bytes.Contains(content, t.bytes) || bytes.Contains(lower, t.bytes) {
				found = append(found, h.name+" as "+t.form)
			}
		}
	}
	return found
}

// hiddenBelow looks into every file below a directory, and into the values
// of Parquet files, which compression would hide.
func hiddenBelow(dir string, secrets []hidden) (found []string, files, values int, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !entry.Type().IsRegular() {
			return nil // gone since, or a socket
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		files++
		for _, f := range append(hiddenIn(content, secrets), hiddenIn([]byte(path), secrets)...) {
			found = append(found, path+": "+f)
		}
		if strings.HasSuffix(path, ".parquet") {
			some, n, err := hiddenInParquet(content, secrets)
			if err != nil {
				return fmt.Errorf("reading %s: %w", path, err)
			}
			values += n
			for _, f := range some {
				found = append(found, path+": "+f)
			}
		}
		return nil
	})
	return found, files, values, err
}

// hiddenInParquet reads every value of every column.
func hiddenInParquet(content []byte, secrets []hidden) (found []string, values int, err error) {
	file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, 0, err
	}
	rows := make([]parquet.Row, 100)
	for _, group := range file.RowGroups() {
		reader := group.Rows()
		for {
			n, err := reader.ReadRows(rows)
			for _, row := range rows[:n] {
				for _, v := range row {
					values++
					found = append(found, hiddenInValue(v, file.Schema().Columns()[v.Column()], secrets)...)
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return found, values, errors.Join(err, reader.Close())
			}
		}
		if err := reader.Close(); err != nil {
			return found, values, err
		}
	}
	return found, values, nil
}

func hiddenInValue(v parquet.Value, column []string, secrets []hidden) (found []string) {
	name := strings.Join(column, ".")
	switch v.Kind() {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		for _, f := range hiddenIn(v.ByteArray(), secrets) {
			found = append(found, "column "+name+": "+f)
		}
	case parquet.Int32, parquet.Int64:
		for _, h := range secrets {
			for _, t := range h.traces {
				same := v.Int64() == t.number || t.number>>32 == 0 && uint32(v.Int64()) == uint32(t.number)
				if t.number != 0 && same {
					found = append(found, "column "+name+": "+h.name+" as "+t.form)
				}
			}
		}
	case parquet.Boolean, parquet.Int96, parquet.Float, parquet.Double: // hold no address
	}
	return found
}
