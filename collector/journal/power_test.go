package journal

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// adversary cuts the power: what was synced is on the disk, and of all that was
// written later, any subset of pages or sectors.
type adversary struct {
	t    testing.TB
	rng  *rand.Rand
	disk map[string][]byte // by path, as of the newest sync of each part
}

// synced copies what one sync put on the disk.
func (a *adversary) synced(path string, from, to int) {
	b, err := os.ReadFile(path)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.disk[path] == nil {
		a.disk[path] = make([]byte, len(b)) // made of zeroes and synced
	}
	copy(a.disk[path][from:to], b[from:to])
}

// cut gives a directory as it is found when the power is back.
func (a *adversary) cut(dir string) string {
	a.t.Helper()
	found := a.t.TempDir()
	unit := []int{pageBytes, sectorBytes}[a.rng.IntN(2)]
	kept := a.rng.Float64()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(found, relative), 0o700)
		}
		now, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if filepath.Ext(path) == segmentSuffix {
			old := a.disk[path]
			if old == nil {
				old = make([]byte, len(now))
			}
			for at := 0; at < len(now); at += unit {
				if end := min(at+unit, len(now)); a.rng.Float64() >= kept {
					copy(now[at:end], old[at:end])
				}
			}
		}
		return os.WriteFile(filepath.Join(found, relative), now, 0o600)
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return found
}

// outage is one life of a journal that ends with the power.
type outage struct {
	*fixture
	epoch    uint64
	bodies   []string // by sequence, from 1
	durable  uint64   // acknowledged as synced
	consumed uint64   // by a consumer that reads ahead of the disk
	found    string
}

// live writes until the power goes. With honest false, syncs say nil and do
// nothing.
func live(t testing.TB, seed uint64, honest bool) *outage {
	rng := rand.New(rand.NewPCG(seed, 7))
	o := &outage{fixture: newFixture(t), bodies: []string{""}}
	a := &adversary{t: t, rng: rng, disk: map[string][]byte{}}
	o.config.test.synced = a.synced
	if !honest {
		o.config.test.msync = func(string, []byte) error { return nil }
		o.config.test.synced = nil
	}
	j := o.open()
	o.epoch = j.Epoch()
	r, err := OpenReader(o.config.Dir)
	o.must(err)
	tail, err := r.Tail(o.epoch, 0, 0)
	o.must(err)
	for range 30 + rng.IntN(200) {
		switch rng.IntN(25) {
		case 0:
			o.must(j.syncRound())
		case 1, 2:
			j.makeReady()
		case 3, 4:
			o.consumed += uint64(len(drain(t, tail).order))
		default:
			body := fmt.Sprint(len(o.bodies), " ", string(slices.Repeat([]byte{'y'}, rng.IntN(1200))))
			if _, err := j.Append(0, KindVisit, 1, []byte(body)); err == nil {
				o.bodies = append(o.bodies, body)
			}
		}
	}
	if rng.IntN(2) == 0 {
		o.consumed += uint64(len(drain(t, tail).order))
	}
	o.must(tail.Close())
	o.durable = j.shards[0].durable.Load()
	o.found = a.cut(o.config.Dir)
	o.crash(j)
	o.config.Dir = o.found
	o.config.test = testSwitches{}
	return o
}

// lost recovers, and gives the sequences that did not survive.
func (o *outage) lost() map[uint64]bool {
	o.t.Helper()
	o.must(o.open().Close())
	got := readAll(o.t, o.found, o.epoch, 0, 0)
	lost := map[uint64]bool{}
	for n := 1; n < len(o.bodies); n++ {
		body, ok := got.bodies[uint64(n)]
		if !ok {
			lost[uint64(n)] = true
		} else if body != o.bodies[n] {
			o.t.Fatalf("record %d came back as %.40q", n, body)
		}
	}
	if len(got.bodies)+len(lost) != len(o.bodies)-1 {
		o.t.Fatal("a record was read that was never written")
	}
	if !slices.IsSorted(got.order) {
		o.t.Fatalf("order %v", got.order)
	}
	return lost
}

func TestPowerCutTakesNothingThatWasSynced(t *testing.T) {
	t.Parallel()
	cuts := 40
	if text := os.Getenv("FOOTFALL_POWER_CUTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal("reading FOOTFALL_POWER_CUTS:", err)
		}
		cuts = n
	}
	first := rand.Uint64N(1 << 40)
	written, survived, ahead := 0, 0, 0
	for seed := first; seed < first+uint64(cuts); seed++ {
		o := live(t, seed, true)
		lost := o.lost()
		end := epochsOf(t, o.found)[0].End.Shards[0]
		for n := range lost {
			if n <= o.durable {
				t.Fatalf("seed %d: record %d is lost, and everything up to %d was synced", seed, n, o.durable)
			}
			if n <= end.Last && !slices.ContainsFunc(end.Missing, func(m [2]uint64) bool { return m[0] <= n && n <= m[1] }) {
				t.Fatalf("seed %d: record %d is lost and the end record %+v doesn't say so", seed, n, end)
			}
		}
		for _, m := range end.Missing {
			for n := m[0]; n <= m[1]; n++ {
				if !lost[n] {
					t.Fatalf("seed %d: record %d is there and the end record says that it is missing", seed, n)
				}
			}
		}
		o.checkConsumer(seed, end.Last)
		written += len(o.bodies) - 1
		survived += len(o.bodies) - 1 - len(lost)
		if o.consumed > end.Last {
			ahead++
		}
	}
	t.Logf("first seed %d: %d cuts, %d records, %d survived, %d times the consumer was ahead", first, cuts, written, survived, ahead)
	if ahead == 0 {
		t.Error("no consumer was ever ahead of what survived: the test shows too little")
	}
}

// checkConsumer goes on from where a consumer was, which may be ahead of all that
// survived: nothing comes twice, and no later number means another record.
func (o *outage) checkConsumer(seed, last uint64) {
	o.t.Helper()
	for n := range readAll(o.t, o.found, o.epoch, 0, o.consumed).bodies {
		if n <= o.consumed || n > last {
			o.t.Fatalf("seed %d: record %d given behind %d", seed, n, o.consumed)
		}
	}
	epochs := epochsOf(o.t, o.found)
	if len(epochs) != 2 || epochs[1].Epoch == o.epoch || epochs[1].Ordinal != epochs[0].Ordinal+1 {
		o.t.Fatalf("seed %d: epochs %+v", seed, epochs)
	}
}

func TestSyncThatDoesNothingIsFoundByThePowerCut(t *testing.T) {
	for seed := range uint64(50) {
		o := live(t, seed, false)
		for n := range o.lost() {
			if n <= o.durable {
				return
			}
		}
	}
	t.Fatal("fifty power cuts without a sync took nothing: the power cut test shows nothing")
}
