package clickid

import (
	"testing"

	"footfall/schemas/visit"
)

func BenchmarkAppend(b *testing.B) {
	k, _ := NewKeys(1, []Key{{ID: 1, Secret: [32]byte{1}}})
	f := Fields{Epoch: 0xdeadbeef, Shard: 3, Sequence: 12345, TimeMS: 1795000000000, Event: 4711, Code: 99, State: visit.CodeResolved}
	dst := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		dst = k.Append(dst[:0], f)
	}
}

func BenchmarkDecode(b *testing.B) {
	k, _ := NewKeys(1, []Key{{ID: 1, Secret: [32]byte{1}}})
	f := Fields{Epoch: 0xdeadbeef, Shard: 3, Sequence: 12345, TimeMS: 1795000000000, Event: 4711, Code: 99, State: visit.CodeResolved}
	dst := k.Append(nil, f)
	b.ReportAllocs()
	for b.Loop() {
		g, s := k.Decode(dst)
		if s != Valid || g != f {
			b.Fatal(g, s)
		}
	}
}
