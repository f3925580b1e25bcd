package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"footfall/reporter/export"
)

// formats are what --format takes on every command that lists something.
const formats = "table, csv or json"

// choice is a flag that takes one of some words. It is refused before the
// command does anything: a secret that is drawn and then can't be shown is lost.
type choice struct {
	value   *string
	choices []string
}

// String is the word that is chosen.
func (c *choice) String() string {
	if c.value == nil { // cobra asks a zero choice for its default
		return ""
	}
	return *c.value
}

// Set chooses a word.
func (c *choice) Set(word string) error {
	if !slices.Contains(c.choices, word) {
		last := len(c.choices) - 1
		return fmt.Errorf("want %s or %s", strings.Join(c.choices[:last], ", "), c.choices[last])
	}
	*c.value = word
	return nil
}

// Type names the kind of value in help texts.
func (*choice) Type() string { return "string" }

// addFormat gives a command its --format.
func addFormat(c *cobra.Command, format *string) {
	*format = "table"
	c.Flags().Var(&choice{format, []string{"table", "csv", "json"}}, "format", formats)
}

// render writes rows under columns as a table or CSV, or raw as JSON. Text that
// a spreadsheet would run as a formula is quoted in CSV.
func (e *env) render(format string, columns []string, rows [][]string, raw any) error {
	switch format {
	case "table":
		return e.renderTable(columns, rows)
	case "csv":
		w := csv.NewWriter(e.Out)
		if err := w.Write(columns); err != nil {
			return fmt.Errorf("writing CSV: %w", err)
		}
		for _, row := range rows {
			safe := make([]string, len(row))
			for i, cell := range row {
				safe[i] = export.FormulaSafe(cell)
			}
			if err := w.Write(safe); err != nil {
				return fmt.Errorf("writing CSV: %w", err)
			}
		}
		w.Flush()
		return w.Error()
	case "json":
		enc := json.NewEncoder(e.Out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(raw)
	}
	return usagef("--format %s is not known: %s", format, formats)
}

func (e *env) renderTable(columns []string, rows [][]string) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	style := t.Style()
	style.Options = table.Options{SeparateHeader: true}
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	header := make(table.Row, len(columns))
	for i, c := range columns {
		header[i] = c
	}
	t.AppendHeader(header)
	for _, row := range rows {
		cells := make(table.Row, len(row))
		for i, c := range row {
			cells[i] = c
		}
		t.AppendRow(cells)
	}
	_, err := fmt.Fprintln(e.Out, t.Render())
	return err
}
