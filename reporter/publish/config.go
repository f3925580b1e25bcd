package publish

import (
	"errors"
	"fmt"
	"time"
)

// Config of the publication.
type Config struct {
	IntervalSeconds     int `koanf:"interval_seconds" doc:"least seconds between two files of changes of the catalog"`
	LongestQuerySeconds int `koanf:"longest_query_seconds" doc:"a file of the catalog that a merge replaced stays on disk so long, and an hour"`
	RetrySeconds        int `koanf:"retry_seconds" doc:"pause after a failed write (a full disk, say)"`
}

// DefaultConfig is once a minute.
func DefaultConfig() Config {
	return Config{IntervalSeconds: 60, LongestQuerySeconds: 600, RetrySeconds: 5}
}

// Validate names everything that is wrong.
func (c Config) Validate() error {
	var problems []error
	between := func(name string, n, least, most int) {
		if n < least || n > most {
			problems = append(problems, fmt.Errorf("%s: is %d, want %d to %d", name, n, least, most))
		}
	}
	between("interval_seconds", c.IntervalSeconds, 60, 24*60*60)
	between("longest_query_seconds", c.LongestQuerySeconds, 1, 7*24*60*60)
	between("retry_seconds", c.RetrySeconds, 1, 60*60)
	return errors.Join(problems...)
}

func (c Config) interval() time.Duration { return time.Duration(c.IntervalSeconds) * time.Second }

func (c Config) retry() time.Duration { return time.Duration(c.RetrySeconds) * time.Second }

// trashAge is how long a removed file stays on disk.
func (c Config) trashAge() time.Duration {
	return time.Duration(c.LongestQuerySeconds)*time.Second + time.Hour
}
