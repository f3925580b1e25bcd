package lake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"footfall/schemas/reports"
)

// scanRows of a batch that is read row by row: as many as DuckDB has in a chunk.
const scanRows = 2048

// scanned reads a result through database/sql, row by row.
type scanned struct {
	rows    *sql.Rows
	list    []reports.Column
	batch   reports.Batch
	targets []any
	values  []any
}

func (q *queries) scan(ctx context.Context, text string, args []any, given []reports.Column) (reader, error) {
	rows, err := q.conn.QueryContext(ctx, text, args...) //nolint:rowserrcheck // next checks it
	if err != nil {
		return nil, err
	}
	s := &scanned{rows: rows}
	if err := s.describe(given); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *scanned) describe(given []reports.Column) error {
	if err := s.rows.Err(); err != nil {
		return err
	}
	list, err := s.rows.ColumnTypes()
	if err != nil {
		return err
	}
	names, types := make([]string, len(list)), make([]string, len(list))
	for i, c := range list {
		names[i], types[i] = c.Name(), baseType(c.DatabaseTypeName())
	}
	if s.list, err = columnsOf(given, names, types); err != nil {
		return err
	}
	s.values, s.targets = make([]any, len(list)), make([]any, len(list))
	for i := range s.values {
		s.targets[i] = &s.values[i]
	}
	return nil
}

// baseType is a type's name without its width: DECIMAL(18,3) is DECIMAL.
func baseType(name string) string {
	for i, r := range name {
		if r == '(' && name[len(name)-1] == ')' {
			return name[:i]
		}
	}
	return name
}

func (s *scanned) columns() []reports.Column { return s.list }

func (s *scanned) close() error { return s.rows.Close() }

func (s *scanned) next(context.Context) (*reports.Batch, error) {
	b := &s.batch
	b.Rows = 0
	if b.Columns == nil {
		b.Columns = make([]reports.Vector, len(s.list))
	}
	for i, c := range s.list {
		v := &b.Columns[i]
		v.Numbers, v.Floats, v.Bytes, v.Null = v.Numbers[:0], v.Floats[:0], v.Bytes[:0], v.Null[:0]
		if c.Kind.Textual() {
			v.Ends = append(v.Ends[:0], 0)
		}
	}
	for b.Rows < scanRows && s.rows.Next() {
		if err := s.rows.Scan(s.targets...); err != nil {
			return nil, err
		}
		for i, c := range s.list {
			if err := appendValue(&b.Columns[i], c, s.values[i]); err != nil {
				return nil, err
			}
		}
		b.Rows++
	}
	if err := s.rows.Err(); err != nil {
		return nil, err
	}
	if b.Rows == 0 {
		return nil, nil //nolint:nilnil // the end, as reader has it
	}
	return b, nil
}

// appendValue adds one value as the driver gives it.
func appendValue(v *reports.Vector, c reports.Column, value any) error {
	v.Null = append(v.Null, value == nil)
	switch {
	case c.Kind.Textual():
		text, ok := textOf(value)
		if !ok {
			return fmt.Errorf("%w: column %s has a %T where a text is wanted", ErrColumn, c.Name, value)
		}
		v.AppendText(text)
	case c.Kind == reports.KindFloat:
		n, ok := floatOf(value)
		if !ok {
			return fmt.Errorf("%w: column %s has a %T where a float is wanted", ErrColumn, c.Name, value)
		}
		v.Floats = append(v.Floats, n)
	default:
		n, ok := numberOf(c.Kind, value)
		if !ok {
			return fmt.Errorf("%w: column %s has a %T where a number is wanted", ErrColumn, c.Name, value)
		}
		v.Numbers = append(v.Numbers, n)
	}
	return nil
}

func textOf(value any) ([]byte, bool) {
	switch t := value.(type) {
	case nil:
		return nil, true
	case string:
		return []byte(t), true
	case uint64:
		return strconv.AppendUint(nil, t, 10), true
	case *big.Int:
		return []byte(t.String()), true
	case duckdb.Decimal:
		return []byte(decimalText(t.Value, int(t.Scale))), true
	}
	return nil, false
}

// decimalText writes n / 10^scale with all of its digits.
func decimalText(n *big.Int, scale int) string {
	digits := new(big.Int).Abs(n).String()
	for len(digits) <= scale {
		digits = "0" + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if n.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

func floatOf(value any) (float64, bool) {
	switch n := value.(type) {
	case nil:
		return 0, true
	case float32:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func numberOf(kind reports.Kind, value any) (int64, bool) {
	switch n := value.(type) {
	case nil:
		return 0, true
	case bool:
		if n {
			return 1, true
		}
		return 0, true
	case int8:
		return int64(n), true
	case int16:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case uint8:
		return int64(n), true
	case uint16:
		return int64(n), true
	case uint32:
		return int64(n), true
	case time.Time:
		if kind == reports.KindDate {
			const daySeconds = 24 * 60 * 60
			return n.Unix() / daySeconds, true // a date's time is a midnight
		}
		return n.UnixMicro(), true
	}
	return 0, false
}
