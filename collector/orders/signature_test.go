package orders_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"footfall/collector/orders"
)

// The vector that the scheme's own libraries publish.
func TestPublishedVectorOfTheSchemeVerifies(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	at := time.Unix(1614265330, 0)
	w.clock.Set(at)
	r := w.request("/v1/orders", "alpha", secretA, `{"test": 2432232314}`)
	r.Header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	r.Header.Set("webhook-timestamp", "1614265330")
	r.Header.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	if a := w.do(r); a.Code != 422 {
		t.Errorf("the published signature is answered %d %s, want it past the signature", a.Code, a.Text)
	}
}

func TestAnyTamperedByteIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	body := usualOrder()
	var bodies []string
	for _, a := range tampered(t, w, body) {
		bodies = append(bodies, a.Text)
		if a.Code != 401 {
			t.Fatalf("tampered request is answered %d %s", a.Code, a.Text)
		}
	}
	for _, b := range bodies {
		if b != bodies[0] {
			t.Fatalf("answers differ: %s and %s", b, bodies[0])
		}
	}
	if got := w.stored(); len(got) != 0 {
		t.Errorf("the journal has %v", got)
	}
	w.want(201, "/v1/orders", body)
}

// tampered sends the request once for each of its signed bytes, that one changed.
func tampered(t *testing.T, w *world, body string) (answers []answer) {
	t.Helper()
	good := w.request("/v1/orders", "alpha", secretA, body)
	flip := func(s string, i int) string {
		b := []byte(s)
		if b[i] ^= 1; b[i] == '.' || b[i] < '!' {
			b[i] ^= 3
		}
		return string(b)
	}
	send := func(body string, header http.Header) {
		r := w.request("/v1/orders", "alpha", secretA, body)
		r.Header = header
		answers = append(answers, w.do(r))
	}
	for i := range body {
		send(flip(body, i), good.Header)
	}
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		value := good.Header.Get(name)
		for i := range value {
			header := good.Header.Clone()
			header.Set(name, flip(value, i))
			if name == "Webhook-Signature" && strings.HasPrefix(header.Get(name), "v1,") && i == len(value)-1 {
				continue // the padding of base64
			}
			send(body, header)
		}
	}
	return answers
}

func TestEveryWrongSignatureCostsAndTellsTheSame(t *testing.T) {
	t.Parallel()
	var macs atomic.Int64
	w := start(t, options{before: func(w *world) { w.CountMACs(func() { macs.Add(1) }) }})
	for name, c := range map[string]struct {
		change func(*http.Request)
		reason string
	}{
		"unknown organizer":        {func(r *http.Request) { r.Header.Set("Footfall-Organizer", "nobody") }, "unknown_organizer"},
		"another organizer":        {func(r *http.Request) { r.Header.Set("Footfall-Organizer", "beta") }, "wrong_signature"},
		"organizer without secret": {func(r *http.Request) { r.Header.Set("Footfall-Organizer", "unsigned") }, "no_secret"},
		"no organizer":             {func(r *http.Request) { r.Header.Del("Footfall-Organizer") }, "missing_header"},
		"no id":                    {func(r *http.Request) { r.Header.Del("webhook-id") }, "missing_header"},
		"no timestamp":             {func(r *http.Request) { r.Header.Del("webhook-timestamp") }, "missing_header"},
		"no signature":             {func(r *http.Request) { r.Header.Del("webhook-signature") }, "missing_header"},
		"two organizers":           {func(r *http.Request) { r.Header.Add("Footfall-Organizer", "beta") }, "missing_header"},
		"two signatures":           {func(r *http.Request) { r.Header.Add("webhook-signature", "v1,x") }, "missing_header"},
		"wrong signature":          {func(r *http.Request) { r.Header.Set("webhook-signature", "v1,"+strings.Repeat("A", 43)+"=") }, "wrong_signature"},
		"empty signature":          {func(r *http.Request) { r.Header.Set("webhook-signature", "v1,") }, "wrong_signature"},
		"another version":          {resigned(0, func(s string) string { return "v2" + s[2:] }), "wrong_signature"},
		"asymmetric version":       {resigned(0, func(s string) string { return "v1a" + s[2:] }), "wrong_signature"},
		"5 minutes and a second":   {resigned(-301*time.Second, nil), "too_old"},
		"a day":                    {resigned(-24*time.Hour, nil), "too_old"},
		"early by as much":         {resigned(301*time.Second, nil), "too_new"},
		"timestamp no number":      {func(r *http.Request) { r.Header.Set("webhook-timestamp", "now") }, "bad_header"},
		"timestamp with a sign":    {func(r *http.Request) { r.Header.Set("webhook-timestamp", "+1795348800") }, "bad_header"},
		"timestamp of 30 digits":   {func(r *http.Request) { r.Header.Set("webhook-timestamp", strings.Repeat("9", 30)) }, "bad_header"},
		"a dot in the id":          {func(r *http.Request) { r.Header.Set("webhook-id", "msg_1.2") }, "bad_header"},
		"an id of 300 bytes":       {func(r *http.Request) { r.Header.Set("webhook-id", strings.Repeat("x", 300)) }, "bad_header"},
		"another secret":           {func(r *http.Request) { *r = *w.request("/v1/orders", "alpha", secretB, usualOrder()) }, "wrong_signature"},
	} {
		before, macsBefore := w.metric("unauthorized_total", "reason="+c.reason), macs.Load()
		r := w.request("/v1/orders", "alpha", secretA, usualOrder())
		c.change(r)
		a := w.do(r)
		want := `{"type":"urn:footfall:problem:unauthorized","title":"The request is not signed by a known organizer","status":401,` +
			`"detail":"Check Footfall-Organizer, the secret, the clock, and that the signed bytes are the bytes sent."}`
		if a.Code != 401 || a.Text != want {
			t.Errorf("%s: %d %s", name, a.Code, a.Text)
		}
		if n := macs.Load() - macsBefore; n != 2 { // as many as alpha has secrets
			t.Errorf("%s: %d HMACs", name, n)
		}
		if got := w.metric("unauthorized_total", "reason="+c.reason); got != before+1 {
			t.Errorf("%s: reason %s is counted %v times", name, c.reason, got-before)
		}
	}
	macs.Store(0)
	if w.want(201, "/v1/orders", usualOrder()); macs.Load() != 2 {
		t.Errorf("a good one costs %d HMACs", macs.Load())
	}
	if len(w.stored()) != 1 {
		t.Errorf("the journal has %v", w.stored())
	}
}

// resigned signs the request again, at another time, and changes the signature.
func resigned(shift time.Duration, change func(string) string) func(*http.Request) {
	return func(r *http.Request) {
		hook, err := standardwebhooks.NewWebhook(secretA)
		if err != nil {
			panic(err)
		}
		at := now.Add(shift)
		signature, err := hook.Sign("msg_1", at, []byte(usualOrder()))
		if err != nil {
			panic(err)
		}
		if change != nil {
			signature = change(signature)
		}
		r.Header.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
		r.Header.Set("webhook-signature", signature)
	}
}

func TestBothEndsOfTheToleranceAreTaken(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for _, shift := range []time.Duration{-300 * time.Second, 300 * time.Second} {
		r := w.request("/v1/orders", "alpha", secretA, usualOrder())
		resigned(shift, nil)(r)
		if a := w.do(r); a.Code >= 300 {
			t.Errorf("%s: %+v", shift, a)
		}
	}
}

// A captured request that is sent again changes nothing, soon or late.
func TestReplayedRequestChangesNothing(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	captured := w.request("/v1/orders", "alpha", secretA, usualOrder())
	header := captured.Header.Clone()
	if a := w.do(captured); a.Code != 201 {
		t.Fatal(a)
	}
	for _, c := range []struct {
		after time.Duration
		code  int
	}{{time.Second, 200}, {24 * time.Hour, 401}} {
		w.clock.Advance(c.after)
		r := w.request("/v1/orders", "alpha", secretA, usualOrder())
		r.Header = header
		if a := w.do(r); a.Code != c.code {
			t.Errorf("after %s: %+v, want %d", c.after, a, c.code)
		}
	}
	if got := w.stored(); len(got) != 1 || got["1/A-1/2"] != 1 {
		t.Errorf("the journal has %v", got)
	}
}

func TestSecretsRotateWithoutAGap(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	try := func(secret string) int { return w.do(w.request("/v1/orders", "alpha", secret, usualOrder())).Code }
	if a, b := try(secretA), try(secretA2); a != 201 || b != 200 {
		t.Errorf("both secrets: %d, %d", a, b)
	}
	// A sender that rotates signs with both, in one header.
	r := w.request("/v1/orders", "alpha", secretB, usualOrder())
	good := w.request("/v1/orders", "alpha", secretA2, usualOrder())
	r.Header.Set("webhook-signature", r.Header.Get("webhook-signature")+" v1a,x "+good.Header.Get("webhook-signature"))
	if a := w.do(r); a.Code != 200 {
		t.Errorf("one of two signatures: %+v", a)
	}
	var err error
	if w.secrets, err = orders.NewSecrets([]orders.Secret{{1, secretA2}, {2, secretB}}, visitorKeys()); err != nil {
		t.Fatal(err)
	}
	if a, b := try(secretA), try(secretA2); a != 401 || b != 200 {
		t.Errorf("after the old one ended: %d, %d", a, b)
	}
	if w.secrets = nil; try(secretA2) != 401 {
		t.Error("signed, before there are secrets")
	}
}

func TestUnusableSecretsAreNamedAndTheOthersWork(t *testing.T) {
	t.Parallel()
	encode := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for name, secret := range map[string]string{
		"no prefix": strings.TrimPrefix(secretA, "whsec_"), "no base64": "whsec_!", "23 bytes": encode(23), "65 bytes": encode(65), "empty": "",
	} {
		s, err := orders.NewSecrets([]orders.Secret{{1, secret}, {2, secretB}}, visitorKeys())
		if !errors.Is(err, orders.ErrSecret) || !strings.Contains(err.Error(), "organizer 1") || s == nil {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the secret is in the error: %v", name, err)
		}
	}
	if _, err := orders.NewSecrets([]orders.Secret{{1, encode(24)}, {1, encode(64)}, {1, secretA}, {1, secretA2}, {1, secretB}}, visitorKeys()); !errors.Is(err, orders.ErrSecret) {
		t.Errorf("five secrets: %v", err)
	}
}
