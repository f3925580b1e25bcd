package reports

import "context"

// Batches gives a table's rows, some at a time, in the table's order. Next is nil
// after the last one. A batch is good until the next call.
type Batches interface {
	Next(ctx context.Context) (*Batch, error)
}

// Batch is some rows, by column.
type Batch struct {
	Rows     int
	Columns  []Vector // as Table.Columns
	Currency *Vector  // texts: ISO 4217 of each row's money; nil where no column is money
	Decimals []int8   // of that currency, one for each row; nil likewise
}

// Vector is one column of a batch. Its column's kind says which fields hold it.
type Vector struct {
	Numbers []int64   // id, count, rate, money, bool (0 or 1), time, date
	Floats  []float64 // float
	Bytes   []byte    // texts (text, day, decimal), one after the other
	Ends    []int32   // len Rows + 1: text i is Bytes[Ends[i]:Ends[i+1]]
	Null    []bool    // nil: no value is missing
}

// Text is the i-th text.
func (v *Vector) Text(i int) []byte { return v.Bytes[v.Ends[i]:v.Ends[i+1]] }

// Empty says whether the i-th value is missing.
func (v *Vector) Empty(i int) bool { return v.Null != nil && v.Null[i] }
