package orders

import (
	"encoding/json"
	"errors"
	"testing"
)

// What the parser takes, the standard one takes too, and means the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"id":"A-1","lines":[{"id":"1","quantity":2,"unit_price":4550}],"test":true,"x":null}`, `[1,-0.5e+3,"\ud83d\ude00\n",false]`,
		`{"a":{"b":[[]]}}`, `"\u0000"`, ` 0 `, `NaN`, `-Infinity`, `{"a":1,"a":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, bad := parse(text)
		if bad != nil {
			if bad.Status != 400 && bad.Status != 422 || bad.Detail == "" || len(bad.Pointer) > maxPointerBytes {
				t.Fatalf("%q: %+v", text, bad)
			}
			return
		}
		var standard any
		if err := json.Unmarshal(text, &standard); err != nil {
			// A number of the grammar that no float64 holds is a field's to refuse.
			if _, isNumber := errors.AsType[*json.UnmarshalTypeError](err); isNumber {
				return
			}
			t.Fatalf("%q is taken, but %v", text, err)
		}
		same(t, text, v, standard)
	})
}

func same(t *testing.T, text []byte, v value, standard any) {
	t.Helper()
	ok := false
	switch s := standard.(type) {
	case nil:
		ok = v.kind == kindNull
	case bool:
		ok = v.kind == kindTrue && s || v.kind == kindFalse && !s
	case float64:
		var n float64
		ok = v.kind == kindNumber && json.Unmarshal([]byte(v.text), &n) == nil && n == s
	case string:
		ok = v.kind == kindText && v.text == s
	case []any:
		if ok = v.kind == kindArray && len(v.items) == len(s); ok {
			for i := range s {
				same(t, text, v.items[i], s[i])
			}
		}
	case map[string]any:
		if ok = v.kind == kindObject && len(v.members) == len(s); ok {
			for _, m := range v.members {
				same(t, text, m.value, s[m.name])
			}
		}
	}
	if !ok {
		t.Fatalf("%q: got %+v, the standard %#v", text, v, standard)
	}
}
