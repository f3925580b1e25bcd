package consumer

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// orderFile writes order rows into the lake's staging as a release would whose
// rows have the fields that keep lets through, and later ones.
func (b *bench) orderFile(d *lakelog.Dir, name string, keep func(string) bool, later []reflect.StructField, rows ...lake.OrderRow) lakelog.File {
	b.t.Helper()
	var fields []reflect.StructField
	for _, f := range reflect.VisibleFields(reflect.TypeFor[lake.OrderRow]()) {
		if keep(f.Name) {
			fields = append(fields, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
		}
	}
	kind := reflect.StructOf(append(fields, later...))
	var out bytes.Buffer
	w := parquet.NewWriter(&out, parquet.SchemaOf(reflect.New(kind).Interface()))
	for _, row := range rows {
		old := reflect.New(kind)
		for _, f := range fields {
			old.Elem().FieldByName(f.Name).Set(reflect.ValueOf(row).FieldByName(f.Name))
		}
		if err := w.Write(old.Interface()); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(d.Abs(name), out.Bytes(), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return lakelog.File{Path: name, Rows: int64(len(rows)), Bytes: int64(out.Len())}
}

func all(string) bool { return true }

func TestMergeOfFilesOfBeforeAColumnLosesNoRow(t *testing.T) {
	b := newBench(t)
	c := b.consumer(b.ordersConfig())
	rows := []lake.OrderRow{
		{OrderID: "old", Version: 1, Sequence: 1, UnitPrice: 5, LineCount: 1},
		{OrderID: "new", Version: 1, Sequence: 2, UnitPrice: 6, LineCount: 1, VisitorKey: -7},
	}
	before := b.orderFile(c.dir, "before.parquet", func(f string) bool { return f != "VisitorKey" }, nil, rows[0])
	after := b.orderFile(c.dir, "after.parquet", all, nil, rows[1])
	var out bytes.Buffer
	var w writer[lake.OrderRow]
	pw, want := w.open(orderTraits(), &out), newTally()
	if err := splice(t.Context(), c.dir, []lakelog.File{before, after}, pw, &want); err != nil {
		t.Fatal(err)
	}
	if err := pw.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := parquet.Read[lake.OrderRow](bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || !slices.EqualFunc(got, rows, func(a, b lake.OrderRow) bool { return reflect.DeepEqual(a, b) }) {
		t.Fatalf("merged into %+v, %v", got, err)
	}
}

func TestMergeDropsNoColumnOfALaterRelease(t *testing.T) {
	b := newBench(t)
	c := b.consumer(b.ordersConfig())
	later := b.orderFile(c.dir, "later.parquet", all, []reflect.StructField{
		{Name: "ToCome", Type: reflect.TypeFor[int64](), Tag: `parquet:"to_come,optional"`},
	}, lake.OrderRow{OrderID: "later", LineCount: 1})
	var out bytes.Buffer
	var w writer[lake.OrderRow]
	want := newTally()
	err := splice(t.Context(), c.dir, []lakelog.File{later}, w.open(orderTraits(), &out), &want)
	if !errors.Is(err, errUnknownColumn) {
		t.Fatalf("merged a file whose column is lost: %v", err)
	}
}
