package export

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"footfall/schemas/reports"
)

// TestSpreadsheetRunsNoCell: text that begins like a formula is quoted, and a
// negative amount is still a number (OWASP ASVS 1.2.10).
func TestSpreadsheetRunsNoCell(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "=cmd()": "'=cmd()",
		"\t=1":       "\"'\t'=1\"",
		"\r=1":       "\"'\r'=1\"",
		"\n-2":       "\"'\n'-2\"",
		"\x00=1":     "\"'\x00=1\"",
		"\x00plain":  "\"'\x00plain\"",
		"  =1":       "'  =1",
		"\u00a0+1":   "'\u00a0+1",
		"\u200b@x":   "'\u200b@x",
		"\ufeff=1":   "'\ufeff=1",
		"\u3000-1":   "'\u3000-1",
		"＝1+1":       "'＝1+1",
		"＠x":         "'＠x",
		"−1":         "'−1",
		`"=1"`:       `"'""=1"""`,
		"a\n=1":      "\"a\n'=1\"",
		"a\r\n +1":   "\"a\r\n' +1\"",
		"a;=1":       `"a;'=1"`,
		"a\t@x":      "\"a\t'@x\"",
		"a;b":        `"a;b"`,
		"plain":      "plain",
		"a-b+c=d@e":  "a-b+c=d@e",
		"a,b":        `"a,b"`,
		`say "hi"`:   `"say ""hi"""`,
		"two\nlines": "\"two\nlines\"",
		"é":          "é",
		" padded ":   `" padded "`,
		"'=1":        "'=1",
		"":           "",
	} {
		got := write(t, FormatCSV, Options{}, sample(text, -105, 2))
		if want = "affiliate,visits,conversion_rate,total_sales\r\n" + want + ",1234567,0.012345,-1.05\r\n"; got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
}

func TestRawTextIsAsItWas(t *testing.T) {
	for text, want := range map[string]string{"=1": "=1", "\t=1": "\"\t=1\"", "-1": "-1", `"`: `""""`} {
		got := write(t, FormatCSV, Options{Raw: true, BOM: true}, sample(text, -105, 2))
		if want = "\ufeffaffiliate,visits,conversion_rate,total_sales\r\n" + want + ",1234567,0.012345,-1.05\r\n"; got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
}

// TestNoMarkIsOverlooked: wherever in a text a byte stands, and beside whichever
// others, it is seen that the text needs quotes or a closer look.
func TestNoMarkIsOverlooked(t *testing.T) {
	const longest = 19 // two words of eight bytes and a rest
	for _, filler := range []byte{'a', '!', '#', '-', '~', 0x80, 0xff} {
		for length := 1; length <= longest; length++ {
			for at := 1; at < length; at++ {
				for c := range 256 {
					text := bytes.Repeat([]byte{filler}, length)
					text[0], text[at] = 'x', byte(c)
					want := c >= ' ' && c != 0x7f && !strings.ContainsRune(`",;`, rune(c))
					if got := bare(text); got != want {
						t.Fatalf("%q stands as it is: %t, want %t", text, got, want)
					}
				}
			}
		}
	}
}

// sloppy cuts a file into cells as a program might that takes ; or tab or a line's
// end for a cell's, in quotes or not, and drops what it can't show.
func sloppy(file string) []string {
	cells := strings.FieldsFunc(file, func(r rune) bool { return strings.ContainsRune(";\t\n\r", r) })
	for i, c := range cells {
		cells[i] = strings.TrimLeft(c, "\" \u00a0\u200b\u2003\u3000\ufeff\x00\x01\x7f\u0085")
	}
	return cells
}

// TestNoCellComesOutActive: whatever a text is made of, no program that reads the
// file takes a part of it for a formula.
func TestNoCellComesOutActive(t *testing.T) {
	const seed = 4
	r := rand.New(rand.NewPCG(seed, seed))
	pieces := []string{
		"=", "+", "-", "@", "＝", "＋", "－", "＠", "−", "﹣", "\t", "\r", "\n", "\r\n", "\x00", " ", "\u00a0", "\u200b",
		"\u3000", "\ufeff", "\u2003", "\x01", "\u0085", "\"", "'", ";", ",", "a", "cmd()", "1", "é", "\xff", "🎟", "|",
	}
	active := func(cell string) bool {
		first, _ := utf8.DecodeRuneInString(cell)
		return strings.ContainsRune("=+-@＝＋－＠−﹦﹢﹣﹫", first)
	}
	for range 200_000 {
		var text string
		for range 1 + r.IntN(6) {
			text += pieces[r.IntN(len(pieces))]
		}
		guarded := FormulaSafe(text)
		if guarded != "" && (active(guarded) || guarded[0] < ' ') {
			t.Fatalf("seed %d: %q is guarded as %q", seed, text, guarded)
		}
		if strings.ReplaceAll(guarded, "'", "") != strings.ReplaceAll(text, "'", "") {
			t.Fatalf("seed %d: %q is guarded as %q, which is another text", seed, text, guarded)
		}
		line := string(csvWriter{columns: []reports.Column{{Kind: reports.KindText}}}.text(nil, []byte(text)))
		for _, cell := range sloppy(line) {
			if active(cell) {
				t.Fatalf("seed %d: %q is written as %q: %q is active", seed, text, line, cell)
			}
		}
	}
}

// TestColumnNameIsGuardedToo: an answer to SQL has columns that somebody named.
func TestColumnNameIsGuardedToo(t *testing.T) {
	table := sample("a", 1, 2)
	table.Columns[0].Name = "=cmd()"
	if got := write(t, FormatCSV, Options{}, table); !strings.HasPrefix(got, "'=cmd(),visits,") {
		t.Errorf("%q", got)
	}
}

func FuzzGuard(f *testing.F) {
	for _, text := range []string{"=1", "a\n=1", "\x00", "\xff-1", "a;\u00a0@x", ";=;=", "\t\t="} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		guarded := FormulaSafe(text)
		if strings.ReplaceAll(guarded, "'", "") != strings.ReplaceAll(text, "'", "") {
			t.Fatalf("%q is guarded as %q", text, guarded)
		}
		if again := FormulaSafe(guarded); again != guarded && !strings.HasPrefix(text, "'") {
			t.Fatalf("%q is guarded as %q, and that as %q", text, guarded, again)
		}
	})
}
