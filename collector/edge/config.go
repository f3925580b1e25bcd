package edge

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Config of the click listener.
type Config struct {
	Listen                   string   `koanf:"listen" doc:"Address of the click listener."`
	Hosts                    []string `koanf:"hosts" doc:"Host names that links are answered for, without port; empty: any. Others get 421."`
	FallbackURL              string   `koanf:"fallback_url" doc:"Where links of unknown events lead; empty: a 404 page."`
	TrustedHops              int      `koanf:"trusted_hops" doc:"Proxies in front that each append to X-Forwarded-For; the client is the entry that many from its end. 0: the connection's own address."`
	ReadTimeoutSeconds       int      `koanf:"read_timeout_seconds" doc:"A request head must be complete this long after its first byte."`
	WriteTimeoutSeconds      int      `koanf:"write_timeout_seconds" doc:"An answer must be taken within this."`
	IdleTimeoutSeconds       int      `koanf:"idle_timeout_seconds" doc:"A connection without a request is closed after this."`
	MaxConnections           int      `koanf:"max_connections" doc:"Connections at once; more are closed unanswered. Each takes about 20 KiB."`
	MaxConnectionsPerAddress int      `koanf:"max_connections_per_address" doc:"Connections at once from one address (IPv6: /64); not applied behind trusted hops. 0: no limit."`
	DrainSeconds             int      `koanf:"drain_seconds" doc:"How long a stop waits for connections to end."`
	CookieMaxAgeDays         int      `koanf:"cookie_max_age_days" doc:"Life of the visitor cookie, where an organizer has it on."`
	CookieInsecure           bool     `koanf:"cookie_insecure" doc:"Leave Secure off the cookie: only for a trial without TLS on another host than localhost."`
}

// DefaultConfig is what runs when nothing is said.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8600",
		// A phone on a bad line sends a head of 16 KiB in a few seconds.
		ReadTimeoutSeconds: 10, WriteTimeoutSeconds: 10,
		// Longer than the keep-alive of the common balancers in front, which then
		// close first.
		IdleTimeoutSeconds: 75,
		// 320 MiB when every one of them is taken.
		MaxConnections: 16384, MaxConnectionsPerAddress: 512,
		DrainSeconds: 5,
		// Three attribution windows.
		CookieMaxAgeDays: 90,
	}
}

// Validate says everything that is wrong with c.
func (c Config) Validate() error {
	var problems []error
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		problems = append(problems, fmt.Errorf("edge.listen: want an address like 127.0.0.1:8600, not %q", c.Listen))
	}
	for _, host := range c.Hosts {
		if host == "" || host != strings.ToLower(host) || strings.ContainsAny(host, "/ :") {
			problems = append(problems, fmt.Errorf("edge.hosts: want host names in lower case without port, not %q", host))
		}
	}
	if c.FallbackURL != "" && !safeURL(c.FallbackURL) {
		problems = append(problems, fmt.Errorf("edge.fallback_url: want an absolute http or https URL in ASCII, not %q", c.FallbackURL))
	}
	for _, limit := range []struct {
		name       string
		value      int
		least, top int
	}{
		{"trusted_hops", c.TrustedHops, 0, 16},
		{"read_timeout_seconds", c.ReadTimeoutSeconds, 1, 600},
		{"write_timeout_seconds", c.WriteTimeoutSeconds, 1, 600},
		{"idle_timeout_seconds", c.IdleTimeoutSeconds, 1, 3600},
		{"max_connections", c.MaxConnections, 1, 1 << 20},
		{"max_connections_per_address", c.MaxConnectionsPerAddress, 0, 1 << 20},
		{"drain_seconds", c.DrainSeconds, 1, 600},
		{"cookie_max_age_days", c.CookieMaxAgeDays, 1, 400},
	} {
		if limit.value < limit.least || limit.value > limit.top {
			problems = append(problems, fmt.Errorf("edge.%s: want %d to %d, not %d", limit.name, limit.least, limit.top, limit.value))
		}
	}
	return errors.Join(problems...)
}

// safeURL holds for a URL that may stand in a header as it is.
func safeURL(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7F {
			return false
		}
	}
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http")
}
