package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config of one journal.
type Config struct {
	Dir       string `koanf:"dir" doc:"directory of the journal; one process at a time"`
	Collector uint32 `koanf:"-"`
	// Log names the log that an epoch is bound to, for as long as it lives.
	Log              string `koanf:"-"`
	Shards           int    `koanf:"shards" doc:"independent writers; more of them share out the lock"`
	SegmentBytes     int64  `koanf:"segment_bytes" doc:"size of a segment; at least one is written full of zeroes ahead for each shard"`
	Spares           int    `koanf:"spares" doc:"segments kept back for a full disk"`
	SyncIntervalMS   int    `koanf:"sync_interval_ms" doc:"longest time that an appended record is not on the disk: what a power cut may take"`
	RollSeconds      int    `koanf:"roll_seconds" doc:"a segment is sealed at this age at the latest, so that retention works on quiet days"`
	RetentionSeconds int    `koanf:"retention_seconds" doc:"a sealed segment stays at least this long, covered by the lake or not"`
	// HeldByIndex: nothing is deleted before Hold has named a position.
	HeldByIndex bool `koanf:"-"`

	test testSwitches
}

// testSwitches take defences away, or stand in for the disk. Only tests of this
// package can set them.
type testSwitches struct {
	unlocked bool                                // append without the shard's lock
	weakSum  bool                                // checksums without the position
	msync    func(path string, b []byte) error   // in place of msync
	synced   func(path string, from, to int)     // after each msync that went well
	fill     func(f *os.File, bytes int64) error // in place of writing zeroes
}

// Deps are what a journal is given.
type Deps struct {
	Clock   func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

const (
	minSegmentBytes = 16 << 10
	maxSegmentBytes = 256 << 20 // recovery holds one in memory
	maxShards       = 64
	maxLogBytes     = 255
)

// DefaultVisits is for the journal of visits: 16 MiB hold some 80,000 visits,
// and the zeroes ahead cost less than a second of a slow disk.
func DefaultVisits() Config {
	return Config{
		Shards: 2, SegmentBytes: 16 << 20, Spares: 2,
		SyncIntervalMS: 100, RollSeconds: 3600, RetentionSeconds: 6 * 3600,
	}
}

// DefaultOrders is for the journal of orders: one shard, so that orders of a
// collector have one order.
func DefaultOrders() Config {
	return Config{
		Shards: 1, SegmentBytes: 4 << 20, Spares: 1,
		SyncIntervalMS: 100, RollSeconds: 3600, RetentionSeconds: 6 * 3600, HeldByIndex: true,
	}
}

// Validate names everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(c.Dir != "", "dir must be set")
	want(c.Collector != 0, "collector must not be 0: enrol the collector first")
	want(c.Log != "" && len(c.Log) <= maxLogBytes, "log must have 1 to %d bytes, it has %d", maxLogBytes, len(c.Log))
	want(c.Shards >= 1 && c.Shards <= maxShards, "shards must be 1 to %d, it is %d", maxShards, c.Shards)
	want(c.SegmentBytes >= minSegmentBytes && c.SegmentBytes <= maxSegmentBytes && c.SegmentBytes%pageBytes == 0,
		"segment_bytes must be a multiple of %d from %d to %d, it is %d", pageBytes, minSegmentBytes, maxSegmentBytes, c.SegmentBytes)
	want(c.Spares >= 0 && c.Spares <= 64, "spares must be 0 to 64, it is %d", c.Spares)
	want(c.SyncIntervalMS >= 1 && c.SyncIntervalMS <= 60_000, "sync_interval_ms must be 1 to 60000, it is %d", c.SyncIntervalMS)
	want(c.RollSeconds >= 1, "roll_seconds must be at least 1, it is %d", c.RollSeconds)
	want(c.RetentionSeconds >= 0, "retention_seconds must not be negative, it is %d", c.RetentionSeconds)
	return errors.Join(errs...)
}

// maxBody is the largest body that fits a segment of its own.
func (c *Config) maxBody() int {
	return int(min(MaxBodyBytes, c.SegmentBytes-segmentHeaderBytes-recordHeaderBytes))
}
