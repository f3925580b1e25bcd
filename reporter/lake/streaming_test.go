//go:build duckdb_arrow

package lake

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/lake/lakelog"
	"footfall/schemas/reports"
)

// emptyCatalog is one without an organizer.
type emptyCatalog struct{}

func (emptyCatalog) Answered(context.Context, int64) error { return nil }

func (emptyCatalog) Revision(context.Context, int64) (Revision, error) {
	return Revision{Key: "0", Text: "0/0"}, nil
}

func (emptyCatalog) Dimensions(context.Context, int64) (*Dimensions, error) {
	return &Dimensions{}, nil
}

func emptyLake(t *testing.T, memoryMiB int) *Lake {
	t.Helper()
	dir, err := lakelog.OpenDirWith(t.TempDir(), lakelog.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	config := DefaultConfig()
	config.TempDir, config.MemoryMiB = t.TempDir(), memoryMiB
	l, err := New(config, Deps{
		Dir: dir, View: lakelog.NewView(dir), Catalog: emptyCatalog{}, Clock: time.Now,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// ask runs a statement and hands its rows to take.
func ask(ctx context.Context, l *Lake, s reports.Statement, take func(context.Context, *reports.Table) error) error {
	return l.Read(ctx, 0, func(ctx context.Context, r *reports.Reading) error {
		columns, batches, err := r.Query(ctx, s)
		if err != nil {
			return err
		}
		return take(ctx, &reports.Table{Columns: columns, Batches: batches})
	})
}

const mixed = `SELECT range AS n, CASE WHEN range % 7 > 0 THEN 'text ' || range END AS t, range * 1.5::DOUBLE AS f,
	range % 2 = 0 AS b, DATE '2026-01-01' + (range % 365)::INTEGER AS d, TIMESTAMP '2026-01-01' + INTERVAL (range) SECOND AS ts,
	(range / 3)::DECIMAL(18, 2) AS dec FROM range(?) WHERE ? <> '' ORDER BY n DESC`

// TestAStreamedAnswerIsTheOneThatIsKept: a large answer has the same rows, in the
// same order, as one that DuckDB makes before the first is taken.
func TestAStreamedAnswerIsTheOneThatIsKept(t *testing.T) {
	l := emptyLake(t, 256)
	rows := func(large bool, n int) (out []reports.Row) {
		err := ask(t.Context(), l, reports.Statement{Text: mixed, Args: []any{n, "x"}, Large: large}, func(ctx context.Context, table *reports.Table) (err error) {
			if b, ok := table.Batches.(*batches); !ok || large != (b.table == "" && streams(b)) {
				t.Errorf("large is %t, and streamed is %t", large, streams(b))
			}
			out, err = reports.Collect(ctx, table)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, n := range []int{0, 1, 2048, 2049, 70_000} {
		if streamed, kept := rows(true, n), rows(false, n); len(kept) != n || !reflect.DeepEqual(streamed, kept) {
			t.Errorf("%d rows: %d are streamed, %d kept, or they differ", n, len(streamed), len(kept))
		}
	}
}

// streams says whether a result is made while it is taken: a change of the driver
// must not turn that off unseen.
func streams(b *batches) bool {
	a, ok := b.page.(*arrowed)
	if !ok {
		return false
	}
	_, ok = a.records.(*chunks)
	return ok
}

// TestAStreamThatBreaksIsNoShorterAnswer: the failure of a late row comes out
// after the first rows were taken.
func TestAStreamThatBreaksIsNoShorterAnswer(t *testing.T) {
	l := emptyLake(t, 256)
	const late = "SELECT CASE WHEN range = 900000 THEN CAST('no number ' || range AS BIGINT) ELSE range END AS n FROM range(1000000)"
	err := ask(t.Context(), l, reports.Statement{Text: late, Large: true}, func(ctx context.Context, table *reports.Table) error {
		_, err := reports.Collect(ctx, table)
		return err
	})
	if err == nil {
		t.Fatal("a statement that fails at its 900,000th row gave an answer")
	}
	for _, wrong := range []string{"SELECT nothing FROM nowhere", "SELECT"} {
		if err := ask(t.Context(), l, reports.Statement{Text: wrong, Large: true}, func(context.Context, *reports.Table) error { return nil }); err == nil {
			t.Errorf("%q gave an answer", wrong)
		}
	}
}

// TestAStreamEndsWithItsAsker: who goes away in the middle gets no more rows, and
// the next one is answered.
func TestAStreamEndsWithItsAsker(t *testing.T) {
	l := emptyLake(t, 256)
	const long = "SELECT range AS n FROM range(1000000000)"
	gone, leave := context.WithCancel(t.Context())
	err := ask(gone, l, reports.Statement{Text: long, Large: true}, func(ctx context.Context, table *reports.Table) error {
		for taken := 0; ; taken++ {
			b, err := table.Batches.Next(ctx)
			if err != nil {
				return err
			}
			if b == nil {
				return errors.New("the answer ended")
			}
			if taken == 3 {
				leave()
			}
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was given up", err)
	}
	enough := errors.New("enough")
	for range 3 { // taken in part, and left
		err := ask(t.Context(), l, reports.Statement{Text: long, Large: true}, func(ctx context.Context, table *reports.Table) error {
			if _, err := table.Batches.Next(ctx); err != nil {
				return err
			}
			return enough
		})
		if !errors.Is(err, enough) {
			t.Errorf("got %v, want the taker's own error", err)
		}
	}
}

// TestAStreamReachesTheMemoryLimitAsALimit: the message says what to raise.
func TestAStreamReachesTheMemoryLimitAsALimit(t *testing.T) {
	l := emptyLake(t, 16)
	err := ask(t.Context(), l, reports.Statement{Text: "SELECT string_agg(range::VARCHAR || repeat('x', 100), ',') AS t FROM range(3000000)", Large: true},
		func(ctx context.Context, table *reports.Table) error {
			_, err := reports.Collect(ctx, table)
			return err
		})
	if !errors.Is(err, ErrLimit) {
		t.Errorf("got %v, want ErrLimit", err)
	}
}
