package routes_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func revision(n uint64) ids.Revision {
	return ids.Revision{Incarnation: 0xFEEDFACECAFEBEEF, Number: n}
}

func snapshot() routes.Update {
	return routes.Update{Snapshot: &routes.Snapshot{
		Revision:   revision(7),
		Organizers: []routes.Organizer{{ID: 1, Slug: "north"}, {ID: 4_000_000_000, Slug: "south", Cookies: true}},
		Events: []routes.Event{
			{ID: 1, Organizer: 1, Slug: "spring-fair", Destination: "https://tickets.example/e/1?lang=de", StartMS: 1_790_000_000_000, EndMS: 1_790_086_400_000, Currency: "EUR"},
			{ID: ids.MaxEventID, Organizer: 4_000_000_000, Slug: "before-1970", Destination: "https://tickets.example/", StartMS: -5, EndMS: -1, Currency: "JPY"},
		},
		Codes: []routes.Code{
			{ID: 9, Common: true, Organizer: 1, Text: "SPRING", Canonical: "SPRING"},
			{ID: 9, Common: true, Organizer: 1, Text: "old-spring", Canonical: "SPRING"},
			{ID: 4_000_000_001, Organizer: 1, Event: 1, Text: "ann.1", Canonical: "ann.1", Paused: true},
		},
	}}
}

func delta() routes.Update {
	return routes.Update{Delta: &routes.Delta{
		From: revision(7), To: revision(9),
		Organizers: []routes.Organizer{}, Events: []routes.Event{},
		Codes: []routes.Code{{ID: 10, Common: true, Organizer: 1, Text: "new", Canonical: "new"}},
	}}
}

func encode(t testing.TB, u routes.Update) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := routes.Encode(&b, u); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReleasedBytesDecodeForEver(t *testing.T) {
	for name, want := range map[string]routes.Update{"snapshot.v1": snapshot(), "delta.v1": delta()} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, encode(t, want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := routes.Decode(bytes.NewReader(golden))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s decodes to %+v", name, got)
		}
		if !bytes.Equal(encode(t, want), golden) {
			t.Errorf("%s: the encoder no longer writes the released bytes", name)
		}
		if got.Revision() != want.Revision() {
			t.Errorf("%s: revision %s, want %s", name, got.Revision(), want.Revision())
		}
	}
}

func TestTruncatedUpdateIsRefusedAtEveryByte(t *testing.T) {
	whole := encode(t, snapshot())
	for n := range whole {
		_, err := routes.Decode(bytes.NewReader(whole[:n]))
		if !errors.Is(err, routes.ErrCorrupt) {
			t.Fatalf("cut at byte %d of %d: %v", n, len(whole), err)
		}
	}
	if _, err := routes.Decode(bytes.NewReader(append(whole, 0))); !errors.Is(err, routes.ErrCorrupt) {
		t.Fatalf("a byte after the end: %v", err)
	}
}

func TestFlippedBitIsRefusedWherever(t *testing.T) {
	whole := encode(t, snapshot())
	for n := range len(whole) * 8 {
		flipped := bytes.Clone(whole)
		flipped[n/8] ^= 1 << (n % 8)
		_, err := routes.Decode(bytes.NewReader(flipped))
		if err == nil {
			t.Fatalf("bit %d of byte %d flipped: taken", n%8, n/8)
		}
		if !errors.Is(err, routes.ErrCorrupt) && !errors.Is(err, routes.ErrVersion) {
			t.Fatalf("bit %d of byte %d flipped: untyped error %v", n%8, n/8, err)
		}
	}
}

// Without the chain of checksums a frame of another file, whole in itself,
// would pass.
func TestFrameOfAnotherRevisionIsRefused(t *testing.T) {
	a := snapshot()
	b := snapshot()
	b.Snapshot.Revision.Number++
	b.Snapshot.Events[0].Destination = "https://evil.invalid/aaaa/1?lang=de"
	one, two := encode(t, a), encode(t, b)
	if len(one) != len(two) {
		t.Fatalf("the trial wants files of one length: %d, %d", len(one), len(two))
	}
	const header = 64
	spliced := append(bytes.Clone(one[:header]), two[header:]...)
	if _, err := routes.Decode(bytes.NewReader(spliced)); !errors.Is(err, routes.ErrCorrupt) {
		t.Fatalf("frames of revision 8 behind the header of revision 7: %v", err)
	}
}

func TestRowBeyondLimitsNeverLeavesTheCatalog(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for name, u := range map[string]routes.Snapshot{
		"slug":                    {Events: []routes.Event{{ID: 1, Slug: long(routes.MaxSlugBytes + 1)}}},
		"destination":             {Events: []routes.Event{{ID: 1, Destination: long(routes.MaxDestinationBytes + 1)}}},
		"event id":                {Events: []routes.Event{{ID: ids.MaxEventID + 1}}},
		"organizer":               {Organizers: []routes.Organizer{{Slug: long(routes.MaxSlugBytes + 1)}}},
		"code":                    {Codes: []routes.Code{{Text: long(routes.MaxCodeBytes + 1), Canonical: "x"}}},
		"empty code":              {Codes: []routes.Code{{Canonical: "x"}}},
		"common code of an event": {Codes: []routes.Code{{Common: true, Event: 3, Text: "x", Canonical: "x"}}},
	} {
		if err := routes.Encode(io.Discard, routes.Update{Snapshot: &u}); !errors.Is(err, routes.ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDeltaAcrossIncarnationsIsRefused(t *testing.T) {
	other := ids.Revision{Incarnation: 1, Number: 9}
	for name, u := range map[string]routes.Update{
		"incarnation": {Delta: &routes.Delta{From: revision(7), To: other}},
		"backwards":   {Delta: &routes.Delta{From: revision(7), To: revision(7)}},
		"neither":     {},
		"both":        {Snapshot: &routes.Snapshot{}, Delta: &routes.Delta{From: revision(1), To: revision(2)}},
	} {
		if err := routes.Encode(io.Discard, u); !errors.Is(err, routes.ErrUpdate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWriterRefusesRowsItWasNotTold(t *testing.T) {
	w, err := routes.NewWriter(io.Discard, routes.Header{Organizers: 1, Events: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, routes.ErrUpdate) {
		t.Errorf("fewer rows than announced: %v", err)
	}
	w, err = routes.NewWriter(io.Discard, routes.Header{Organizers: 1, Events: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Event(routes.Event{ID: 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.Organizer(routes.Organizer{ID: 1}); !errors.Is(err, routes.ErrUpdate) {
		t.Errorf("organizer after event: %v", err)
	}
}

// A million codes pass in the memory of one frame on either side.
func TestMillionCodesStreamInConstantMemory(t *testing.T) {
	const n = 1_000_000
	from, to := io.Pipe()
	go func() {
		w, err := routes.NewWriter(to, routes.Header{To: revision(1), Codes: n})
		for i := uint32(0); err == nil && i < n; i++ {
			err = w.Code(routes.Code{ID: ids.CodeID(i), Common: true, Organizer: 1, Text: "partner-code", Canonical: "partner-code"})
		}
		if err == nil {
			err = w.Close()
		}
		to.CloseWithError(err)
	}()
	in, err := routes.NewReader(from)
	if err != nil {
		t.Fatal(err)
	}
	var seen uint32
	for {
		var row routes.Row
		if err := in.Next(&row); err != nil {
			t.Fatal(err)
		}
		if row.Code == nil {
			break
		}
		if uint32(row.Code.ID) != seen {
			t.Fatalf("code %d where %d was expected", row.Code.ID, seen)
		}
		seen++
	}
	if seen != n {
		t.Fatalf("%d codes came through", seen)
	}
}

func TestReplaceLeavesTheOldFileWhenTheWriteFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "routes.snapshot")
	if err := routes.Write(path, snapshot()); err != nil {
		t.Fatal(err)
	}
	if err := routes.Write(path, routes.Update{}); !errors.Is(err, routes.ErrUpdate) {
		t.Fatalf("writing nothing: %v", err)
	}
	got, err := routes.Read(path)
	if err != nil || !reflect.DeepEqual(got, snapshot()) {
		t.Fatalf("after a failed write: %+v, %v", got, err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Fatalf("left behind: %v, %v", names, err)
	}
	if _, err := routes.Read(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a missing file: %v", err)
	}
}

func TestValidCodeHoldsTheGrammar(t *testing.T) {
	for text, valid := range map[string]bool{
		"A": true, "a.b_c-9": true, "0": true, strings.Repeat("x", 64): true, "tests": true,
		"": false, ".a": false, "-a": false, "_a": false, "a b": false, " a": false, "a\n": false, "é": false,
		"a/b": false, "a%": false, strings.Repeat("x", 65): false,
		"none": false, "Direct": false, "TEST": false, "a\x00": false, "ſtest": false,
	} {
		err := routes.ValidCode(text)
		if (err == nil) != valid || (err != nil && !errors.Is(err, routes.ErrCode)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFoldTouchesOnlyASCIILetters(t *testing.T) {
	for c := range 256 {
		want := byte(c)
		if c >= 'A' && c <= 'Z' {
			want += 'a' - 'A'
		}
		if got := routes.FoldByte(byte(c)); got != want {
			t.Errorf("%q folds to %q", byte(c), got)
		}
	}
	// K (Kelvin sign) and ſ fold to ASCII letters in Unicode; not here.
	if got := routes.FoldString("ABz-\u212A\u017F"); got != "abz-\u212A\u017F" {
		t.Errorf("look-alikes: %q", got)
	}
	if got := string(routes.Fold([]byte("BC"), []byte("A"))); got != "Abc" {
		t.Errorf("appended: %q", got)
	}
}

func FuzzDecodeNeverTakesWhatItCannotWriteAgain(f *testing.F) {
	f.Add(encode(f, snapshot()))
	f.Add(encode(f, delta()))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := routes.Decode(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := routes.Decode(bytes.NewReader(encode(t, u)))
		if err != nil || !reflect.DeepEqual(again, u) {
			t.Fatalf("%v: %+v became %+v", err, u, again)
		}
	})
}
