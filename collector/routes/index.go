package routes

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// subTables is how many immutable sub-tables an index has. A change rebuilds
// the sub-tables that it touches: with a million codes one holds a thousand,
// 40 KB to copy for a changed code; the array of their addresses is 8 KB.
const subTables = 1024

// index maps keys to values, both bytes. It is immutable: put makes another
// one that shares every sub-table it doesn't touch. There is no pointer per
// entry, so a million of them cost the garbage collector nothing.
type index struct {
	seed maphash.Seed
	sub  [subTables]*subTable
	n    int
}

// subTable is open addressing over an arena of entries.
//
//	entry = key length (1 byte) | value length (2) | key | value
type subTable struct {
	slots []uint32 // offset of an entry in arena, plus one; 0: free
	arena []byte
	n     int
}

// entry is what put adds or replaces.
type entry struct {
	hash uint64
	key  []byte
	val  []byte
}

const entryHeaderBytes = 3

// slotsFor leaves a quarter of the slots free, so that a probe for a key that
// is not there ends after a few.
func slotsFor(n int) int { return n + n/3 + 1 }

func newIndex() *index { return &index{seed: maphash.MakeSeed()} }

func (x *index) hash(key []byte) uint64 { return maphash.Bytes(x.seed, key) }

// get gives the value of key, aliasing the arena: it never changes.
func (x *index) get(key []byte) ([]byte, bool) {
	h := x.hash(key)
	s := x.sub[h%subTables]
	if s == nil {
		return nil, false
	}
	return s.get(h, key)
}

// start is where the probing for hash h begins in n slots: the high bits,
// because the low ones have chosen the sub-table.
func start(h uint64, n int) int { return int((h >> 32) * uint64(n) >> 32) }

func (s *subTable) get(h uint64, key []byte) ([]byte, bool) {
	for i := start(h, len(s.slots)); ; {
		at := s.slots[i]
		if at == 0 {
			return nil, false
		}
		k, v, _ := s.entry(int(at - 1))
		if bytes.Equal(k, key) {
			return v, true
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

// entry reads the entry at an offset, and where the next one begins.
func (s *subTable) entry(at int) (key, val []byte, next int) {
	k, v := int(s.arena[at]), int(binary.LittleEndian.Uint16(s.arena[at+1:]))
	at += entryHeaderBytes
	next = at + k + v
	return s.arena[at : at+k : at+k], s.arena[at+k : next : next], next
}

// each calls f for every entry, in no order that means anything.
func (x *index) each(f func(key, val []byte) error) error {
	for _, s := range x.sub {
		if s == nil {
			continue
		}
		for at := 0; at < len(s.arena); {
			key, val, next := s.entry(at)
			if err := f(key, val); err != nil {
				return err
			}
			at = next
		}
	}
	return nil
}

// bytes is what the index holds of memory, slots and arenas.
func (x *index) bytes() int {
	n := 0
	for _, s := range x.sub {
		if s != nil {
			n += cap(s.arena) + 4*cap(s.slots)
		}
	}
	return n
}

// put gives an index with the entries added; of entries with one key the last
// one counts. Only the sub-tables that they fall into are built anew.
func (x *index) put(entries []entry) *index {
	if len(entries) == 0 {
		return x
	}
	next := &index{seed: x.seed, sub: x.sub, n: x.n}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return int(a.hash%subTables) - int(b.hash%subTables)
	})
	for len(entries) > 0 {
		at := entries[0].hash % subTables
		n := 1
		for n < len(entries) && entries[n].hash%subTables == at {
			n++
		}
		before := next.sub[at]
		after := build(x, before, entries[:n])
		next.sub[at] = after
		next.n += after.n
		if before != nil {
			next.n -= before.n
		}
		entries = entries[n:]
	}
	return next
}

// build joins the entries of a sub-table with new ones.
func build(x *index, before *subTable, entries []entry) *subTable {
	fresh := make(map[string]int, len(entries)) // key → the last entry with it
	size := 0
	for i, e := range entries {
		fresh[string(e.key)] = i
		size += entryHeaderBytes + len(e.key) + len(e.val)
	}
	b := &builder{index: x}
	if before != nil {
		size += len(before.arena)
		b.arena = make([]byte, 0, size)
		for at := 0; at < len(before.arena); {
			key, val, next := before.entry(at)
			if _, replaced := fresh[string(key)]; !replaced {
				b.add(key, val)
			}
			at = next
		}
	}
	for i, e := range entries {
		if fresh[string(e.key)] == i {
			b.add(e.key, e.val)
		}
	}
	return b.done()
}

// builder fills one sub-table with entries of different keys.
type builder struct {
	index *index
	arena []byte
	n     int
}

func (b *builder) add(key, val []byte) {
	b.arena = append(b.arena, byte(len(key)))
	b.arena = binary.LittleEndian.AppendUint16(b.arena, uint16(len(val)))
	b.arena = append(b.arena, key...)
	b.arena = append(b.arena, val...)
	b.n++
}

func (b *builder) done() *subTable {
	s := &subTable{arena: make([]byte, len(b.arena)), slots: make([]uint32, slotsFor(b.n)), n: b.n}
	copy(s.arena, b.arena)
	for at := 0; at < len(s.arena); {
		key, _, next := s.entry(at)
		i := start(b.index.hash(key), len(s.slots))
		for s.slots[i] != 0 {
			if i++; i == len(s.slots) {
				i = 0
			}
		}
		s.slots[i] = uint32(at + 1)
		at = next
	}
	return s
}
