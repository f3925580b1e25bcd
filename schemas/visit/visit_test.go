package visit

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"footfall/internal/testkit"
	"footfall/schemas/ids"
)

// visits is one of each kind; the golden files are named after them.
func visits() map[string]Visit {
	long := func(n int) []byte { return bytes.Repeat([]byte{0xff}, n) }
	return map[string]Visit{
		"empty": {},
		"usual": {
			Organizer: 7, Event: 4711, Code: 99, CodeState: CodeResolved, CodeText: []byte("Summer-Sale"),
			Revision:   ids.Revision{Incarnation: 0x1122334455667788, Number: 42},
			VisitorKey: 0x0102030405060708, VisitorSource: VisitorAddress,
			UserAgent: []byte("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"),
			Referrer:  []byte("https://example.org/"), UTM: [5][]byte{[]byte("news"), []byte("mail")},
		},
		"facts": {
			Organizer: 1, Event: 2, Code: 3, CodeState: CodePaused, Ended: true, Test: true, Head: true, Prefetch: true,
			RepeatedAffiliate: true, GPC: true, Consent: ConsentGiven, VisitorSource: VisitorCookie, VisitorKey: 1,
		},
		"unknown": {Organizer: 1, Event: 2, CodeState: CodeUnknown, CodeText: []byte("a\x00b\xff"), Consent: ConsentRefused},
		"largest": {
			Organizer: 1<<32 - 1, Event: ids.MaxEventID, Code: 1<<32 - 1, CodeState: CodeUnknown, CodeText: long(MaxCodeText),
			Ended: true, Test: true, Head: true, Prefetch: true, RepeatedAffiliate: true, GPC: true, Consent: ConsentGiven,
			Revision: ids.Revision{Incarnation: 1<<64 - 1, Number: 1<<64 - 1}, VisitorKey: 1<<64 - 1, VisitorSource: VisitorCookie,
			UserAgent: long(MaxHeader), Referrer: long(MaxHeader),
			Sub: [5][]byte{long(MaxCarried), long(MaxCarried), long(MaxCarried), long(MaxCarried), long(MaxCarried)},
			UTM: [5][]byte{long(MaxCarried), long(MaxCarried), long(MaxCarried), long(MaxCarried), long(MaxCarried)},
		},
	}
}

func TestGoldenVisitsDecodeForEver(t *testing.T) {
	for name, want := range visits() {
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
		var got Visit
		if err := got.Unmarshal(body); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", file, got, err, want)
		}
		if len(body) > MaxBody {
			t.Errorf("%s has %d bytes, more than MaxBody", file, len(body))
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	for name, v := range visits() {
		dst := make([]byte, 0, MaxBody)
		v.Append(dst)
		// The pool's memory may be collected in between, which a run of many hides.
		if n := testing.AllocsPerRun(1000, func() { v.Append(dst) }); n > 0 && !race {
			t.Errorf("%s: an append allocates %v times", name, n)
		}
		body := v.Append(dst)
		if n := testing.AllocsPerRun(1000, func() { _ = v.Unmarshal(body) }); n > 0 {
			t.Errorf("%s: a read allocates %v times", name, n)
		}
	}
}

func TestLongFieldsAreCutNotLost(t *testing.T) {
	v := Visit{Organizer: 1, CodeText: make([]byte, 1000), UserAgent: make([]byte, 1000), Sub: [5][]byte{make([]byte, 1000)}}
	var got Visit
	if err := got.Unmarshal(v.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if len(got.CodeText) != MaxCodeText || len(got.UserAgent) != MaxHeader || len(got.Sub[0]) != MaxCarried {
		t.Errorf("cut to %d, %d, %d bytes", len(got.CodeText), len(got.UserAgent), len(got.Sub[0]))
	}
}

func TestImpossibleVisitsAreRefused(t *testing.T) {
	text := func(field byte, n int) []byte {
		return append([]byte{field<<3 | 2, byte(n&127 | 128), byte(n >> 7)}, make([]byte, n)...)
	}
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"code text of 65 bytes":      {text(5, 65), ErrBounds},
		"code state 4":               {[]byte{4 << 3, 4}, ErrBounds},
		"consent 3":                  {[]byte{12 << 3, 3}, ErrBounds},
		"visitor source -1":          {[]byte{128, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, ErrMalformed},
		"event of 25 bits":           {[]byte{2 << 3, 128, 128, 128, 8}, ErrBounds},
		"user agent of 513 bytes":    {append([]byte{17<<3&127 | 2 | 128, 1, 129, 4}, make([]byte, 513)...), ErrBounds},
		"body above MaxBody":         {make([]byte, MaxBody+1), ErrBounds},
		"organizer of 33 bits":       {[]byte{1 << 3, 255, 255, 255, 255, 127}, ErrMalformed},
		"organizer as bytes":         {[]byte{1<<3 | 2, 0}, ErrMalformed},
		"length beyond the end":      {[]byte{5<<3 | 2, 9, 'a'}, ErrMalformed},
		"tag without a value":        {[]byte{1 << 3}, ErrMalformed},
		"field number 0":             {[]byte{0, 0}, ErrMalformed},
		"group":                      {[]byte{30<<3&127 | 3 | 128, 1}, ErrMalformed},
		"varint that does not end":   {bytes.Repeat([]byte{255}, 20), ErrMalformed},
		"prefix of a usual one":      {func() []byte { v := visits()["usual"]; b := v.Append(nil); return b[:len(b)-1] }(), ErrMalformed},
		"key as varint, not fixed64": {[]byte{15 << 3, 1}, ErrMalformed},
	} {
		var v Visit
		if err := v.Unmarshal(c.body); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestLaterReleasesFieldsAreSkipped(t *testing.T) {
	want := visits()["usual"]
	body := want.Append(nil)
	later := append([]byte{250, 1, 2, 'h', 'i', 160, 6, 1}, body...) // fields 31 and 100
	later = append(later, 168, 6, 1)                                 // field 101
	later = append([]byte{24, 5}, later...)                          // an earlier code: the last one counts
	var got Visit
	if err := got.Unmarshal(later); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// descriptor compiles the .proto with a standard compiler.
func descriptor(t testing.TB) protoreflect.MessageDescriptor {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := compiler.Compile(context.Background(), "visit.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0].Messages().ByName("Visit")
}

func TestStandardProtobufReadsAndWritesTheSame(t *testing.T) {
	for name, want := range visits() {
		standard := dynamicpb.NewMessage(descriptor(t))
		body := want.Append(nil)
		if err := proto.Unmarshal(body, standard); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := len(standard.GetUnknown()); n > 0 {
			t.Errorf("%s: %d bytes are no fields of visit.proto", name, n)
		}
		text, err := protojson.MarshalOptions{UseProtoNames: true, Multiline: true}.Marshal(standard)
		if err != nil {
			t.Fatal(err)
		}
		testkit.Golden(t, "v1-"+name+".json", normalJSON(t, text))
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(standard)
		if err != nil {
			t.Fatal(err)
		}
		var got Visit
		if err := got.Unmarshal(again); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: what the standard wrote is read as %+v, %v", name, got, err)
		}
		if !bytes.Equal(again, body) {
			t.Errorf("%s: the standard writes %x\nand we %x", name, again, body)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, v := range visits() {
		f.Add(v.Append(nil))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var v, again Visit
		if v.Unmarshal(body) != nil {
			return
		}
		written := v.Append(nil)
		if len(written) > MaxBody {
			t.Fatalf("%d bytes written", len(written))
		}
		if err := again.Unmarshal(written); err != nil || !bytes.Equal(again.Append(nil), written) {
			t.Fatalf("read %+v, then %+v, %v", v, again, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	v := visits()["usual"]
	dst := make([]byte, 0, MaxBody)
	b.ReportAllocs()
	for b.Loop() {
		dst = v.Append(dst[:0])
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkUnmarshal(b *testing.B) {
	v := visits()["usual"]
	body := v.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		_ = v.Unmarshal(body)
	}
	b.SetBytes(int64(len(body)))
}
