package lake

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func newTestKept(t *testing.T) (*kept, *database) {
	t.Helper()
	config := DefaultConfig()
	config.TempDir = t.TempDir()
	d, err := openDatabase(t.Context(), config, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return newKept(d.db, m), d
}

// TestKeptTablesNeverGrowWithoutBound: in sets nor in rows; what a reading uses
// stays, and what finds no room is not kept.
func TestKeptTablesNeverGrowWithoutBound(t *testing.T) {
	k, d := newTestKept(t)
	defer func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	}()
	k.rows, k.sets = 100, 3
	used, mine, _ := k.take("used", 10)
	if used == nil || !mine {
		t.Fatal("the first set finds no room")
	}
	for i := range 20 {
		set, _, _ := k.take(fmt.Sprint(i), int64(1+i%60))
		if set == nil {
			t.Fatalf("set %d finds no room", i)
		}
		k.release(t.Context(), set)
		var rows int64
		for _, e := range k.list {
			rows += e.rows
		}
		if len(k.list) > k.sets || rows > k.rows {
			t.Fatalf("after set %d there are %d sets of %d rows", i, len(k.list), rows)
		}
	}
	if set, mine, _ := k.take("used", 10); set != used || mine {
		t.Error("a set that is used made room")
	}
	if set, _, _ := k.take("large", 101); set != nil {
		t.Error("a set above the bound is kept")
	}
	if set, _, _ := k.take("no room beside what is used", 95); set != nil {
		t.Error("a set is kept for which there is no room")
	}
}

// TestKeptTablesThatCannotBeDroppedAreCounted, for they hold memory.
func TestKeptTablesThatCannotBeDroppedAreCounted(t *testing.T) {
	k, d := newTestKept(t)
	set, _, _ := k.take("one", 1)
	k.forget(set)
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	k.release(t.Context(), set)
	if n := testutil.ToFloat64(k.metrics.keptFailed); n != 1 {
		t.Errorf("%g failures are counted, want 1", n)
	}
}
