package imports_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"footfall/internal/testkit"
	"footfall/schemas/imports"
)

// documents gives the JSON of each, and the faults.
func documents(t testing.TB, open func(io.Reader, *time.Location) (*imports.Documents, error), file string) (docs []string, faults imports.Faults) {
	t.Helper()
	read, err := open(strings.NewReader(file), time.FixedZone("plus one", 3600))
	for err == nil {
		var doc *imports.Document
		if doc, err = read.Next(); err == nil {
			docs = append(docs, string(doc.JSON))
		}
		if fault, ok := errors.AsType[*imports.Fault](err); ok {
			err = nil
			if !faults.Add(fault) {
				break
			}
		}
	}
	if fault, ok := errors.AsType[*imports.Fault](err); ok {
		faults.Add(fault)
	} else if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return docs, faults
}

func TestRowsOfAnOrderAreOneDocument(t *testing.T) {
	docs, faults := documents(t, imports.Orders, strings.Join([]string{
		"order_id,event,ordered_at,currency,state,version,click_id,affiliate,coupon,visitor,test,line_id,ticket_type,quantity,unit_price",
		`A,gala,2026-11-22 20:15:00,EUR,,,c<i>d,a,k,v,true,1,"x, y",2,45.50`,
		`A,gala,2026-11-22 20:15:00,EUR,,,c<i>d,a,k,v,true,2,,1,0`,
		`A,gala,2026-11-22 20:15:00,EUR,cancelled,,c<i>d,a,k,v,true,1,"x, y",2,45.50`,
		`A,gala,2026-11-22 20:15:00,EUR,cancelled,7,,,,,,1,,2,45.50`,
		`B,gala,2026-11-22T20:15:00.250Z,KWD,,,,,,,,1,,2,45.5`,
	}, "\n"))
	want := []string{
		`{"id":"A","event":"gala","ordered_at":"2026-11-22T19:15:00.000Z","currency":"EUR","click_id":"c<i>d","affiliate":"a","coupon":"k","visitor":"v","test":true,"lines":[{"id":"1","ticket_type":"x, y","quantity":2,"unit_price":4550},{"id":"2","ticket_type":"","quantity":1,"unit_price":0}]}`,
		`{"id":"A","event":"gala","ordered_at":"2026-11-22T19:15:00.000Z","currency":"EUR","state":"cancelled","click_id":"c<i>d","affiliate":"a","coupon":"k","visitor":"v","test":true,"lines":[{"id":"1","ticket_type":"x, y","quantity":2,"unit_price":4550}]}`,
		`{"id":"A","event":"gala","ordered_at":"2026-11-22T19:15:00.000Z","currency":"EUR","state":"cancelled","version":7,"lines":[{"id":"1","ticket_type":"","quantity":2,"unit_price":4550}]}`,
		`{"id":"B","event":"gala","ordered_at":"2026-11-22T20:15:00.250Z","currency":"KWD","lines":[{"id":"1","ticket_type":"","quantity":2,"unit_price":45500}]}`,
	}
	if strings.Join(docs, "\n") != strings.Join(want, "\n") || faults.Err() != nil {
		t.Errorf("read\n%s\n%v", strings.Join(docs, "\n"), faults.Err())
	}
}

func TestRefundWithoutLinesIsOfTheWholeOrder(t *testing.T) {
	docs, faults := documents(t, imports.Refunds, strings.Join([]string{
		"refund_id,order_id,refunded_at,currency,reason,line_id,quantity,amount",
		`R1,A,2026-11-22 20:15:00,EUR,ill,,,`,
		`R2,A,2026-11-22 20:15:00,EUR,,1,2,10`,
		`R2,A,2026-11-22 20:15:00,EUR,,2,1,0.05`,
		`R3,A,2026-11-22 20:15:00,EUR,,,1,`,
		`R4,A,2026-11-22 20:15:00,EUR,,,,`,
		`R4,A,2026-11-22 20:15:00,EUR,,,,`,
		`R5,A,2026-11-22 20:15:00,DEM,,,,`,
	}, "\n"))
	want := []string{
		`{"id":"R1","order_id":"A","refunded_at":"2026-11-22T19:15:00.000Z","currency":"EUR","reason":"ill"}`,
		`{"id":"R2","order_id":"A","refunded_at":"2026-11-22T19:15:00.000Z","currency":"EUR","lines":[{"line_id":"1","quantity":2,"amount":1000},{"line_id":"2","quantity":1,"amount":5}]}`,
	}
	if strings.Join(docs, "\n") != strings.Join(want, "\n") {
		t.Errorf("read\n%s", strings.Join(docs, "\n"))
	}
	wantFaults := strings.Join([]string{
		`line 5, column 8 (amount): the amount is missing: write it as 1234.50`,
		`line 6, column 7 (quantity): "" is no whole number: write it as 12`,
		`line 8, column 4 (currency): "DEM" is no ISO 4217 currency, as EUR`,
	}, "\n")
	if err := faults.Err(); err == nil || err.Error() != wantFaults {
		t.Errorf("faults\n%v", err)
	}
}

func TestFaultOfAnOrderNamesItsCell(t *testing.T) {
	const header = "order_id,event,ordered_at,currency,version,test,line_id,quantity,unit_price\n"
	usual := "A,gala,2026-11-22 20:15:00,EUR,,,1,2,45.50\n"
	for row, want := range map[string]string{
		"A,gala,2026-11-22,EUR,,,1,2,45.50\n":                      `line 2, column 3 (ordered_at): "2026-11-22" is no time: write it as 2026-11-22T20:15:00+01:00, or with --zone as 2026-11-22 20:15:00`,
		"A,gala,2026-11-22 20:15:00,EUR,0,,1,2,45.50\n":            "line 2, column 5 (version): versions are counted from 1",
		"A,gala,2026-11-22 20:15:00,EUR,x,,1,2,45.50\n":            `line 2, column 5 (version): "x" is no whole number: write it as 12`,
		"A,gala,2026-11-22 20:15:00,EUR,,yes,1,2,45.50\n":          `line 2, column 6 (test): "yes" is neither true nor false`,
		"A,gala,2026-11-22 20:15:00,EUR,,,1,-2,45.50\n":            `line 2, column 8 (quantity): "-2" is no whole number: write it as 12`,
		"A,gala,2026-11-22 20:15:00,EUR,,,1,2,\"45,50\"\n":         `line 2, column 9 (unit_price): "45,50" is no amount: write it as 1234.50, with a point before the decimals and nothing else`,
		usual + "A,gala,2026-11-22 20:15:00,USD,,,2,2,1\n" + usual: `line 3, column 4 (currency): "USD" is not "EUR" as in line 2 of the same order_id`,
		usual + strings.Repeat(usual, 500):                         "line 502, column 7 (line_id): A has more than 500 lines",
		usual + "B,gala,2026-11-22 20:15:00,EUR,,,1,2\n" + usual:   "line 3, column 9 (unit_price): the row has 8 cells and the header 9",
	} {
		_, faults := documents(t, imports.Orders, header+row)
		if err := faults.Err(); err == nil || err.Error() != want {
			t.Errorf("%.60q:\n%v\nwant\n%s", row, err, want)
		}
	}
}

// What a collector says of a document is said of the file.
func TestPointerOfTheCollectorLeadsToTheCell(t *testing.T) {
	file := "event,order_id,\"ordered_at\",currency,line_id,quantity,unit_price\n" +
		"gala,A,2026-11-22 20:15:00,EUR,1,2,45.50\ngala,A,2026-11-22 20:15:00,EUR,\"2\",3,1\n"
	docs, err := imports.Orders(strings.NewReader(file), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := docs.Next()
	if err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]string{
		"/id":               "line 2, column 2 (order_id): no",
		"/event":            "line 2, column 1 (event): no",
		"/version":          "line 2: version: no",
		"/lines":            "line 2, column 5 (line_id): no",
		"/lines/1/id":       "line 3, column 5 (line_id): no",
		"/lines/1/quantity": "line 3, column 6 (quantity): no",
		"/lines/7/quantity": "line 2, column 6 (quantity): no",
		"/lines/x":          "line 2, column 5 (line_id): no",
		"":                  "line 2: no",
		"/unheard":          "line 2: no",
	} {
		if got := docs.Fault(doc, pointer, "no").Error(); got != want {
			t.Errorf("%s leads to %s, want %s", pointer, got, want)
		}
	}
}

// examples are the CSV blocks of docs/imports.md.
func examples(t testing.TB) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(testkit.ModuleRoot(t), "docs", "imports.md"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, block := range strings.Split(string(page), "```csv\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		found = append(found, text)
	}
	if len(found) != 4 {
		t.Fatalf("%d examples", len(found))
	}
	return found
}

func TestExamplesOfTheDocumentationAreRead(t *testing.T) {
	files := examples(t)
	if docs, faults := documents(t, imports.Orders, files[0]); len(docs) != 3 || faults.Err() != nil {
		t.Errorf("orders: %q, %v", docs, faults.Err())
	}
	if docs, faults := documents(t, imports.Refunds, files[1]); len(docs) != 2 || faults.Err() != nil {
		t.Errorf("refunds: %q, %v", docs, faults.Err())
	}
	for file, columns := range map[string][]imports.Column{files[2]: imports.AffiliateColumns(), files[3]: imports.CodeColumns()} {
		r, err := imports.NewReader(strings.NewReader(file), columns)
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%.30s: %v", file, err)
		}
	}
}
