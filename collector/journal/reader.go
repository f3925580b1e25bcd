package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Reader reads a journal, while it is written or afterwards, in the writer's
// process or another. It never maps a file and changes nothing.
type Reader struct {
	dir     string
	weakSum bool // test only
}

// OpenReader reads the journal in dir, which need not exist yet.
func OpenReader(dir string) (*Reader, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return &Reader{dir: dir}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening journal %s: %w", dir, err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("opening journal %s: it is not a directory", dir)
	}
	return &Reader{dir: dir}, nil
}

// Epochs lists what there is, by ordinal. A *FormatError names a file that this
// program doesn't understand.
func (r *Reader) Epochs() ([]EpochInfo, error) {
	epochs, _, err := listEpochs(r.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return epochs, err
}

// Tail reads one shard of an epoch from the record behind sequence after on; 0
// is from the beginning. ErrGone: the epoch is not, or no longer, here.
func (r *Reader) Tail(epoch uint64, shard int, after uint64) (*Tail, error) {
	dir := filepath.Join(r.dir, epochName(epoch))
	e, err := readEpoch(dir, epoch)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("tailing epoch %s: %w", epochName(epoch), ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("tailing epoch %s: %w", epochName(epoch), err)
	}
	if shard < 0 || shard >= e.Shards {
		return nil, fmt.Errorf("tailing epoch %s: shard %d of %d", epochName(epoch), shard, e.Shards)
	}
	t := &Tail{dir: dir, info: e, shard: uint8(shard), last: after, ended: e.End != nil, weakSum: r.weakSum}
	if err := t.seek(after); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// tailSegment is one open segment of a tail.
type tailSegment struct {
	file   segmentFile
	f      *os.File
	place  *place
	base   uint64 // 0 while its header is zero or not to be believed
	inUse  bool   // the header is not zero
	damage bool   // the header is neither zero nor good
}

// openSegment gives os.ErrNotExist for a number that is not there.
func (t *Tail) openSegment(f segmentFile) (*tailSegment, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("opening segment: %w", err)
	}
	g := &tailSegment{file: f, f: file, place: newPlace(t.info.Collector, t.info.Epoch, f.shard, f.number, t.weakSum)}
	if err := g.look(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return g, nil
}

// look reads the header again, until it is there.
func (g *tailSegment) look() error {
	if g.inUse && !g.damage {
		return nil
	}
	b := make([]byte, segmentHeaderBytes)
	n, err := g.f.ReadAt(b, 0)
	if err != nil && n == 0 && !isEOF(err) {
		return fmt.Errorf("reading header of segment %s: %w", g.file.path, err)
	}
	h, state := g.place.decodeHeader(b[:n])
	g.inUse = state != headerZero
	g.damage = state == headerDamaged || state == headerUnknown
	if state == headerFuture {
		return &FormatError{File: g.file.path, Offset: 8, Reason: "version of the segment is unknown to this program"}
	}
	g.base = h.base
	return nil
}

// seek opens the last segment that begins at or below the record wanted. The
// segments before it hold nothing that it has not.
func (t *Tail) seek(after uint64) error {
	files, err := listSegments(t.dir, t.info.Shards)
	if err != nil {
		return err
	}
	mine := files[t.shard]
	for i, f := range slices.Backward(mine) {
		g, err := t.openSegment(f)
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted since it was listed
		}
		if err != nil {
			return err
		}
		if i == 0 || g.base > 0 && g.base <= after+1 {
			t.enter(g)
			return nil
		}
		if err := g.f.Close(); err != nil {
			return fmt.Errorf("closing segment: %w", err)
		}
	}
	return nil
}
