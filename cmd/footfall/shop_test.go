package main

import (
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const shopSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// shopOrders is an order listener that answers with a status and keeps what it
// got.
type shopOrders struct {
	t      *testing.T
	status int
	bodies []string
}

func (o *shopOrders) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		o.t.Error(err)
	}
	hook, err := webhooks.NewWebhook(shopSecret)
	if err != nil {
		o.t.Error(err)
	}
	if err := hook.Verify(body, r.Header); err != nil || r.URL.Path != "/v1/orders" || r.Header.Get("Footfall-Organizer") != "nordlicht" {
		o.t.Errorf("order to %s of %s: %v", r.URL, r.Header.Get("Footfall-Organizer"), err)
	}
	o.bodies = append(o.bodies, string(body))
	w.WriteHeader(o.status)
	_, _ = io.WriteString(w, `{"status":"<b>stored</b>"}`)
}

func newTestShop(t *testing.T, ordersURL string) http.Handler {
	t.Helper()
	s, err := newShop(shopConfig{
		Events: []shopEvent{{
			Organizer: "nordlicht", OrganizerName: "Nordlicht <Konzerte>", Secret: shopSecret,
			Slug: "winter-lights", Name: `Winter "Lights" <script>`, TicketType: "adult", UnitPrice: 6900, Currency: "EUR",
			Links: []shopLink{{"Anna", "http://127.0.0.1:8080/e/winter-lights/?affiliate=ANNA"}},
		}},
		OrdersURL: ordersURL,
		Explain: func(organizer, order string) string {
			return "footfall explain order " + order + " --organizer " + organizer
		},
	}, http.DefaultClient, func() time.Time { return time.Now() })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// browse asks the shop for a page; a form is posted.
func browse(shop http.Handler, target string, form url.Values, change ...func(*http.Request)) (int, http.Header, string) {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8082"+target, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8082"+target, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	shop.ServeHTTP(w, r)
	return w.Code, w.Header(), w.Body.String()
}

// formOf reads the hidden fields of a page.
func formOf(page string) url.Values {
	form := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(page, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	return form
}

func TestShopTurnsAClickIntoASignedOrder(t *testing.T) {
	orders := &shopOrders{t: t, status: http.StatusCreated}
	listener := httptest.NewServer(orders)
	defer listener.Close()
	shop := newTestShop(t, listener.URL)

	status, _, page := browse(shop, "/", nil)
	if status != http.StatusOK || !strings.Contains(page, `href="http://127.0.0.1:8080/e/winter-lights/?affiliate=ANNA"`) {
		t.Errorf("list: %d\n%s", status, page)
	}
	status, _, page = browse(shop, "/tickets/winter-lights?affiliate=ANNA&click_id=abc_DEF-123", nil)
	if status != http.StatusOK || !strings.Contains(page, "<code>ANNA</code>") || !strings.Contains(page, "<code>abc_DEF-123</code>") || !strings.Contains(page, "138.00 EUR") {
		t.Errorf("event: %d\n%s", status, page)
	}
	form := formOf(page)
	for range 2 {
		status, _, page = browse(shop, "/tickets/winter-lights", form)
		if status != http.StatusOK || !strings.Contains(page, "201 Created") ||
			!strings.Contains(page, "footfall explain order "+form.Get("order")+" --organizer nordlicht") {
			t.Errorf("bought: %d\n%s", status, page)
		}
	}
	if len(orders.bodies) != 2 || orders.bodies[0] != orders.bodies[1] {
		t.Fatalf("the second click on the button sent another order: %q", orders.bodies)
	}
	var sent demoOrderBody
	if err := json.Unmarshal([]byte(orders.bodies[0]), &sent); err != nil {
		t.Fatal(err)
	}
	if sent.ClickID != "abc_DEF-123" || sent.Event != "winter-lights" || sent.ID == "" || sent.Lines[0].Quantity != 2 || sent.Lines[0].UnitPrice != 6900 {
		t.Errorf("sent %+v", sent)
	}
	if _, _, other := browse(shop, "/tickets/winter-lights", nil); formOf(other).Get("order") == form.Get("order") {
		t.Error("two buyers got one order id")
	}
}

func TestShopShowsWhyAnOrderWasNotTaken(t *testing.T) {
	orders := &shopOrders{t: t, status: http.StatusUnauthorized}
	listener := httptest.NewServer(orders)
	shop := newTestShop(t, listener.URL)
	_, _, page := browse(shop, "/tickets/winter-lights", nil)
	form := formOf(page)
	status, _, page := browse(shop, "/tickets/winter-lights", form)
	if status != http.StatusBadGateway || !strings.Contains(page, "401 Unauthorized") || strings.Contains(page, "footfall explain") {
		t.Errorf("refused: %d\n%s", status, page)
	}
	listener.Close()
	status, _, page = browse(shop, "/tickets/winter-lights", form)
	if status != http.StatusBadGateway || !strings.Contains(page, "sending the order") {
		t.Errorf("not arrived: %d\n%s", status, page)
	}
}

func TestShopRunsNothingThatAVisitorBrings(t *testing.T) {
	orders := &shopOrders{t: t, status: http.StatusCreated}
	listener := httptest.NewServer(orders)
	defer listener.Close()
	shop := newTestShop(t, listener.URL)
	evil := `"><script>alert(1)</script>`
	_, header, page := browse(shop, "/tickets/winter-lights?affiliate="+url.QueryEscape(evil)+"&click_id="+url.QueryEscape(evil), nil)
	form := formOf(page)
	_, _, bought := browse(shop, "/tickets/winter-lights", form)
	_, _, list := browse(shop, "/", nil)
	for _, text := range []string{page, bought, list} {
		if strings.Contains(text, "<script") || strings.Contains(text, "<b>") || strings.Contains(text, "<Konzerte>") {
			t.Errorf("unescaped:\n%s", text)
		}
	}
	if form.Get("click_id") != evil {
		t.Errorf("the click id became %q", form.Get("click_id"))
	}
	if csp := header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") ||
		header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", header)
	}
	for _, page := range []string{page, bought, list} {
		if strings.Contains(page, `src="http`) || strings.Contains(page, "style=") {
			t.Errorf("a page loads what it should not:\n%s", page)
		}
	}
}

func TestShopTakesNoFormThatIsNotItsOwn(t *testing.T) {
	orders := &shopOrders{t: t, status: http.StatusCreated}
	listener := httptest.NewServer(orders)
	defer listener.Close()
	shop := newTestShop(t, listener.URL)
	_, _, page := browse(shop, "/tickets/winter-lights", nil)
	good := formOf(page)
	with := func(name, value string) url.Values {
		form := url.Values{}
		for k := range good {
			form.Set(k, good.Get(k))
		}
		form.Set(name, value)
		return form
	}
	tests := []struct {
		name   string
		target string
		form   url.Values
		change func(*http.Request)
		status int
	}{
		{"order id", "/tickets/winter-lights", with("order", "shop-$(reboot)"), nil, http.StatusBadRequest},
		{"time", "/tickets/winter-lights", with("ordered_at", "soon"), nil, http.StatusBadRequest},
		{"size", "/tickets/winter-lights", with("click_id", strings.Repeat("x", 20<<10)), nil, http.StatusBadRequest},
		{"unknown event", "/tickets/none", good, nil, http.StatusNotFound},
		{"another site", "/tickets/winter-lights", good, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		{"another name", "/tickets/winter-lights", good, func(r *http.Request) { r.Host = "shop.example" }, http.StatusMisdirectedRequest},
		{"unknown page", "/tickets/none", nil, nil, http.StatusNotFound},
	}
	for _, test := range tests {
		change := func(*http.Request) {}
		if test.change != nil {
			change = test.change
		}
		if status, _, page := browse(shop, test.target, test.form, change); status != test.status {
			t.Errorf("%s: %d, want %d\n%s", test.name, status, test.status, page)
		}
	}
	if len(orders.bodies) != 0 {
		t.Errorf("orders were sent: %q", orders.bodies)
	}
}

func TestShopNamesItsStyleSheet(t *testing.T) {
	status, header, css := browse(newTestShop(t, ""), "/shop.css", nil)
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/css") || css != string(shopCSS) {
		t.Errorf("%d %v", status, header)
	}
}

func TestSignedPostSaysWhatIsWrong(t *testing.T) {
	_, _, err := postSigned(t.Context(), http.DefaultClient, signedPost{Organizer: "nordlicht", Secret: "whsec_!", URL: "http://127.0.0.1:1"})
	if err == nil || !strings.Contains(err.Error(), "nordlicht") || strings.Contains(err.Error(), "whsec_!") {
		t.Errorf("error %v", err)
	}
	_, _, err = postSigned(t.Context(), http.DefaultClient, signedPost{Organizer: "nordlicht", Secret: shopSecret, URL: "://"})
	if _, ok := errors.AsType[*url.Error](err); !ok {
		t.Errorf("error %v", err)
	}
}

func TestShopMoneyHasItsCurrencysDecimals(t *testing.T) {
	for _, test := range []struct {
		minor    int64
		currency string
		want     string
	}{{13800, "EUR", "138.00 EUR"}, {5, "USD", "0.05 USD"}, {1500, "JPY", "1500 JPY"}, {1500, "KWD", "1.500 KWD"}} {
		if got := shopMoney(test.minor, test.currency); got != test.want {
			t.Errorf("%d %s is %s, want %s", test.minor, test.currency, got, test.want)
		}
	}
}
