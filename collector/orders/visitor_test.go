package orders_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"footfall/collector/orders"
	"footfall/schemas/order"
	"footfall/schemas/routes"
	"footfall/schemas/visit"
)

// cookie is what the edge sets, and its 16 bytes.
func cookie() (text string, raw []byte) {
	raw = []byte("\x00\x10\x83\x10Q\x87 \x92\x8b\xfe\xff\xfd\x01\x02\x03\x04")
	return base64.RawURLEncoding.EncodeToString(raw), raw
}

func (w *world) lastOrder() (o order.Order) {
	w.t.Helper()
	bodies := w.bodies()
	if err := o.Unmarshal(bodies[len(bodies)-1]); err != nil {
		w.t.Fatal(err)
	}
	return o
}

func TestVisitorsCookieIsKeptOnlyAsTheKeyOfItsVisits(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	text, raw := cookie()
	w.want(201, "/v1/orders", usualOrder("visitor", `"`+text+`"`))
	want := visit.NewVisitorHasher(routes.Key{1}).Sum(1, raw, nil)
	if o := w.lastOrder(); o.VisitorKey != want || o.Normalization != order.NormalizationVisitor {
		t.Errorf("stored with key %x and normalization %d", o.VisitorKey, o.Normalization)
	}
	for _, body := range w.bodies() {
		if bytes.Contains(body, []byte(text)) || bytes.Contains(body, raw) {
			t.Errorf("the cookie is in the journal: %x", body)
		}
	}
	w.want(200, "/v1/orders", usualOrder("visitor", `"`+text+`"`))
	w.want(409, "/v1/orders", usualOrder("visitor", `"`+text[:21]+`Q"`))
	w.want(409, "/v1/orders", usualOrder())
	w.want(422, "/v1/orders", usualOrder("id", `"n"`, "visitor", `7`))
	w.counted(0, "visitors_left_out_total")
}

func TestVisitorThatIsNoCookieSpoilsNoOrder(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	text, _ := cookie()
	for i, bad := range []string{"x", text + "=", text[:21], text[:21] + "~", text + text} {
		w.want(201, "/v1/orders", usualOrder("id", `"b`+string(rune('0'+i))+`"`, "visitor", `"`+bad+`"`))
		if o := w.lastOrder(); o.VisitorKey != 0 || o.Normalization != order.Normalization {
			t.Errorf("%q: stored with key %x and normalization %d", bad, o.VisitorKey, o.Normalization)
		}
	}
	w.counted(5, "visitors_left_out_total")
	w.want(201, "/v1/orders", usualOrder("visitor", `""`))
	w.counted(5, "visitors_left_out_total")
}

// What was stored without a visitor is compared as it was stored.
func TestStoredFingerprintDecidesWhatIsARepeat(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	text, _ := cookie()
	w.want(201, "/v1/orders", usualOrder())
	w.want(200, "/v1/orders", usualOrder("visitor", `"`+text+`"`))
	w = w.again()
	w.want(200, "/v1/orders", usualOrder("visitor", `"`+text+`"`))
	if got := w.stored(); len(got) != 1 || got["1/A-1/2"] != 1 {
		t.Errorf("the journal has %v", got)
	}
}

// Without the key the order would be stored for ever as of no visitor.
func TestOrderWaitsForItsVisitorsKey(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	text, _ := cookie()
	with := w.secrets
	var err error
	if w.secrets, err = orders.NewSecrets([]orders.Secret{{Organizer: 1, Secret: secretA}}, nil); err != nil {
		t.Fatal(err)
	}
	w.want(503, "/v1/orders", usualOrder("visitor", `"`+text+`"`))
	w.counted(1, "unavailable_total", "reason=visitor_key")
	w.want(201, "/v1/orders", usualOrder("id", `"without"`))
	w.secrets = with
	w.want(201, "/v1/orders", usualOrder("visitor", `"`+text+`"`))
}
