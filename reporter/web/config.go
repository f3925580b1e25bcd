package web

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"footfall/internal/ops"
)

const (
	headTimeout  = 10 * time.Second
	bodyTimeout  = 30 * time.Second
	idleTimeout  = 2 * time.Minute
	maxHeadBytes = 32 << 10
	// maxFormBytes is more than any form of ours; a CSV file has maxFileBytes.
	maxFormBytes = 64 << 10
	maxFileBytes = 8 << 20
	drain        = 5 * time.Second

	maxHops = 16

	// signInWait is what who tried too often is told; the catalog counts.
	signInWait = time.Minute
)

// Config of the dashboard.
type Config struct {
	Listen      string `koanf:"listen" doc:"address of the dashboard; empty for none; off loopback it needs url to begin with https, and tls_cert and tls_key or a proxy in front that speaks TLS"`
	URL         string `koanf:"url" doc:"where people open the dashboard, as https://figures.example.com; empty: http and the address that is listened on, which this machine alone reaches"`
	LinksURL    string `koanf:"links_url" doc:"what links begin with, as https://go.example.com: the click listener as buyers reach it; empty: the click listener's own address"`
	OrdersURL   string `koanf:"orders_url" doc:"where ticketing sites send orders, as https://orders.example.com; empty: the order listener's own address"`
	TLSCert     string `koanf:"tls_cert" doc:"PEM certificate of the dashboard's listener"`
	TLSKey      string `koanf:"tls_key" doc:"PEM key of the dashboard's listener"`
	TrustedHops int    `koanf:"trusted_hops" doc:"proxies in front that each append to X-Forwarded-For; who guesses passwords is told to wait by the entry that many from its end. 0: by the connection's own address, on loopback by nobody's"`
	Styleguide  bool   `koanf:"styleguide" doc:"serve /styleguide, every component and state on one page; for those who build the dashboard"`
}

// DefaultConfig serves this machine.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:8603"} }

// secure says whether people reach the dashboard over TLS.
func (c Config) secure() bool {
	u, err := url.Parse(c.URL)
	return err == nil && u.Scheme == "https" || c.TLSCert != ""
}

// Validate refuses a dashboard that would send sessions in the clear.
func (c Config) Validate() error {
	for name, text := range map[string]string{"url": c.URL, "links_url": c.LinksURL, "orders_url": c.OrdersURL} {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" || u.RawQuery != "" || u.User != nil) {
			return fmt.Errorf("web.%s: %q: want a scheme and a host alone, like https://figures.example.com", name, text)
		}
	}
	if c.TrustedHops < 0 || c.TrustedHops > maxHops {
		return fmt.Errorf("web.trusted_hops: %d: want 0 to %d", c.TrustedHops, maxHops)
	}
	if c.Listen == "" {
		return nil
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("web: tls_cert and tls_key go together")
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("web.listen: %q: want an address like 127.0.0.1:8603", c.Listen)
	}
	if u, _ := url.Parse(c.URL); c.URL != "" && u.Scheme != "https" && !ops.IsLoopbackHost(u.Hostname()) {
		return fmt.Errorf("web.url: %s is plain http, and sessions would cross the network in the clear: serve it over https", c.URL)
	}
	if !c.secure() && !ops.IsLoopbackHost(host) {
		return fmt.Errorf("web.listen: %s is not loopback, and sessions would cross the network in the clear: set tls_cert and tls_key, or listen on 127.0.0.1 behind a proxy that speaks TLS and set url", c.Listen)
	}
	return nil
}
