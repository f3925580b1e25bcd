package generator

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"footfall/bench/ledger"
)

// client talks to one listener. It never sends a request twice by itself: each
// attempt is a line of the ledger.
type client struct {
	host    *fasthttp.HostClient
	base    string
	timeout time.Duration
}

func newClient(base string, c *Config) (*client, error) {
	address, err := loopback(base)
	if err != nil {
		return nil, err
	}
	timeout := time.Duration(c.TimeoutMS) * time.Millisecond
	return &client{
		base:    "http://" + address,
		timeout: timeout,
		host: &fasthttp.HostClient{
			Addr: address, Dial: dial(timeout), MaxConns: c.Connections,
			MaxConnWaitTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout,
			MaxIdleConnDuration: time.Minute, MaxIdemponentCallAttempts: 1,
			NoDefaultUserAgentHeader: true, DisablePathNormalizing: true,
		},
	}, nil
}

// dial connects to a loopback address, whatever asks for it.
func dial(timeout time.Duration) fasthttp.DialFunc {
	dialer := &net.Dialer{Timeout: timeout}
	return func(address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errDial, err)
		}
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("%w: %w", errDial, ErrAddress)
		}
		conn, err := dialer.Dial("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errDial, err)
		}
		return conn, nil
	}
}

// visit asks for a link and judges the answer.
func (c *client) visit(v plannedVisit, r *ledger.Record) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	target := c.base + "/e/" + url.PathEscape(v.visit.Event) + "/?sub1=" + r.ID
	if v.visit.Code != "" {
		target += "&affiliate=" + url.QueryEscape(v.visit.Code)
	}
	request.SetRequestURI(target)
	if v.visit.Head {
		request.Header.SetMethod(fasthttp.MethodHead)
		response.SkipBody = true
	}
	request.Header.Set("User-Agent", v.userAgent)
	if v.visit.Prefetch {
		request.Header.Set("Sec-Purpose", "prefetch")
	}
	if err := c.host.DoTimeout(request, response, c.timeout); err != nil {
		fail(r, err)
		return
	}
	r.Status = response.StatusCode()
	r.Outcome, r.ClickID = ledger.VisitOutcome(r.Status, string(response.Header.Peek("Location")))
}

// post sends a signed body and judges the answer.
func (c *client) post(path string, body []byte, at time.Time, s *signer, r *ledger.Record) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(c.base + path)
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType("application/json")
	request.Header.Set("Footfall-Organizer", r.Organizer)
	request.Header.Set("webhook-id", r.ID)
	request.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	request.Header.Set("webhook-signature", s.sign(r.ID, at.Unix(), body))
	request.SetBodyRaw(body)
	if err := c.host.DoTimeout(request, response, c.timeout); err != nil {
		fail(r, err)
		return
	}
	r.Status = response.StatusCode()
	r.Outcome = ledger.OrderOutcome(r.Status)
	if r.Outcome != ledger.Acknowledged {
		r.Error = string(response.Body()[:min(len(response.Body()), 500)])
	}
}

// fail tells what never left from what may have arrived.
func fail(r *ledger.Record, err error) {
	r.Outcome, r.Error = ledger.Indeterminate, err.Error()
	if errors.Is(err, errDial) || errors.Is(err, fasthttp.ErrNoFreeConns) {
		r.Outcome = ledger.Unsent
	}
}
