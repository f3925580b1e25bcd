package consumer

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"footfall/schemas/lake"
)

// written writes rows and reads them back.
func written(t *testing.T, rows []lake.VisitRow, write func(*parquet.GenericWriter[lake.VisitRow]) error) []lake.VisitRow {
	t.Helper()
	var w writer[lake.VisitRow]
	var out bytes.Buffer
	pw := w.open(visitTraits(), &out)
	if err := write(pw); err != nil {
		t.Fatal(err)
	}
	if err := pw.Close(); err != nil {
		t.Fatal(err)
	}
	// A zero and a null read the same into a row: count the nulls.
	f, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	nulls := map[string]int64{}
	for _, group := range f.RowGroups() {
		for _, chunk := range group.ColumnChunks() {
			nulls[columnName(f, chunk)] += chunk.(*parquet.FileColumnChunk).NullCount()
		}
	}
	for _, column := range []struct {
		name  string
		empty func(*lake.VisitRow) bool
	}{
		{"code_id", func(r *lake.VisitRow) bool { return r.CodeID == 0 }},
		{"visitor_key", func(r *lake.VisitRow) bool { return r.VisitorKey == 0 }},
		{"sub1", func(r *lake.VisitRow) bool { return r.Sub1 == "" }},
		{"referrer", func(r *lake.VisitRow) bool { return r.Referrer == "" }},
	} {
		var want int64
		for i := range rows {
			if column.empty(&rows[i]) {
				want++
			}
		}
		if nulls[column.name] != want {
			return nil
		}
	}
	back, err := parquet.Read[lake.VisitRow](bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// sparse are rows whose values come and go with these odds in 64.
func sparse(r *rand.Rand, n, odds int) []lake.VisitRow {
	rows := make([]lake.VisitRow, n)
	for i := range rows {
		rows[i].Sequence = int64(i)
		for _, text := range []*string{&rows[i].Sub1, &rows[i].Sub2, &rows[i].Sub3, &rows[i].UTMTerm, &rows[i].CodeText, &rows[i].Referrer} {
			if r.IntN(64) < odds {
				*text = "text"
			}
		}
		for _, number := range []*int64{&rows[i].CodeID, &rows[i].VisitorKey} {
			if r.IntN(64) < odds {
				*number = -1 - r.Int64N(9)
			}
		}
	}
	return rows
}

// TestNullIsNeverWrittenAsZero: what a visit doesn't have is null for every
// reader, whatever the rows around it have.
func TestNullIsNeverWrittenAsZero(t *testing.T) {
	const seed = 4
	r := rand.New(rand.NewPCG(seed, 1))
	wrong := 0
	for try := range 150 {
		rows := sparse(r, 1+r.IntN([]int{8, 20, 200}[try%3]), []int{1, 3, 20, 50, 63}[try%5])
		traits := visitTraits()
		back := written(t, rows, func(pw *parquet.GenericWriter[lake.VisitRow]) error {
			want := newTally()
			return writeRows(pw, &want, &traits, rows)
		})
		if !reflect.DeepEqual(back, rows) {
			t.Fatalf("seed %d, try %d: %d rows read back otherwise", seed, try, len(rows))
		}
		if written(t, rows, func(pw *parquet.GenericWriter[lake.VisitRow]) error { _, err := pw.Write(rows); return err }) == nil {
			wrong++
		}
	}
	// Without the guard it must fail; when it no longer does, the library was
	// mended and the guard can go.
	if wrong == 0 {
		t.Error("parquet-go writes these nulls right by itself: nulls.go is no longer needed")
	}
}

// picture makes a word of rows whose columns code_id and visitor_key have values
// where the pictures have a 1.
func picture(codes, visitors string) []lake.VisitRow {
	rows := make([]lake.VisitRow, len(codes))
	for i := range rows {
		rows[i].CodeID, rows[i].VisitorKey = int64(codes[i]-'0'), int64(visitors[i]-'0')
	}
	return rows
}

func TestRunsThatTheLibraryMisreadsAreFound(t *testing.T) {
	columns := nullable{unsafe.Offsetof(lake.VisitRow{}.CodeID), unsafe.Offsetof(lake.VisitRow{}.VisitorKey)}
	for _, c := range []struct {
		codes, visitors string
		want            int
	}{
		{"0000", "0000", 4},
		{"1000", "1111", 4},
		{"0100", "1111", 2},
		{"0110", "1111", 4},
		{"001100", "111111", 4},
		{"101100", "111111", 4},
		{"010001", "111111", 6},
		{"0011", "1111", 4},
		// A cut for one column ends the values of the other where it is wrong, too.
		{"001100", "010001", 2},
	} {
		if got := uncut(columns, picture(c.codes, c.visitors)); got != c.want {
			t.Errorf("%s and %s: %d rows at once, want %d", c.codes, c.visitors, got, c.want)
		}
	}
}
