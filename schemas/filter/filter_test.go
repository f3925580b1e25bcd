package filter

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestConditionsAreReadAsWritten(t *testing.T) {
	for text, want := range map[string]Where{
		"":                  nil,
		"   ":               nil,
		"source=google.com": {{Field: "source", Op: Equal, Values: []string{"google.com"}}},
		"  Utm-Source !~ \"a b\" ": {
			{Field: "utm_source", Op: HasNot, Values: []string{"a b"}, At: 2},
		},
		"visits>=10 and conversion_rate<5% AND day!=2026-11-01,2026-11-02": {
			{Field: "visits", Op: AtLeast, Values: []string{"10"}},
			{Field: "conversion_rate", Op: Less, Values: []string{"5%"}, At: 15},
			{Field: "day", Op: Unequal, Values: []string{"2026-11-01", "2026-11-02"}, At: 38},
		},
		`sub1="","\"\\",(none) , x=y`: {{Field: "sub1", Op: Equal, Values: []string{"", `"\`, "(none)", "x=y"}}},
		"sub1=and and sub2=é":         {{Field: "sub1", Op: Equal, Values: []string{"and"}}, {Field: "sub2", Op: Equal, Values: []string{"é"}, At: 13}},
		"sub1==":                      {{Field: "sub1", Op: Equal, Values: []string{"="}}},
		"sub1=;DROP":                  {{Field: "sub1", Op: Equal, Values: []string{";DROP"}}},
	} {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestWrongTextIsRefusedWithItsPosition(t *testing.T) {
	for text, want := range map[string]string{
		"source":                       "at position 7: after source one of =",
		"=x":                           "at position 1: a field is wanted",
		"1=x":                          "at position 1: a field is wanted",
		"sub1=":                        "at position 6: a value for sub1 is wanted",
		"sub1=a,":                      "at position 8: a value for sub1 is wanted",
		"sub1=a sub2=b":                "at position 8: and is wanted",
		"sub1=a and":                   "at position 8: and is wanted",
		"sub1=a and ":                  "at position 12: after and a condition is wanted",
		`sub1="a"and sub2=b`:           "at position 9: and is wanted",
		`sub1="a`:                      "at position 6: the quote that begins here",
		`sub1="\n"`:                    `at position 7: after \`,
		`sub1=a"b`:                     "at position 7: a value with a quote",
		"sub1~a,b":                     "at position 7: several values stand with = and != only",
		"sub1=a or sub2=b":             "at position 8: and is wanted",
		"visits<>3 and":                "at position 11: and is wanted",
		"na\x00me=1":                   "at position 1: a field is wanted",
		strings.Repeat("x", maxText+1): "longer than",
		strings.TrimSuffix(strings.Repeat("a=1 and ", maxTerms+1), " and "): "more than 32 conditions",
		"a=" + strings.TrimSuffix(strings.Repeat("1,", maxValues+1), ","):   "more than 200 values",
	} {
		_, err := Parse(text)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func TestSortAndListAreReadAsWritten(t *testing.T) {
	keys, err := ParseSort("-total_sales, Utm-Source ,day")
	if want := []Key{{"total_sales", true, 0}, {"utm_source", false, 14}, {"day", false, 26}}; err != nil || !reflect.DeepEqual(keys, want) {
		t.Errorf("%+v, %v, want %+v", keys, err, want)
	}
	words, err := ParseList("visits,net-sales")
	if want := []Word{{"visits", 0}, {"net_sales", 7}}; err != nil || !reflect.DeepEqual(words, want) {
		t.Errorf("%+v, %v, want %+v", words, err, want)
	}
	for _, text := range []string{"", ",", "a,", "--a", "a b", "a;", "-"} {
		if _, err := ParseSort(text); err == nil {
			t.Errorf("sort %q is taken", text)
		}
		if _, err := ParseList(text); err == nil {
			t.Errorf("list %q is taken", text)
		}
	}
}

func FuzzWhatIsWrittenAgainReadsTheSame(f *testing.F) {
	for _, text := range []string{
		"", "a=1", `sub1="a b",c and visits>=10`, `x!~"\\\""`, "a=1 and b", "-a,b", "a = 1 AND b != 2,3", `a=""`, `a="\\"`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if keys, err := ParseSort(text); err == nil && len(keys) == 0 {
			t.Errorf("sort %q has no key and no error", text)
		}
		if words, err := ParseList(text); err == nil && len(words) == 0 {
			t.Errorf("list %q has no word and no error", text)
		}
		w, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.At < 0 || e.At > len(text) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		again, err := Parse(w.String())
		if err != nil {
			t.Fatalf("%q is written %q: %v", text, w.String(), err)
		}
		for i := range w {
			w[i].At, again[i].At = 0, 0
		}
		if !reflect.DeepEqual(w, again) {
			t.Errorf("%q: %+v is written %q and read as %+v", text, w, w.String(), again)
		}
	})
}
