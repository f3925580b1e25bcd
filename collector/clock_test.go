package collector_test

import (
	"testing"
	"time"

	"footfall/collector"
)

func TestSystemClockIsTheWallClockWithoutAllocation(t *testing.T) {
	before := time.Now().Round(0).Truncate(time.Microsecond)
	got := collector.SystemClock()
	after := time.Now().Round(0)
	if got.Before(before) || got.After(after) {
		t.Fatalf("%v is not between %v and %v", got, before, after)
	}
	if n := testing.AllocsPerRun(100, func() { collector.SystemClock() }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkClock(b *testing.B) {
	for name, clock := range map[string]func() time.Time{"time.Now": time.Now, "SystemClock": collector.SystemClock} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				clock()
			}
		})
	}
}
