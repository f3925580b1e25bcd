package collector

import (
	"syscall"
	"time"
)

// SystemClock is the wall clock, to the microsecond, for roles that run for
// real: one call into the vDSO where time.Now makes two, the second of them for
// a monotonic reading that no stored time has. It is what an append to the
// journal costs most beside its checksum. Its times are compared by the wall
// clock, also where that is set.
func SystemClock() time.Time {
	var now syscall.Timeval
	if err := syscall.Gettimeofday(&now); err != nil {
		return time.Now() //nolint:forbidigo // this is the clock
	}
	return time.Unix(now.Sec, now.Usec*1000)
}
