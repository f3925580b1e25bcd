package query_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"footfall/reporter/lake"
	"footfall/reporter/query"
	rows "footfall/schemas/lake"
	"footfall/schemas/reports"
)

// temporary lists what queries have spilled and not taken away.
func (w *world) temporary() []string {
	w.t.Helper()
	left, err := filepath.Glob(filepath.Join(w.config.TempDir, "duckdb", "*", "*"))
	check(w.t, err)
	return left
}

func TestStatementOverItsLimitsLeavesNothingBehind(t *testing.T) {
	for _, c := range []struct {
		name, text string
		limit      func(*lake.Config)
	}{
		{"time", "SELECT count(*) FROM range(100000000) a(x), range(100000000) b(y) WHERE (x * y) % 7 = 1", func(c *lake.Config) { c.QuerySeconds = 2 }},
		{"memory", "SELECT list(x ORDER BY x) FROM range(100000000) t(x)", func(c *lake.Config) { c.MemoryMiB = 128 }},
		{
			"disk", "SELECT a.x, b.x FROM range(30000000) a(x) JOIN range(30000000) b(x) ON hash(a.x) = hash(b.x) ORDER BY hash(a.x), b.x DESC",
			func(c *lake.Config) { c.MemoryMiB, c.TempMiB = 128, 64 },
		},
	} {
		w := newWorld(t, 3, c.limit)
		if _, _, err := w.ask(c.text); !errors.Is(err, lake.ErrLimit) {
			t.Errorf("%s: %v", c.name, err)
		}
		if left := w.temporary(); len(left) > 0 {
			t.Errorf("%s: %v is left", c.name, left)
		}
		if _, list, err := w.ask("SELECT 7"); err != nil || list[0].Cells[0].Number != 7 {
			t.Errorf("after %s: %v %v", c.name, list, err)
		}
	}
}

func TestStatementThatIsStoppedLeavesOthersAlone(t *testing.T) {
	w := newWorld(t, 3, nil)
	const sound = "SELECT count(*) FROM visits"
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	began := make(chan struct{})
	go func() {
		ended <- w.engine.Run(ctx, query.Question{Organizer: "north", Text: "SELECT x FROM range(1000000000000) t(x)"},
			func(ctx context.Context, table *reports.Table) error {
				for n := 0; ; n++ {
					if _, err := table.Batches.Next(ctx); err != nil {
						return err
					}
					if n == 0 {
						close(began)
					}
				}
			})
	}()
	<-began
	if _, list, err := w.ask(sound); err != nil || list[0].Cells[0].Number != 6 {
		t.Errorf("beside it: %v %v", list, err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if left := w.temporary(); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	if _, _, err := w.ask(sound); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	gaveUp := errors.New("the client went away")
	err := w.engine.Run(t.Context(), query.Question{Organizer: "north", Text: "FROM visits"}, func(context.Context, *reports.Table) error { return gaveUp })
	if !errors.Is(err, gaveUp) {
		t.Errorf("given up: %v", err)
	}
}

// A committed file that is not as it was committed: no statement is answered
// without it, and the error names it and the remedy.
func TestDamagedFileIsNamedAndNothingIsAnswered(t *testing.T) {
	for name, damage := range map[string]func(string) error{
		"deleted":   os.Remove,
		"truncated": func(path string) error { return os.Truncate(path, 200) },
		"flipped": func(path string) error {
			data, err := os.ReadFile(path)
			if err == nil {
				data[len(data)/3] ^= 4
				err = os.WriteFile(path, data, 0o644)
			}
			return err
		},
	} {
		for table, text := range map[string]string{rows.TableVisits: "SELECT count(*) FROM visits", rows.TableOrders: "SELECT count(*) FROM orders"} {
			w := newWorld(t, 3, nil)
			found, err := filepath.Glob(filepath.Join(w.dir.Root(), table, "v1", "*", "*.parquet"))
			check(t, err)
			check(t, damage(found[0]))
			_, list, err := w.ask(text)
			bad, ok := errors.AsType[*lake.FileError](err)
			if !ok || !strings.HasSuffix(found[0], bad.Path) || !strings.Contains(err.Error(), "restore that file") || list != nil {
				t.Errorf("%s %s: %v %v", table, name, list, err)
			}
			if n, err := testutil.GatherAndCount(w.reg, "footfall_lake_refused_files_total"); err != nil || n != 1 {
				t.Errorf("%d, %v", n, err)
			}
		}
	}
}
