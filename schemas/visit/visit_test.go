package visit

import (
	"reflect"
	"testing"
)

func full() Visit {
	return Visit{Organizer: 7, Event: 4711, Code: 99, CodeState: CodeResolved, CodeText: []byte("Summer-Sale"),
		Revision: revisionForTest, VisitorKey: 0x0102030405060708, VisitorSource: VisitorAddress,
		UserAgent: []byte("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"), Referrer: []byte("https://example.org/"),
		UTM: [5][]byte{[]byte("news"), []byte("mail")}}
}

func BenchmarkAppend(b *testing.B) {
	v := full()
	dst := make([]byte, 0, MaxBody)
	b.ReportAllocs()
	for b.Loop() {
		dst = v.Append(dst[:0])
	}
	b.SetBytes(int64(len(dst)))
}

func TestAppendedVisitIsReadBackAsItWas(t *testing.T) {
	want := full()
	var got Visit
	if err := got.Unmarshal(want.Append(nil)); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
	}
}
