package routes

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
)

// subTables is how many immutable sub-tables an index has. A change rebuilds
// the sub-tables that it touches: with a million codes one holds a thousand,
// 40 KB to copy for a changed code; the array of them is 32 KB.
const subTables = 1024

// index maps keys to values, both bytes. It is immutable: put makes another
// one that shares every sub-table it doesn't touch. There is no pointer per
// entry, so a million of them cost the garbage collector nothing.
type index struct {
	seed maphash.Seed
	sub  [subTables]subTable
	n    int
}

// subTable is open addressing over an arena of entries, in one piece of memory.
//
//	data  = slots | arena
//	slot  = 4 bytes: offset of an entry in the data (24 bits) and a tag of its hash (8); 0: free
//	entry = key length (1 byte) | value length (2) | key | value
//
// The tag keeps a search from looking at entries that it does not want, each of
// which would be a wait for memory.
type subTable struct {
	data    []byte
	slots   uint32
	entries uint32
}

// entry is what put adds or replaces.
type entry struct {
	hash uint32
	key  []byte
	val  []byte
}

const (
	slotBytes        = 4
	entryHeaderBytes = 3

	// maxTableBytes is what a slot can address. With keys spread evenly that is
	// 16 GiB of table, more than there are ids of codes for.
	maxTableBytes = 1 << 24
)

// slotsFor leaves a quarter of the slots free, so that a probe for a key that
// is not there ends after a few.
func slotsFor(n int) int { return n + n/3 + 1 }

func newIndex() *index { return &index{seed: maphash.MakeSeed()} }

// hash is of 32 bits: ten choose the sub-table, eight are the tag, and all
// spread over the slots.
func (x *index) hash(b []byte) uint32 { return uint32(maphash.Bytes(x.seed, b)) }

// get gives the value of a key, aliasing the table: it never changes.
func (x *index) get(key []byte) ([]byte, bool) {
	h := x.hash(key)
	t := &x.sub[h%subTables]
	if t.entries == 0 {
		return nil, false
	}
	for i := first(h, t.slots); ; {
		slot := t.slot(i)
		if slot == 0 {
			return nil, false
		}
		if slot>>24 == h>>24 {
			if k, v, _ := t.entry(int(slot & 0xFFFFFF)); bytes.Equal(k, key) {
				return v, true
			}
		}
		if i++; i == t.slots {
			i = 0
		}
	}
}

// first is the slot where the probing for a hash begins.
func first(h, slots uint32) uint32 { return uint32(uint64(h*0x9E3779B1) * uint64(slots) >> 32) }

func (t *subTable) slot(i uint32) uint32 { return binary.LittleEndian.Uint32(t.data[slotBytes*i:]) }

// arena is the offset of the first entry.
func (t *subTable) arena() int { return slotBytes * int(t.slots) }

// entry reads the entry at an offset, and where the next one begins.
func (t *subTable) entry(at int) (key, val []byte, next int) {
	k, v := int(t.data[at]), int(binary.LittleEndian.Uint16(t.data[at+1:]))
	at += entryHeaderBytes
	next = at + k + v
	return t.data[at : at+k : at+k], t.data[at+k : next : next], next
}

// each calls f for every entry, in no order that means anything.
func (x *index) each(f func(key, val []byte) error) error {
	for i := range x.sub {
		t := &x.sub[i]
		for at := t.arena(); at < len(t.data); {
			key, val, next := t.entry(at)
			if err := f(key, val); err != nil {
				return err
			}
			at = next
		}
	}
	return nil
}

// bytes is what the index holds of memory.
func (x *index) bytes() int {
	n := 0
	for i := range x.sub {
		n += cap(x.sub[i].data)
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
		after := build(x, &x.sub[at], entries[:n])
		next.n += int(after.entries) - int(x.sub[at].entries)
		next.sub[at] = after
		entries = entries[n:]
	}
	return next
}

// build joins the entries of a sub-table with new ones.
func build(x *index, before *subTable, entries []entry) subTable {
	last := make(map[string]int, len(entries)) // key → the last entry with it
	for i, e := range entries {
		last[string(e.key)] = i
	}
	kept, size := len(last), 0
	for i, e := range entries {
		if last[string(e.key)] == i {
			size += entryHeaderBytes + len(e.key) + len(e.val)
		}
	}
	// The entries that stay are copied as they are, in runs.
	var stay [][]byte
	run := before.arena()
	for at := run; at < len(before.data); {
		key, _, next := before.entry(at)
		if _, replaced := last[string(key)]; replaced {
			stay, run = append(stay, before.data[run:at]), next
		} else {
			kept++
		}
		at = next
	}
	stay = append(stay, before.data[run:])
	for _, run := range stay {
		size += len(run)
	}
	t := subTable{slots: uint32(slotsFor(kept)), entries: uint32(kept)}
	arena := t.arena()
	if arena+size > maxTableBytes {
		panic(fmt.Sprintf("a sub-table of %d bytes: its slots can't address it", arena+size))
	}
	data := make([]byte, arena, arena+size)
	for _, run := range stay {
		data = append(data, run...)
	}
	for i, e := range entries {
		if last[string(e.key)] == i {
			data = append(data, byte(len(e.key)))
			data = binary.LittleEndian.AppendUint16(data, uint16(len(e.val)))
			data = append(append(data, e.key...), e.val...)
		}
	}
	t.data = data
	t.fillSlots(x)
	return t
}

// fillSlots enters every entry of the arena.
func (t *subTable) fillSlots(x *index) {
	for at := t.arena(); at < len(t.data); {
		key, _, next := t.entry(at)
		h := x.hash(key)
		i := first(h, t.slots)
		for t.slot(i) != 0 {
			if i++; i == t.slots {
				i = 0
			}
		}
		binary.LittleEndian.PutUint32(t.data[slotBytes*i:], uint32(at)|h>>24<<24)
		at = next
	}
}
