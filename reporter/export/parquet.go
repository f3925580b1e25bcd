package export

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"footfall/schemas/reports"
)

// A row group is held in memory, compressed, until it is whole.
const (
	groupRows  = 30 * blockRows // 122,880, as DuckDB writes and likes to read them
	groupBytes = 64 << 20       // of texts
)

// documentKey is under which the file's metadata has the head of the JSON document.
const documentKey = "footfall.report"

// decimalsColumn stands behind the others where a column is money: how many digits
// of its minor units come after the point.
const decimalsColumn = "decimals"

// orderedGroup is a group whose fields stand in the order of the columns; a
// parquet.Group sorts them by name.
type orderedGroup struct {
	parquet.Group
	place map[string]int
}

// Fields gives the fields in their order.
func (g orderedGroup) Fields() []parquet.Field {
	fields := g.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int { return cmp.Compare(g.place[a.Name()], g.place[b.Name()]) })
	return fields
}

// GoType is asked for when rows are Go values, which they never are here; the
// group's own refuses names with a comma.
func (orderedGroup) GoType() reflect.Type { return reflect.TypeFor[struct{}]() }

// schemaOf is the schema of a table's file; columns may lack values, and one of
// decimals is added where there is money.
func schemaOf(columns []reports.Column) (schema *parquet.Schema, money bool, err error) {
	g := orderedGroup{Group: parquet.Group{}, place: map[string]int{}}
	for i, c := range columns {
		if c.Name == "" {
			return nil, false, fmt.Errorf("%w: column %d has no name", ErrColumns, i+1)
		}
		g.Group[c.Name], g.place[c.Name] = parquet.Optional(nodeOf(c.Kind)), i
		money = money || c.Kind == reports.KindMoney
	}
	if money {
		columns = append(slices.Clone(columns), reports.Column{Name: decimalsColumn})
		g.Group[decimalsColumn], g.place[decimalsColumn] = parquet.Optional(parquet.Int(32)), len(columns)
	}
	if err := checkNames(columns); err != nil {
		return nil, false, err
	}
	if len(columns) == 0 {
		return nil, false, fmt.Errorf("%w: there are none", ErrColumns)
	}
	return parquet.NewSchema("rows", g), money, nil
}

// nodeOf is how a kind is stored: rates as the double that is nearest, money in
// minor units, numbers of any size as text.
func nodeOf(kind reports.Kind) parquet.Node {
	switch kind {
	case reports.KindText, reports.KindDecimal:
		return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	case reports.KindDay, reports.KindDate:
		return parquet.Date()
	case reports.KindRate, reports.KindFloat:
		return parquet.Leaf(parquet.DoubleType)
	case reports.KindBool:
		return parquet.Leaf(parquet.BooleanType)
	case reports.KindTime:
		return parquet.Encoded(parquet.Timestamp(parquet.Microsecond), &parquet.DeltaBinaryPacked)
	default:
		return parquet.Encoded(parquet.Int(64), &parquet.DeltaBinaryPacked)
	}
}

func writeParquet(ctx context.Context, w io.Writer, o Options, t *reports.Table) error {
	schema, money, err := schemaOf(t.Columns)
	if err != nil {
		return err
	}
	var head bytes.Buffer
	if err := encode(&head, documentOf(t)); err != nil {
		return err
	}
	out := parquet.NewGenericWriter[any](w, schema,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		parquet.DataPageStatistics(false), // the column index has them
		parquet.CreatedBy("footfall", "1", ""),
		parquet.KeyValueMetadata(documentKey, head.String()),
	)
	f := &parquetWriter{columns: t.Columns, money: money, out: out}
	if err := f.rows(ctx, o, t); err != nil {
		return fmt.Errorf("writing Parquet: %w", err)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("writing Parquet: %w", err)
	}
	return nil
}

// parquetWriter writes blocks, a column at a time.
type parquetWriter struct {
	columns []reports.Column
	money   bool
	out     *parquet.GenericWriter[any]
	values  []parquet.Value // of one column of a block
	rowsIn  int             // the open row group
	bytesIn int
}

func (f *parquetWriter) rows(ctx context.Context, o Options, t *reports.Table) error {
	r := &reader{table: t}
	var b block
	for {
		if err := r.fill(ctx, &b, blockRows); err != nil {
			return err
		}
		if b.Rows == 0 {
			return nil
		}
		if err := f.block(&b); err != nil {
			return err
		}
		if o.Progress != nil {
			o.Progress(r.given)
		}
	}
}

func (f *parquetWriter) block(b *block) error {
	writers := f.out.ColumnWriters()
	for at, c := range f.columns {
		v := &b.Columns[at]
		f.values = f.values[:0]
		for i := range b.Rows {
			value, err := parquetValue(v, i, c.Kind)
			if err != nil {
				return fmt.Errorf("column %s: %w", c.Name, err)
			}
			f.values = append(f.values, level(value, at, missing(v, i)))
		}
		if _, err := writers[at].WriteRowValues(f.values); err != nil {
			return err
		}
		f.bytesIn += len(v.Bytes)
	}
	if f.money {
		f.values = f.values[:0]
		for i := range b.Rows {
			f.values = append(f.values, level(parquet.Int32Value(int32(b.decimals(i))), len(f.columns), len(b.Decimals) == 0)) //nolint:gosec // at most 4
		}
		if _, err := writers[len(f.columns)].WriteRowValues(f.values); err != nil {
			return err
		}
	}
	f.rowsIn += b.Rows
	if f.rowsIn >= groupRows || f.bytesIn >= groupBytes {
		f.rowsIn, f.bytesIn = 0, 0
		return f.out.Flush()
	}
	return nil
}

// level says at which column a value stands, and whether it is there.
func level(v parquet.Value, column int, missing bool) parquet.Value {
	if missing {
		return parquet.NullValue().Level(0, 0, column)
	}
	return v.Level(0, 1, column)
}

func parquetValue(v *reports.Vector, i int, kind reports.Kind) (parquet.Value, error) {
	if missing(v, i) {
		return parquet.Value{}, nil
	}
	switch kind {
	case reports.KindText, reports.KindDecimal:
		return parquet.ByteArrayValue(v.Text(i)), nil
	case reports.KindDay:
		day, err := time.Parse(time.DateOnly, string(v.Text(i)))
		if err != nil {
			return parquet.Value{}, fmt.Errorf("reading a day: %w", err)
		}
		return parquet.Int32Value(int32(day.Unix() / secondsOfDay)), nil //nolint:gosec // of four-digit years
	case reports.KindDate:
		return parquet.Int32Value(int32(v.Numbers[i])), nil //nolint:gosec // as DuckDB has it
	case reports.KindRate:
		const million = 1e6
		return parquet.DoubleValue(float64(v.Numbers[i]) / million), nil
	case reports.KindFloat:
		return parquet.DoubleValue(v.Floats[i]), nil
	case reports.KindBool:
		return parquet.BooleanValue(v.Numbers[i] != 0), nil
	default:
		return parquet.Int64Value(v.Numbers[i]), nil
	}
}
