package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVerifyNamesWhatIsDamagedAndMissing(t *testing.T) {
	w := writeCrashed(t, 600)
	var out bytes.Buffer
	n, err := Verify(w.config.Dir, &out)
	if err != nil || n != 0 {
		t.Fatalf("%d, %v: %s", n, err, &out)
	}
	rec := w.at[3]
	w.edit(rec.Segment, func(b []byte) []byte { b[rec.Offset+30] ^= 1; return b })
	for _, state := range []string{"open, or not recovered", "ended by recovery"} {
		out.Reset()
		n, err = Verify(w.config.Dir, &out)
		if err != nil || n != 2 {
			t.Fatalf("%d, %v: %s", n, err, &out)
		}
		for _, want := range []string{
			"epoch " + epochName(w.epoch) + ": ordinal 1, collector 7, log c7-visits", state,
			"sequences 3 to 3 are missing", "is damaged from byte 1312 on, for 624 bytes",
		} {
			if !strings.Contains(out.String(), want) {
				t.Fatalf("%q is not in\n%s", want, &out)
			}
		}
		w.recoverOnly()
	}
	// A whole segment that goes after the end record was written.
	w.must(os.Remove(w.path(3)))
	if n, err = Verify(w.config.Dir, io.Discard); err != nil || n != 3 {
		t.Fatalf("%d, %v", n, err)
	}
}

func TestMistypedDirectoryIsNotASoundJournal(t *testing.T) {
	dir := t.TempDir()
	missing, file := filepath.Join(dir, "not there"), filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{missing, file} {
		if _, err := Verify(path, io.Discard); err == nil {
			t.Fatalf("%s was taken for a journal", path)
		}
		if err := Dump(path, io.Discard, false); err == nil {
			t.Fatalf("%s was taken for a journal", path)
		}
	}
	// A consumer may start before its collector.
	r, err := OpenReader(missing)
	if err != nil {
		t.Fatal(err)
	}
	if epochs, err := r.Epochs(); err != nil || len(epochs) > 0 {
		t.Fatal(epochs, err)
	}
	if _, err := r.Tail(1, 0, 0); !errors.Is(err, ErrGone) {
		t.Fatal(err)
	}
}

func TestDumpWritesEveryRecordOnce(t *testing.T) {
	w := writeCrashed(t, 300)
	var out bytes.Buffer
	w.must(Dump(w.config.Dir, &out, true))
	lines := json.NewDecoder(&out)
	for n := uint64(1); ; n++ {
		var d dumped
		err := lines.Decode(&d)
		if errors.Is(err, io.EOF) && n == w.count+1 {
			break
		}
		w.must(err)
		body, err := hex.DecodeString(d.Body)
		w.must(err)
		if d.Sequence != n || d.Kind != "visit" || string(body) != w.body(n, 300) || d.Offset != w.at[n].Offset || d.Time != "2026-11-18T11:06:40.000Z" {
			t.Fatalf("line %d is %+v", n, d)
		}
	}
	out.Reset()
	w.must(Dump(w.config.Dir, &out, false))
	if strings.Contains(out.String(), "body") {
		t.Fatal("bodies were written unasked")
	}
}

//nolint:gochecknoglobals // the flag of every golden test
var update = flag.Bool("update", false, "write the golden files")

// TestReleasedFormatIsReadForEver reads a journal that the first version wrote.
func TestReleasedFormatIsReadForEver(t *testing.T) {
	const epoch = 0x0123456789abcdef
	dir := filepath.Join("testdata", "v1")
	if *update {
		writeGolden(t, filepath.Join(dir, epochName(epoch)), epoch)
	}
	e := epochsOf(t, dir)
	if len(e) != 1 || e[0].Log != "c7-visits" || e[0].Collector != 7 || e[0].Ordinal != 3 || e[0].StartedMS != 1_795_000_000_000 ||
		e[0].End == nil || e[0].End.Shards[0].Last != 4 || e[0].End.Shards[0].Missing[0] != [2]uint64{2, 2} {
		t.Fatalf("epochs %+v", e)
	}
	got := readAll(t, dir, epoch, 0, 0)
	if len(got.order) != 3 || got.bodies[1] != "first" || got.bodies[3] != "third" || len(got.corrupt) != 1 {
		t.Fatalf("read %+v", got)
	}
}

func writeGolden(t *testing.T, dir string, epoch uint64) {
	info := EpochInfo{Epoch: epoch, Ordinal: 3, Collector: 7, StartedMS: 1_795_000_000_000, Log: "c7-visits", Shards: 1, SegmentBytes: minSegmentBytes}
	g := &segment{place: newPlace(7, epoch, 0, 1, false), data: make([]byte, 512)}
	g.begin(1, info.StartedMS)
	for i, body := range []string{"first", "second", "third"} {
		g.put(uint64(i+1), info.StartedMS+int64(i), KindVisit, 1, []byte(body))
	}
	g.put(4, info.StartedMS+3, KindHeartbeat, 1, nil)
	damaged := bytes.Replace(g.data, []byte("second"), []byte("sEcond"), 1)
	end, err := info.encodeEnd(EndRecord{EndedMS: info.StartedMS + 4, Shards: []EndShard{{Last: 4, Missing: [][2]uint64{{2, 2}}}}})
	for _, err := range []error{
		err, os.MkdirAll(dir, 0o700),
		os.WriteFile(filepath.Join(dir, epochHeaderName), info.encode(), 0o600),
		os.WriteFile(filepath.Join(dir, segmentName(0, 1)), damaged, 0o600),
		os.WriteFile(filepath.Join(dir, endRecordName), end, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkTail(b *testing.B) {
	f := newFixture(b)
	f.config.SegmentBytes = 64 << 20
	j := f.open()
	body := make([]byte, benchBody)
	records := 0
	for {
		if _, err := j.Append(0, KindVisit, 1, body); err != nil {
			break
		}
		records++
	}
	f.must(j.Close())
	r, err := OpenReader(f.config.Dir)
	f.must(err)
	for b.Loop() {
		tail, err := r.Tail(j.Epoch(), 0, 0)
		f.must(err)
		for range records {
			if _, ok, err := tail.Next(); err != nil || !ok {
				b.Fatal(ok, err)
			}
		}
		f.must(tail.Close())
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
