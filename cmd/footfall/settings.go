package main

import (
	"errors"
	"fmt"
	"net"

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
	if query, kept := s.Reporter.Lake.QuerySeconds, s.Consumer.LongestQuerySeconds; query > kept {
		return s, usageError{fmt.Errorf("the configuration can't be used:\nreporter.lake.query_seconds: is %d, above consumer.longest_query_seconds (%d): "+
			"files would go from under a running report; raise that one too", query, kept)}
	}
	if e.adjust != nil {
		e.adjust(&s)
	}
	return s, nil
}

// reporterConfig is the reporter's, which also learns where this installation
// answers itself: no event's destination may lead back there.
func (s settings) reporterConfig() reporter.Config {
	config := s.Reporter
	own := append([]string(nil), config.Catalog.OwnHosts...)
	own = append(own, s.Collector.Edge.Hosts...)
	for _, listen := range []string{s.Collector.Edge.Listen, s.Collector.Orders.Listen} {
		own = append(own, reachedAt(listen)...)
	}
	config.Catalog.OwnHosts = own
	return config
}

// reachedAt is how a listener's address may be written in a URL on its machine.
func reachedAt(listen string) []string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "0" { // any free port: known only once it listens
		return nil
	}
	ip := net.ParseIP(host)
	if host != "" && host != "localhost" && (ip == nil || !ip.IsLoopback() && !ip.IsUnspecified()) {
		return []string{listen}
	}
	own := []string{net.JoinHostPort("localhost", port), net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("::1", port)}
	if ip != nil && !ip.IsUnspecified() {
		own = append(own, listen)
	}
	return own
}
