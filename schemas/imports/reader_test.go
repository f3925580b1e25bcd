package imports_test

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"footfall/schemas/imports"
)

func columns() []imports.Column {
	return []imports.Column{{Name: "name", Required: true}, {Name: "email", Required: true}, {Name: "note"}}
}

// readAll gives the rows as name|email|note and the faults.
func readAll(t testing.TB, file io.Reader) (rows []string, faults imports.Faults) {
	t.Helper()
	r, err := imports.NewReader(file, columns())
	if fault, ok := errors.AsType[*imports.Fault](err); ok {
		faults.Add(fault)
		return nil, faults
	}
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows, faults
		}
		if fault, ok := errors.AsType[*imports.Fault](err); ok {
			if !faults.Add(fault) {
				return rows, faults
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row.Text(0)+"|"+row.Text(1)+"|"+row.Text(2))
	}
}

func wide(text string, order binary.AppendByteOrder, mark bool) string {
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	var b []byte
	for _, u := range units {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

func TestFileThatASpreadsheetWritesIsRead(t *testing.T) {
	want := []string{"Änne 🎟|a@x.example|\"1\", 2\nand", "Bob|b@x.example|"}
	plain := "name,email,note\nÄnne 🎟,a@x.example,\"\"\"1\"\", 2\nand\"\nBob,b@x.example,\n"
	for name, file := range map[string]string{
		"plain":               plain,
		"BOM":                 "\ufeff" + plain,
		"CRLF":                strings.ReplaceAll(plain, "\n", "\r\n"),
		"CR":                  strings.ReplaceAll(plain, "\n", "\r"),
		"UTF-16 LE":           wide(plain, binary.LittleEndian, true),
		"UTF-16 BE":           wide(plain, binary.BigEndian, true),
		"UTF-16 LE, no mark":  wide(plain, binary.LittleEndian, false),
		"UTF-16 BE, no mark":  wide(plain, binary.BigEndian, false),
		"semicolons":          "name;email;note\nÄnne 🎟;a@x.example;\"\"\"1\"\", 2\nand\"\nBob;b@x.example;\n",
		"tabs":                "name\temail\tnote\nÄnne 🎟\ta@x.example\t\"\"\"1\"\", 2\nand\"\nBob\tb@x.example\t\n",
		"another order":       "note,Email, NAME \n\"\"\"1\"\", 2\nand\",a@x.example,Änne 🎟\n,b@x.example,Bob\n",
		"no end of line":      strings.TrimSuffix(plain, "\n"),
		"blank lines":         "\n\n" + plain + "\n,,\n\"\",,\n",
		"quotes all over":     "\"name\",\"email\",\"note\"\n\"Änne 🎟\",\"a@x.example\",\"\"\"1\"\", 2\nand\"\n\"Bob\",\"b@x.example\",\"\"\n",
		"separators in quote": "name;email;\"note\"\nÄnne 🎟;a@x.example;\"\"\"1\"\", 2\nand\"\nBob;b@x.example;\n",
	} {
		rows, faults := readAll(t, strings.NewReader(file))
		if !slices.Equal(rows, want) || faults.Err() != nil {
			t.Errorf("%s: read %q, %v", name, rows, faults.Err())
		}
	}
	rows, faults := readAll(t, strings.NewReader("email,name\na,b\n"))
	if !slices.Equal(rows, []string{"b|a|"}) || faults.Err() != nil {
		t.Errorf("without the optional column: %q, %v", rows, faults.Err())
	}
}

func TestFaultSaysLineAndColumn(t *testing.T) {
	for file, want := range map[string]string{
		"":                             "the file is empty: its first line names the columns name, email, note (optional)",
		"\n\n":                         "the file is empty: its first line names the columns name, email, note (optional)",
		"name,mail\n":                  `line 1, column 2: there is no column "mail" to import; there are name, email, note (optional)`,
		"name,,email\n":                "line 1, column 2: the column has no name; there are name, email, note (optional)",
		"\nname,note\n":                "line 2: the column email is missing; there are name, email, note (optional)",
		"name,email,Name\n":            "line 1, column 3: the column name is there twice, first as column 1",
		"na\xffme,email\n":             `line 1, column 1: the header is not UTF-8: save the file as "CSV UTF-8"`,
		"\xff\xfe\x00\x00n\x00\x00":    `the file is in UTF-32: save it as "CSV UTF-8"`,
		"name,email\na\n":              "line 2, column 2 (email): the row has 1 cells and the header 2",
		"name,email\na,b,c\nd,e\n":     "line 2, column 3: the row has 3 cells and the header 2",
		"name,email\n\"x\ny\",b\xe4\n": `line 3, column 2 (email): the cell is not UTF-8: save the file as "CSV UTF-8"`,
		"name,email\na,b\"c\n":         "line 2, column 2 (email): there is a quote within the cell: put the whole cell in quotes and write the quote twice",
		"name,email\n\"a\"b,c\nd,e\n":  "line 2, column 1 (name): there is text behind its closing quote: a quote within quotes is written twice",
		"name,email\na,\"b\nc,d\n":     "line 2, column 2 (email): its quote is never closed",
		"name,email\na,b\x00c\n":       `line 2, column 2 (email): there is a NUL byte in the cell: save the file as "CSV UTF-8"`,
		wide("name,email\na,", binary.LittleEndian, true) + "\x00\xd8": `line 2, column 2 (email): the cell is not UTF-8: save the file as "CSV UTF-8"`,
		wide("name,email\na,b", binary.BigEndian, true) + "\x00":       `line 2, column 2 (email): the cell is not UTF-8: save the file as "CSV UTF-8"`,
	} {
		_, faults := readAll(t, strings.NewReader(file))
		if err := faults.Err(); err == nil || err.Error() != want {
			t.Errorf("%.40q:\n%v\nwant\n%s", file, err, want)
		}
	}
}

func TestSeveralFaultsAreListedAndNotAll(t *testing.T) {
	rows, faults := readAll(t, strings.NewReader("name,email\n"+strings.Repeat("a\n\"b\"c,d\ne,f\n", 30)))
	if len(faults.List) != imports.MaxFaults || !faults.More || faults.List[3].Line != 6 || len(rows) != 25 {
		t.Errorf("%d faults, more %v, %d rows, %v", len(faults.List), faults.More, len(rows), faults.List[3])
	}
	if lines := strings.Count(faults.Error(), "\n"); lines != imports.MaxFaults {
		t.Errorf("listed in %d lines", lines+1)
	}
}

// endless gives head and then text for ever, and counts what was taken.
type endless struct {
	head, text string
	at         int
	taken      int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.head)
	e.head = e.head[n:]
	for n < len(p) {
		copied := copy(p[n:], e.text[e.at:])
		n, e.at = n+copied, (e.at+copied)%len(e.text)
	}
	e.taken += int64(n)
	return n, nil
}

// allocated gives the bytes that f asked for.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What would be a 1-GB line, a cell of 1 GB and 10^6 columns is refused after
// the limit's worth of bytes, however much is to come.
func TestEndlessLineIsRefusedInConstantMemory(t *testing.T) {
	for name, c := range map[string]struct {
		file endless
		want string
	}{
		"line":    {endless{head: "name,email\n", text: strings.Repeat("x", 100) + ","}, "it has more than 64 columns"},
		"cell":    {endless{head: "name,email\n", text: "x"}, "line 2, column 1 (name): the cell is longer than 4096 bytes"},
		"quoted":  {endless{head: "name,email\n\"", text: "x\n"}, "line 2, column 1 (name): the cell is longer than 4096 bytes"},
		"header":  {endless{text: "x"}, "the cell is longer than 4096 bytes"},
		"columns": {endless{text: "name,"}, "it has more than 64 columns"},
		"wide":    {endless{head: "\xff\xfe", text: "x\x00"}, "the cell is longer than 4096 bytes"},
		"cells":   {endless{head: "name,email\n", text: strings.Repeat("x", 4000) + ","}, "it is longer than 65536 bytes"},
		"broken":  {endless{head: "name,email\na\"", text: "x"}, "it is longer than 65536 bytes"},
		"zeroes":  {endless{text: "\x00"}, "it is longer than 65536 bytes"},
		"blank":   {endless{head: "name,email\n\"\"", text: " "}, "it is longer than 65536 bytes"},
	} {
		var faults imports.Faults
		used := allocated(func() { _, faults = readAll(t, &c.file) })
		err := faults.Err()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		} else if !errors.Is(faults.List[len(faults.List)-1], imports.ErrLimit) {
			t.Errorf("%s: %v is no limit", name, err)
		}
		if c.file.taken > 4*imports.MaxLineBytes || used > 2<<20 {
			t.Errorf("%s: %d bytes read, %d allocated", name, c.file.taken, used)
		}
	}
}

func TestLongFileIsReadInConstantMemory(t *testing.T) {
	row := "someone of a usual name," + strings.Repeat("m", 40) + "@x.example,\"a note, with commas\"\n"
	live := func(rows int64) (peak uint64) {
		file := io.LimitReader(&endless{head: "name,email,note\n", text: row}, int64(len("name,email,note\n"))+rows*int64(len(row)))
		r, err := imports.NewReader(file, columns())
		if err != nil {
			t.Fatal(err)
		}
		for n := int64(0); ; n++ {
			if n%(rows/4) == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
			if _, err = r.Next(); errors.Is(err, io.EOF) {
				if n != rows {
					t.Fatalf("%d rows of %d", n, rows)
				}
				return peak
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	few, many := live(1000), live(200_000)
	if many > few+1<<20 {
		t.Errorf("%d bytes live for 200,000 rows, %d for 1,000", many, few)
	}
}

// What is taken is what encoding/csv takes, cell by cell.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"name,email\na,b\n", "name;email;note\r\n\"a\";b;\"c\"\"d\ne\"\r\n", "\xef\xbb\xbfname\temail\na\tb", "\xff\xfen\x00a\x00",
		"name,email\n\"a\nb\",c\n\n,,\n", "name,email\n\"a\"x,b\nc,d\n", "name,email\na\rb,c\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, faults := readAll(t, bytes.NewReader(file))
		if faults.Err() != nil || len(rows) == 0 || !utf8.Valid(file) || bytes.ContainsAny(file, "\r;\t\x00") {
			return
		}
		standard := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))))
		standard.FieldsPerRecord = -1
		all, err := standard.ReadAll()
		if err != nil {
			t.Fatalf("encoding/csv says %v to what was read as %q", err, rows)
		}
		var want []string
		header := map[string]int{}
		for _, record := range all {
			switch {
			case strings.Join(record, "") == "":
			case len(header) == 0:
				for i, name := range record {
					header[strings.ToLower(strings.TrimSpace(name))] = i
				}
			default:
				cell := func(name string) string {
					if i, ok := header[name]; ok {
						return record[i]
					}
					return ""
				}
				want = append(want, cell("name")+"|"+cell("email")+"|"+cell("note"))
			}
		}
		if !slices.Equal(rows, want) {
			t.Fatalf("read %q, encoding/csv %q", rows, want)
		}
	})
}
