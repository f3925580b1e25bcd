//go:build duckdb_arrow

package lake

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"

	"footfall/schemas/reports"
)

// read opens a result.
func (q *queries) read(ctx context.Context, text string, args []any, given []reports.Column) (reader, error) {
	if q.byScan {
		return q.scan(ctx, text, args, given)
	}
	var records array.RecordReader
	err := q.conn.Raw(func(raw any) error {
		c, ok := raw.(driver.Conn)
		if !ok {
			return errors.New("the connection is not DuckDB's")
		}
		a, err := duckdb.NewArrowFromConn(c)
		if err != nil {
			return err
		}
		records, err = a.QueryContext(ctx, text, args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	r := &arrowed{records: records}
	if err := r.describe(given); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// arrowed reads a result as Arrow: a column at a time, mostly without a copy.
type arrowed struct {
	records array.RecordReader
	list    []reports.Column
	batch   reports.Batch
}

func (r *arrowed) columns() []reports.Column { return r.list }

func (r *arrowed) close() error {
	r.records.Release()
	if err := r.records.Err(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (r *arrowed) describe(given []reports.Column) (err error) {
	fields := r.records.Schema().Fields()
	names, types := make([]string, len(fields)), make([]string, len(fields))
	for i, f := range fields {
		names[i], types[i] = f.Name, arrowType(f.Type)
	}
	r.list, err = columnsOf(given, names, types)
	r.batch.Columns = make([]reports.Vector, len(fields))
	return err
}

// arrowType is DuckDB's name of a type that it gave as Arrow.
func arrowType(t arrow.DataType) string {
	switch t.ID() {
	case arrow.BOOL:
		return "BOOLEAN"
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32:
		return "BIGINT"
	case arrow.UINT64:
		return "UBIGINT"
	case arrow.DECIMAL128:
		return "DECIMAL"
	case arrow.FLOAT32, arrow.FLOAT64:
		return "DOUBLE"
	case arrow.STRING:
		return "VARCHAR"
	case arrow.DATE32:
		return "DATE"
	case arrow.TIMESTAMP:
		return "TIMESTAMP"
	default:
		return t.String()
	}
}

func (r *arrowed) next(context.Context) (*reports.Batch, error) {
	for r.records.Next() {
		record := r.records.RecordBatch()
		r.batch.Rows = int(record.NumRows())
		if r.batch.Rows == 0 {
			continue
		}
		for i, c := range r.list {
			if err := fill(&r.batch.Columns[i], c, record.Column(i)); err != nil {
				return nil, err
			}
		}
		return &r.batch, nil
	}
	return nil, r.records.Err()
}

// fill makes a vector of one Arrow column; it is good as long as the record is.
func fill(v *reports.Vector, c reports.Column, from arrow.Array) error {
	v.Null = v.Null[:0]
	if from.NullN() > 0 {
		for i := range from.Len() {
			v.Null = append(v.Null, from.IsNull(i))
		}
	} else {
		v.Null = nil
	}
	switch {
	case c.Kind.Textual():
		return fillTexts(v, c, from)
	case c.Kind == reports.KindFloat:
		return fillFloats(v, c, from)
	}
	return fillNumbers(v, c, from)
}

func fillTexts(v *reports.Vector, c reports.Column, from arrow.Array) error {
	if texts, ok := from.(*array.String); ok && texts.ValueOffset(0) == 0 {
		v.Bytes, v.Ends = texts.ValueBytes(), texts.ValueOffsets()
		return nil
	}
	v.Bytes, v.Ends = nil, []int32{0}
	for i := range from.Len() {
		if from.IsNull(i) {
			v.AppendText(nil)
			continue
		}
		switch a := from.(type) {
		case *array.String:
			v.AppendText([]byte(a.Value(i)))
		case *array.Uint64:
			v.AppendText([]byte(a.ValueStr(i)))
		case *array.Decimal128:
			t, ok := a.DataType().(*arrow.Decimal128Type)
			if !ok {
				return wrong(c, from)
			}
			v.AppendText([]byte(decimalText(a.Value(i).BigInt(), int(t.Scale))))
		default:
			return wrong(c, from)
		}
	}
	return nil
}

func wrong(c reports.Column, from arrow.Array) error {
	return fmt.Errorf("%w: column %s is %s, which its kind %s can't hold", ErrColumn, c.Name, from.DataType(), c.Kind)
}

func fillFloats(v *reports.Vector, c reports.Column, from arrow.Array) error {
	switch a := from.(type) {
	case *array.Float64:
		v.Floats = a.Float64Values()
	case *array.Float32:
		v.Floats = v.Floats[:0]
		for _, n := range a.Float32Values() {
			v.Floats = append(v.Floats, float64(n))
		}
	default:
		return wrong(c, from)
	}
	return nil
}

func fillNumbers(v *reports.Vector, c reports.Column, from arrow.Array) error {
	switch a := from.(type) {
	case *array.Int64:
		v.Numbers = a.Int64Values()
	case *array.Int32:
		widen(v, a.Int32Values())
	case *array.Int16:
		widen(v, a.Int16Values())
	case *array.Int8:
		widen(v, a.Int8Values())
	case *array.Uint32:
		widen(v, a.Uint32Values())
	case *array.Uint16:
		widen(v, a.Uint16Values())
	case *array.Uint8:
		widen(v, a.Uint8Values())
	case *array.Date32:
		widen(v, a.Date32Values())
	case *array.Boolean:
		v.Numbers = make([]int64, a.Len())
		for i := range a.Len() {
			if a.Value(i) {
				v.Numbers[i] = 1
			}
		}
	case *array.Timestamp:
		t, ok := a.DataType().(*arrow.TimestampType)
		if !ok {
			return wrong(c, from)
		}
		v.Numbers = make([]int64, a.Len())
		for i, n := range a.TimestampValues() {
			v.Numbers[i] = microseconds(int64(n), t.Unit)
		}
	default:
		return wrong(c, from)
	}
	return nil
}

func widen[N int8 | int16 | int32 | uint8 | uint16 | uint32 | arrow.Date32](v *reports.Vector, values []N) {
	v.Numbers = make([]int64, len(values))
	for i, n := range values {
		v.Numbers[i] = int64(n)
	}
}

func microseconds(n int64, unit arrow.TimeUnit) int64 {
	const thousand, million = 1_000, 1_000_000
	switch unit {
	case arrow.Second:
		return n * million
	case arrow.Millisecond:
		return n * thousand
	case arrow.Nanosecond:
		return n / thousand
	default:
		return n
	}
}
