package ops_test

import (
	"testing"
	"time"

	"footfall/internal/ops"
)

func TestWhatIsForgivenDoesNotCount(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := ops.NewBackoff[string](2, time.Minute)
	for i := range 10 {
		if wait := b.Failed("ann", now); wait > 0 {
			t.Fatalf("%d: wait %s", i, wait)
		}
		b.Forgive("ann")
	}
	b.Forgive("ann")
	b.Forgive("bob") // who never failed has no credit
	if b.Len() != 0 {
		t.Errorf("%d are remembered", b.Len())
	}
	for i := range 3 {
		if wait := b.Failed("ann", now.Add(20*time.Second)); (wait > 0) != (i == 2) {
			t.Errorf("failure %d: wait %s", i+1, wait)
		}
	}
}
