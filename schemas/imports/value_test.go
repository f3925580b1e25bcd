package imports_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // zones of the tests, wherever they run

	"footfall/schemas/imports"
	"footfall/schemas/order"
)

func TestAmountWithTwoReadingsIsRefused(t *testing.T) {
	for _, c := range []struct {
		text, currency string
		want           int64 // -1: refused
	}{
		{"1234.50", "EUR", 123450},
		{"1234.5", "EUR", 123450},
		{"1234", "EUR", 123400},
		{"0", "EUR", 0},
		{"0.01", "EUR", 1},
		{"00012.00", "EUR", 1200},
		{"1234", "JPY", 1234},
		{"1.234", "KWD", 1234},
		{"0.0001", "CLF", 1},
		{"100000000", "EUR", 10_000_000_000},
		{"1.234,50", "EUR", -1},
		{"1,234.50", "EUR", -1},
		{"1234,50", "EUR", -1},
		{"1,234", "EUR", -1},
		{"45.505", "EUR", -1},
		{"45.500", "EUR", -1},
		{"1234.0", "JPY", -1},
		{"1.", "EUR", -1},
		{".5", "EUR", -1},
		{"1.2.3", "EUR", -1},
		{"", "EUR", -1},
		{"-1", "EUR", -1},
		{"+1", "EUR", -1},
		{"1e3", "EUR", -1},
		{"NaN", "EUR", -1},
		{" 1", "EUR", -1},
		{"1 234", "EUR", -1},
		{"€45", "EUR", -1},
		{"١٢", "EUR", -1},
		{"100000000.01", "EUR", -1},
		{"99999999999999999999", "EUR", -1},
		{"1", "XXX", -1},
		{"1", "eur", -1},
	} {
		got, err := imports.Money(c.text, c.currency, order.MaxAmount)
		if c.want < 0 && err == nil || c.want >= 0 && (err != nil || got != c.want) {
			t.Errorf("%q %s: %d, %v; want %d", c.text, c.currency, got, err, c.want)
		}
	}
	for currency, hint := range map[string]string{"EUR": "1234.50", "JPY": "1234", "KWD": "1234.500", "CLF": "1234.5000"} {
		if _, err := imports.Money("1.234,50", currency, order.MaxAmount); err == nil || !strings.Contains(err.Error(), "write it as "+hint+",") {
			t.Errorf("%s: %v has no hint %s", currency, err, hint)
		}
	}
}

func TestLocalTimeThatIsNoneOrTwoIsRefused(t *testing.T) {
	for _, c := range []struct{ text, zone, want string }{
		{"2026-11-22T20:15:00+01:00", "", "2026-11-22T19:15:00Z"},
		{"2026-11-22 20:15:00+01:00", "Asia/Tokyo", "2026-11-22T19:15:00Z"},
		{"2026-11-22T20:15Z", "", "2026-11-22T20:15:00Z"},
		{"2026-11-22T20:15:00.250Z", "", "2026-11-22T20:15:00.25Z"},
		{"2026-11-22T20:15:00-02:30", "", "2026-11-22T22:45:00Z"},
		{"2026-11-22 20:15:00", "Europe/Berlin", "2026-11-22T19:15:00Z"},
		{"2026-11-22T20:15:00.5", "Europe/Berlin", "2026-11-22T19:15:00.5Z"},
		{"2026-07-22 20:15", "America/St_Johns", "2026-07-22T22:45:00Z"},
		{"2026-11-22 20:15", "Asia/Kathmandu", "2026-11-22T14:30:00Z"},
		{"2026-03-29 01:59:59", "Europe/Berlin", "2026-03-29T00:59:59Z"},
		{"2026-03-29 03:00:00", "Europe/Berlin", "2026-03-29T01:00:00Z"},
		{"2026-10-25 03:00:00", "Europe/Berlin", "2026-10-25T02:00:00Z"},
		{"2026-04-05 02:00:00", "Australia/Lord_Howe", "2026-04-04T15:30:00Z"},
		{"2026-11-22 20:15:00", "", ""},
		{"2026-03-29 02:30:00", "Europe/Berlin", ""},
		{"2026-10-25 02:30:00", "Europe/Berlin", ""},
		{"2026-04-05 01:45:00", "Australia/Lord_Howe", ""},
		{"2026-10-04 02:15:00", "Australia/Lord_Howe", ""},
		{"2026-11-22", "Europe/Berlin", ""},
		{"22.11.2026 20:15", "Europe/Berlin", ""},
		{"11/22/2026 20:15", "Europe/Berlin", ""},
		{"2026-11-22 8:15", "Europe/Berlin", ""},
		{"2026-02-30 20:15", "Europe/Berlin", ""},
		{"2026-11-22 20:15:00,5", "Europe/Berlin", ""},
		{"2026-11-22 20:15:00 CET", "Europe/Berlin", ""},
		{"1795000000", "Europe/Berlin", ""},
		{"", "Europe/Berlin", ""},
	} {
		var zone *time.Location
		if c.zone != "" {
			var err error
			if zone, err = time.LoadLocation(c.zone); err != nil {
				t.Fatal(err)
			}
		}
		got, err := imports.Time(c.text, zone)
		if text := got.UTC().Format(time.RFC3339Nano); c.want == "" && err == nil || c.want != "" && (err != nil || text != c.want) {
			t.Errorf("%q in %q: %s, %v; want %q", c.text, c.zone, text, err, c.want)
		}
	}
}
