package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"footfall/schemas/reports"
)

// allFormats there are.
func allFormats() []string {
	return []string{FormatTable, FormatCSV, FormatJSON, FormatNDJSON, FormatXLSX, FormatParquet}
}

// allKinds is a column of each kind, as an answer to SQL may have them.
func allKinds() []reports.Column {
	var columns []reports.Column
	for _, k := range []reports.Kind{
		reports.KindText, reports.KindID, reports.KindDay, reports.KindCount, reports.KindRate, reports.KindMoney,
		reports.KindBool, reports.KindTime, reports.KindDate, reports.KindFloat, reports.KindDecimal,
	} {
		columns = append(columns, reports.Column{Name: string(k), Title: strings.ToUpper(string(k)), Kind: k})
	}
	return append(columns, reports.Column{Name: "currency", Title: "Currency", Kind: reports.KindText})
}

func nastyTexts() []string {
	return []string{
		"=cmd()", "+1", "-2", "@x", "\tlead", "a\nb", "a\r\nb", "\rc", "\x00nul", "n\x00ul", `say "hi"`, "comma, here", "semi;=1",
		"🎟️ ticket", "é", " padded ", "", "_x0041_", "<b>&amp;</b>", "'quoted", "\u00a0=1", "＝1", "plain", "true", "007", "1e5",
		"\u2028line", "\xff\xfe", "\ufffe", "tab\tin", "back\\slash", "\x1b[2J", strings.Repeat("long ", 50),
	}
}

// randomRows are rows of every kind, some values missing.
func randomRows(n int, seed uint64) []reports.Row {
	r := rand.New(rand.NewPCG(seed, seed))
	texts := nastyTexts()
	currencies := []struct {
		code     string
		decimals int
	}{{"EUR", 2}, {"JPY", 0}, {"KWD", 3}, {"CLF", 4}}
	rows := make([]reports.Row, n)
	for i := range rows {
		c := currencies[r.IntN(len(currencies))]
		cells := []reports.Cell{
			{Text: texts[r.IntN(len(texts))]},
			{Number: int64(i + 1)},
			{Text: fmt.Sprintf("20%02d-%02d-%02d", r.IntN(100), 1+r.IntN(12), 1+r.IntN(28))},
			{Number: r.Int64N(10_000_000)},
			{Number: r.Int64N(2_000_000) - 500_000},
			{Number: r.Int64N(1_000_000_000) - 500_000_000},
			{Number: r.Int64N(2)},
			{Number: r.Int64N(4_000_000_000_000_000) - 1_000_000_000_000_000},
			{Number: r.Int64N(40_000) - 20_000},
			{Text: fmt.Sprint(r.NormFloat64() * math.Pow10(r.IntN(30)-15))},
			{Text: fmt.Sprintf("%d.%02d", r.Int64N(2e12)-1e12, r.IntN(100))},
			{Text: c.code},
		}
		for at := range cells[:len(cells)-1] {
			cells[at].Empty = r.IntN(17) == 0
		}
		rows[i] = reports.Row{Cells: cells, Currency: c.code, Decimals: c.decimals}
	}
	return rows
}

func tableOf(columns []reports.Column, rows []reports.Row, size int) *reports.Table {
	return &reports.Table{
		Facts: reports.Facts{
			By: "affiliate", Organizer: "acme", Basis: "order date", Sort: "-total_sales", Zone: "Asia/Kathmandu", ToMS: reports.RangeTo,
			AsOfUS: 1_790_000_000_123_456, PolicyVersion: 1, CatalogRevision: "12-abc", BotRules: []string{"3"}, Notes: []string{"a note"},
		},
		Columns: columns, Batches: reports.FixedBatches(columns, rows, size), AllRows: int64(len(rows)),
	}
}

// TestBytesFollowFromTheRowsAlone: neither a second run nor other batches give
// other bytes, in any format.
func TestBytesFollowFromTheRowsAlone(t *testing.T) {
	const n = blockRows + 500
	rows := randomRows(n, 1)
	for _, format := range allFormats() {
		var first string
		rows := rows
		if format == FormatTable {
			rows = rows[:200] // it takes a millisecond a row
		}
		for i, size := range []int{n, 2048, 7} {
			table := tableOf(allKinds(), rows, size)
			table.Totals, table.Rest = rows[:3], rows[3:4]
			got := write(t, format, Options{}, table)
			if i == 0 {
				first = got
			}
			if got != first {
				t.Errorf("%s: batches of %d give other bytes", format, size)
			}
		}
	}
}

// TestJSONIsWhatEncodingJSONWrites: the rows that are written as they come are the
// bytes of a document that is encoded whole.
func TestJSONIsWhatEncodingJSONWrites(t *testing.T) {
	for _, n := range []int{0, 1, 5_000} {
		rows := randomRows(n, 2)
		table := tableOf(allKinds(), rows, 2048)
		table.Totals = rows[:min(n, 2)]
		got := write(t, FormatJSON, Options{}, table)
		var whole struct {
			document
			Rows   []json.RawMessage `json:"rows"`
			Totals []json.RawMessage `json:"totals"`
			Rest   []json.RawMessage `json:"rest"`
		}
		if err := json.Unmarshal([]byte(got), &whole); err != nil {
			t.Fatal(err)
		}
		if len(whole.Rows) != n || len(whole.Totals) != min(n, 2) || whole.Rest == nil {
			t.Errorf("%d rows and %d totals came back, want %d and %d", len(whole.Rows), len(whole.Totals), n, min(n, 2))
		}
		var again bytes.Buffer
		if err := encode(&again, whole); err != nil {
			t.Fatal(err)
		}
		if again.String() != got {
			t.Errorf("%d rows: encoding/json writes other bytes", n)
		}
	}
}

func FuzzJSONText(f *testing.F) {
	for _, text := range nastyTexts() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want bytes.Buffer
		out := json.NewEncoder(&want)
		out.SetEscapeHTML(false)
		if err := out.Encode(text); err != nil {
			t.Fatal(err)
		}
		if got := string(appendJSONText(nil, []byte(text))) + "\n"; got != want.String() {
			t.Errorf("%q: %s, want %s", text, got, want.String())
		}
	})
}

// TestNDJSONIsARowALine: each line is an object by itself, of the same values as
// the document's.
func TestNDJSONIsARowALine(t *testing.T) {
	rows := randomRows(5_000, 3)
	var whole struct{ Rows []json.RawMessage }
	if err := json.Unmarshal([]byte(write(t, FormatJSON, Options{}, tableOf(allKinds(), rows, 100))), &whole); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(write(t, FormatNDJSON, Options{}, tableOf(allKinds(), rows, 100)), "\n")
	if len(lines) != len(rows)+1 || lines[len(rows)] != "" {
		t.Fatalf("%d lines for %d rows", len(lines)-1, len(rows))
	}
	for i, row := range whole.Rows {
		var want bytes.Buffer
		if err := json.Compact(&want, row); err != nil {
			t.Fatal(err)
		}
		if lines[i] != want.String()+"\n" {
			t.Fatalf("line %d is %s, want %s", i, lines[i], want.String())
		}
	}
}

func TestEmptyAnswerHasAHeaderOnly(t *testing.T) {
	for _, format := range allFormats() {
		if got := write(t, format, Options{}, tableOf(allKinds(), nil, 1)); (got == "") != (format == FormatNDJSON) {
			t.Errorf("%s: %q", format, got)
		}
	}
	if got, want := write(t, FormatCSV, Options{}, tableOf(allKinds()[:2], nil, 1)), "text,id\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := write(t, FormatNDJSON, Options{}, tableOf(allKinds()[:2], nil, 1)); got != "" {
		t.Errorf("%q, want nothing", got)
	}
}

// TestOneEmptyColumnIsStillARow: an empty line would be no row to many readers.
func TestOneEmptyColumnIsStillARow(t *testing.T) {
	columns := allKinds()[:1]
	rows := []reports.Row{{Cells: []reports.Cell{{Empty: true}}}, {Cells: []reports.Cell{{Text: "a"}}}}
	if got, want := write(t, FormatCSV, Options{}, tableOf(columns, rows, 1)), "text\r\n\"\"\r\na\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTwoColumnsOfOneNameAreRefusedWhereNamesAreKeys(t *testing.T) {
	columns := []reports.Column{{Name: "a", Kind: reports.KindCount}, {Name: "a", Kind: reports.KindCount}}
	for _, format := range []string{FormatJSON, FormatNDJSON, FormatParquet} {
		var b bytes.Buffer
		if err := Write(t.Context(), &b, format, Options{}, tableOf(columns, nil, 1)); !errors.Is(err, ErrColumns) || b.Len() != 0 {
			t.Errorf("%s: %v after %d bytes, want ErrColumns before the first", format, err, b.Len())
		}
	}
	if got := write(t, FormatCSV, Options{}, tableOf(columns, nil, 1)); got != "a,a\r\n" {
		t.Errorf("%q", got)
	}
}

// TestLongTableSaysWhichFormatToTake: a table for people holds all of its rows, so
// it has so many at most, and says so; its totals are still of all.
func TestLongTableSaysWhichFormatToTake(t *testing.T) {
	rows := randomRows(tableRows+1, 4)
	table := tableOf(allKinds(), rows, 4096)
	table.Totals = rows[:1]
	got := write(t, FormatTable, Options{}, table)
	if !strings.Contains(got, "! only the first 10,000 rows are shown") || !strings.Contains(got, "--format csv") {
		t.Errorf("nothing says that rows are left out: …%s", got[len(got)-300:])
	}
	if strings.Contains(write(t, FormatTable, Options{}, tableOf(allKinds(), rows[:tableRows], 4096)), "only the first") {
		t.Error("a table that is whole says that it isn't")
	}
}

// failing is a disk that is full after so many bytes.
type failing struct{ left int }

var errFull = errors.New("no space left on device")

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// TestAFullDiskIsReported: at whatever byte the writer fails, the error comes out
// and nothing that was started goes on.
func TestAFullDiskIsReported(t *testing.T) {
	rows := randomRows(blockRows+500, 5)
	before := runtime.NumGoroutine()
	for _, format := range allFormats() {
		rows := rows
		if format == FormatTable {
			rows = rows[:200]
		}
		whole := len(write(t, format, Options{}, tableOf(allKinds(), rows, 2048)))
		for _, left := range []int{0, whole / 2, whole - 1} {
			err := Write(t.Context(), &failing{left: left}, format, Options{}, tableOf(allKinds(), rows, 2048))
			if !errors.Is(err, errFull) {
				t.Errorf("%s, a disk of %d bytes: %v, want its error", format, left, err)
			}
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// broken gives some batches, then an error.
type broken struct {
	reports.Batches
	left int
}

var errRows = errors.New("the rows' own error")

func (b *broken) Next(ctx context.Context) (*reports.Batch, error) {
	if b.left--; b.left < 0 {
		return nil, errRows
	}
	return b.Batches.Next(ctx)
}

// TestAnErrorOfTheRowsIsNoWholeAnswer: an answer that breaks off is an error, not
// a shorter answer.
func TestAnErrorOfTheRowsIsNoWholeAnswer(t *testing.T) {
	for _, format := range allFormats() {
		for _, left := range []int{0, 1, 9} {
			table := tableOf(allKinds(), randomRows(4_999, 6), 500)
			table.Batches = &broken{Batches: table.Batches, left: left}
			if err := Write(t.Context(), io.Discard, format, Options{}, table); !errors.Is(err, errRows) {
				t.Errorf("%s, %d batches: %v, want the rows' error", format, left, err)
			}
		}
	}
}

// TestProgressCountsRows: it rises, and ends at their number.
func TestProgressCountsRows(t *testing.T) {
	for _, format := range []string{FormatCSV, FormatJSON, FormatNDJSON, FormatXLSX, FormatParquet} {
		var last int64
		o := Options{Progress: func(rows int64) {
			if rows <= last {
				t.Errorf("%s: %d rows after %d", format, rows, last)
			}
			last = rows
		}}
		write(t, format, o, tableOf(allKinds(), randomRows(10_000, 7), 999))
		if last != 10_000 {
			t.Errorf("%s: progress ended at %d rows of 10,000", format, last)
		}
	}
}
