package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// written is an epoch that a crash left behind: three segments of records with
// bodies "record N", and where each of them stands.
type written struct {
	*fixture
	epoch uint64
	dir   string
	count uint64
	at    map[uint64]Record // no bodies
}

func writeCrashed(t *testing.T, bodyBytes int) *written {
	f := newFixture(t)
	j := f.open()
	w := &written{fixture: f, epoch: j.Epoch(), dir: j.dir, at: map[uint64]Record{}}
	for j.shards[0].made < 3 {
		j.makeReady()
		for j.shards[0].next.Load() != nil {
			w.count++
			f.append(j, w.body(w.count, bodyBytes))
		}
	}
	w.count++
	f.append(j, w.body(w.count, bodyBytes))
	f.crash(j)
	r, err := OpenReader(f.config.Dir)
	f.must(err)
	tail, err := r.Tail(w.epoch, 0, 0)
	f.must(err)
	for range w.count {
		rec, ok, err := tail.Next()
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		w.at[rec.Sequence] = rec
	}
	f.must(tail.Close())
	return w
}

func (w *written) body(n uint64, bytes int) string {
	text := fmt.Sprint("record ", n, " ")
	return text + strings.Repeat("x", max(bytes-len(text), 0))
}

func (w *written) path(segment uint32) string { return filepath.Join(w.dir, segmentName(0, segment)) }

func (w *written) edit(segment uint32, change func(b []byte) []byte) {
	w.t.Helper()
	b, err := os.ReadFile(w.path(segment))
	w.must(err)
	w.must(os.WriteFile(w.path(segment), change(b), 0o600))
}

// survivors recovers and gives what a tail reads: the sequences lost, and what it
// said on the way.
func (w *written) survivors(bodyBytes int) (lost []uint64, end *EndRecord, got read) {
	w.t.Helper()
	j := w.open()
	w.must(j.Close())
	got = readAll(w.t, w.config.Dir, w.epoch, 0, 0)
	for n := uint64(1); n <= w.count; n++ {
		body, ok := got.bodies[n]
		if !ok {
			lost = append(lost, n)
		} else if body != w.body(n, bodyBytes) {
			w.t.Fatalf("record %d came back as %q", n, body)
		}
	}
	if len(got.bodies)+len(lost) != int(w.count) {
		w.t.Fatalf("%d records that were never written", len(got.bodies)+len(lost)-int(w.count))
	}
	return lost, epochsOf(w.t, w.config.Dir)[0].End, got
}

func TestCorruptionTakesOnlyTheRecordsItTouches(t *testing.T) {
	const bytes = 1500 // two sectors and more
	edit := func(n uint64, change func(w *written, at int, b []byte)) func(*written) {
		return func(w *written) {
			rec := w.at[n]
			w.edit(rec.Segment, func(b []byte) []byte { change(w, int(rec.Offset), b); return b })
		}
	}
	for name, c := range map[string]struct {
		damage   func(w *written)
		lost     []uint64
		lastLost int // this many at the end besides
		torn     float64
		corrupt  float64
	}{
		"nothing":           {damage: func(*written) {}},
		"bit in a body":     {damage: edit(3, func(_ *written, at int, b []byte) { b[at+40] ^= 4 }), lost: []uint64{3}, corrupt: 1},
		"bit in a sequence": {damage: edit(3, func(_ *written, at int, b []byte) { b[at+9] ^= 1 }), lost: []uint64{3}, corrupt: 1},
		"bit in a kind":     {damage: edit(3, func(_ *written, at int, b []byte) { b[at+16] ^= 2 }), lost: []uint64{3}, corrupt: 1},
		"bit in a time":     {damage: edit(3, func(_ *written, at int, b []byte) { b[at+20] ^= 1 }), lost: []uint64{3}, corrupt: 1},
		"bit in a checksum": {damage: edit(3, func(_ *written, at int, b []byte) { b[at+4] ^= 1 }), lost: []uint64{3}, corrupt: 1},
		"length one more":   {damage: edit(3, func(_ *written, at int, b []byte) { b[at]++ }), lost: []uint64{3}, corrupt: 1},
		"absurd length":     {damage: edit(3, func(_ *written, at int, b []byte) { b[at+3] = 0x7f }), lost: []uint64{3}, corrupt: 1},
		"zeroed length":     {damage: edit(3, func(_ *written, at int, b []byte) { clear(b[at : at+4]) }), lost: []uint64{3}, torn: 1},
		"first record": {
			damage: edit(1, func(_ *written, at int, b []byte) { b[at+30] ^= 1 }), lost: []uint64{1}, corrupt: 1,
		},
		"zeroed sector": {
			damage: edit(3, func(_ *written, at int, b []byte) { s := alignUp(at, sectorBytes); clear(b[s : s+sectorBytes]) }),
			lost:   []uint64{3}, torn: 1,
		},
		"garbage over two records": {
			damage: edit(4, func(w *written, at int, b []byte) {
				rng := rand.New(rand.NewPCG(1, 2))
				for i := at + 10; i < int(w.at[5].Offset)+10; i++ {
					b[i] = byte(rng.Uint32())
				}
			}), lost: []uint64{4, 5}, corrupt: 1,
		},
		"record moved within the segment": {
			damage: edit(4, func(w *written, at int, b []byte) { copy(b[at:], b[w.at[3].Offset:w.at[4].Offset]) }),
			lost:   []uint64{4}, corrupt: 1,
		},
		"segment header lost": {
			damage: func(w *written) { w.edit(2, func(b []byte) []byte { clear(b[:segmentHeaderBytes]); return b }) },
		},
		"segment header damaged": {
			damage: func(w *written) { w.edit(2, func(b []byte) []byte { b[33] ^= 1; return b }) }, corrupt: 1,
		},
		"segment magic damaged": {
			damage: func(w *written) { w.edit(1, func(b []byte) []byte { b[0] ^= 1; return b }) }, corrupt: 1,
		},
		"last record torn": {
			damage: func(w *written) {
				rec := w.at[w.count]
				w.edit(rec.Segment, func(b []byte) []byte { clear(b[rec.Offset+64:]); return b })
			}, lastLost: 1, torn: 1,
		},
		"file cut within the last record": {
			damage: func(w *written) {
				rec := w.at[w.count]
				w.edit(rec.Segment, func(b []byte) []byte { return b[:rec.Offset+100] })
			}, lastLost: 1, corrupt: 1,
		},
		"file cut to nothing": {
			damage: func(w *written) { w.edit(3, func([]byte) []byte { return nil }) }, lastLost: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := writeCrashed(t, bytes)
			c.damage(w)
			want := slices.Clone(c.lost)
			for n := w.count - uint64(c.lastLost) + 1; n <= w.count; n++ {
				want = append(want, n)
			}
			lost, end, _ := w.survivors(bytes)
			if !slices.Equal(lost, want) {
				t.Fatalf("lost %v, want %v", lost, want)
			}
			wantEnd := EndShard{Last: w.count - uint64(c.lastLost)}
			if n := len(c.lost); n > 0 {
				wantEnd.Missing = [][2]uint64{{c.lost[0], c.lost[n-1]}}
			}
			if got := end.Shards[0]; got.Last != wantEnd.Last || !slices.Equal(got.Missing, wantEnd.Missing) || end.Clean {
				t.Fatalf("end record %+v, want %+v", got, wantEnd)
			}
		})
	}
}

// recoverOnly opens and closes, and keeps the registry of that run.
func (w *written) recoverOnly() {
	w.t.Helper()
	w.must(w.open().Close())
}

func TestRecoveryCountsWhatItFindsAndCutsNothingUnsaved(t *testing.T) {
	w := writeCrashed(t, 1500)
	last, third := w.at[w.count], w.at[3]
	var tail []byte
	w.edit(third.Segment, func(b []byte) []byte { b[third.Offset+30] ^= 1; return b })
	w.edit(last.Segment, func(b []byte) []byte {
		clear(b[last.Offset+64 : last.Offset+1500])
		tail = slices.Clone(b[last.Offset:])
		return b
	})
	w.recoverOnly()
	for name, want := range map[string]float64{
		"recovered_records_total": float64(w.count - 2), "missing_records_total": 1, "cut_bytes_total": float64(len(tail)),
	} {
		if got := w.metric(name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	for _, reason := range []string{"torn", "corrupt"} {
		if got := w.metric("bad_ranges_total", "reason", reason); got != 1 {
			t.Errorf("%v ranges %s, want 1", got, reason)
		}
	}
	saved, err := os.ReadFile(w.path(last.Segment) + brokenSuffix)
	w.must(err)
	if !slices.Equal(saved, tail) {
		t.Fatalf("%d bytes saved, %d cut", len(saved), len(tail))
	}
	info, err := os.Stat(w.path(last.Segment))
	w.must(err)
	if info.Size() != last.Offset {
		t.Fatalf("segment has %d bytes, want %d: its unused end was not given back", info.Size(), last.Offset)
	}
	// Once ended, an epoch is not recovered again.
	w.recoverOnly()
	if got := w.metric("recovered_records_total"); got != 0 {
		t.Fatalf("%v records recovered a second time", got)
	}
}

func TestRecoveryTwiceGivesTheSame(t *testing.T) {
	w := writeCrashed(t, 300)
	w.edit(2, func(b []byte) []byte { b[1000] ^= 1; return b })
	w.recoverOnly()
	first := epochsOf(t, w.config.Dir)[0].End
	// The end record is lost, as if the power went before it was written; then damaged.
	for _, change := range []func(string) error{
		os.Remove,
		func(path string) error {
			return os.WriteFile(path, []byte(`{"format":1,"record":{},"crc32c":"00"}`), 0o600)
		},
	} {
		w.must(change(filepath.Join(w.dir, endRecordName)))
		w.recoverOnly()
		again := epochsOf(t, w.config.Dir)[0].End
		if fmt.Sprint(first.Shards) != fmt.Sprint(again.Shards) {
			t.Fatalf("first %+v, then %+v", first.Shards, again.Shards)
		}
	}
	if _, err := os.Stat(filepath.Join(w.dir, endRecordName+brokenSuffix)); err != nil {
		t.Fatal("the damaged end record was not set aside:", err)
	}
}

func TestTornTailAtAnyByteKeepsAllBefore(t *testing.T) {
	w := writeCrashed(t, 48)
	last := w.at[w.count]
	whole, err := os.ReadFile(w.path(last.Segment))
	w.must(err)
	p := newPlace(7, w.epoch, 0, last.Segment, false)
	size := int64(recordHeaderBytes + 48)
	for cut := last.Offset; cut <= last.Offset+size; cut++ {
		for _, ends := range []bool{true, false} { // the file ends there, or zeroes follow
			b := slices.Clone(whole)
			if ends {
				b = b[:cut]
			} else {
				clear(b[cut:])
			}
			w.must(os.WriteFile(w.path(last.Segment), b, 0o600))
			sc, err := scanSegment(segmentFile{number: last.Segment, path: w.path(last.Segment)}, p)
			w.must(err)
			want := w.count - 1
			if cut == last.Offset+size {
				want = w.count
			}
			// The last bytes of a body may be zeroes by themselves.
			if sc.last != want || len(sc.ranges) > 1 {
				t.Fatalf("cut at byte %d of the last record: last sequence %d, want %d", cut-last.Offset, sc.last, want)
			}
			if dirty := len(sc.bad) > 0; dirty != (cut > last.Offset && cut < last.Offset+size) {
				t.Fatalf("cut at byte %d: bad ranges %v", cut-last.Offset, sc.bad)
			}
		}
	}
}

func TestForeignOrNewerFilesAreRefusedUntouched(t *testing.T) {
	for name, c := range map[string]struct {
		file   func(w *written) string
		change func(w *written, b []byte) []byte
		offset int64
	}{
		"segment of unknown magic": {
			file:   func(w *written) string { return w.path(2) },
			change: func(*written, []byte) []byte { return []byte(strings.Repeat("not ours ", 400)) },
		},
		"segment of a future version": {
			file: func(w *written) string { return w.path(2) },
			change: func(w *written, b []byte) []byte {
				h := newPlace(7, w.epoch, 0, 2, false).futureHeader()
				copy(b, h[:])
				return b
			}, offset: 8,
		},
		"epoch header of unknown magic": {
			file:   func(w *written) string { return filepath.Join(w.dir, epochHeaderName) },
			change: func(_ *written, b []byte) []byte { b[0] ^= 1; return b },
		},
		"epoch header of a future version": {
			file:   func(w *written) string { return filepath.Join(w.dir, epochHeaderName) },
			change: func(_ *written, b []byte) []byte { b[8] = 2; return b }, offset: 8,
		},
		"epoch header flipped": {
			file:   func(w *written) string { return filepath.Join(w.dir, epochHeaderName) },
			change: func(_ *written, b []byte) []byte { b[25] ^= 1; return b }, offset: int64(epochFixedBytes + len("c7-visits")),
		},
		"end record of a future format": {
			file: func(w *written) string { return filepath.Join(w.dir, endRecordName) },
			change: func(*written, []byte) []byte {
				return []byte(`{"format":2,"record":{},"crc32c":"00000000"}`)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := writeCrashed(t, 300)
			b, err := os.ReadFile(c.file(w))
			if !errors.Is(err, os.ErrNotExist) {
				w.must(err)
			}
			b = c.change(w, b)
			w.must(os.WriteFile(c.file(w), b, 0o600))
			_, err = w.tryOpen()
			var refused *FormatError
			if !errors.As(err, &refused) || refused.File != c.file(w) || refused.Offset != c.offset {
				t.Fatalf("opened with %v", err)
			}
			after, err := os.ReadFile(c.file(w))
			w.must(err)
			if !slices.Equal(after, b) {
				t.Fatal("the file was changed")
			}
			files, err := filepath.Glob(filepath.Join(w.dir, "*"+brokenSuffix))
			if err != nil || len(files) > 0 {
				t.Fatal("something was cut:", files, err)
			}
			if _, err := Verify(w.config.Dir, w.logged); !errors.As(err, &refused) {
				t.Fatalf("verify: %v", err)
			}
		})
	}
}

// futureHeader is a header as a later version would write it.
func (p *place) futureHeader() [segmentHeaderBytes]byte {
	var h [segmentHeaderBytes]byte
	p.encodeHeader(&h, segmentHeader{base: 1, bytes: minSegmentBytes})
	h[8] = 2
	p.sealHeader(&h)
	return h
}

func TestAnotherCollectorsJournalIsRefused(t *testing.T) {
	w := writeCrashed(t, 300)
	w.config.Collector = 8
	_, err := w.tryOpen()
	var refused *FormatError
	if !errors.As(err, &refused) || refused.Offset != 12 {
		t.Fatalf("opened with %v", err)
	}
}

// staleRecords puts whole, well-formed records where they don't belong.
func staleRecords(w *written) {
	first, err := os.ReadFile(w.path(1))
	w.must(err)
	last := w.at[w.count]
	w.edit(last.Segment, func(b []byte) []byte {
		// Behind the last record: what a file used before would have left there.
		at := int(last.Offset) + alignUp(recordHeaderBytes+len(w.body(w.count, 300)), recordAlign)
		copy(b[at:], first[segmentHeaderBytes:at])
		return b
	})
}

func TestStaleBytesOfAnotherFileNeverPass(t *testing.T) {
	w := writeCrashed(t, 300)
	staleRecords(w)
	lost, _, got := w.survivors(300)
	if len(lost) > 0 || len(got.order) != int(w.count) {
		t.Fatalf("lost %v, read %d of %d", lost, len(got.order), w.count)
	}

	// The same with checksums that leave the position out: they do pass.
	w = writeCrashedWeak(t)
	staleRecords(w)
	p := newPlace(7, w.epoch, 0, w.at[w.count].Segment, true)
	sc, err := scanSegment(segmentFile{number: 3, path: w.path(3)}, p)
	w.must(err)
	if phantoms := sc.records - 1; phantoms == 0 {
		t.Fatal("the test finds nothing when the defence is taken away")
	}
}

func writeCrashedWeak(t *testing.T) *written {
	f := newFixture(t)
	f.config.test.weakSum = true
	j := f.open()
	w := &written{fixture: f, epoch: j.Epoch(), dir: j.dir, at: map[uint64]Record{}}
	for j.shards[0].made < 3 {
		j.makeReady()
		for j.shards[0].next.Load() != nil {
			w.count++
			f.append(j, w.body(w.count, 300))
		}
	}
	at := int64(j.shards[0].segment.used)
	w.count++
	f.append(j, w.body(w.count, 300))
	w.at[w.count] = Record{Segment: 3, Offset: at}
	f.crash(j)
	return w
}

func TestFlippedBitsInSealedSegmentsNeverLieNorPanic(t *testing.T) {
	t.Parallel()
	w := writeCrashed(t, 100)
	w.recoverOnly()
	clean, err := os.ReadFile(w.path(1))
	w.must(err)
	p := newPlace(7, w.epoch, 0, 1, false)
	f := segmentFile{number: 1, path: w.path(1)}
	whole, err := scanSegment(f, p)
	w.must(err)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		b := slices.Clone(clean)
		at := segmentHeaderBytes + rng.IntN(len(b)-segmentHeaderBytes)
		switch rng.IntN(3) {
		case 0:
			b[at] ^= 1 << rng.IntN(8)
		case 1:
			clear(b[at&^(sectorBytes-1)|segmentHeaderBytes : min(at|(sectorBytes-1), len(b))])
		case 2:
			for i := at; i < min(at+sectorBytes, len(b)); i++ {
				b[i] = byte(rng.Uint32())
			}
		}
		w.must(os.WriteFile(w.path(1), b, 0o600))
		sc, err := scanSegment(f, p)
		w.must(err)
		if sc.records < whole.records-6 {
			t.Fatalf("%d records left of %d after 512 bytes of damage", sc.records, whole.records)
		}
		for rec := range goodRecords(p, b, segmentHeaderBytes) {
			if string(rec.Body) != w.body(rec.Sequence, 100) {
				t.Fatalf("record %d came back as %q", rec.Sequence, rec.Body)
			}
		}
	}
}

func TestKilledMakerLeavesNoHalfMadeSegmentForEver(t *testing.T) {
	f := newFixture(t)
	j := f.open()
	f.append(j, "body")
	half := filepath.Join(j.dir, segmentName(0, 2)+temporarySuffix)
	f.must(os.WriteFile(half, make([]byte, 4096), 0o600))
	f.crash(j)
	j = f.open()
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("half made segment: %v", err)
	}
	f.must(j.Close())
}
