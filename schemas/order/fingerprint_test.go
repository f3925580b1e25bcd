package order

import (
	"encoding/hex"
	"reflect"
	"testing"
)

// The fingerprints of each normalization, made once. They never change: a repeat
// of an order of years ago is still known by its.
func TestFingerprintsOfANormalizationNeverChange(t *testing.T) {
	for name, want := range map[string]string{
		"order-usual":   "97c5c3ba5d7ca5b4f1346cbac57c3e1635e512df081174be719315e1cd852f88",
		"order-least":   "2182ad6cc2c8061d15e26816e3c77db80b3f7e0f3f40827f7708dc515894ddcb",
		"order-largest": "d3cf2aff07ef40093f1fdca43b32303c6d293d77774d150f17a62f3e5cfc23da",
		"refund-lines":  "266e4cfe5b91aeee9724f958341e2cb3814341f3eb4bfbb35db1a8fec874f461",
		"order-visitor": "c5b3e16c354bdda774f8c856fe8f71aecac084a8d3628d17399785ca5539bf88",
		"refund-whole":  "f679e00051711cc9ce9163fd580c49da9a9477bb76a5fdce58c0b1661aa527dc",
	} {
		var got [32]byte
		switch r := records()[name].(type) {
		case *Order:
			got = r.Fingerprint
		case *Refund:
			got = r.Fingerprint
		}
		if text := hex.EncodeToString(got[:]); text != want {
			t.Errorf("%s: got %s, want %s", name, text, want)
		}
	}
	for _, unknown := range []uint32{0, NormalizationVisitor + 1} {
		if _, ok := (&Order{}).FingerprintUnder(unknown); ok {
			t.Errorf("an order's fingerprint was made under unknown rules %d", unknown)
		}
	}
	for _, unknown := range []uint32{0, Normalization + 1} {
		if _, ok := (&Refund{}).FingerprintUnder(unknown); ok {
			t.Errorf("a refund's fingerprint was made under unknown rules %d", unknown)
		}
	}
}

// Every field that the sender said makes a difference; what the collector
// added makes none.
func TestNoFieldOfTheSenderIsLeftOutOfTheFingerprint(t *testing.T) {
	for name, r := range records() {
		value := reflect.ValueOf(r).Elem()
		before := value.FieldByName("Fingerprint").Interface()
		differs(t, name, r, value, before)
	}
	swapped := records()["order-usual"].(*Order)
	before := swapped.Fingerprint
	swapped.Lines[0], swapped.Lines[1] = swapped.Lines[1], swapped.Lines[0]
	if swapped.SetFingerprint(); swapped.Fingerprint == before {
		t.Error("the order of the lines makes no difference")
	}
	// Texts that only run together differently.
	a := &Order{ClickID: "ab", Affiliate: "c"}
	b := &Order{ClickID: "a", Affiliate: "bc"}
	a.SetFingerprint()
	b.SetFingerprint()
	if a.Fingerprint == b.Fingerprint {
		t.Error("the border between two texts makes no difference")
	}
}

func differs(t *testing.T, name string, r record, value reflect.Value, before any) {
	t.Helper()
	fingerprint := reflect.ValueOf(r).Elem().FieldByName("Fingerprint")
	for i := range value.NumField() {
		field, is := value.Field(i), value.Type().Field(i).Name
		old := reflect.New(field.Type()).Elem()
		old.Set(field)
		switch field.Kind() {
		case reflect.String:
			field.SetString(field.String() + "x")
		case reflect.Bool:
			field.SetBool(!field.Bool())
		case reflect.Int64:
			field.SetInt(field.Int() + 1)
		case reflect.Uint64, reflect.Uint32, reflect.Uint8:
			field.SetUint(field.Uint() + 1)
		case reflect.Slice:
			if field.Len() > 0 {
				differs(t, name+"."+is, r, field.Index(0), before)
			}
			continue
		default: // Fingerprint itself
			continue
		}
		r.SetFingerprint()
		same := fingerprint.Interface() == before
		if added := is == "Future" || is == "Normalization"; same != added {
			t.Errorf("%s: another %s gives the same fingerprint: %v", name, is, same)
		}
		field.Set(old)
	}
	r.SetFingerprint()
}

// An order that was stored before orders could carry a visitor is sent again by
// a site that now names one: it is the same order under the stored rules.
func TestOrderWithoutAVisitorKeepsItsFingerprint(t *testing.T) {
	without := records()["order-usual"].(*Order)
	if without.Normalization != Normalization {
		t.Errorf("normalization %d", without.Normalization)
	}
	with := records()["order-usual"].(*Order)
	with.VisitorKey = 7
	with.SetFingerprint()
	if with.Normalization != NormalizationVisitor || with.Fingerprint == without.Fingerprint {
		t.Error("a visitor makes no difference")
	}
	if under, ok := with.FingerprintUnder(without.Normalization); !ok || under != without.Fingerprint {
		t.Error("under the rules of before, the visitor makes a difference")
	}
}
