package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is what a journal should hold: a plain slice for each epoch and shard.
type model struct {
	*fixture
	rt     *rapid.T
	j      *Journal
	epochs []*modelEpoch
	tails  map[int]*Tail // of the newest epoch, by shard
	given  map[int]int   // records that each of them gave
}

type modelEpoch struct {
	epoch  uint64
	bodies [2][]string
	clean  bool
}

func (m *model) now() *modelEpoch { return m.epochs[len(m.epochs)-1] }

func (m *model) start() {
	m.j = m.fixture.open()
	m.epochs = append(m.epochs, &modelEpoch{epoch: m.j.Epoch()})
	m.tails, m.given = map[int]*Tail{}, map[int]int{}
}

func (m *model) end(how func()) {
	for shard := range m.tails {
		m.must(m.tails[shard].Close())
	}
	how()
	m.start()
}

func (m *model) append(rt *rapid.T) {
	shard := rapid.IntRange(0, 1).Draw(rt, "shard")
	body := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(rt, "body")
	p, err := m.j.Append(shard, KindOrder, 2, body)
	if errors.Is(err, ErrFull) {
		if m.j.shards[shard].next.Load() != nil {
			rt.Fatal("full with a segment ready")
		}
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	bodies := &m.now().bodies[shard]
	*bodies = append(*bodies, string(body))
	if p.Sequence != uint64(len(*bodies)) || int(p.Shard) != shard {
		rt.Fatalf("record %d of shard %d got position %+v", len(*bodies), shard, p)
	}
}

// follow lets a tail of the running epoch catch up.
func (m *model) follow(rt *rapid.T) {
	shard := rapid.IntRange(0, 1).Draw(rt, "shard")
	if m.tails[shard] == nil {
		r, err := OpenReader(m.config.Dir)
		m.must(err)
		m.tails[shard], err = r.Tail(m.now().epoch, shard, 0)
		m.must(err)
	}
	got := drain(m.t, m.tails[shard])
	for _, sequence := range got.order {
		m.given[shard]++
		if sequence != uint64(m.given[shard]) || got.bodies[sequence] != m.now().bodies[shard][sequence-1] {
			rt.Fatalf("tail gave %d as its record %d", sequence, m.given[shard])
		}
	}
	if m.given[shard] != len(m.now().bodies[shard]) {
		rt.Fatalf("tail gave %d of %d records", m.given[shard], len(m.now().bodies[shard]))
	}
}

// check compares every epoch with the model, from a position drawn.
func (m *model) check(rt *rapid.T) {
	epochs := epochsOf(m.t, m.config.Dir)
	if len(epochs) != len(m.epochs) {
		rt.Fatalf("%d epochs, want %d", len(epochs), len(m.epochs))
	}
	for i, want := range m.epochs {
		e := epochs[i]
		if e.Epoch != want.epoch || e.Ordinal != uint64(i+1) || (e.End == nil) != (i == len(epochs)-1) {
			rt.Fatalf("epoch %d is %+v", i, e)
		}
		for shard, bodies := range want.bodies {
			after := rapid.IntRange(0, len(bodies)).Draw(rt, "after")
			got := readAll(m.t, m.config.Dir, e.Epoch, shard, uint64(after))
			var read []string
			for _, sequence := range got.order {
				read = append(read, got.bodies[sequence])
			}
			if !slices.Equal(read, bodies[after:]) || len(got.corrupt) > 0 {
				rt.Fatalf("epoch %d shard %d from %d: %d records, want %d", i, shard, after, len(read), len(bodies)-after)
			}
			if e.End != nil && (e.End.Shards[shard].Last != uint64(len(bodies)) || e.End.Shards[shard].Missing != nil || e.End.Clean != want.clean) {
				rt.Fatalf("end record %+v of %d records", e.End, len(bodies))
			}
		}
	}
}

func TestJournalIsAPlainSlice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{fixture: newFixture(t), rt: rt}
		m.config.Shards = 2
		m.start()
		rt.Repeat(map[string]func(*rapid.T){
			"append":  m.append,
			"append2": m.append,
			"append3": m.append,
			"follow":  m.follow,
			"ready":   func(*rapid.T) { m.j.makeReady() },
			"sync":    func(*rapid.T) { m.must(m.j.syncRound()) },
			"age": func(*rapid.T) {
				for _, s := range m.j.shards {
					s.rollAged(m.clock.Now().UnixMilli(), 0)
				}
			},
			"stop":  func(*rapid.T) { m.end(func() { m.must(m.j.Close()); m.now().clean = true }) },
			"crash": func(*rapid.T) { m.end(func() { m.crash(m.j) }) },
			"check": m.check,
		})
		m.check(rt)
		m.end(func() { m.must(m.j.Close()) })
		m.must(m.j.Close())
		m.must(os.RemoveAll(m.config.Dir))
	})
}

func FuzzReader(f *testing.F) {
	const epoch = 0x0123456789abcdef // fixed: a failing input must fail again
	p := newPlace(7, epoch, 0, 1, false)
	g := &segment{place: p, data: make([]byte, 4096)}
	g.begin(1, 1)
	for i, body := range []string{"", "a", "twenty bytes of body", string(make([]byte, 600))} {
		g.put(uint64(i+1), 2, KindVisit, 1, []byte(body))
	}
	whole := slices.Clone(g.data)
	f.Add(whole, uint8(0))
	f.Add(whole[:200], uint8(1))
	f.Add([]byte{}, uint8(2))
	for _, at := range []int{0, 8, 60, 64, 68, 72, 81, 100, 128} {
		b := slices.Clone(whole[:1024])
		b[at] ^= 0x41
		f.Add(b, uint8(at))
	}
	f.Fuzz(func(t *testing.T, segment []byte, ended uint8) {
		if len(segment) > 64<<10 {
			segment = segment[:64<<10]
		}
		dir := t.TempDir()
		epochDir := filepath.Join(dir, epochName(epoch))
		info := EpochInfo{Epoch: epoch, Ordinal: 1, Collector: 7, Log: "l", Shards: 1, SegmentBytes: minSegmentBytes}
		for _, err := range []error{
			os.Mkdir(epochDir, 0o700),
			os.WriteFile(filepath.Join(epochDir, epochHeaderName), info.encode(), 0o600),
			os.WriteFile(filepath.Join(epochDir, segmentName(0, 1)), segment, 0o600),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if ended%2 == 1 {
			end, err := info.encodeEnd(EndRecord{Shards: make([]EndShard, 1)})
			if err == nil {
				err = os.WriteFile(filepath.Join(epochDir, endRecordName), end, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		fuzzTail(t, dir, epoch, p, segment)
	})
}

// fuzzTail reads whatever is there: no panic, no endless loop, and no record
// whose checksum doesn't hold at its place.
func fuzzTail(t *testing.T, dir string, epoch uint64, p *place, segment []byte) {
	r, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	tail, err := r.Tail(epoch, 0, 0)
	if _, refused := errors.AsType[*FormatError](err); refused {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for range len(segment)/recordAlign + 3 {
		rec, ok, err := tail.Next()
		if bad, is := errors.AsType[*CorruptError](err); is {
			if bad.Bytes <= 0 || bad.Error() == "" {
				t.Fatalf("%+v", bad)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			if err := tail.Close(); err != nil {
				t.Fatal(err)
			}
			return
		}
		var again Record
		if _, what := p.parse(segment[rec.Offset:], rec.Offset, &again); what != lookGood || again.Sequence != rec.Sequence {
			t.Fatalf("record at %d is not good", rec.Offset)
		}
	}
	t.Fatal("the tail never comes to an end")
}

func TestSyncEndsWithItsContext(t *testing.T) {
	f := newFixture(t)
	j := f.open()
	p := f.append(j, "x")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := j.Sync(ctx, p); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := j.Sync(ctx, Position{Epoch: p.Epoch + 1, Sequence: 1}); err == nil || errors.Is(err, context.Canceled) {
		t.Fatal("synced a record of another epoch:", err)
	}
	f.must(j.Close())
	f.must(j.Sync(ctx, p))
	p.Sequence++
	if err := j.Sync(context.Background(), p); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}
