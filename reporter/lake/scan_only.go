//go:build !duckdb_arrow

package lake

import (
	"context"

	"footfall/schemas/reports"
)

// read opens a result. This build has no Arrow.
func (q *queries) read(ctx context.Context, text string, args []any, given []reports.Column) (reader, error) {
	return q.scan(ctx, text, args, given)
}

// stream can't: a result that is made while it is taken comes as Arrow.
func (*queries) stream(context.Context, reports.Statement) (reader, bool, error) {
	return nil, false, nil
}
