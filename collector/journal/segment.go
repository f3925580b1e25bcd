package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	segmentMagic         = "FFSEGM\r\n"
	segmentVersion       = 1
	segmentHeaderBytes   = 64
	segmentIdentityBytes = 32
	segmentSuffix        = ".seg"
	brokenSuffix         = ".broken"
	temporarySuffix      = ".tmp"
)

// encodeIdentity writes the first 32 bytes of a segment's header, which are
// also what the checksum of its records begins with.
func (p *place) encodeIdentity(b []byte) {
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint32(b[8:], segmentVersion)
	binary.LittleEndian.PutUint32(b[12:], p.collector)
	binary.LittleEndian.PutUint64(b[16:], p.epoch)
	binary.LittleEndian.PutUint32(b[24:], p.segment)
	binary.LittleEndian.PutUint32(b[28:], uint32(p.shard))
}

// segmentHeader is what a segment's first 64 bytes say. Everything in it but
// base and openedMS is also known from the file's name and its epoch's header:
// records survive the loss of it.
type segmentHeader struct {
	base     uint64 // the sequence of the first record
	openedMS int64  // when the segment was put to use
	bytes    int64  // its size as made
}

func (p *place) encodeHeader(b *[segmentHeaderBytes]byte, h segmentHeader) {
	p.encodeIdentity(b[:])
	binary.LittleEndian.PutUint64(b[32:], h.base)
	binary.LittleEndian.PutUint64(b[40:], uint64(h.openedMS))
	binary.LittleEndian.PutUint64(b[48:], uint64(h.bytes))
	p.sealHeader(b)
}

func (p *place) sealHeader(b *[segmentHeaderBytes]byte) {
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], p.table))
}

// headerState is what stands where a segment's header should.
type headerState uint8

const (
	headerGood    headerState = iota
	headerZero                // made ready and not yet in use, or lost to a power cut
	headerDamaged             // the checksum or the place is wrong
	headerUnknown             // not our magic
	headerFuture              // a version that this program doesn't know
)

func (p *place) decodeHeader(b []byte) (segmentHeader, headerState) {
	var h segmentHeader
	if len(b) < segmentHeaderBytes {
		if isZero(b) {
			return h, headerZero
		}
		return h, headerDamaged
	}
	b = b[:segmentHeaderBytes]
	if isZero(b[:8]) {
		// The magic is stored last: what stands behind it doesn't count yet.
		return h, headerZero
	}
	if string(b[:8]) != segmentMagic {
		return h, headerUnknown
	}
	if crc32.Checksum(b[:60], p.table) != binary.LittleEndian.Uint32(b[60:]) {
		return h, headerDamaged
	}
	if binary.LittleEndian.Uint32(b[8:]) != segmentVersion {
		return h, headerFuture
	}
	var id [segmentIdentityBytes]byte
	p.encodeIdentity(id[:])
	if string(id[:]) != string(b[:segmentIdentityBytes]) {
		return h, headerDamaged
	}
	h.base = binary.LittleEndian.Uint64(b[32:])
	h.openedMS = int64(binary.LittleEndian.Uint64(b[40:]))
	h.bytes = int64(binary.LittleEndian.Uint64(b[48:]))
	return h, headerGood
}

// segment is one mapped file. It is written under its shard's lock and unmapped
// by the sync helper alone, after it left the shard: readers use pread.
type segment struct {
	place    *place
	path     string
	file     *os.File
	data     []byte
	base     uint64
	openedMS int64
	used     int    // bytes, with the header; guarded by the shard's lock until sealed
	last     uint64 // newest sequence in it; guarded likewise

	header [segmentHeaderBytes]byte // what begin writes: a roll allocates nothing

	synced int // bytes known to be on the disk; the sync helper's own
}

func segmentName(shard uint8, number uint32) string {
	return fmt.Sprintf("%03d-%010d%s", shard, number, segmentSuffix)
}

// mapSegment maps the zeroed file at path.
func mapSegment(path string, p *place) (*segment, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening segment %s: %w", path, err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() < segmentHeaderBytes {
		err = fmt.Errorf("%d bytes are too few", info.Size())
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("sizing segment %s: %w", path, err)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("mapping segment %s: %w", path, err)
	}
	return &segment{place: p, path: path, file: f, data: data}, nil
}

// begin puts the segment to use: memory only, the magic last, so that a reader
// sees either no header or a whole one.
func (g *segment) begin(base uint64, nowMS int64) {
	g.place.encodeHeader(&g.header, segmentHeader{base: base, openedMS: nowMS, bytes: int64(len(g.data))})
	copy(g.data[8:], g.header[8:])
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&g.data[0])), binary.NativeEndian.Uint64(g.header[:8]))
	g.base, g.openedMS = base, nowMS
	g.used = segmentHeaderBytes
	g.last = base - 1
}

// put copies one record behind the last. The caller has seen that it fits. The
// length goes last and at once: before it, there is nothing here.
func (g *segment) put(sequence uint64, timeMS int64, kind, version uint8, body []byte) {
	length := recordHeaderBytes + len(body)
	b := g.data[g.used : g.used+alignUp(length, recordAlign)]
	meta := uint64(kind) | uint64(version)<<8 | uint64(timeMS)<<16
	binary.LittleEndian.PutUint32(b[4:], g.place.sumOf(sequence, meta, body, int64(g.used)))
	binary.LittleEndian.PutUint64(b[8:], sequence)
	binary.LittleEndian.PutUint64(b[16:], meta)
	copy(b[recordHeaderBytes:], body)
	var word [4]byte
	binary.LittleEndian.PutUint32(word[:], uint32(length))
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&b[0])), binary.NativeEndian.Uint32(word[:]))
	g.used += len(b)
	g.last = sequence
	if g.used < len(g.data) {
		// Where the next record goes is in no cache yet: storing there would wait.
		prefetch(&g.data[g.used])
	}
}

func (g *segment) fits(size int) bool { return g.used+size <= len(g.data) }

// release unmaps and closes; the file keeps its first used bytes. Nobody may
// hold the segment any more.
func (g *segment) release() error {
	wasted := len(g.data) - g.used
	if err := unix.Munmap(g.data); err != nil {
		return fmt.Errorf("unmapping segment %s: %w", g.path, err)
	}
	g.data = nil
	var err error
	if g.used > 0 && wasted >= minTrimBytes {
		err = g.file.Truncate(int64(g.used))
	}
	if e := g.file.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("closing segment %s: %w", g.path, err)
	}
	return nil
}

// minTrimBytes: below it, giving the unused end of a segment back is not worth
// a metadata write.
const minTrimBytes = 64 << 10

// segmentFile is a segment's file as its name tells it.
type segmentFile struct {
	shard  uint8
	number uint32
	path   string
}

// listSegments gives an epoch's segments by shard, each in the order of their
// numbers. Other names are not looked at.
func listSegments(dir string, shards int) ([][]segmentFile, error) {
	entries, err := os.ReadDir(dir) // sorted by name, so by shard and number
	if err != nil {
		return nil, fmt.Errorf("listing epoch %s: %w", dir, err)
	}
	found := make([][]segmentFile, shards)
	for _, e := range entries {
		var f segmentFile
		if n, err := fmt.Sscanf(e.Name(), "%03d-%010d"+segmentSuffix, &f.shard, &f.number); n != 2 || err != nil {
			continue
		}
		if e.Name() != segmentName(f.shard, f.number) || int(f.shard) >= shards {
			continue
		}
		f.path = filepath.Join(dir, e.Name())
		found[f.shard] = append(found[f.shard], f)
	}
	return found, nil
}
