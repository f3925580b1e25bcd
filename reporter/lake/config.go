package lake

import (
	"errors"
	"fmt"
	"time"
)

// Config of the lake's reader.
type Config struct {
	TempDir       string `koanf:"temp_dir" doc:"where large queries spill; the folder duckdb in it is emptied at start and removed at the end"`
	MemoryMiB     int    `koanf:"memory_mib" doc:"memory of all queries together, in MiB"`
	TempMiB       int    `koanf:"temp_mib" doc:"disk that queries may spill to, in MiB"`
	Threads       int    `koanf:"threads" doc:"1: every report works on a thread of its own; more: so many less one help all of them, which is faster for large reports and slower for small ones"`
	Readers       int    `koanf:"readers" doc:"reports read at one time; more wait"`
	QuerySeconds  int    `koanf:"query_seconds" doc:"seconds of work, waiting for a turn included, after which a report is given up"`
	TakerSeconds  int    `koanf:"taker_seconds" doc:"seconds that whoever takes an answer may need for every 65,536 rows of it; one that hangs is cut off"`
	WarmRows      int    `koanf:"warm_rows" doc:"rows of small files kept in memory, some 400 bytes each, within memory_mib"`
	CachedCatalog int    `koanf:"cached_catalog" doc:"states of the catalog kept loaded"`
}

// DefaultConfig is what an embedded installation runs with.
func DefaultConfig() Config {
	return Config{
		MemoryMiB:     512,  // a year of a large organizer's report took 105 to 200 MiB
		TempMiB:       4096, // a runaway query must not fill the disk that the journal is on
		Threads:       1,    // two took 1.6 times the CPU time of one for a report over 20,000 rows
		Readers:       4,
		QuerySeconds:  60,
		TakerSeconds:  120, // rows of 100 bytes at half a megabit a second
		WarmRows:      100_000,
		CachedCatalog: 3, // the newest, and one or two as-ofs that are being compared
	}
}

// Validate names everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	positive := func(name string, n, most int) {
		if n < 1 || n > most {
			errs = append(errs, fmt.Errorf("%s: is %d, want 1 to %d", name, n, most))
		}
	}
	if c.TempDir == "" {
		errs = append(errs, errors.New("temp_dir: is empty: name a folder on a disk with room"))
	}
	positive("memory_mib", c.MemoryMiB, 1<<20)
	positive("temp_mib", c.TempMiB, 1<<24)
	positive("threads", c.Threads, 1024)
	positive("readers", c.Readers, 1024)
	positive("query_seconds", c.QuerySeconds, 24*60*60)
	positive("taker_seconds", c.TakerSeconds, 24*60*60)
	positive("warm_rows", c.WarmRows, 1<<30)
	positive("cached_catalog", c.CachedCatalog, 100)
	return errors.Join(errs...)
}

func (c Config) queryTime() time.Duration { return time.Duration(c.QuerySeconds) * time.Second }

func (c Config) takerTime() time.Duration { return time.Duration(c.TakerSeconds) * time.Second }
