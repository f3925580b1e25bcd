package export

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"footfall/schemas/reports"
)

// parts unpacks a workbook, each part checked to be XML.
func parts(t *testing.T, file []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range r.File {
		if !f.Modified.IsZero() && f.Modified.Year() > 1980 {
			t.Errorf("%s has a time: %v", f.Name, f.Modified)
		}
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(bytes.NewReader(text)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
		}
		all[f.Name] = string(text)
	}
	return all
}

// TestRowsBeyondASheetGoToTheNext: none is lost at the limit, each sheet has its
// header, and the first says how many there are.
func TestRowsBeyondASheetGoToTheNext(t *testing.T) {
	columns := []reports.Column{{Name: "n", Kind: reports.KindID}}
	for _, c := range []struct{ rows, limit, sheets int }{
		{0, 10, 1}, {10, 10, 1}, {11, 10, 2}, {20, 10, 2}, {21, 10, 3}, {4096, 4096, 1}, {4097, 4096, 2}, {10_000, 4999, 3},
	} {
		var rows []reports.Row
		for i := range c.rows {
			rows = append(rows, reports.Row{Cells: []reports.Cell{{Number: int64(i + 1)}}})
		}
		var b bytes.Buffer
		if err := writeWorkbook(t.Context(), &b, Options{}, tableOf(columns, rows, 1000), limits{rows: c.limit, bytes: sheetBytes}); err != nil {
			t.Fatal(err)
		}
		all := parts(t, b.Bytes())
		next := 1
		for i := 1; i <= c.sheets; i++ {
			text := all[sheetPart(i)]
			if !strings.Contains(text, `<row r="1"><c r="A1"`) {
				t.Errorf("%+v: sheet %d has no header", c, i)
			}
			var want strings.Builder
			for at := 2; next <= c.rows && at <= c.limit+1; at++ {
				fmt.Fprintf(&want, `<row r="%d"><c r="A%d" s="3"><v>%d</v></c></row>`, at, at, next)
				next++
			}
			if !strings.Contains(text, want.String()+"</sheetData>") {
				t.Fatalf("%+v: sheet %d lacks rows", c, i)
			}
		}
		if next != c.rows+1 || all[sheetPart(c.sheets+1)] != "" {
			t.Errorf("%+v: %d rows are on the sheets, and there is one more: %t", c, next-1, all[sheetPart(c.sheets+1)] != "")
		}
		if said := strings.Contains(all[sheetPart(0)], fmt.Sprintf("are on %d sheets", c.sheets)); said != (c.sheets > 1) {
			t.Errorf("%+v: the first sheet says that there are several: %t", c, said)
		}
	}
}

// TestASheetStaysBelowFourGiB: one that is larger would need fields that Excel
// doesn't look for.
func TestASheetStaysBelowFourGiB(t *testing.T) {
	columns := []reports.Column{{Name: "text", Kind: reports.KindText}}
	var rows []reports.Row
	for range 20_000 {
		rows = append(rows, reports.Row{Cells: []reports.Cell{{Text: strings.Repeat("\x00<", 50)}}})
	}
	const most = 4 << 20
	var b bytes.Buffer
	if err := writeWorkbook(t.Context(), &b, Options{}, tableOf(columns, rows, 999), limits{rows: sheetRows, bytes: most}); err != nil {
		t.Fatal(err)
	}
	written := 0
	for name, text := range parts(t, b.Bytes()) {
		if len(text) > most+1<<10 {
			t.Errorf("%s has %d bytes, more than %d", name, len(text), most)
		}
		written += strings.Count(text, `t="inlineStr"><is><t xml:space="preserve">_x0000_&lt;`)
	}
	if written != len(rows) {
		t.Errorf("%d rows of %d are on the sheets", written, len(rows))
	}
}

// TestTextTooLongForACellIsCutWithANote: Excel repairs, or refuses, a file with a
// longer one. It counts UTF-16 code units.
func TestTextTooLongForACellIsCutWithANote(t *testing.T) {
	for _, c := range []struct {
		text string
		cut  bool
	}{
		{strings.Repeat("a", cellUnits), false},
		{strings.Repeat("a", cellUnits+1), true},
		{strings.Repeat("é", cellUnits), false},
		{strings.Repeat("é", cellUnits+1), true},
		{strings.Repeat("🎟", cellUnits/2), false},
		{strings.Repeat("🎟", cellUnits/2+1), true},
		{"a" + strings.Repeat("🎟", cellUnits/2), false},
		{"ab" + strings.Repeat("🎟", cellUnits/2), true},
	} {
		kept, cut := cutText([]byte(c.text))
		units := len(utf16.Encode([]rune(string(kept))))
		if cut != c.cut || units > cellUnits || cut && (!strings.HasSuffix(string(kept), "…") || units < cellUnits-2) || !cut && string(kept) != c.text {
			t.Errorf("%.8s… of %d bytes: cut %t, %d units are kept", c.text, len(c.text), cut, units)
		}
	}
	columns := []reports.Column{{Name: "text", Kind: reports.KindText}}
	long := []reports.Row{{Cells: []reports.Cell{{Text: strings.Repeat("x", 40_000)}}}, {Cells: []reports.Cell{{Text: "short"}}}}
	all := parts(t, []byte(write(t, FormatXLSX, Options{}, tableOf(columns, long, 1))))
	if !strings.Contains(all[sheetPart(0)], "are cut and end in …: 1;") {
		t.Errorf("no note says that a text is cut: %s", all[sheetPart(0)])
	}
}

func TestSheetNameFitsWhateverTheReportIsBy(t *testing.T) {
	for _, c := range []struct {
		by   string
		i    int
		want string
	}{
		{"affiliate", 0, "By affiliate"},
		{"affiliate", 1, "By affiliate 2"},
		{"utm-campaign,ticket-type", 0, "By utm-campaign,ticket-type"},
		{"utm-campaign,utm-content,event,day", 11, "By utm-campaign,utm-content, 12"},
		{`a[b]:c*d?e/f\g'h`, 0, "By a_b__c_d_e_f_g_h"},
		{"", 0, "Rows"},
		{strings.Repeat("é", 40), 0, "By " + strings.Repeat("é", 28)},
	} {
		if got := sheetName(reports.Facts{By: c.by, Basis: "order date"}, c.i); got != c.want {
			t.Errorf("%q, %d: %q, want %q", c.by, c.i, got, c.want)
		}
	}
}

// TestMoreColumnsThanASheetHasAreRefusedBeforeTheFirstByte: with what to take instead.
func TestMoreColumnsThanASheetHasAreRefusedBeforeTheFirstByte(t *testing.T) {
	var columns []reports.Column
	for i := range sheetColumns + 1 {
		columns = append(columns, reports.Column{Name: fmt.Sprint(i), Kind: reports.KindCount})
	}
	var b bytes.Buffer
	if err := Write(t.Context(), &b, FormatXLSX, Options{}, tableOf(columns, nil, 1)); !errors.Is(err, ErrColumns) || b.Len() > 0 {
		t.Errorf("%v after %d bytes, want ErrColumns before the first", err, b.Len())
	}
	if got := columnLetters(sheetColumns - 1); got != "XFD" {
		t.Errorf("the last column is %s, want XFD", got)
	}
}

// TestSettledIsStatedOnlyWhereItStaysTrue: the lake's state now is in no byte.
func TestSettledIsStatedOnlyWhereItStaysTrue(t *testing.T) {
	provisional := tableOf(allKinds(), nil, 1)
	settled := tableOf(allKinds(), nil, 1)
	settled.Freshness.WatermarkUS = settled.Facts.AsOfUS
	if write(t, FormatXLSX, Options{}, provisional) != write(t, FormatXLSX, Options{}, settled) {
		t.Error("a later look at the lake gives other bytes")
	}
	asked := tableOf(allKinds(), nil, 1)
	asked.Facts.Settled = true
	if text := parts(t, []byte(write(t, FormatXLSX, Options{}, asked)))[sheetPart(0)]; !strings.Contains(text, "yes: nothing known") {
		t.Errorf("a report that was asked for as settled doesn't say so: %s", text)
	}
}

// TestNumbersKeepAllOfTheirDigits: Excel makes zeroes of the sixteenth and later
// ones, so such a number is text.
func TestNumbersKeepAllOfTheirDigits(t *testing.T) {
	columns := []reports.Column{{Name: "id", Kind: reports.KindID}, {Name: "money", Kind: reports.KindMoney}}
	row := func(n int64) string {
		rows := []reports.Row{{Cells: []reports.Cell{{Number: n}, {Number: n}}, Currency: "KWD", Decimals: 3}}
		return parts(t, []byte(write(t, FormatXLSX, Options{}, tableOf(columns, rows, 1))))[sheetPart(1)]
	}
	if got := row(999_999_999_999_999); !strings.Contains(got, "<v>999999999999999</v>") || !strings.Contains(got, "<v>999999999999.999</v>") {
		t.Errorf("15 digits: %s", got)
	}
	if got := row(-1_000_000_000_000_000); !strings.Contains(got, ">-1000000000000000</t>") || !strings.Contains(got, ">-1000000000000.000</t>") {
		t.Errorf("16 digits: %s", got)
	}
}
