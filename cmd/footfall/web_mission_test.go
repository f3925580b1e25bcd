package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"

	"footfall/internal/testkit"
)

const missionPassword = "three unrelated words"

// The mission as an organizer sees it, in a real browser, three times: with the
// pointer, with the keyboard alone, and without JavaScript.
func TestTheMissionWithThePointer(t *testing.T) {
	t.Parallel()
	s, setup := dashboard(t)
	b := newBrowser(t, "http://"+s.web)
	mission(t, s, b, pointer{b}, setup)
	figuresMove(t, b)
}

func TestTheMissionWithTheKeyboardAlone(t *testing.T) {
	t.Parallel()
	s, setup := dashboard(t)
	b := newBrowser(t, "http://"+s.web)
	mission(t, s, b, keyboard{b}, setup)
}

func TestTheMissionWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s, setup := dashboard(t)
	b := newBrowser(t, "http://"+s.web)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	mission(t, s, b, pointer{b}, setup)
}

// mission leads from the set-up link to a credited order and its export.
func mission(t *testing.T, s *server, b *browser, h hand, setup string) {
	t.Helper()
	b.open(setup)
	for _, field := range [][2]string{
		{"#Organizer", "Acme Concerts"}, {"#Zone", "America/New_York"}, {"#Currency", "USD"}, {"#Name", "Olga Owner"}, {"#Email", "olga@acme.example"}, {"#Password", missionPassword},
	} {
		h.fill(field[0], field[1])
	}
	h.press("button.main")
	b.open("/o/acme-concerts/settings")
	for _, field := range [][2]string{{"#Name", "Summer Fest"}, {"#Destination", "https://tickets.example/summer"}, {"#Start", "2098-07-01T18:00"}, {"#End", "2098-07-01T23:00"}} {
		h.fill(field[0], field[1])
	}
	h.press(`form[action$="/events"] button`)
	b.open("/o/acme-concerts/affiliates")
	for _, field := range [][2]string{{"#Name", "Atlanta Foodie"}, {"#Nickname", "foodie"}, {"#Email", "foodie@partners.example"}} {
		h.fill(field[0], field[1])
	}
	h.press("form.panel button.main")
	b.until("the focus on the new row", `document.activeElement.matches("tr[tabindex]")`)
	if got := b.text("tr[tabindex]"); !strings.Contains(got, "Atlanta Foodie") {
		t.Errorf("the new row is %q", got)
	}
	b.open("/o/acme-concerts/codes")
	h.fill("#Text", "atlfoodie")
	h.fill("#Affiliate", "foodie")
	h.press("form.panel button.main")
	link := b.text("#link")
	if !strings.Contains(link, "/e/summer-fest/?affiliate=atlfoodie") {
		t.Fatalf("the link is %q", link)
	}
	clickID := click(t, link)
	b.open("/o/acme-concerts/settings")
	h.press(`form[action$="/secrets"] button`)
	secret := b.text("#secret")
	buyTwo(t, s, secret, clickID, "A-1")
	testOrder(t, b, secret, clickID)
	await(t, s, 1, 1)

	b.open("/o/acme-concerts/performance?range=7d")
	strip := map[string]string{"visits": "1", "orders": "1", "tickets_sold": "2", "conversion_rate": "100.00\u202f%", "total_sales": "50.00"}
	for name, want := range strip {
		if got := b.text(fmt.Sprintf("[data-figure=%s]", name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	exported(t, s, b)
	b.open("/o/acme-concerts/orders/A-1")
	if got := b.text("main"); !strings.Contains(got, "Credited to Atlanta Foodie, code atlfoodie") {
		t.Errorf("the order's page says %.300s", got)
	}
}

// click asks for a link as a buyer's browser does, until the edge knows it.
func click(t *testing.T, link string) (clickID string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	testkit.Eventually(t, startTimeout, func() error {
		// A preview isn't counted, so that one click is one visit.
		r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, link, http.NoBody)
		if err != nil {
			return err
		}
		w, err := client.Do(r)
		if err != nil {
			return err
		}
		if err := w.Body.Close(); err != nil {
			return err
		}
		if !strings.Contains(w.Header.Get("Location"), "affiliate=atlfoodie&click_id=") {
			return fmt.Errorf("%d to %q", w.StatusCode, w.Header.Get("Location"))
		}
		return nil
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	w, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	to, err := url.Parse(w.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return to.Query().Get("click_id")
}

// buyTwo sends a signed order of two tickets.
func buyTwo(t *testing.T, s *server, secret, clickID, id string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"id": id, "event": "summer-fest", "ordered_at": time.Now().UTC().Format(time.RFC3339Nano), "currency": "USD", "click_id": clickID,
		"lines": []map[string]any{{"id": "1", "ticket_type": "day", "quantity": 2, "unit_price": 2500}},
	})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, startTimeout, func() error {
		status, answer, err := postSigned(t.Context(), http.DefaultClient, signedPost{URL: "http://" + s.orders + "/v1/orders", Organizer: "acme-concerts", Secret: secret, Body: body, At: time.Now()})
		if err == nil && status != http.StatusCreated && status != http.StatusOK {
			err = fmt.Errorf("the order is answered %d %s", status, answer)
		}
		return err
	})
}

// testOrder runs the sample of the first steps as it stands there.
func testOrder(t *testing.T, b *browser, secret, clickID string) {
	t.Helper()
	b.open("/o/acme-concerts/start")
	var sample string
	b.value(`[...document.querySelectorAll("pre")].map(p => p.textContent).find(t => t.includes("openssl"))`, &sample)
	sample = strings.Replace(strings.Replace(sample, "whsec_...", secret, 1), "CLICK_ID=...", "CLICK_ID="+clickID, 1)
	out, err := exec.CommandContext(t.Context(), "bash", "-euc", sample).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "TEST-1") {
		t.Errorf("the sample: %v\n%s\n%s", err, sample, out)
	}
}

// await waits until the report has so many visits and orders.
func await(t *testing.T, s *server, visits, orders int64) {
	t.Helper()
	testkit.Eventually(t, startTimeout, func() error {
		d, _ := s.report(url.Values{"organizer": {"acme-concerts"}, "by": {"affiliate"}})
		v, o := int64(0), int64(0)
		for _, row := range d.Rows {
			v += number(t, row["visits"])
			o += number(t, row["orders"])
		}
		if v != visits || o != orders {
			return fmt.Errorf("%d visits and %d orders, want %d and %d", v, o, visits, orders)
		}
		return nil
	})
}

// fetch asks as the browser's session.
func (b *browser) fetch(path string) (status int, body []byte, header http.Header) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.origin+path, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.cookies() {
		r.AddCookie(c)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer w.Body.Close()
	if body, err = io.ReadAll(w.Body); err != nil {
		b.t.Fatal(err)
	}
	return w.StatusCode, body, w.Header
}

var asOfOfLink = regexp.MustCompile(`as_of=(\d+)`)

// exported holds the page, its CSV and the command's report of one as-of together.
func exported(t *testing.T, s *server, b *browser) {
	t.Helper()
	var link string
	b.value(`document.querySelector('a[href*="format=csv"]').getAttribute("href")`, &link)
	status, text, header := b.fetch(link)
	if status != http.StatusOK || !strings.Contains(header.Get("Content-Disposition"), "_by-affiliate_") {
		t.Fatalf("the export: %d %v %s", status, header, text)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var command string
	b.value(`document.querySelector("#copy1").textContent`, &command)
	fields := strings.Fields(command)
	code, out, errs := s.inProcess(append(fields[1:], "--format", "csv")...)
	asked, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || code != exitOK {
		t.Fatalf("%s: exit code %d, %v in %s\n%s", command, code, err, out, errs)
	}
	if fmt.Sprint(rows) != fmt.Sprint(asked) {
		t.Errorf("the export differs from the command that the page gives:\n%v\n%v", rows, asked)
	}
	page := map[string]string{}
	for i, name := range rows[0] {
		page[name] = rows[1][i]
	}
	if page["affiliate"] != "Atlanta Foodie" || page["visits"] != "1" || page["orders"] != "1" || page["tickets_sold"] != "2" || page["total_sales"] != "50.00" || page["currency"] != "USD" {
		t.Errorf("the first row is %v", page)
	}
	if !asOfOfLink.MatchString(link) {
		t.Errorf("the export has no as-of: %s", link)
	}
}

// figuresMove: a click and an order reach a page that is open, whose rows stay where
// they are.
func figuresMove(t *testing.T, b *browser) {
	t.Helper()
	b.open("/o/acme-concerts/performance?range=today")
	var before string
	b.value(`document.querySelector(".ledger tbody tr").dataset.key`, &before)
	b.open("/o/acme-concerts/codes/atlfoodie")
	link := b.text("#link")
	b.open("/o/acme-concerts/performance?range=today")
	b.do(`document.documentElement.dataset.same = "1"`)
	click(t, link)
	b.until("the second visit", `document.querySelector("[data-figure=visits]").textContent === "2"`)
	var after string
	b.value(`document.documentElement.dataset.same + document.querySelector(".ledger tbody tr").dataset.key`, &after)
	if after != "1"+before {
		t.Errorf("the first row was %q and is %q", before, after)
	}
}

// pages are all that somebody sees, each with what is open on it.
func pages() []string {
	const o = "/o/acme-concerts/"
	return []string{
		"/sign-in", "/account", "/nowhere", o + "performance", o + "performance?range=sale&by=order", o + "performance?range=custom&from=x&to=y", o + "affiliates?add=1", o + "affiliates/1",
		o + "codes?add=1", o + "codes/atlfoodie", o + "orders/A-1", o + "start", o + "settings", o + "shares?query=affiliate%3D1", o + "import",
	}
}

// TestEveryPageCanBeUsedByEverybody: axe finds nothing on any page, light and dark; no
// page scrolls sideways at any width; what is pressed is large enough, what is read too.
func TestEveryPageCanBeUsedByEverybody(t *testing.T) {
	t.Parallel()
	s, setup := dashboard(t)
	b := newBrowser(t, "http://"+s.web)
	script := axeScript(t)
	b.open(setup)
	b.axe(script, "set-up")
	mission(t, s, b, pointer{b}, setup)
	for _, path := range pages() {
		for _, dark := range []bool{false, true} {
			b.screen(1440, 900, dark)
			b.open(path)
			b.axe(script, fmt.Sprintf("%s dark %v", path, dark))
		}
		for _, width := range []int64{320, 390, 1440} {
			b.screen(width, 844, false)
			b.open(path)
			var shown bool
			b.value(`[...document.querySelectorAll(".onphone")].some(e => e.getClientRects().length)`, &shown)
			if shown && width > 720 {
				t.Errorf("%s at %d shows what is for phones", path, width)
			}
			var wide []int64
			b.value(`[document.scrollingElement.scrollWidth, innerWidth]`, &wide)
			if wide[0] > wide[1] {
				t.Errorf("%s at %d is %d wide", path, width, wide[0])
			}
		}
		b.screen(390, 844, false)
		b.open(path)
		var small []string
		b.value(`[...document.querySelectorAll("a,button,input,select,summary")].filter(e => e.getClientRects().length && e.type !== "hidden" && !e.closest(".skip,p,td,li") &&
			(e.getBoundingClientRect().height < 24 && !["radio","checkbox"].includes(e.type))).map(e => e.outerHTML.slice(0, 100))`, &small)
		if len(small) > 0 {
			t.Errorf("%s: smaller than 24 px: %v", path, small)
		}
		b.value(`[...document.querySelectorAll("body *")].filter(e => e.childNodes.length && parseFloat(getComputedStyle(e).fontSize) < 12).map(e => e.outerHTML.slice(0, 100))`, &small)
		if len(small) > 0 {
			t.Errorf("%s: text below 12 px: %v", path, small)
		}
	}
}

// TestAPageIsLight: what a first visit to a whole page of rows brings over the wire.
func TestAPageIsLight(t *testing.T) {
	t.Parallel()
	s, setup := dashboard(t)
	b := newBrowser(t, "http://"+s.web)
	mission(t, s, b, pointer{b}, setup)
	frozen := newestAsOf(b)
	call(b, network.ClearBrowserCache, cdp.Empty{})
	b.mu.Lock()
	b.requests, b.bytes = nil, 0
	b.mu.Unlock()
	b.open("/o/acme-concerts/performance?range=sale&as_of=" + frozen)
	var elements int
	b.value(`document.querySelectorAll("*").length`, &elements)
	b.mu.Lock()
	defer b.mu.Unlock()
	t.Logf("%d requests, %.0f bytes, %d elements", len(b.requests), b.bytes, elements)
	const requests, weight, most = 6, 120 << 10, 2500
	if len(b.requests) > requests || b.bytes > weight || elements > most {
		t.Errorf("%d requests of %v, %.0f bytes, %d elements", len(b.requests), b.requests, b.bytes, elements)
	}
}

// newestAsOf freezes what is newest, so that no stream is open.
func newestAsOf(b *browser) string {
	b.t.Helper()
	_, text, _ := b.fetch("/o/acme-concerts/performance")
	return asOfOfLink.FindStringSubmatch(string(text))[1]
}
