package catalog

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
)

const (
	// upkeepInterval: a midnight's new owner and a promoted key take effect
	// within it.
	upkeepInterval = time.Second
	// dayKeyAhead: a collector goes on for a week without the reporter.
	dayKeyAhead = 7
	// dayKeyKept is how long after its day's end a day key lives: a visit of
	// 23:59 may still be on its way, and unique visitors are decided after that.
	dayKeyKept = 48 * time.Hour
	// promoteAfter: all collectors that ask have the new key for verifying
	// (they wait on the feed) before the first of them mints with it.
	promoteAfter = time.Minute
	// idGap is how far a restore moves every id counter past the largest seen:
	// ids that only a lost catalog and its edges knew lie below it.
	idGap = 65536
	// pageLimit is the longest page of a list.
	pageLimit = 1000
	// maxDestinationChars is the longest URL that every browser takes.
	maxDestinationChars = 2048
	// newestUS as an as-of means the newest there is.
	newestUS = int64(1<<63 - 1)
)

// Config of the catalog.
type Config struct {
	Dir      string   `koanf:"dir" doc:"data directory: catalog.db, catalog.lock and daykeys/ are in it"`
	OwnHosts []string `koanf:"own_hosts" doc:"further hosts of the redirect, beside collector.edge.hosts and its listeners, with or without port: no event's destination may lead back to them"`
	Control  Control  `koanf:"control" doc:"listener that collectors on other machines follow the catalog through"`
}

// Control is the listener for collectors on other machines.
type Control struct {
	Listen  string `koanf:"listen" doc:"address of the control listener, empty: none; off loopback it needs tls_cert and tls_key"`
	TLSCert string `koanf:"tls_cert" doc:"PEM certificate of the control listener"`
	TLSKey  string `koanf:"tls_key" doc:"PEM key of the control listener"`
}

// DefaultConfig is a catalog in ./data that serves this machine only.
func DefaultConfig() Config { return Config{Dir: "data"} }

// Validate names every problem.
func (c Config) Validate() error {
	var problems []error
	if strings.TrimSpace(c.Dir) == "" {
		problems = append(problems, errors.New("catalog.dir: name the data directory"))
	}
	for _, host := range c.OwnHosts {
		if host == "" || strings.ContainsAny(host, "/@ ") {
			problems = append(problems, fmt.Errorf("catalog.own_hosts: %q: want a host like go.example.com or go.example.com:8080", host))
		}
	}
	return errors.Join(append(problems, c.Control.Validate())...)
}

// Validate refuses a listener that would send secrets in the clear.
func (c Control) Validate() error {
	if c.Listen == "" {
		return nil
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("catalog.control: tls_cert and tls_key go together")
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("catalog.control.listen: %q: want an address like 127.0.0.1:8090", c.Listen)
	}
	if c.TLSCert == "" && !isLoopback(host) {
		return fmt.Errorf("catalog.control.listen: %s is not loopback, and keys would cross the network in the clear: set tls_cert and tls_key, or listen on 127.0.0.1", c.Listen)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func (c *Catalog) path() string     { return filepath.Join(c.config.Dir, "catalog.db") }
func (c *Catalog) lockPath() string { return filepath.Join(c.config.Dir, "catalog.lock") }
func (c *Catalog) dayKeyDir() string {
	return filepath.Join(c.config.Dir, "daykeys")
}
