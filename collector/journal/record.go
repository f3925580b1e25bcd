package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// Kinds of records. The journal looks into none but its own heartbeats.
const (
	KindVisit     uint8 = 1
	KindOrder     uint8 = 2
	KindRefund    uint8 = 3
	KindHeartbeat uint8 = 15
)

const (
	// MaxBodyBytes bounds a record's body. A visit takes 100 to 400 bytes and an
	// order at most 64 KiB of JSON; the rest is room for kinds to come.
	MaxBodyBytes = 1 << 20

	recordHeaderBytes = 24
	recordAlign       = 8
	// sectorBytes is what a disk writes whole: a record of which a sector is
	// all zeroes was being written when the power went.
	sectorBytes = 512
	pageBytes   = 4096
)

// Position is where a record stands for ever: sequences are dense per epoch and
// shard and start at 1.
type Position struct {
	Epoch    uint64
	Shard    uint8
	Sequence uint64
	// TimeMS is the record's time, milliseconds UTC since 1970.
	TimeMS int64
}

// Record is one record as read from a segment.
type Record struct {
	Kind     uint8
	Version  uint8
	Sequence uint64
	// TimeMS is lower than that of the record before only where the clock was
	// set back by more than a second.
	TimeMS  int64
	Segment uint32
	// Offset in bytes of the record's header in its segment.
	Offset int64
	// Body is valid until the next call to the tail that gave it.
	Body []byte
}

// place is a segment's identity. It goes into the checksum of every record, so
// that bytes of another file, or moved within this one, never pass. A place is
// used by one goroutine at a time: it carries the scratch of the sum, which
// would else be an allocation for each record.
type place struct {
	collector uint32
	epoch     uint64
	shard     uint8
	segment   uint32

	table   *crc32.Table
	seed    uint32                  // CRC32C of the identity
	weak    bool                    // test only: leave the position out of the sum
	scratch [recordHeaderBytes]byte // offset, length, then the header behind the checksum
}

func newPlace(collector uint32, epoch uint64, shard uint8, segment uint32, weak bool) *place {
	p := &place{collector: collector, epoch: epoch, shard: shard, segment: segment, weak: weak}
	p.table = crc32.MakeTable(crc32.Castagnoli)
	var id [segmentIdentityBytes]byte
	p.encodeIdentity(id[:])
	p.seed = crc32.Checksum(id[:], p.table)
	if weak {
		p.seed = 0
	}
	return p
}

// sum is the checksum of the record that starts at offset: over the identity,
// the offset, the length and everything behind the checksum's own field.
func (p *place) sum(record []byte, offset int64, length uint32) uint32 {
	if p.weak {
		offset = 0
	}
	binary.LittleEndian.PutUint32(p.scratch[0:4], uint32(offset))
	binary.LittleEndian.PutUint32(p.scratch[4:8], length)
	crc := crc32.Update(p.seed, p.table, p.scratch[:8])
	return crc32.Update(crc, p.table, record[8:length])
}

// sumOf is the sum of a record that is still in parts. It reads nothing of a
// segment: what was just stored there is not in the processor's cache yet, and
// reading it back would wait for memory.
func (p *place) sumOf(sequence, meta uint64, body []byte, offset int64) uint32 {
	if p.weak {
		offset = 0
	}
	binary.LittleEndian.PutUint32(p.scratch[0:4], uint32(offset))
	binary.LittleEndian.PutUint32(p.scratch[4:8], uint32(recordHeaderBytes+len(body)))
	binary.LittleEndian.PutUint64(p.scratch[8:], sequence)
	binary.LittleEndian.PutUint64(p.scratch[16:], meta)
	crc := crc32.Update(p.seed, p.table, p.scratch[:])
	return crc32.Update(crc, p.table, body)
}

// look is what stands at one aligned offset.
type look uint8

const (
	lookGood  look = iota // a record whose checksum holds
	lookEmpty             // a zero length: nothing was published here
	lookShort             // the bytes end before the record could
	lookBad               // anything else
)

// parse looks at buf, whose first byte is at offset of the segment. It returns
// the record, which aliases buf, and its size with padding.
func (p *place) parse(buf []byte, offset int64, rec *Record) (int, look) {
	if len(buf) < recordHeaderBytes {
		return 0, lookShort
	}
	length := binary.LittleEndian.Uint32(buf)
	if length == 0 {
		return 0, lookEmpty
	}
	if length < recordHeaderBytes || length > recordHeaderBytes+MaxBodyBytes {
		return 0, lookBad
	}
	meta := binary.LittleEndian.Uint64(buf[16:])
	sequence := binary.LittleEndian.Uint64(buf[8:])
	if sequence == 0 || uint8(meta) == 0 {
		return 0, lookBad
	}
	if len(buf) < int(length) {
		return 0, lookShort
	}
	if p.sum(buf, offset, length) != binary.LittleEndian.Uint32(buf[4:]) {
		return 0, lookBad
	}
	rec.Sequence = sequence
	rec.Kind = uint8(meta)
	rec.Version = uint8(meta >> 8)
	rec.TimeMS = int64(meta >> 16)
	rec.Segment = p.segment
	rec.Offset = offset
	rec.Body = buf[recordHeaderBytes:length:length]
	return min(alignUp(int(length), recordAlign), len(buf)), lookGood // a file may end within the padding
}

// nextGood finds the first offset at or behind from where a good record starts.
// buf begins at offset base of the segment. It returns len(buf) when there is
// none. Every 8 bytes are tried: a record starts nowhere else.
func (p *place) nextGood(buf []byte, base int64, from int) int {
	var rec Record
	for at := from; at+recordHeaderBytes <= len(buf); at += recordAlign {
		if binary.LittleEndian.Uint32(buf[at:]) == 0 {
			continue
		}
		if _, what := p.parse(buf[at:], base+int64(at), &rec); what == lookGood {
			return at
		}
	}
	return len(buf)
}

// isTorn tells whether bad bytes, which start at offset of the segment, look
// like a record that was being written when the power went or the process died:
// unpublished, or with a sector of zeroes within its span. What looks otherwise
// was damaged after it had been written.
func isTorn(bad []byte, offset int64) bool {
	if len(bad) < recordHeaderBytes {
		return true
	}
	span := len(bad)
	if length := binary.LittleEndian.Uint32(bad); length == 0 {
		return true
	} else if length >= recordHeaderBytes && int64(length) < int64(span) {
		span = int(length)
	}
	for at := 0; at < span; {
		end := min(at+sectorBytes-int((offset+int64(at))%sectorBytes), span)
		if isZero(bad[at:end]) {
			return true
		}
		at = end
	}
	return false
}

func isZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func alignUp(n, to int) int { return (n + to - 1) &^ (to - 1) }
