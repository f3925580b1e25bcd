//go:build duckdb_arrow

package lake

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"footfall/schemas/reports"
)

// TestOneFatalErrorDoesNotEndEveryReading: a database that refuses every further
// statement, as DuckDB's does after an internal error, is given up with the
// reading that met it, while those beside it run to their end.
func TestOneFatalErrorDoesNotEndEveryReading(t *testing.T) {
	ctx := t.Context()
	one := func(l *Lake) error {
		return ask(ctx, l, reports.Statement{Text: "SELECT 1 AS n"}, func(ctx context.Context, table *reports.Table) error {
			rows, err := reports.Collect(ctx, table)
			if err == nil && len(rows) != 1 {
				t.Errorf("%d rows", len(rows))
			}
			return err
		})
	}
	// meet is a reading under which the database breaks.
	meet := func(l *Lake) error {
		return l.Read(ctx, 0, func(ctx context.Context, _ *reports.Reading) error {
			if err := l.database.db.Close(); err != nil {
				return err
			}
			_, err := l.database.db.ExecContext(ctx, "SELECT 1")
			return err
		})
	}
	var logged bytes.Buffer
	l := emptyLake(t, 256)
	l.deps.Log = slog.New(slog.NewTextHandler(&logged, nil))
	beside := l.Read(ctx, 0, func(ctx context.Context, r *reports.Reading) error {
		first := l.database
		if err := meet(l); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "ask again") {
			t.Errorf("the reading that met it: %v", err)
		}
		if err := one(l); err != nil {
			t.Errorf("the next reading: %v", err)
		}
		if _, err := r.ExecContext(ctx, "SELECT 1"); err != nil {
			t.Errorf("the reading beside it: %v", err)
		}
		if first == l.database {
			t.Error("the database is still the one that failed")
		}
		return errors.New("a mistake of the asker's")
	})
	if !errors.Is(beside, ErrBroken) {
		t.Errorf("the reading beside it failed on a broken database: %v", beside)
	}
	if err := one(l); err != nil {
		t.Error(err)
	}
	if n := testutil.ToFloat64(l.metrics.broken); n != 1 {
		t.Errorf("%g broken databases are counted", n)
	}
	if n := strings.Count(logged.String(), "failed for good"); n != 1 {
		t.Errorf("logged %d times: %s", n, logged.String())
	}
	dirs, err := os.ReadDir(filepath.Join(l.config.TempDir, "duckdb"))
	if err != nil || len(dirs) != 1 {
		t.Errorf("temporary directories: %v, %v", dirs, err)
	}

	// What people ask wrongly leaves the database as it is, and its rows in memory.
	before := l.database
	err = ask(ctx, l, reports.Statement{Text: "SELECT error('INTERNAL Error: database has been invalidated')"}, func(ctx context.Context, table *reports.Table) error {
		_, err := reports.Collect(ctx, table)
		return err
	})
	if err == nil || errors.Is(err, ErrBroken) || l.database != before {
		t.Errorf("an error of the asker's making: %v", err)
	}

	l = emptyLake(t, 256)
	l.trusting = true
	if err := meet(l); err == nil {
		t.Error("no error")
	}
	if one(l) == nil {
		t.Error("the test doesn't see that nothing is opened anew")
	}
}
