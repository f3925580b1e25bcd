package journal

// prefetch asks for five lines of the cache, room for a usual record. It waits for nothing and never faults, wherever b points.
//
//go:noescape
func prefetch(b *byte)
