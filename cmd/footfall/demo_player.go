package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// demoPlayer sends a world's actions to running listeners, now, whatever time
// they were meant for.
type demoPlayer struct {
	ClickURL, OrdersURL string // base URLs
	Secrets             map[string]string
	Client              *http.Client // must not follow redirects
	Now                 func() time.Time
	Interval            time.Duration // between actions
	Run                 string        // makes order ids new in each run

	clicks map[int]string // click ids that orders will want
	sent   demoCounts
}

// demoCounts is what was sent.
type demoCounts struct{ Visits, Orders, Refunds int }

// demoClient leaves redirects alone: their Location is what is wanted.
func demoClient() *http.Client {
	return &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// play sends actions at its interval, up to a number of visits (0: until ctx
// ends). It gives what was sent, also beside an error.
func (p *demoPlayer) play(ctx context.Context, w *demoWorld, visits int) (demoCounts, error) {
	p.clicks = map[int]string{}
	over := map[string]bool{} // events that nobody buys tickets for any more
	for _, e := range w.Events {
		over[e.Slug] = !e.End.After(p.Now())
	}
	tick := time.NewTicker(p.Interval)
	defer tick.Stop()
	for round := 0; ; round++ {
		for a := range w.Actions() {
			if a.Order != nil && over[a.Order.Body.Event] {
				continue
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return p.sent, nil
			}
			if err := p.send(ctx, a, fmt.Sprintf("%s-%d-", p.Run, round)); err != nil {
				if ctx.Err() != nil {
					return p.sent, nil // asked to stop
				}
				return p.sent, err
			}
			if visits > 0 && p.sent.Visits == visits {
				return p.sent, nil
			}
		}
	}
}

// send does one action. prefix makes the ids of orders new.
func (p *demoPlayer) send(ctx context.Context, a demoAction, prefix string) error {
	now := p.Now().UTC().Truncate(time.Millisecond)
	switch {
	case a.Visit != nil:
		p.sent.Visits++
		click, err := p.click(ctx, a.Visit)
		if a.Visit.Keep {
			p.clicks[a.Visit.Number] = click
		}
		return err
	case a.Order != nil:
		p.sent.Orders++
		order := a.Order.Body
		order.ID, order.OrderedAt = prefix+order.ID, now
		if a.Order.Visit >= 0 {
			order.ClickID = p.clicks[a.Order.Visit]
			delete(p.clicks, a.Order.Visit)
		}
		return p.post(ctx, "/v1/orders", a.Order.Organizer, order)
	default:
		p.sent.Refunds++
		refund := a.Refund.Body
		refund.ID, refund.OrderID, refund.RefundedAt = prefix+refund.ID, prefix+refund.OrderID, now
		return p.post(ctx, "/v1/refunds", a.Refund.Organizer, refund)
	}
}

// click asks for a link and gives the click id.
func (p *demoPlayer) click(ctx context.Context, v *demoVisit) (string, error) {
	request, err := http.NewRequestWithContext(ctx, v.Method, p.ClickURL+v.Target, nil)
	if err != nil {
		return "", fmt.Errorf("making a visit: %w", err)
	}
	request.Header = v.Header.Clone()
	request.Header.Set("X-Forwarded-For", v.Address) // counts only behind a trusted hop
	answer, err := p.Client.Do(request)
	if err != nil {
		return "", fmt.Errorf("sending a visit: %w", err)
	}
	_, _ = io.Copy(io.Discard, answer.Body) // for the connection's sake
	if err := answer.Body.Close(); err != nil {
		return "", fmt.Errorf("sending a visit: %w", err)
	}
	if answer.StatusCode != http.StatusFound {
		return "", fmt.Errorf("sending a visit to %s: the answer is %s, want a redirect", v.Target, answer.Status)
	}
	target, err := url.Parse(answer.Header.Get("Location"))
	if err != nil {
		return "", fmt.Errorf("reading where %s leads: %w", v.Target, err)
	}
	return target.Query().Get("click_id"), nil
}

func (p *demoPlayer) post(ctx context.Context, path, organizer string, content any) error {
	body, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("writing an order: %w", err)
	}
	status, answer, err := postSigned(ctx, p.Client, signedPost{
		URL: p.OrdersURL + path, Organizer: organizer, Secret: p.Secrets[organizer], Body: body, At: p.Now(),
	})
	if err != nil {
		return err
	}
	if status != http.StatusCreated && status != http.StatusOK {
		return fmt.Errorf("sending %s: the answer is %d %s: %s", path, status, http.StatusText(status), answer)
	}
	return nil
}

const (
	demoPatience  = 15 * time.Second // for the catalog's news to reach the edge
	demoAskAgain  = 100 * time.Millisecond
	demoTestQuery = "?affiliate=test" // recorded with the verdict test: in no figure
)

// ready waits until the edge knows the world's events and secrets: it asks for
// links as a test, and refunds nothing until a signature is taken.
func (p *demoPlayer) ready(ctx context.Context, w *demoWorld) error {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	for _, e := range w.Events {
		probe := &demoVisit{Method: http.MethodGet, Target: "/e/" + url.PathEscape(e.Slug) + "/" + demoTestQuery, Header: http.Header{}}
		if err := demoUntil(ctx, func() error { _, err := p.click(ctx, probe); return err }); err != nil {
			return err
		}
	}
	for _, o := range w.Organizers {
		if err := demoUntil(ctx, func() error { return p.signed(ctx, o.Slug) }); err != nil {
			return err
		}
	}
	return nil
}

// signed tells whether the order listener takes the organizer's signature: it
// sends an empty order, which is refused for another reason then.
func (p *demoPlayer) signed(ctx context.Context, organizer string) error {
	status, answer, err := postSigned(ctx, p.Client, signedPost{
		URL: p.OrdersURL + "/v1/orders", Organizer: organizer, Secret: p.Secrets[organizer], Body: []byte("{}"), At: p.Now(),
	})
	if err == nil && (status == http.StatusUnauthorized || status >= http.StatusInternalServerError) {
		err = fmt.Errorf("signing for %s: the answer is %d: %s", organizer, status, answer)
	}
	return err
}

// demoUntil tries until it works or ctx ends, and then gives the last error.
func demoUntil(ctx context.Context, try func() error) error {
	tick := time.NewTicker(demoAskAgain)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
