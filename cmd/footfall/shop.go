package main

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"footfall/schemas/order"
)

//go:embed shop/shop.html
var shopHTML string

//go:embed shop/shop.css
var shopCSS []byte

const (
	shopTickets     = 2        // that its one button buys
	shopFormBytes   = 16 << 10 // of a posted form
	shopAnswerBytes = 64 << 10 // shown of the order listener's answer
)

// shopConfig is what the demo's ticket shop sells, and where its orders go.
type shopConfig struct {
	Events    []shopEvent
	OrdersURL string // base URL of the order listener
	// Explain gives the command that explains an order.
	Explain func(organizer, order string) string
}

// shopEvent is one thing on sale.
type shopEvent struct {
	Organizer, OrganizerName string
	Secret                   string // the organizer's webhook secret, whsec_…
	Slug, Name               string
	TicketType               string
	UnitPrice                int64 // minor units
	Currency                 string
	Links                    []shopLink
}

// shopLink is an affiliate's link to try.
type shopLink struct{ Affiliate, URL string }

// shop is a pretend ticketing site: the landing page of the demo's links, with
// a button that sends a signed order as a real site would. It keeps nothing:
// order id and time stand in the form, so that a second click on the button
// sends the same order again.
type shop struct {
	config shopConfig
	pages  *template.Template
	client *http.Client
	now    func() time.Time
}

// newShop builds the shop's handler. It serves only requests to loopback
// names: a page of the internet that points its own name here gets nothing.
func newShop(config shopConfig, client *http.Client, now func() time.Time) (http.Handler, error) {
	pages, err := template.New("shop").Parse(shopHTML)
	if err != nil {
		return nil, fmt.Errorf("reading the shop's pages: %w", err)
	}
	s := &shop{config: config, pages: pages, client: client, now: now}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.list)
	mux.HandleFunc("GET /shop.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(shopCSS) // the browser went away
	})
	mux.HandleFunc("GET /tickets/{event}", s.event)
	mux.HandleFunc("POST /tickets/{event}", s.buy)
	return shopGuard(http.NewCrossOriginProtection().Handler(mux)), nil
}

// shopGuard sets the headers that every answer has.
func shopGuard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !loopbackHost(r.Host) {
			http.Error(w, "the demo's shop answers on this machine's own names only", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *shop) list(w http.ResponseWriter, _ *http.Request) {
	s.page(w, http.StatusOK, "list", struct {
		Title  string
		Events []shopEvent
	}{"What is on", s.config.Events})
}

func (s *shop) event(w http.ResponseWriter, r *http.Request) {
	e := s.find(r.PathValue("event"))
	if e == nil {
		http.NotFound(w, r)
		return
	}
	query := r.URL.Query()
	s.page(w, http.StatusOK, "event", struct {
		Title, Action, Total, Order, OrderedAt, ClickID, Affiliate string
		Event                                                      *shopEvent
	}{
		Title: e.Name, Event: e, Action: "/tickets/" + url.PathEscape(e.Slug),
		Total: shopMoney(shopTickets*e.UnitPrice, e.Currency),
		Order: "shop-" + strings.ToLower(rand.Text()[:12]), OrderedAt: s.now().UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano),
		ClickID: query.Get("click_id"), Affiliate: query.Get("affiliate"),
	})
}

// shopOrderID is what event makes: nothing else gets into a command to copy.
var shopOrderID = regexp.MustCompile(`^shop-[a-z2-7]{12}$`)

func (s *shop) buy(w http.ResponseWriter, r *http.Request) {
	e := s.find(r.PathValue("event"))
	if e == nil {
		http.NotFound(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, shopFormBytes)
	at, err := time.Parse(time.RFC3339Nano, r.PostFormValue("ordered_at"))
	id := r.PostFormValue("order")
	if err != nil || !shopOrderID.MatchString(id) {
		http.Error(w, "this form is not the shop's", http.StatusBadRequest)
		return
	}
	sent, err := json.MarshalIndent(demoOrderBody{
		ID: id, Event: e.Slug, OrderedAt: at.UTC(), Currency: e.Currency, ClickID: r.PostFormValue("click_id"),
		Lines: []demoOrderLine{{ID: "1", TicketType: e.TicketType, Quantity: shopTickets, UnitPrice: e.UnitPrice}},
	}, "", "  ")
	if err != nil {
		http.Error(w, "writing the order: "+err.Error(), http.StatusInternalServerError)
		return
	}
	page := struct {
		Title, Order, Status, Answer, Problem, Explain, Sent string
		Stored                                               bool
	}{Title: "Thank you", Order: id, Sent: string(sent), Explain: s.config.Explain(e.Organizer, id)}
	status, answer, err := postSigned(r.Context(), s.client, signedPost{
		URL: s.config.OrdersURL + "/v1/orders", Organizer: e.Organizer, Secret: e.Secret, Body: sent, At: s.now(),
	})
	code := http.StatusOK
	switch {
	case err != nil:
		page.Title, page.Problem, code = "The order did not arrive", err.Error(), http.StatusBadGateway
	case status == http.StatusCreated || status == http.StatusOK:
		page.Stored = true
	default:
		page.Title, page.Problem, code = "The order was refused", "Footfall did not take the order.", http.StatusBadGateway
	}
	if status != 0 {
		page.Status = strconv.Itoa(status) + " " + http.StatusText(status)
	}
	page.Answer = strings.TrimSpace(string(answer))
	s.page(w, code, "bought", page)
}

func (s *shop) find(slug string) *shopEvent {
	for i := range s.config.Events {
		if s.config.Events[i].Slug == slug {
			return &s.config.Events[i]
		}
	}
	return nil
}

// page writes a whole page or none.
func (s *shop) page(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "writing the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the browser went away
}

// signedPost is an order or a refund on its way.
type signedPost struct {
	URL, Organizer string
	Secret         string // whsec_…
	Body           []byte
	At             time.Time
}

// postSigned sends a body signed by the Standard Webhooks scheme, as a
// ticketing site does. The answer is cut at shopAnswerBytes.
func postSigned(ctx context.Context, client *http.Client, p signedPost) (status int, answer []byte, err error) {
	hook, err := webhooks.NewWebhook(p.Secret)
	if err != nil {
		return 0, nil, fmt.Errorf("reading the webhook secret of %s: %w", p.Organizer, err)
	}
	id := "msg-" + strings.ToLower(rand.Text())
	signature, err := hook.Sign(id, p.At, p.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("signing the order: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(p.Body))
	if err != nil {
		return 0, nil, fmt.Errorf("making the request to %s: %w", p.URL, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Footfall-Organizer", p.Organizer)
	request.Header.Set("Webhook-Id", id)
	request.Header.Set("Webhook-Timestamp", strconv.FormatInt(p.At.Unix(), 10))
	request.Header.Set("Webhook-Signature", signature)
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("sending the order: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	answer, err = io.ReadAll(io.LimitReader(response.Body, shopAnswerBytes))
	if err != nil {
		return response.StatusCode, answer, fmt.Errorf("reading the answer to the order: %w", err)
	}
	return response.StatusCode, answer, nil
}

// shopMoney writes an amount of minor units, as 49.00 EUR.
func shopMoney(minor int64, currency string) string {
	digits, _ := order.Decimals(currency)
	text := fmt.Sprintf("%0*d", digits+1, minor)
	if digits > 0 {
		text = text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	return text + " " + currency
}
