//go:build duckdb_arrow

package lake

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	bindings "github.com/duckdb/duckdb-go-bindings"
	"github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/arrowmapping"

	"footfall/schemas/reports"
)

// stream opens a result that DuckDB makes while it is taken: it runs as far ahead
// as its buffer of a mebibyte, and what a statement sorts can spill. The driver
// itself always waits for the whole result and keeps it in memory. False: this
// statement, or this driver, can't be streamed.
func (q *queries) stream(ctx context.Context, s reports.Statement) (reader, bool, error) {
	if q.byScan {
		return nil, false, nil
	}
	var records *chunks
	err := q.conn.Raw(func(raw any) (err error) {
		connection, ok := connectionOf(raw)
		if !ok {
			return nil
		}
		records, err = openChunks(ctx, connection, s)
		return err
	})
	if err != nil || records == nil {
		return nil, false, err
	}
	r := &arrowed{records: records}
	if err := r.describe(s.Columns); err != nil {
		return nil, false, errors.Join(err, r.close())
	}
	return r, true, nil
}

// connectionOf is the driver's own handle of a connection, which it doesn't give
// away; false where it isn't found where this version keeps it.
func connectionOf(raw any) (bindings.Connection, bool) {
	if _, ok := raw.(*duckdb.Conn); !ok {
		return bindings.Connection{}, false
	}
	field := reflect.ValueOf(raw).Elem().FieldByName("conn")
	if !field.IsValid() || field.Type() != reflect.TypeFor[bindings.Connection]() {
		return bindings.Connection{}, false
	}
	return bindings.Connection{Ptr: field.FieldByName("Ptr").UnsafePointer()}, true
}

// chunks are a streamed result as Arrow, a chunk of 2048 rows at a time.
type chunks struct {
	statement bindings.PreparedStatement
	result    bindings.Result
	options   arrowmapping.ArrowOptions
	schema    *arrow.Schema
	current   arrow.RecordBatch
	err       error
	stop      func() bool   // no interrupt from now on
	stopped   chan struct{} // closed after an interrupt
	closed    bool
}

// openChunks runs a statement; nil where it has an argument that can't be bound.
func openChunks(ctx context.Context, connection bindings.Connection, s reports.Statement) (*chunks, error) {
	c := &chunks{stopped: make(chan struct{})}
	c.stop = context.AfterFunc(ctx, func() {
		defer close(c.stopped)
		bindings.Interrupt(connection)
	})
	if bindings.Prepare(connection, s.Text, &c.statement) != bindings.StateSuccess {
		err := errors.New(bindings.PrepareError(c.statement))
		c.Release()
		return nil, err
	}
	if bound, err := c.bind(s.Args); !bound || err != nil {
		c.Release()
		return nil, err
	}
	if err := c.execute(); err != nil {
		c.Release()
		return nil, err
	}
	if err := c.describe(); err != nil {
		c.Release()
		return nil, err
	}
	return c, nil
}

// bind gives the statement its arguments; false: there is one of another type.
func (c *chunks) bind(args []any) (bool, error) {
	for i, arg := range args {
		at := bindings.IdxT(i + 1)
		var state bindings.State
		switch value := arg.(type) {
		case string:
			state = bindings.BindVarchar(c.statement, at, value)
		case int64:
			state = bindings.BindInt64(c.statement, at, value)
		case int:
			state = bindings.BindInt64(c.statement, at, int64(value))
		case bool:
			state = bindings.BindBoolean(c.statement, at, value)
		default:
			return false, nil
		}
		if state != bindings.StateSuccess {
			return false, fmt.Errorf("binding argument %d: %s", i+1, bindings.PrepareError(c.statement))
		}
	}
	return true, nil
}

func (c *chunks) execute() error {
	var pending bindings.PendingResult
	defer bindings.DestroyPending(&pending)
	if bindings.PendingPreparedStreaming(c.statement, &pending) != bindings.StateSuccess {
		return errors.New(bindings.PendingError(pending))
	}
	if bindings.ExecutePending(pending, &c.result) != bindings.StateSuccess {
		return c.failure()
	}
	return nil
}

// failure is the result's error as the driver has them; nil without one.
func (c *chunks) failure() error {
	text := bindings.ResultError(&c.result)
	if text == "" {
		return nil
	}
	e := &duckdb.Error{Type: duckdb.ErrorTypeUnknownType, Msg: text}
	if bindings.ResultErrorType(&c.result) == bindings.ErrorTypeOutOfMemory {
		e.Type = duckdb.ErrorTypeOutOfMemory
	}
	return e
}

func (c *chunks) describe() error {
	c.options = arrowmapping.ResultGetArrowOptions(&c.result)
	columns := bindings.ColumnCount(&c.result)
	names, types := make([]string, columns), make([]bindings.LogicalType, columns)
	for i := range columns {
		names[i], types[i] = bindings.ColumnName(&c.result, i), bindings.ColumnLogicalType(&c.result, i)
	}
	defer func() {
		for i := range types {
			bindings.DestroyLogicalType(&types[i])
		}
	}()
	schema, failed := arrowmapping.NewArrowSchema(c.options, types, names)
	if err := arrowFailure(failed); err != nil {
		return fmt.Errorf("describing the result: %w", err)
	}
	c.schema = schema
	return nil
}

func arrowFailure(e bindings.ErrorData) error {
	defer bindings.DestroyErrorData(&e)
	if e.Ptr == nil || !bindings.ErrorDataHasError(e) {
		return nil
	}
	return errors.New(bindings.ErrorDataMessage(e))
}

// Next takes the next chunk.
func (c *chunks) Next() bool {
	if c.current != nil {
		c.current.Release()
		c.current = nil
	}
	if c.closed || c.err != nil {
		return false
	}
	chunk := bindings.FetchChunk(c.result)
	if chunk.Ptr == nil {
		c.err = c.failure()
		return false
	}
	defer bindings.DestroyDataChunk(&chunk)
	record, failed := arrowmapping.DataChunkToArrowArray(c.options, c.schema, chunk)
	if c.err = arrowFailure(failed); c.err != nil {
		return false
	}
	c.current = record
	return true
}

// Release ends the statement, taken to its end or not.
func (c *chunks) Release() {
	if c.closed {
		return
	}
	c.closed = true
	if c.current != nil {
		c.current.Release()
		c.current = nil
	}
	if !c.stop() {
		<-c.stopped // the connection isn't given back while it is interrupted
	}
	if c.options.Ptr != nil {
		arrowmapping.DestroyArrowOptions(&c.options)
	}
	bindings.DestroyResult(&c.result)
	bindings.DestroyPrepare(&c.statement)
}

// Err is why Next gave no chunk before the last one.
func (c *chunks) Err() error { return c.err }

// Schema of the records.
func (c *chunks) Schema() *arrow.Schema { return c.schema }

// RecordBatch is the chunk that Next took.
func (c *chunks) RecordBatch() arrow.RecordBatch { return c.current }

// Record is RecordBatch under its older name.
func (c *chunks) Record() arrow.RecordBatch { return c.current }

// Retain does nothing: there is one owner.
func (*chunks) Retain() {}

var _ array.RecordReader = (*chunks)(nil)
