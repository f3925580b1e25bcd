package bots

import (
	"hash/maphash"
	"sync"
)

const (
	// cachedBytes is the longest user agent that is kept: the edge cuts at
	// as much. With it the cache can't outgrow 16,384 × 512 bytes of text.
	cachedBytes = 512

	cacheShards = 16  // locks
	cacheSets   = 256 // per shard
	cacheWays   = 4   // entries per set
)

// cache remembers answers for a fixed number of user agents. A set holds the
// last few of those that hash to it, the most used in front; its hash is
// seeded, so nobody outside can choose which ones collide.
type cache struct {
	seed   maphash.Seed
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu   sync.Mutex
	sets [cacheSets][cacheWays]cacheEntry // mu
	_    [64]byte                         // locks of two shards on one cache line would meet
}

type cacheEntry struct {
	hash      uint64
	userAgent string // empty: a free entry
	rule      int16
}

func newCache() *cache { return &cache{seed: maphash.MakeSeed()} }

func (c *cache) hash(userAgent []byte) uint64 { return maphash.Bytes(c.seed, userAgent) }

func (c *cache) set(hash uint64) (*cacheShard, *[cacheWays]cacheEntry) {
	shard := &c.shards[hash%cacheShards]
	return shard, &shard.sets[hash/cacheShards%cacheSets]
}

// get gives the rule kept for the user agent, without allocating.
func (c *cache) get(hash uint64, userAgent []byte) (rule int, ok bool) {
	shard, set := c.set(hash)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for i := range set {
		if set[i].hash == hash && set[i].userAgent == string(userAgent) {
			rule = int(set[i].rule)
			if i > 0 {
				set[i-1], set[i] = set[i], set[i-1]
			}
			return rule, true
		}
	}
	return 0, false
}

// put keeps the rule in the last place of its set, so that what comes once
// pushes out only what came once.
func (c *cache) put(hash uint64, userAgent []byte, rule int) {
	entry := cacheEntry{hash: hash, userAgent: string(userAgent), rule: int16(rule)} //nolint:gosec // parseRules bounds it
	shard, set := c.set(hash)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for i := range set {
		if set[i].userAgent == "" {
			set[i] = entry
			return
		}
	}
	set[cacheWays-1] = entry
}
