package routes

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// million builds the catalog that the memory bound speaks of.
func million() *View {
	v := emptyView().with(at(1), []routes.Organizer{{ID: 1, Slug: "o"}}, []routes.Event{{ID: 1, Organizer: 1, Slug: "e"}}, nil)
	codes := make([]routes.Code, 0, loadBatch)
	for n := range 1_000_000 {
		text := fmt.Sprintf("Partner%06d", n)
		codes = append(codes, routes.Code{ID: ids.CodeID(n + 1), Common: true, Organizer: 1, Text: text, Canonical: text})
		if len(codes) == loadBatch || n == 999_999 {
			v = v.with(at(1), nil, nil, codes)
			codes = codes[:0]
		}
	}
	return v
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMillionCodesFitTheirMemoryAndChangeCheaply(t *testing.T) {
	before := heap()
	v := million()
	used := heap() - before
	t.Logf("a million codes: %.1f MiB of heap, %.1f MiB of tables", float64(used)/(1<<20), float64(v.codes.bytes())/(1<<20))
	if used > 96<<20 {
		t.Errorf("a million codes take %d bytes", used)
	}
	if v.Codes() != 1_000_000 {
		t.Fatalf("%d codes", v.Codes())
	}
	text := []byte("PARTNER777777")
	if n := testing.AllocsPerRun(1000, func() { v.Code(1, 1, text); v.Event([]byte("e")) }); n != 0 {
		t.Errorf("%v allocations a lookup", n)
	}
	next := v.with(at(2), nil, nil, []routes.Code{{ID: 777_778, Common: true, Organizer: 1, Text: "Partner777777", Canonical: "Partner777777", Paused: true}})
	shared := 0
	for i := range next.codes.sub {
		if &next.codes.sub[i].data[0] == &v.codes.sub[i].data[0] {
			shared++
		}
	}
	if shared != subTables-1 {
		t.Errorf("one changed code: %d of %d sub-tables are shared", shared, subTables)
	}
	if resolve(v, 1, 1, "partner777777") != "777778 Partner777777 false" || resolve(next, 1, 1, "partner777777") != "777778 Partner777777 true" {
		t.Error("the change is not in its view alone")
	}
	runtime.KeepAlive(v)
}

func BenchmarkLookup(b *testing.B) {
	v := million()
	texts := make([][]byte, 1024)
	for i := range texts {
		texts[i] = fmt.Appendf(nil, "PARTNER%06d", rand.IntN(1_000_000))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok := v.Code(1, 1, texts[i%1024]); !ok {
			b.Fatal("missing")
		}
	}
}

func BenchmarkOneCodeChanges(b *testing.B) {
	v := million()
	b.ReportAllocs()
	for b.Loop() {
		v.with(at(2), nil, nil, []routes.Code{{ID: 1, Common: true, Organizer: 1, Text: "Partner000000", Canonical: "x"}})
	}
}
