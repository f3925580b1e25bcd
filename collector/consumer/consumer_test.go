package consumer

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"footfall/schemas/lake"
)

func b0() context.Context { return context.Background() }

func filepathGlob(root, pattern string) ([]string, error) {
	return filepath.Glob(filepath.Join(root, pattern))
}

func upTo(n int64) []int64 {
	var out []int64
	for i := int64(1); i <= n; i++ {
		out = append(out, i)
	}
	return out
}

func TestEveryRecordIsOneRow(t *testing.T) {
	b := newBench(t)
	b.journal.epoch(0xa, 1, testLog, 2)
	at := noon().UnixMilli()
	for i := range 500 {
		b.journal.add(0xa, i%2, visitRecord(uint64(i/2+1), at+int64(i), 1))
	}
	c := b.consumer(b.config())
	b.turn(c)
	b.turn(c)
	for shard := range int64(2) {
		if got := b.sequences(0xa, shard); !slices.Equal(got, upTo(250)) {
			t.Fatalf("shard %d holds %v", shard, got)
		}
	}
	rows := rowsOf[lake.VisitRow](b, lake.TableVisits)
	t.Logf("%+v", rows[0])
	s := b.snapshot()
	t.Logf("%+v", s.Logs[testLog].State)
}
