package routes

import (
	"errors"
	"fmt"
)

// Config of the table.
type Config struct {
	Dir                string `koanf:"dir" doc:"Directory of the last good copy of routes and secrets; made when missing."`
	StartWaitSeconds   int    `koanf:"start_wait_seconds" doc:"How long a start without a usable copy waits for the reporter before it is refused."`
	SaveSeconds        int    `koanf:"save_seconds" doc:"The copy of the routes is rewritten at most this often, and at stop."`
	CoveredPollSeconds int    `koanf:"covered_poll_seconds" doc:"How often the marks of what the lake has covered are asked for."`
	BackoffMaxSeconds  int    `koanf:"backoff_max_seconds" doc:"Longest pause between tries while the reporter does not answer."`
}

// DefaultConfig is what runs when nothing is said; Dir has no default.
func DefaultConfig() Config {
	return Config{
		StartWaitSeconds:   10,
		SaveSeconds:        5,
		CoveredPollSeconds: 5,
		// A reporter that is back is heard within this and a jitter.
		BackoffMaxSeconds: 5,
	}
}

// Validate says everything that is wrong with c.
func (c Config) Validate() error {
	var problems []error
	if c.Dir == "" {
		problems = append(problems, errors.New("routes.dir: want a directory"))
	}
	for _, limit := range []struct {
		name  string
		value int
	}{
		{"start_wait_seconds", c.StartWaitSeconds},
		{"save_seconds", c.SaveSeconds},
		{"covered_poll_seconds", c.CoveredPollSeconds},
		{"backoff_max_seconds", c.BackoffMaxSeconds},
	} {
		if limit.value < 1 || limit.value > 3600 {
			problems = append(problems, fmt.Errorf("routes.%s: want 1 to 3600, not %d", limit.name, limit.value))
		}
	}
	return errors.Join(problems...)
}
