package order

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"footfall/internal/testkit"
)

// record is an order or a refund.
type record interface {
	Append(dst []byte) []byte
	Unmarshal(body []byte) error
	SetFingerprint()
}

// records is one of each kind; the golden files are named after them.
func records() map[string]record {
	all := map[string]record{
		"order-usual": &Order{
			Organizer: 7, Event: 4711, ID: "A-2026/000123", Version: 2, State: Completed, OrderedMS: 1_795_000_000_123, Currency: "EUR",
			ClickID: "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMk", Affiliate: "Summer-Sale", Coupon: "TEN", Test: true, Future: true,
			Lines: []Line{{ID: "1", TicketType: "Stehplatz", Quantity: 2, UnitPrice: 4550}, {ID: "2", TicketType: "frei", Quantity: 1}},
		},
		"order-least": &Order{
			Organizer: 1, Event: 1, ID: "1", Version: 1, State: Pending, OrderedMS: MinTimeMS, Currency: "JPY",
			Lines: []Line{{ID: "1", Quantity: 1}},
		},
		"order-largest": &Order{
			Organizer: 1<<32 - 1, Event: 1<<24 - 1, ID: strings.Repeat("ü", MaxIDBytes/2), Version: MaxVersion, State: Cancelled,
			OrderedMS: MaxTimeMS, Currency: "UYW", ClickID: strings.Repeat("c", MaxTextBytes), Affiliate: strings.Repeat("a", MaxTextBytes),
			Coupon: strings.Repeat("k", MaxTextBytes), Lines: []Line{{
				ID: strings.Repeat("l", MaxIDBytes), TicketType: strings.Repeat("t", MaxTextBytes), Quantity: MaxQuantity, UnitPrice: MaxAmount,
			}},
		},
		"order-visitor": &Order{
			Organizer: 7, Event: 4711, ID: "A-2026/000124", Version: 2, State: Completed, OrderedMS: 1_795_000_000_123, Currency: "EUR",
			VisitorKey: 0xfedcba9876543210, Lines: []Line{{ID: "1", TicketType: "Stehplatz", Quantity: 2, UnitPrice: 4550}},
		},
		"refund-lines": &Refund{
			Organizer: 7, ID: "R-1", OrderID: "A-2026/000123", RefundedMS: 1_795_000_900_000, Currency: "EUR", Reason: "ill", Future: true,
			Lines: []RefundLine{{LineID: "1", Quantity: 1, Amount: 4550}, {LineID: "2", Quantity: 1}},
		},
		"refund-whole": &Refund{Organizer: 7, ID: "R-2", OrderID: "A-1", RefundedMS: MinTimeMS, Currency: "KWD", Whole: true},
	}
	for _, r := range all {
		r.SetFingerprint()
	}
	return all
}

func like(r record) record {
	if _, ok := r.(*Order); ok {
		return &Order{}
	}
	return &Refund{}
}

func TestGoldenOrdersDecodeForEver(t *testing.T) {
	for name, want := range records() {
		file := "v1-" + name + ".hex"
		testkit.Golden(t, file, []byte(hex.EncodeToString(want.Append(nil))+"\n"))
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		body, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		got := like(want)
		if err := got.Unmarshal(body); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", file, got, err, want)
		}
		for i := range body {
			if part := like(want); part.Unmarshal(body[:i]) == nil && reflect.DeepEqual(part, want) {
				t.Errorf("%s: %d of %d bytes are read as all of it", file, i, len(body))
			}
		}
	}
}

func TestLargestOrderFitsTheBound(t *testing.T) {
	o := *records()["order-largest"].(*Order)
	line := o.Lines[0]
	for len(o.Lines) < MaxLines {
		o.Lines = append(o.Lines, line)
	}
	body := o.Append(nil)
	if err := (&Order{}).Unmarshal(body); err != nil || len(body) > MaxBody {
		t.Fatalf("%d bytes: %v", len(body), err)
	}
	if o.Total() != MaxLines*MaxTotal {
		t.Fatal("the largest order's total does not fit 64 bits")
	}
	o.Lines = append(o.Lines, line)
	if err := (&Order{}).Unmarshal(o.Append(nil)); !errors.Is(err, ErrBounds) {
		t.Fatalf("one line more: %v", err)
	}
}

func TestImpossibleOrdersAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Order){
		"no organizer":            func(o *Order) { o.Organizer = 0 },
		"no event":                func(o *Order) { o.Event = 0 },
		"event of 25 bits":        func(o *Order) { o.Event = 1 << 24 },
		"no id":                   func(o *Order) { o.ID = "" },
		"long id":                 func(o *Order) { o.ID = strings.Repeat("x", MaxIDBytes+1) },
		"id with a newline":       func(o *Order) { o.ID = "a\nb" },
		"id that is no UTF-8":     func(o *Order) { o.ID = "\xff" },
		"no version":              func(o *Order) { o.Version = 0 },
		"version of 32 bits":      func(o *Order) { o.Version = 1 << 31 },
		"no state":                func(o *Order) { o.State = 0 },
		"a state to come":         func(o *Order) { o.State = 4 },
		"before 2000":             func(o *Order) { o.OrderedMS = MinTimeMS - 1 },
		"after 9999":              func(o *Order) { o.OrderedMS = MaxTimeMS + 1 },
		"lower case currency":     func(o *Order) { o.Currency = "eur" },
		"click id with a NUL":     func(o *Order) { o.ClickID = "a\x00" },
		"long affiliate":          func(o *Order) { o.Affiliate = strings.Repeat("x", MaxTextBytes+1) },
		"coupon with a separator": func(o *Order) { o.Coupon = "a\u2028b" },
		"no normalization":        func(o *Order) { o.Normalization = 0 },
		"no lines":                func(o *Order) { o.Lines = nil },
		"line without id":         func(o *Order) { o.Lines[0].ID = "" },
		"no tickets":              func(o *Order) { o.Lines[0].Quantity = 0 },
		"negative tickets":        func(o *Order) { o.Lines[0].Quantity = -1 },
		"too many tickets":        func(o *Order) { o.Lines[0].Quantity = MaxQuantity + 1 },
		"negative price":          func(o *Order) { o.Lines[0].UnitPrice = -1 },
		"too high a price":        func(o *Order) { o.Lines[0].UnitPrice = MaxAmount + 1 },
	} {
		o := records()["order-usual"].(*Order)
		spoil(o)
		if err := (&Order{}).Unmarshal(o.Append(nil)); !errors.Is(err, ErrBounds) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, spoil := range map[string]func(*Refund){
		"no organizer":        func(r *Refund) { r.Organizer = 0 },
		"no id":               func(r *Refund) { r.ID = "" },
		"no order":            func(r *Refund) { r.OrderID = "" },
		"before 2000":         func(r *Refund) { r.RefundedMS = 0 },
		"no currency":         func(r *Refund) { r.Currency = "" },
		"reason with a line":  func(r *Refund) { r.Reason = "a\nb" },
		"no normalization":    func(r *Refund) { r.Normalization = 0 },
		"whole and by line":   func(r *Refund) { r.Whole = true },
		"neither of the two":  func(r *Refund) { r.Lines = nil },
		"line without id":     func(r *Refund) { r.Lines[0].LineID = "" },
		"no tickets":          func(r *Refund) { r.Lines[0].Quantity = 0 },
		"negative amount":     func(r *Refund) { r.Lines[0].Amount = -1 },
		"too large an amount": func(r *Refund) { r.Lines[0].Amount = MaxTotal + 1 },
	} {
		r := records()["refund-lines"].(*Refund)
		spoil(r)
		if err := (&Refund{}).Unmarshal(r.Append(nil)); !errors.Is(err, ErrBounds) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformedOrdersAreRefused(t *testing.T) {
	usual := records()["order-usual"].Append(nil)
	for name, body := range map[string][]byte{
		"field number 0":          append([]byte{0, 0}, usual...),
		"organizer as bytes":      append([]byte{1<<3 | 2, 0}, usual...),
		"fingerprint as a number": append(slices.Clip(usual), 13<<3, 1),
		"line as a number":        append(slices.Clip(usual), 15<<3, 1),
		"line of a broken field":  append(slices.Clip(usual), 15<<3|2, 1, 8),
		"group":                   append(slices.Clip(usual), 15<<3|3),
		"varint without an end":   bytes.Repeat([]byte{255}, 20),
	} {
		if err := (&Order{}).Unmarshal(body); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&Order{}).Unmarshal(append(slices.Clip(usual), 13<<3|2, 1, 1)); !errors.Is(err, ErrBounds) {
		t.Errorf("fingerprint of one byte: %v", err)
	}
	if err := (&Order{}).Unmarshal(make([]byte, MaxBody+1)); !errors.Is(err, ErrBounds) {
		t.Errorf("body above MaxBody: %v", err)
	}
}

func TestLaterReleasesFieldsAreSkipped(t *testing.T) {
	for name, want := range records() {
		later := append([]byte{250, 1, 2, 'h', 'i', 160, 6, 1}, want.Append(nil)...) // fields 31 and 100
		got := like(want)
		if err := got.Unmarshal(later); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestStandardProtobufReadsAndWritesTheSame(t *testing.T) {
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := compiler.Compile(context.Background(), "order.proto")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range records() {
		message := protoreflect.Name("Order")
		if strings.HasPrefix(name, "refund") {
			message = "Refund"
		}
		standard := dynamicpb.NewMessage(files[0].Messages().ByName(message))
		body := want.Append(nil)
		if err := proto.Unmarshal(body, standard); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		known(t, name, standard)
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(standard)
		if err != nil || !bytes.Equal(again, body) {
			t.Errorf("%s: the standard writes %x, %v\nand we %x", name, again, err, body)
		}
		got := like(want)
		if err := got.Unmarshal(again); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: what the standard wrote is read as %+v, %v", name, got, err)
		}
	}
}

// known fails where a message, or one within it, has a field that isn't ours.
func known(t *testing.T, name string, m protoreflect.Message) {
	t.Helper()
	if n := len(m.GetUnknown()); n > 0 {
		t.Errorf("%s: %d bytes are no fields of order.proto", name, n)
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.IsList() && f.Message() != nil {
			for i := range v.List().Len() {
				known(t, name, v.List().Get(i).Message())
			}
		}
		return true
	})
}

func FuzzUnmarshalOrder(f *testing.F) {
	fuzz(f, func() record { return &Order{} })
}

func FuzzUnmarshalRefund(f *testing.F) {
	fuzz(f, func() record { return &Refund{} })
}

func fuzz(f *testing.F, empty func() record) {
	for _, r := range records() {
		f.Add(r.Append(nil))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		first, second := empty(), empty()
		if first.Unmarshal(body) != nil {
			return
		}
		if err := second.Unmarshal(first.Append(nil)); err != nil || !reflect.DeepEqual(first, second) {
			t.Fatalf("read %+v, then %+v, %v", first, second, err)
		}
	})
}
