package main

import (
	"errors"
	"fmt"

	"footfall/collector"
	"footfall/collector/consumer"
	"footfall/internal/conf"
	"footfall/internal/ops"
	"footfall/reporter"
)

// envPrefix begins every setting's environment variable.
const envPrefix = "FOOTFALL_"

// settings is every role's configuration; a role reads its own sections and
// the common ones.
type settings struct {
	Log       ops.LogConfig    `koanf:"log"`
	Admin     ops.AdminConfig  `koanf:"admin"`
	Collector collector.Config `koanf:"collector"`
	Consumer  consumer.Config  `koanf:"consumer"`
	Reporter  reporter.Config  `koanf:"reporter"`
}

// defaultSettings has every place below a data directory, whole enough to be
// validated. The collector's id is a stand-in where the role has another.
func defaultSettings(data string) settings {
	s := settings{
		Log:       ops.DefaultLogConfig(),
		Admin:     ops.DefaultAdminConfig(),
		Collector: collector.DefaultConfig(),
		Consumer:  collector.DefaultConsumer(),
		Reporter:  reporter.DefaultConfig(),
	}
	s.Collector.Place(data)
	s.Reporter.Place(data)
	return s
}

// settings reads the configuration: defaults, then the file, then the
// environment. What is wrong with it is a usage error, one line per problem.
func (e *env) settings() (settings, error) {
	s := defaultSettings(e.Data)
	err := conf.Load(&s, conf.LoadOptions{
		File:      e.Config,
		EnvPrefix: envPrefix,
		EnvOther:  []string{"FOOTFALL_DATA", "FOOTFALL_CONFIG"},
	})
	if problems, ok := errors.AsType[*conf.Errors](err); ok {
		return s, usageError{fmt.Errorf("the configuration can't be used:\n%w", problems)}
	}
	if err != nil {
		return s, fmt.Errorf("reading the configuration: %w", err)
	}
	if e.adjust != nil {
		e.adjust(&s)
	}
	return s, nil
}
