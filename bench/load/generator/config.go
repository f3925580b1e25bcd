package generator

import (
	"fmt"
	"net"
	"net/url"

	"footfall/bench/ledger"
)

// Config is one run. Everything that is sent follows from it; from run to run
// only times, click ids and answers differ.
type Config struct {
	World     ledger.World // with the organizers' secrets where Orders > 0
	VisitsURL string       // http://127.0.0.1:PORT, of the click listener
	OrdersURL string       // of the order listener
	Seed      uint64

	Visits         int
	VisitsASecond  float64
	Orders         int // spread evenly over the visits' time
	Refunds        int // of as many orders
	RepeatEvery    int // every n-th order is sent again, and must change nothing
	ConflictEvery  int // every n-th order is sent again with another content
	CancelEvery    int // every n-th order is cancelled by its third version
	Connections    int // per listener
	InFlight       int // requests on their way before the sender itself waits
	TimeoutMS      int // of a request
	RetryMS        int // between the attempts of an order
	GiveUpSeconds  int // after which an order is attempted no more
	HeadPermille   int // of visits
	PrefetchShare  int // permille of visits
	BotShare       int // permille of visits
	UnknownShare   int // permille of visits, with a code of nobody
	NoCodeShare    int // permille of visits
	AffiliateShare int // permille of orders with a code as text
	ClickShare     int // permille of orders with a click id
}

// Defaults is a run of 10 s without its World and addresses.
func Defaults() Config {
	return Config{
		Seed: 1, Visits: 20_000, VisitsASecond: 2000, Orders: 500, Refunds: 40,
		RepeatEvery: 10, ConflictEvery: 25, CancelEvery: 40,
		Connections: 64, InFlight: 4096, TimeoutMS: 5000, RetryMS: 100, GiveUpSeconds: 60,
		HeadPermille: 10, PrefetchShare: 20, BotShare: 60, UnknownShare: 30, NoCodeShare: 50,
		AffiliateShare: 250, ClickShare: 700,
	}
}

// validate refuses what can't run, and every address that isn't this
// machine's own: this program floods what it is aimed at.
func (c *Config) validate() error {
	if c.Visits < 1 || c.VisitsASecond <= 0 || c.VisitsASecond > 1e6 {
		return fmt.Errorf("checking visits: %w: %d at %g a second", ErrConfig, c.Visits, c.VisitsASecond)
	}
	if c.Orders < 0 || c.Refunds < 0 || c.Refunds > c.Orders || c.Orders > c.Visits {
		return fmt.Errorf("checking orders: %w: %d refunds of %d orders of %d visits", ErrConfig, c.Refunds, c.Orders, c.Visits)
	}
	for _, n := range []int{c.Connections, c.InFlight, c.TimeoutMS, c.RetryMS, c.GiveUpSeconds} {
		if n < 1 {
			return fmt.Errorf("checking connections and times: %w: each must be at least 1", ErrConfig)
		}
	}
	if len(c.World.Events) == 0 || len(c.World.Codes) == 0 {
		return fmt.Errorf("checking world: %w: it needs events and codes", ErrConfig)
	}
	if _, err := loopback(c.VisitsURL); err != nil {
		return err
	}
	if c.Orders == 0 {
		return nil
	}
	for _, o := range c.World.Organizers {
		if _, err := newSigner(o.Secret); err != nil {
			return fmt.Errorf("reading the secret of organizer %s: %w", o.Slug, err)
		}
	}
	_, err := loopback(c.OrdersURL)
	return err
}

// loopback gives host:port of a base URL on this machine.
func loopback(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("reading address %q: %w", base, err)
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1" // never what a resolver makes of it
	}
	ip := net.ParseIP(host)
	if u.Scheme != "http" || u.Port() == "" || u.Path != "" && u.Path != "/" || ip == nil || !ip.IsLoopback() {
		return "", fmt.Errorf("checking address %q: %w", base, ErrAddress)
	}
	return net.JoinHostPort(host, u.Port()), nil
}
