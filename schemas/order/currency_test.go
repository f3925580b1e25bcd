package order

import (
	"testing"

	"golang.org/x/text/currency"
)

// Where CLDR, which golang.org/x/text has, counts decimals that are out of use
// (or in use again), ISO 4217 decides: minor units are what is transmitted.
func TestDecimalsAreThoseOfTheStandard(t *testing.T) {
	cldr := map[string]int{
		"AFN": 0, "ALL": 0, "AMD": 0, "COP": 0, "GYD": 0, "IDR": 0, "IQD": 0, "IRR": 0, "KPW": 0, "LAK": 0, "LBP": 0,
		"MGA": 0, "MMK": 0, "MNT": 0, "MUR": 0, "PKR": 0, "RSD": 0, "SOS": 0, "SYP": 0, "TZS": 0, "UZS": 0, "YER": 0,
	}
	letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	count, compared := 0, 0
	for _, a := range letters {
		for _, b := range letters {
			for _, c := range letters {
				code := string([]rune{a, b, c})
				got, ok := Decimals(code)
				if !ok {
					continue
				}
				count++
				unit, err := currency.ParseISO(code)
				if err != nil {
					t.Logf("%s is not in golang.org/x/text/currency", code)
					continue
				}
				compared++
				want, _ := currency.Standard.Rounding(unit)
				if listed, differs := cldr[code]; differs && (want != listed || got == listed) {
					t.Errorf("%s is no exception any more", code)
				} else if got != want && !differs {
					t.Errorf("%s has %d decimals here and %d there", code, got, want)
				}
			}
		}
	}
	t.Logf("%d currencies, %d compared", count, compared)
	for _, code := range []string{"", "eur", "EURO", "XXX", "XTS", "XAU", "XDR", "ZZZ", "DEM"} {
		if n, ok := Decimals(code); ok {
			t.Errorf("%q has %d decimals", code, n)
		}
	}
}
