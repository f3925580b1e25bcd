package consumer

import (
	"errors"
	"fmt"
	"time"

	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
)

// Config is one source log's consumer.
type Config struct {
	// Log is the lake's log that the journal's epochs are bound to.
	Log string `koanf:"-"`
	// Kind is lakelog.KindVisits or lakelog.KindOrders.
	Kind string `koanf:"-"`
	// Collector is the enrolled collector whose journal the source is.
	Collector ids.CollectorID `koanf:"-"`
	// LakeDir is the lake's root.
	LakeDir string `koanf:"-"`

	CommitIntervalMS    int   `koanf:"commit_interval_ms" doc:"how long rows gather before they are committed: the larger part of the time from a click to a report"`
	IdleCommitSeconds   int   `koanf:"idle_commit_seconds" doc:"how often a log commits without rows, so that its watermark goes on"`
	BatchRows           int   `koanf:"batch_rows" doc:"rows after which a commit comes at once; they bound the memory of a backlog"`
	BatchBytes          int   `koanf:"batch_bytes" doc:"bytes of records after which a commit comes at once"`
	MergeBytes          int64 `koanf:"merge_bytes" doc:"largest file that merging small files makes; what is larger is left to compaction"`
	LongestQuerySeconds int   `koanf:"longest_query_seconds" doc:"a file that a merge replaced stays on disk so long, and an hour"`
	RetrySeconds        int   `koanf:"retry_seconds" doc:"pause after a failed write (a full disk, say)"`

	// pollMS is the pause between two looks at a journal that has nothing new.
	pollMS int
	// lake replaces edges of the file system and is told each step of a commit,
	// keepRepeats takes the dedupe away, spawn starts merges. Tests alone set them.
	lake        lakelog.Options
	keepRepeats bool
	spawn       func(func())
}

// Defaults gives a Config without Log, Kind, Collector and LakeDir.
func Defaults() Config {
	return Config{
		CommitIntervalMS:    500,
		IdleCommitSeconds:   10,
		BatchRows:           32_768,
		BatchBytes:          16 << 20,
		MergeBytes:          1 << 30,
		LongestQuerySeconds: 600,
		RetrySeconds:        1,
		pollMS:              20,
	}
}

// Validate gives every problem of the configuration at once.
func (c Config) Validate() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if c.Log == "" {
		bad("log: want the name of a source log")
	}
	if !lakelog.IsSource(c.Kind) {
		bad("kind: want %s or %s, not %q", lakelog.KindVisits, lakelog.KindOrders, c.Kind)
	}
	if c.Collector == 0 {
		bad("collector: want an enrolled collector's id")
	}
	if c.LakeDir == "" {
		bad("lake_dir: want a folder")
	}
	if c.CommitIntervalMS < 1 || c.CommitIntervalMS > 60_000 {
		bad("commit_interval_ms: want 1 to 60000, not %d", c.CommitIntervalMS)
	}
	if c.IdleCommitSeconds < 1 || c.IdleCommitSeconds > 60 {
		bad("idle_commit_seconds: want 1 to 60, not %d: an open log commits at least once a minute", c.IdleCommitSeconds)
	}
	if c.BatchRows < 1 || c.BatchRows > 1<<20 {
		bad("batch_rows: want 1 to %d, not %d", 1<<20, c.BatchRows)
	}
	if c.BatchBytes < 1 || c.BatchBytes > 1<<30 {
		bad("batch_bytes: want 1 to %d, not %d", 1<<30, c.BatchBytes)
	}
	if c.MergeBytes < 1<<20 {
		bad("merge_bytes: want at least %d, not %d", 1<<20, c.MergeBytes)
	}
	if c.LongestQuerySeconds < 1 || c.LongestQuerySeconds > 7*24*3600 {
		bad("longest_query_seconds: want 1 to %d, not %d", 7*24*3600, c.LongestQuerySeconds)
	}
	if c.RetrySeconds < 1 {
		bad("retry_seconds: want at least 1, not %d", c.RetrySeconds)
	}
	return errors.Join(problems...)
}

// trashAge is how long a removed file stays on disk.
func (c Config) trashAge() time.Duration {
	return time.Duration(c.LongestQuerySeconds)*time.Second + time.Hour
}
