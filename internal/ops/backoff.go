package ops

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxFailing bounds the memory of who failed. Beyond it the window begins anew
// for all: what is failed at can't be guessed anyway, the back-off saves work.
const maxFailing = 10_000

// Backoff counts who failed in a window of time, and says how long they should
// wait. Safe for concurrent use.
type Backoff[K comparable] struct {
	most   int
	window time.Duration

	mu     sync.Mutex
	began  time.Time // guarded by mu: of the window
	counts map[K]int // guarded by mu
}

// NewBackoff lets each fail most times in a window.
func NewBackoff[K comparable](most int, window time.Duration) *Backoff[K] {
	return &Backoff[K]{most: most, window: window, counts: map[K]int{}}
}

// Failed notes a failure and says how long whoever failed should wait; 0: need not.
func (b *Backoff[K]) Failed(who K, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if age := now.Sub(b.began); age < 0 || age >= b.window {
		b.began = now
		clear(b.counts)
	}
	if len(b.counts) >= maxFailing {
		clear(b.counts)
	}
	if b.counts[who]++; b.counts[who] <= b.most {
		return 0
	}
	return b.window - now.Sub(b.began)
}

// Forgive takes one failure back: it was counted before it could be known.
func (b *Backoff[K]) Forgive(who K) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.counts[who]--; b.counts[who] <= 0 {
		delete(b.counts, who)
	}
}

// Len is how many are remembered.
func (b *Backoff[K]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.counts)
}

// PeerNetwork is Network of a remote address with its port.
func PeerNetwork(remote string) netip.Addr {
	host, _, _ := net.SplitHostPort(remote)
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return Network(address)
}

// Network is whom an address counts as: an IPv4 address, or the /64 that one IPv6
// customer has; the zero Addr for all that can't be told apart.
func Network(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if !address.Is6() {
		return address
	}
	const network = 64
	prefix, err := address.Prefix(network)
	if err != nil {
		return address
	}
	return prefix.Addr()
}
