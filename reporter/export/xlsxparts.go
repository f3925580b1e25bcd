package export

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"footfall/schemas/reports"
)

const (
	xmlHead       = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainSpace     = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	packageSpace  = "http://schemas.openxmlformats.org/package/2006/"
	relationSpace = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	contentType   = "application/vnd.openxmlformats-officedocument.spreadsheetml."
)

// The styles, by their place in the style sheet.
const (
	styleGeneral = iota
	styleHeader
	styleText // Text, so that a cell which begins like a formula stays text when it is edited
	styleID
	styleCount
	styleRate
	styleDay
	styleTime
	styleWrapped
	styleMoney // with no decimals; one more for each
)

// moneyDecimals is how many decimals a currency has at most.
const moneyDecimals = 4

func styleOf(kind reports.Kind, decimals int) int {
	switch kind {
	case reports.KindID:
		return styleID
	case reports.KindCount:
		return styleCount
	case reports.KindRate:
		return styleRate
	case reports.KindMoney:
		if decimals >= 0 && decimals <= moneyDecimals {
			return styleMoney + decimals
		}
	default:
	}
	return styleGeneral
}

// part is a part of the file that is the same for all tables, or nearly.
type part struct{ name, text string }

func fixedParts(t *reports.Table) []part {
	relation := func(id, kind, target string) string {
		return `<Relationship Id="` + id + `" Type="` + kind + `" Target="` + target + `"/>`
	}
	return []part{
		{"[Content_Types].xml", xmlHead + `<Types xmlns="` + packageSpace + `content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Default Extension="xml" ContentType="` + contentType + `worksheet+xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + contentType + `sheet.main+xml"/>` +
			`<Override PartName="/xl/styles.xml" ContentType="` + contentType + `styles+xml"/>` +
			`<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>` +
			`</Types>`},
		{"_rels/.rels", xmlHead + `<Relationships xmlns="` + packageSpace + `relationships">` +
			relation("rId1", relationSpace+"/officeDocument", "xl/workbook.xml") +
			relation("rId2", packageSpace+"relationships/metadata/core-properties", "docProps/core.xml") +
			`</Relationships>`},
		{"docProps/core.xml", coreProperties(t)},
		{"xl/styles.xml", styleSheet()},
	}
}

// coreProperties says that the file was made at its as-of: the time it is written
// is in no byte of it.
func coreProperties(t *reports.Table) string {
	const stamp = "2006-01-02T15:04:05Z"
	asOf := time.UnixMicro(t.Facts.AsOfUS).UTC().Format(stamp)
	return xmlHead + `<cp:coreProperties xmlns:cp="` + packageSpace + `metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
		`<dc:creator>Footfall</dc:creator>` +
		`<dcterms:created xsi:type="dcterms:W3CDTF">` + asOf + `</dcterms:created>` +
		`<dcterms:modified xsi:type="dcterms:W3CDTF">` + asOf + `</dcterms:modified></cp:coreProperties>`
}

func styleSheet() string {
	var formats, cells strings.Builder
	const firstCustom = 164
	custom := 0
	format := func(code string) int {
		fmt.Fprintf(&formats, `<numFmt numFmtId="%d" formatCode="%s"/>`, firstCustom+custom, code)
		custom++
		return firstCustom + custom - 1
	}
	count := 0
	cell := func(number int, more string) {
		fmt.Fprintf(&cells, `<xf numFmtId="%d" %s</xf>`, number, more)
		count++
	}
	const plain = `fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1">`
	const text, whole, thousands, percent = 49, 1, 3, 10 // built in
	cell(0, `fontId="0" fillId="0" borderId="0" xfId="0">`)
	cell(text, `fontId="1" fillId="2" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1">`)
	cell(text, plain)
	cell(whole, plain)
	cell(thousands, plain)
	cell(percent, plain)
	cell(format("yyyy\\-mm\\-dd"), plain)
	cell(format("yyyy\\-mm\\-dd\\ hh:mm:ss.000"), plain)
	cell(text, `fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/>`)
	cell(thousands, plain)
	for decimals := 1; decimals <= moneyDecimals; decimals++ {
		cell(format("#,##0."+strings.Repeat("0", decimals)), plain)
	}
	return xmlHead + `<styleSheet xmlns="` + mainSpace + `">` +
		`<numFmts count="` + strconv.Itoa(custom) + `">` + formats.String() + `</numFmts>` +
		`<fonts count="2"><font><sz val="11"/><name val="Calibri"/><family val="2"/></font><font><b/><sz val="11"/><name val="Calibri"/><family val="2"/></font></fonts>` +
		`<fills count="3"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid"><fgColor rgb="FFE7E6E6"/><bgColor indexed="64"/></patternFill></fill></fills>` +
		`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
		`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
		`<cellXfs count="` + strconv.Itoa(count) + `">` + cells.String() + `</cellXfs>` +
		`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`
}

// The names of the sheets that hold no rows.
const (
	aboutName  = "About"
	totalsName = "Totals"
)

// sheetName names the i-th sheet of rows: what they are by, without the characters
// that a name can't have, and no longer than one may be.
func sheetName(f reports.Facts, i int) string {
	base := strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`[]:*?/\'`, r) {
			return '_'
		}
		return r
	}, f.By)
	if base = "By " + base; f.Basis == "" || f.By == "" {
		base = "Rows" // of a statement, or a list
	}
	number := ""
	if i > 0 {
		number = " " + strconv.Itoa(i+1)
	}
	for utf8.RuneCountInString(base)+len(number) > sheetNameMost {
		_, size := utf8.DecodeLastRuneInString(base)
		base = base[:len(base)-size]
	}
	return base + number
}

// workbookPart lists the sheets, and the ranges that their filters are on.
func workbookPart(sheets []sheet, columns int, totals bool) string {
	var list, names strings.Builder
	add := func(i int, name string) {
		fmt.Fprintf(&list, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, appendXML(nil, []byte(name)), i+1, i+1)
	}
	add(0, aboutName)
	for i, s := range sheets {
		add(i+1, s.name)
		if columns > 0 {
			fmt.Fprintf(&names, `<definedName name="_xlnm._FilterDatabase" localSheetId="%d" hidden="1">'%s'!$A$1:$%s$%d</definedName>`,
				i+1, appendXML(nil, []byte(s.name)), columnLetters(columns-1), s.rows+1)
		}
	}
	if totals {
		add(len(sheets)+1, totalsName)
	}
	text := xmlHead + `<workbook xmlns="` + mainSpace + `" xmlns:r="` + relationSpace + `"><bookViews><workbookView activeTab="0"/></bookViews><sheets>` + list.String() + `</sheets>`
	if names.Len() > 0 {
		text += `<definedNames>` + names.String() + `</definedNames>`
	}
	return text + `</workbook>`
}

func workbookRelations(sheets int) string {
	var b strings.Builder
	b.WriteString(xmlHead + `<Relationships xmlns="` + packageSpace + `relationships">`)
	for i := range sheets {
		fmt.Fprintf(&b, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, i+1, relationSpace, i+1)
	}
	fmt.Fprintf(&b, `<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/></Relationships>`, sheets+1, relationSpace)
	return b.String()
}

// aboutSheet is the first sheet: what the figures of so many rows stand on.
func aboutSheet(t *reports.Table, rows int64, notes []string) string {
	var cells []byte
	row := 0
	line := func(name, value string) {
		row++
		cells = append(cells, `<row r="`+strconv.Itoa(row)+`">`...)
		cells, _ = appendTextCell(cells, "A", row, styleHeader, []byte(name))
		cells, _ = appendTextCell(cells, "B", row, styleWrapped, []byte(value))
		cells = append(cells, "</row>"...)
	}
	for _, f := range factsOf(t, rows) {
		line(f.name, f.value)
	}
	for _, n := range append(notes, t.Facts.Notes...) {
		line("Note", n)
	}
	return xmlHead + `<worksheet xmlns="` + mainSpace + `"><sheetViews><sheetView tabSelected="1" workbookViewId="0"/></sheetViews>` +
		`<cols><col min="1" max="1" width="22" customWidth="1"/><col min="2" max="2" width="100" customWidth="1"/></cols>` +
		`<sheetData>` + string(cells) + `</sheetData></worksheet>`
}
