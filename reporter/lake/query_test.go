package lake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"footfall/schemas/reports"
)

// answered runs a statement in both ways and gives the rows.
func answered(t *testing.T, s reports.Statement, byScan bool) ([]reports.Column, []reports.Row) {
	t.Helper()
	config := DefaultConfig()
	config.TempDir = t.TempDir()
	d, err := openDatabase(t.Context(), config, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	}()
	conn, err := d.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, taking := bounded(t.Context(), config, time.Now)
	defer taking.end()
	q := &queries{conn: conn, byScan: byScan, taking: taking}
	columns, batches, err := q.run(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := reports.Collect(ctx, &reports.Table{Columns: columns, Batches: batches})
	if err := errors.Join(err, q.close(), conn.Close()); err != nil {
		t.Fatal(err)
	}
	return columns, rows
}

// TestArrowAndScanGiveTheSameRows, of every type, missing values too, of answers
// that are one page and many.
func TestArrowAndScanGiveTheSameRows(t *testing.T) {
	every := `SELECT i::BIGINT AS big, i::INTEGER AS int, (i % 9)::SMALLINT AS small, (i % 7)::UTINYINT AS tiny, i::UBIGINT AS unsigned, i::HUGEINT * 1000000000000 AS huge,
		(i - 7)::DECIMAL(18, 3) / 8 AS money, i / 7 AS float, (i / 7)::FLOAT AS short, i % 2 = 0 AS odd, 'é' || i AS text,
		DATE '1969-12-25' + i::INTEGER AS day, make_timestamp(i * 1234567) AS at, make_timestamptz(i * 7) AS zoned, NULL::VARCHAR AS nothing,
		CASE WHEN i % 3 = 0 THEN i END AS some, CASE WHEN i % 3 = 0 THEN 'x' END AS word, CASE i % 2 WHEN 0 THEN 'JPY' ELSE 'KWD' END AS currency
		FROM range(?) r(i) ORDER BY i DESC`
	for name, s := range map[string]reports.Statement{
		"small": {Text: every, Args: []any{int64(20)}, Currency: "currency"},
		"large": {Text: every, Args: []any{int64(pageRows + 3000)}, Currency: "currency", Large: true},
		"empty": {Text: every, Args: []any{int64(0)}, Currency: "currency", Large: true},
		"kinds": {Text: "SELECT 5::BIGINT, NULL::BIGINT, 'a'", Columns: []reports.Column{{Name: "id", Kind: reports.KindID}, {Name: "m", Kind: reports.KindMoney}, {Name: "currency", Kind: reports.KindText}}, Currency: "currency"},
	} {
		t.Run(name, func(t *testing.T) {
			arrowColumns, arrow := answered(t, s, false)
			scanColumns, scan := answered(t, s, true)
			if fmt.Sprint(arrowColumns) != fmt.Sprint(scanColumns) || len(arrow) != len(scan) {
				t.Fatalf("columns %v and %v, %d and %d rows", arrowColumns, scanColumns, len(arrow), len(scan))
			}
			for i := range arrow {
				if fmt.Sprint(arrow[i]) != fmt.Sprint(scan[i]) {
					t.Fatalf("row %d: %v by Arrow, %v by Scan", i, arrow[i], scan[i])
				}
			}
		})
	}
}

// TestSlowTakerIsNotCutAndHungOneIs: the taker's time is none of the query's, and
// has a limit of its own that begins anew after so many rows.
func TestSlowTakerIsNotCutAndHungOneIs(t *testing.T) {
	config := DefaultConfig()
	config.QuerySeconds, config.TakerSeconds = 10, 30
	for name, c := range map[string]struct {
		steps func(*taking)
		says  string
	}{
		"slow taker": {func(k *taking) {
			for range 100 {
				time.Sleep(50 * time.Millisecond)
				k.gave(takenRows)
				k.give()
				time.Sleep(20 * time.Second)
				k.work()
			}
		}, ""},
		"hung taker": {func(k *taking) { k.give(); time.Sleep(31 * time.Second) }, "taker_seconds"},
		"slow in all": {func(k *taking) {
			k.give()
			time.Sleep(20 * time.Second)
			k.work()
			k.gave(5)
			k.give()
			time.Sleep(20 * time.Second)
		}, "taker_seconds"},
		"slow query": {func(*taking) { time.Sleep(11 * time.Second) }, "query_seconds"},
		"slow at last": {func(k *taking) {
			time.Sleep(9 * time.Second)
			k.give()
			time.Sleep(time.Second)
			k.work()
			time.Sleep(2 * time.Second)
		}, "query_seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, k := bounded(t.Context(), config, time.Now)
				defer k.end()
				c.steps(k)
				synctest.Wait()
				err := context.Cause(ctx)
				if (err != nil) != (c.says != "") || err != nil && (!errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("ended by %v, want %q", err, c.says)
				}
			})
		})
	}
}
