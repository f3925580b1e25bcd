package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"footfall/schemas/reports"
)

func sample(text string, amount int64, decimals int) *reports.Table {
	t := &reports.Table{
		Facts: reports.Facts{By: "affiliate", Organizer: "acme", Zone: "Asia/Kathmandu", ToMS: 1_790_000_000_000, Affiliate: text},
		Columns: []reports.Column{
			{Name: "affiliate", Title: "Affiliate", Kind: reports.KindText},
			{Name: "visits", Title: "Visits", Kind: reports.KindCount},
			{Name: "conversion_rate", Title: "Conversion rate", Kind: reports.KindRate},
			{Name: "total_sales", Title: "Total sales", Kind: reports.KindMoney},
		},
	}
	t.Batches = reports.FixedBatches(t.Columns, []reports.Row{{
		Cells:    []reports.Cell{{Text: text}, {Number: 1_234_567}, {Number: 12_345}, {Number: amount}},
		Currency: "XXX", Decimals: decimals,
	}}, 1)
	return t
}

func write(t *testing.T, format string, o Options, table *reports.Table) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(t.Context(), &b, format, o, table); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMoneyHasItsCurrencysDecimals(t *testing.T) {
	for _, c := range []struct {
		n         int64
		decimals  int
		csv, read string
	}{
		{0, 2, "0.00", "0.00"},
		{5, 2, "0.05", "0.05"},
		{-5, 2, "-0.05", "-0.05"},
		{123456, 0, "123456", "123,456"},
		{1234567, 3, "1234.567", "1,234.567"},
		{100, 4, "0.0100", "0.0100"},
		{-100000, 2, "-1000.00", "-1,000.00"},
		{999, 0, "999", "999"},
		{math.MaxInt64, 2, "92233720368547758.07", "92,233,720,368,547,758.07"},
		{math.MinInt64, 0, "-9223372036854775808", "-9,223,372,036,854,775,808"},
	} {
		if got := decimal(c.n, c.decimals, ""); got != c.csv {
			t.Errorf("%d with %d decimals: %s, want %s", c.n, c.decimals, got, c.csv)
		}
		if got := decimal(c.n, c.decimals, ","); got != c.read {
			t.Errorf("%d with %d decimals for people: %s, want %s", c.n, c.decimals, got, c.read)
		}
	}
}

func TestNameSteersNoTerminalAndBreaksNoJSON(t *testing.T) {
	evil := "\x1b[2J\u009b31mEve\n<b>\"\\"
	var b bytes.Buffer
	if err := Write(t.Context(), &b, FormatTable, Options{}, sample(evil, 1, 2)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u009b") {
		t.Errorf("a control character reached the terminal: %q", b.String())
	}
	b.Reset()
	if err := Write(t.Context(), &b, FormatJSON, Options{}, sample(evil, 1, 2)); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Rows []struct {
			Affiliate string `json:"affiliate"`
			Sales     int64  `json:"total_sales"`
			Decimals  int    `json:"decimals"`
		} `json:"rows"`
	}
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || len(back.Rows) != 1 || back.Rows[0].Affiliate != evil || back.Rows[0].Decimals != 2 {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestUnknownFormatIsRefused(t *testing.T) {
	for _, err := range []error{
		Write(t.Context(), &bytes.Buffer{}, "pdf", Options{}, sample("a", 1, 2)), WriteExplanation(&bytes.Buffer{}, FormatCSV, &reports.Explanation{}),
	} {
		if !errors.Is(err, ErrFormat) {
			t.Errorf("got %v, want ErrFormat", err)
		}
	}
	if _, err := ContentType("pdf"); !errors.Is(err, ErrFormat) {
		t.Errorf("got %v, want ErrFormat", err)
	}
}
