package api

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"footfall/internal/ops"
)

const (
	// headTimeout bounds slow clients; a request's head is one packet.
	headTimeout = 10 * time.Second
	// bodyTimeout is what a JSON body has, which is at most maxBodyBytes long.
	bodyTimeout = 30 * time.Second
	// stallTimeout is how long a stream may stand still: a reader that went to
	// sleep holds one of the lake's few readers. Each piece that moves renews it.
	stallTimeout = time.Minute
	// idleTimeout keeps a program's connection between two questions.
	idleTimeout = 2 * time.Minute
	// maxHeadBytes is far above any request: a report's filters may be long.
	maxHeadBytes = 32 << 10
	// drain is what a stop waits for answers under way.
	drain = 5 * time.Second
	// retrySeconds is what an asker is told to wait for a free place.
	retrySeconds = 1
)

// Config of the API's TCP listener.
type Config struct {
	Listen   string `koanf:"listen" doc:"address of the API over TCP, where every request shows a key (footfall key api add); empty for none; off loopback it needs tls_cert and tls_key"`
	TLSCert  string `koanf:"tls_cert" doc:"PEM certificate of the API's listener"`
	TLSKey   string `koanf:"tls_key" doc:"PEM key of the API's listener"`
	TempDir  string `koanf:"-"` // where a file that is imported waits for its end
	Requests int    `koanf:"requests" doc:"requests over TCP that are answered at one time; more get 503 and are told to come again"`
}

// DefaultConfig serves this machine.
func DefaultConfig() Config {
	return Config{
		Listen:   "127.0.0.1:8602",
		TempDir:  os.TempDir(),
		Requests: 64, // the lake reads for a few at once; more would only hold memory while they wait
	}
}

// Validate refuses a listener that would send keys in the clear.
func (c Config) Validate() error {
	if c.TempDir == "" {
		return errors.New("api: name a folder for files that are imported")
	}
	if c.Requests < 1 {
		return fmt.Errorf("api.requests: is %d, want 1 or more", c.Requests)
	}
	if c.Listen == "" {
		return nil
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("api: tls_cert and tls_key go together")
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("api.listen: %q: want an address like 127.0.0.1:8602", c.Listen)
	}
	if c.TLSCert == "" && !ops.IsLoopbackHost(host) {
		return fmt.Errorf("api.listen: %s is not loopback, and keys would cross the network in the clear: set tls_cert and tls_key, or listen on 127.0.0.1 with a proxy in front", c.Listen)
	}
	return nil
}
