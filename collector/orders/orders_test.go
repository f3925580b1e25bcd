package orders_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"footfall/collector/orders"
	"footfall/schemas/order"
)

func TestRepeatedOrderIsStoredOnce(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	first := w.want(201, "/v1/orders", usualOrder())
	if first.ID != "A-1" || first.Version != 2 || first.Status != "stored" || len(first.Fingerprint) != 64 {
		t.Errorf("answered %+v", first)
	}
	// The same order in other words: other spaces, order, zone, defaults, nulls.
	for i, same := range []string{
		usualOrder(), usualOrder("ordered_at", `"2026-11-22T11:59:00Z"`), usualOrder("state", `"completed"`, "version", "2"),
		usualOrder("click_id", "null", "test", "false", "coupon", `""`), " {\n" + usualOrder()[1:] + "\t", usualOrder("id", `"\u0041-1"`),
	} {
		a := w.want(200, "/v1/orders", same)
		if a.Status != "repeated" || a.Fingerprint != first.Fingerprint {
			t.Errorf("%d: answered %+v", i, a)
		}
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want(200, "/v1/orders", usualOrder())
	w = w.again()
	w.want(200, "/v1/orders", usualOrder())
	if got := w.stored(); len(got) != 1 || got["1/A-1/2"] != 1 {
		t.Errorf("the journal has %v", got)
	}
	w.counted(1, "taken_total", "kind=order", "status=repeated")
}

func TestConflictingOrderChangesNothing(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	first := w.want(201, "/v1/orders", usualOrder())
	for i, other := range []string{
		usualOrder("currency", `"USD"`), usualOrder("click_id", `"x"`), usualOrder("test", "true"), usualOrder("state", `"pending"`, "version", "2"),
		usualOrder("ordered_at", `"2026-11-22T12:59:00.001+01:00"`),
		usualOrder("lines", `[{"id":"1","ticket_type":"standing","quantity":2,"unit_price":4551}]`),
	} {
		a := w.want(409, "/v1/orders", other)
		if a.Stored != first.Fingerprint || len(a.Sent) != 64 || a.Sent == a.Stored || a.Pointer != "/version" {
			t.Errorf("%d: answered %+v", i, a)
		}
	}
	w.want(200, "/v1/orders", usualOrder())
	if got := w.stored(); len(got) != 1 || got["1/A-1/2"] != 1 {
		t.Errorf("the journal has %v", got)
	}
	w.counted(6, "refused_total", "reason=conflict")
	w.counted(6, "requests_total", "endpoint=orders", "status=409")
}

func TestEveryVersionIsStoredAlsoALowerOne(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for _, c := range []struct {
		change  []string
		version uint32
	}{
		{[]string{"state", `"cancelled"`}, 3},
		{[]string{"state", `"completed"`}, 2},
		{[]string{"state", `"pending"`}, 1},
		{[]string{"state", `"completed"`, "version", "2147483647"}, order.MaxVersion},
	} {
		if a := w.want(201, "/v1/orders", usualOrder(c.change...)); a.Version != c.version {
			t.Errorf("%v: %+v", c.change, a)
		}
	}
	if got := w.stored(); len(got) != 4 {
		t.Errorf("the journal has %v", got)
	}
}

func TestOrganizersAndKindsShareNoIDs(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	w.want(201, "/v1/orders", usualOrder("id", `"same"`))
	if a := w.do(w.request("/v1/orders", "beta", secretB, usualOrder("id", `"same"`, "event", `"rock"`))); a.Code != 201 {
		t.Errorf("the other organizer's order: %+v", a)
	}
	w.want(201, "/v1/refunds", usualRefund("id", `"same"`))
	if got := w.stored(); len(got) != 3 {
		t.Errorf("the journal has %v", got)
	}
	// An event of another organizer is no event.
	if a := w.want(422, "/v1/orders", usualOrder("id", `"x"`, "event", `"rock"`)); a.Pointer != "/event" {
		t.Errorf("answered %+v", a)
	}
}

func TestRepeatedRefundIsStoredOnce(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	lines := `[{"line_id":"1","quantity":1,"amount":4550}]`
	// Before its order.
	whole := w.want(201, "/v1/refunds", usualRefund())
	if whole.ID != "R-1" || whole.Version != 1 || whole.Status != "stored" {
		t.Errorf("answered %+v", whole)
	}
	w.want(201, "/v1/refunds", usualRefund("id", `"R-2"`, "lines", lines, "reason", `"ill"`))
	w.want(200, "/v1/refunds", usualRefund("lines", "null"))
	w.want(200, "/v1/refunds", usualRefund("id", `"R-2"`, "lines", lines, "reason", `"ill"`))
	if a := w.want(409, "/v1/refunds", usualRefund("lines", lines)); a.Pointer != "/id" || a.Stored != whole.Fingerprint {
		t.Errorf("answered %+v", a)
	}
	// More than was sold: that is the reporter's to see.
	w.want(201, "/v1/refunds", usualRefund("id", `"R-3"`, "lines", `[{"line_id":"1","quantity":1000000,"amount":10000000000}]`))
	w.want(201, "/v1/orders", usualOrder())
	w = w.again()
	w.want(200, "/v1/refunds", usualRefund())
	if got := w.stored(); len(got) != 4 || got["1/refund R-1"] != 1 || got["1/refund R-2"] != 1 {
		t.Errorf("the journal has %v", got)
	}
}

func TestStoredOrderIsWhatWasSent(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	click := strings.Repeat("c", 48)
	w.want(201, "/v1/orders", usualOrder("click_id", `"`+click+`"`, "affiliate", `"Summer \ud83d\ude00"`, "coupon", `"TEN"`, "test", "true",
		"lines", `[{"id":"1","ticket_type":"","quantity":1,"unit_price":0},{"id":"2","ticket_type":"x","quantity":1000000,"unit_price":10000000000}]`))
	w.want(201, "/v1/refunds", usualRefund("refunded_at", `"2026-11-22T12:05:00.001Z"`, "lines", `[{"line_id":"1","quantity":3,"amount":7}]`, "reason", `"ill"`))
	want := order.Order{
		Organizer: 1, Event: 11, ID: "A-1", Version: 2, State: order.Completed, OrderedMS: now.UnixMilli() - 60_000, Currency: "EUR",
		ClickID: click, Affiliate: "Summer 😀", Coupon: "TEN", Test: true,
		Lines: []order.Line{{ID: "1", Quantity: 1}, {ID: "2", TicketType: "x", Quantity: order.MaxQuantity, UnitPrice: order.MaxAmount}},
	}
	want.SetFingerprint()
	refund := order.Refund{
		Organizer: 1, ID: "R-1", OrderID: "A-1", RefundedMS: now.UnixMilli() + 300_001, Currency: "EUR", Reason: "ill", Future: true,
		Lines: []order.RefundLine{{LineID: "1", Quantity: 3, Amount: 7}},
	}
	refund.SetFingerprint()
	bodies := w.bodies()
	var got order.Order
	var gotRefund order.Refund
	if err := got.Unmarshal(bodies[0]); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if err := gotRefund.Unmarshal(bodies[1]); err != nil || !reflect.DeepEqual(gotRefund, refund) {
		t.Errorf("got %+v, %v\nwant %+v", gotRefund, err, refund)
	}
	w.counted(1, "future_total", "kind=refund")
}

func TestTimesFarAheadAreTakenAndFlagged(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for i, c := range []struct {
		at     string
		future bool
	}{{"2026-11-22T12:05:00Z", false}, {"2026-11-22T12:05:00.001Z", true}, {"2027-06-01T20:00:00+02:00", true}} {
		w.want(201, "/v1/orders", usualOrder("id", fmt.Sprintf(`"F-%d"`, i), "ordered_at", `"`+c.at+`"`))
		var o order.Order
		if err := o.Unmarshal(w.bodies()[i]); err != nil || o.Future != c.future {
			t.Errorf("%s: future %v, %v", c.at, o.Future, err)
		}
	}
	w.counted(2, "future_total", "kind=order")
}

// A buyer can write what they like into a link; the order is taken all the same.
func TestBuyersTextNeverSpoilsAnOrder(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for i, c := range []struct{ json, want string }{
		{`"` + strings.Repeat("x", 300) + `"`, strings.Repeat("x", 256)},
		{`"` + strings.Repeat("ü", 200) + `"`, strings.Repeat("ü", 128)},
		{`"` + strings.Repeat("x", 255) + `ü"`, strings.Repeat("x", 255)},
		{`"a\nb\u0000c\u2028d"`, "a\ufffdb\ufffdc\ufffdd"},
		{`"<script>'\";--"`, `<script>'";--`},
	} {
		w.want(201, "/v1/orders", usualOrder("id", fmt.Sprintf(`"%d"`, i), "click_id", c.json, "affiliate", c.json, "coupon", c.json))
		var o order.Order
		if err := o.Unmarshal(w.bodies()[i]); err != nil || o.ClickID != c.want || o.Affiliate != c.want || o.Coupon != c.want {
			t.Errorf("%s: stored %q, %q, %q, %v", c.json, o.ClickID, o.Affiliate, o.Coupon, err)
		}
	}
}

func TestWrongPathsMethodsAndSizesAreAnswered(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for name, c := range map[string]struct {
		change func(*http.Request)
		code   int
	}{
		"another path":    {func(r *http.Request) { r.URL.Path = "/v1/orders/A-1" }, 404},
		"a doubled slash": {func(r *http.Request) { r.URL.Path = "//v1/orders" }, 404},
		"GET":             {func(r *http.Request) { r.Method, r.Body, r.ContentLength = http.MethodGet, nil, 0 }, 405},
		"PUT":             {func(r *http.Request) { r.Method = http.MethodPut }, 405},
		"chunks":          {func(r *http.Request) { r.ContentLength = -1 }, 411},
		"a long header":   {func(r *http.Request) { r.Header.Set("X-Long", strings.Repeat("x", 20_000)) }, 431},
		"a long path":     {func(r *http.Request) { r.URL.Path = "/" + strings.Repeat("x", 20_000) }, 431},
	} {
		r := w.request("/v1/orders", "alpha", secretA, usualOrder())
		c.change(r)
		a := w.do(r)
		if a.Code != c.code || a.Status != float64(c.code) {
			t.Errorf("%s: %+v, want %d", name, a, c.code)
		}
		if c.code == 405 && a.Header.Get("Allow") != "POST" {
			t.Errorf("%s: no Allow: %v", name, a.Header)
		}
	}
	fill := func(n int) string {
		empty := usualOrder("affiliate", `""`)
		return usualOrder("affiliate", `"`+strings.Repeat("x", n-len(empty))+`"`)
	}
	w.want(201, "/v1/orders", fill(orders.MaxRequestBytes))
	w.want(413, "/v1/orders", fill(orders.MaxRequestBytes+1))
	w.want(413, "/v1/refunds", strings.Repeat("x", 5<<20))
	w.counted(2, "requests_total", "endpoint=other", "status=413")
	w.counted(2, "requests_total", "endpoint=other", "status=431")
	w.counted(2, "requests_total", "endpoint=other", "status=404")
	if got := w.stored(); len(got) != 1 {
		t.Errorf("the journal has %v", got)
	}
}
