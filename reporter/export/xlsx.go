package export

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"strconv"

	"footfall/schemas/reports"
)

// What Excel holds at most.
const (
	sheetRows     = 1_048_576 - 1 // beside the header
	sheetColumns  = 16_384
	cellUnits     = 32_767 // UTF-16 code units of a text
	sheetNameMost = 31     // characters
)

// sheetBlockRows of XML are as many bytes as blockRows of CSV.
const sheetBlockRows = blockRows / 4

// sheetBytes of XML: a part of 4 GiB or more would need fields that Excel doesn't
// look for in a file that is written without going back.
const sheetBytes = 4<<30 - 64<<20

// limits of a sheet.
type limits struct {
	rows  int
	bytes int64
}

// workbook writes an XLSX file from its beginning to its end, holding a few blocks
// of rows: no file beside it, no part in memory. The parts that tell how many
// sheets there are come last; what a part is follows from the content types,
// which stand first and take every part for a sheet that they don't name.
type workbook struct {
	table  *reports.Table
	limits limits
	zip    *zip.Writer
	rows   sheetWriter

	placed sheet // what the blocks read so far fill
	index  int   // of that sheet, from 0
	room   int64 // bytes left in it

	open   io.Writer // the sheet that is being written
	sheets []sheet   // begun so far
	cut    int64     // texts that were too long
}

// sheet is one sheet of rows.
type sheet struct {
	name string
	rows int // beside the header
}

func writeXLSX(ctx context.Context, w io.Writer, o Options, t *reports.Table) error {
	return writeWorkbook(ctx, w, o, t, limits{rows: sheetRows, bytes: sheetBytes})
}

func writeWorkbook(ctx context.Context, w io.Writer, o Options, t *reports.Table, most limits) error {
	if n := len(t.Columns); n > sheetColumns {
		return fmt.Errorf("%w: %d, a sheet has %d at most; csv and parquet take any number", ErrColumns, n, sheetColumns)
	}
	book := &workbook{table: t, limits: most, zip: zip.NewWriter(w), rows: newSheetWriter(t.Columns), room: most.bytes}
	// Level 3 takes half of the default's time for a tenth more bytes.
	const level = 3
	book.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, level) })
	if err := book.write(ctx, o); err != nil {
		return fmt.Errorf("writing XLSX: %w", err)
	}
	return nil
}

func (k *workbook) write(ctx context.Context, o Options) error {
	for _, p := range fixedParts(k.table) {
		if err := k.part(p.name, p.text); err != nil {
			return err
		}
	}
	if err := k.begin(); err != nil {
		return err
	}
	rows, err := stream(ctx, k.table, streamed{
		format: k.rows.format, write: k.block, most: k.most, place: k.place, progress: o.Progress,
	})
	if err != nil {
		return err
	}
	if err := k.end(); err != nil {
		return err
	}
	totals, err := k.totals(ctx)
	if err != nil {
		return err
	}
	if err := k.part(sheetPart(0), aboutSheet(k.table, rows, k.notes(rows))); err != nil {
		return err
	}
	if err := k.part("xl/workbook.xml", workbookPart(k.sheets, len(k.table.Columns), totals)); err != nil {
		return err
	}
	if err := k.part("xl/_rels/workbook.xml.rels", workbookRelations(k.sheetCount(totals))); err != nil {
		return err
	}
	return k.zip.Close()
}

func (k *workbook) sheetCount(totals bool) int {
	n := 1 + len(k.sheets)
	if totals {
		n++
	}
	return n
}

// sheetPart is where the i-th sheet is: 0 is what the report is about.
func sheetPart(i int) string { return "xl/worksheets/sheet" + strconv.Itoa(i+1) + ".xml" }

func (k *workbook) part(name, text string) error {
	w, err := k.zip.Create(name) // without a time: two runs are the same bytes
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// most is how many rows the next block may have: it never spans two sheets.
func (k *workbook) most() int { return min(sheetBlockRows, k.limits.rows-k.placed.rows%k.limits.rows) }

// place gives a block its rows in a sheet.
func (k *workbook) place(b *block) {
	need := k.rows.bytes(b)
	if k.placed.rows > 0 && (k.placed.rows+b.Rows > k.limits.rows || need > k.room) {
		k.index, k.placed.rows, k.room = k.index+1, 0, k.limits.bytes
	}
	b.sheet, b.row = k.index, 2+k.placed.rows // the header is row 1
	k.placed.rows += b.Rows
	k.room -= need
}

func (k *workbook) block(b *block) error {
	if b.sheet == len(k.sheets) {
		if err := k.end(); err != nil {
			return err
		}
		if err := k.begin(); err != nil {
			return err
		}
	}
	k.sheets[b.sheet].rows += b.Rows
	k.cut += b.cut
	_, err := k.open.Write(b.out)
	return err
}

// begin begins a sheet of rows.
func (k *workbook) begin() (err error) {
	if k.open, err = k.zip.Create(sheetPart(1 + len(k.sheets))); err != nil {
		return err
	}
	k.sheets = append(k.sheets, sheet{name: sheetName(k.table.Facts, len(k.sheets))})
	_, err = io.WriteString(k.open, k.rows.head())
	return err
}

// end ends the sheet that is open.
func (k *workbook) end() error {
	last := k.sheets[len(k.sheets)-1]
	_, err := io.WriteString(k.open, k.rows.foot(last.rows))
	return err
}

// totals writes the sheet of totals and rest, where there are any.
func (k *workbook) totals(ctx context.Context) (bool, error) {
	if len(k.table.Totals)+len(k.table.Rest) == 0 {
		return false, nil
	}
	columns := append([]reports.Column{{Name: "row", Title: "Row", Kind: reports.KindText}}, k.table.Columns...)
	var rows []reports.Row
	for _, few := range []struct {
		name string
		rows []reports.Row
	}{{"total", k.table.Totals}, {"rest: rows beyond the limit", k.table.Rest}} {
		for _, row := range few.rows {
			row.Cells = append([]reports.Cell{{Text: few.name}}, row.Cells...)
			rows = append(rows, row)
		}
	}
	b, err := blockOf(ctx, columns, rows)
	if err != nil {
		return false, err
	}
	b.row = 2
	w := newSheetWriter(columns)
	w.format(b)
	k.cut += b.cut
	var text bytes.Buffer
	text.WriteString(w.head())
	text.Write(b.out)
	text.WriteString(w.foot(b.Rows))
	return true, k.part(sheetPart(1+len(k.sheets)), text.String())
}

// notes says what the sheets can't show by themselves.
func (k *workbook) notes(rows int64) []string {
	notes := []string{}
	if len(k.sheets) > 1 {
		notes = append(notes, fmt.Sprintf("%s rows are on %d sheets: one holds %s at most; csv and parquet have them in one piece",
			decimal(rows, 0, ","), len(k.sheets), decimal(int64(k.limits.rows), 0, ",")))
	}
	if k.cut > 0 {
		notes = append(notes, fmt.Sprintf("texts longer than %s characters, which a cell can't hold, are cut and end in …: %s; csv, json and parquet have them whole",
			decimal(cellUnits, 0, ","), decimal(k.cut, 0, ",")))
	}
	return notes
}
