package export

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"footfall/internal/testkit"
	"footfall/schemas/reports"
)

// expectation is what readers must give back: every cell as raw CSV has it, null
// where there is no value.
type expectation struct {
	Columns []documentColumn `json:"columns"`
	Rows    [][]*string      `json:"rows"`
	Guarded [][]*string      `json:"guarded"`
}

func expectationOf(t *testing.T, columns []reports.Column, rows []reports.Row) expectation {
	t.Helper()
	e := expectation{Columns: documentOf(&reports.Table{Columns: columns}).Columns}
	b, err := blockOf(t.Context(), columns, rows)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		var raw, guarded []*string
		for at, c := range columns {
			v := &b.Columns[at]
			if missing(v, i) {
				raw, guarded = append(raw, nil), append(guarded, nil)
				continue
			}
			text := ""
			if c.Kind.Textual() {
				text = string(v.Text(i))
			} else {
				text = string(appendPlain(nil, v, i, c.Kind, b.decimals(i)))
			}
			safe := text
			if c.Kind == reports.KindText {
				safe = FormulaSafe(text)
			}
			raw, guarded = append(raw, &text), append(guarded, &safe)
		}
		e.Rows, e.Guarded = append(e.Rows, raw), append(e.Guarded, guarded)
	}
	return e
}

// TestReadersGiveBackTheSameTable: pandas, openpyxl, LibreOffice, DuckDB and polars
// open what is written and have the same cells, of the right types: text that
// begins like a formula among them, line breaks, quotes, NUL.
func TestReadersGiveBackTheSameTable(t *testing.T) {
	dir := testkit.DataDir(t)
	columns := allKinds()
	rows := randomRows(1_500, 8)
	for i := range rows { // DuckDB gives no text that isn't UTF-8
		rows[i].Cells[0].Text = strings.ToValidUTF8(rows[i].Cells[0].Text, "?")
	}
	file := func(name, format string, o Options) {
		table := tableOf(columns, rows, 2048)
		table.Totals = rows[:2]
		if err := os.WriteFile(filepath.Join(dir, name), []byte(write(t, format, o, table)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file("raw.csv", FormatCSV, Options{Raw: true})
	file("guarded.csv", FormatCSV, Options{BOM: true})
	file("rows.xlsx", FormatXLSX, Options{})
	file("rows.parquet", FormatParquet, Options{})
	expected, err := json.Marshal(expectationOf(t, columns, rows))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "expected.json"), expected, 0o600); err != nil {
		t.Fatal(err)
	}
	libreOffice(t, dir)
	t.Log(string(testkit.RunPython(t, testkit.Python, "testdata/readback.py", dir)))
}

// libreOffice makes a CSV file of each sheet, cells as they are.
func libreOffice(t *testing.T, dir string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "soffice", "--headless", "-env:UserInstallation=file://"+filepath.Join(dir, "profile"),
		"--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1",
		"--outdir", filepath.Join(dir, "libreoffice"), filepath.Join(dir, "rows.xlsx"))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("LibreOffice: %v: %s", err, out)
	}
}
