package web

import (
	"net/url"
	"strings"

	"footfall/schemas/admin"
)

// start is the checklist of the first ten minutes; it ticks itself from the data.
type start struct {
	Steps    []todo
	TestLink string
	RealLink string
	Samples  []copied
	Orders   string
}

type todo struct {
	Title, Does string
	URL         string
	Done        bool
}

// opens leads to Performance once there is something to see, else to the checklist.
func (w *Web) opens(a *ask) error {
	seen, err := w.requests(a)
	if err != nil {
		return err
	}
	if seen["requests"] > 0 || seen["orders"] > 0 {
		return a.redirect(a.at("performance"))
	}
	if a.may(admin.RoleOwner, admin.RoleManager) {
		return a.redirect(a.at("start"))
	}
	return a.redirect(a.at("affiliates"))
}

// requests are the waterfall's sums of everything there is.
func (w *Web) requests(a *ask) (map[string]int64, error) {
	q := url.Values{"organizer": {a.organizer.Slug}, "by": {"organizer"}, "columns": {"waterfall"}}
	if event := a.URL.Query().Get("event"); event != "" {
		q.Set("event", event)
	}
	list, err := w.asks(a.Context(), q)
	if err != nil {
		return nil, err
	}
	return sumsOf(list[0].Columns, list[0].totals), nil
}

func (w *Web) showStart(a *ask) error {
	events, err := w.deps.Catalog.Events(a.Context(), a.organizer.Slug)
	if err != nil {
		return err
	}
	list, err := w.deps.Catalog.Affiliates(a.Context(), a.organizer.Slug)
	if err != nil {
		return err
	}
	codes, err := w.allCodes(a, "")
	if err != nil {
		return err
	}
	seen, err := w.requests(a)
	if err != nil {
		return err
	}
	s := start{Orders: w.ordersURL()}
	event := nextEvent(events, w.deps.Clock())
	if chosen := a.URL.Query().Get("event"); chosen != "" {
		event = chosen
	}
	if event != "" && len(codes) > 0 {
		if s.RealLink, _, err = w.linkOf(a, codes[0], linkEvent(codes[0], event)); err != nil {
			return err
		}
		if before, _, ok := strings.Cut(s.RealLink, "affiliate="); ok {
			s.TestLink = before + "affiliate=test"
		}
		s.Samples = samples(s, a.organizer.Slug, event, currencyOfEvent(events, event, a.organizer.Currency))
	}
	s.Steps = []todo{
		{"Add your event", "What you sell tickets for, and the page that buyers are led to.", a.at("settings") + "#event", len(events) > 0},
		{"Add an affiliate", "An influencer, media partner or ambassador who promotes it.", a.at("affiliates", "add", "1"), len(list) > 0},
		{"Give them a tracking code", "Short ones are remembered: atlfoodie, podcast2025.", a.at("codes", "add", "1"), len(codes) > 0},
		{"Click the test link", "It ends in affiliate=test, is recorded, and is in no figure.", s.TestLink, seen["test_requests"] > 0},
		{"Click the real link", "It leads to your page with a click id. This one real click counts as a visit, nothing else does.", s.RealLink, seen["visits"] > 0},
		{"Send an order", "Your ticketing site sends orders, signed, with the click id that the link brought. The sample below sends one with \"test\": true, which is in no figure.", a.at("settings") + "#orders", seen["orders"] > 0},
	}
	return w.page(a, "start", frame{Title: "First steps", Body: s})
}

func currencyOfEvent(events []admin.Event, slug, otherwise string) string {
	if e, err := eventOf(events, slug); err == nil && e != nil {
		return e.Currency
	}
	return otherwise
}

func linkEvent(c admin.Code, event string) string {
	if c.Scope == admin.ScopeEvent {
		return c.Event
	}
	return event
}

// samples are code to paste, with the organizer's own values. The curl is run by
// a test.
func samples(s start, organizer, event, currency string) []copied {
	curl := `SECRET=whsec_...   # Settings, Orders
CLICK_ID=...       # from the address that the link led to
BODY='{"id":"TEST-1","event":"` + event + `","ordered_at":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'","currency":"` + currency + `","test":true,"click_id":"'$CLICK_ID'","lines":[{"id":"1","ticket_type":"standard","quantity":1,"unit_price":2500}]}'
ID=msg_$(openssl rand -hex 12)
TIME=$(date +%s)
KEY=$(printf '%s' "${SECRET#whsec_}" | openssl base64 -d -A | od -An -tx1 | tr -d ' \n')
SIGNATURE=$(printf '%s.%s.%s' "$ID" "$TIME" "$BODY" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary | openssl base64 -A)
curl --data-binary "$BODY" -H 'Content-Type: application/json' -H 'Footfall-Organizer: ` + organizer + `' \
  -H "webhook-id: $ID" -H "webhook-timestamp: $TIME" -H "webhook-signature: v1,$SIGNATURE" ` + s.Orders
	return []copied{
		{"HTML link", `<a href="` + s.RealLink + `">Tickets</a>`},
		{"Checkout field", `<input type="hidden" name="click_id" value="(the click_id of the address that the buyer came with)">`},
		{"A test order with curl and openssl", curl},
	}
}
