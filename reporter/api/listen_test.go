package api_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter/api"
	"footfall/reporter/catalog"
	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// scripted answers every report as a test says, to see what becomes of it.
type scripted struct {
	api.Reports
	report func(ctx context.Context, deliver func(context.Context, *reports.Table) error) error
	write  func(w io.Writer) error
}

func (s scripted) Report(ctx context.Context, _ url.Values, deliver func(context.Context, *reports.Table) error) error {
	return s.report(ctx, deliver)
}
func (scripted) ContentType(string) (string, error) { return "text/csv", nil }

func (s scripted) WriteTable(_ context.Context, w io.Writer, _ reports.Format, _ *reports.Table) error {
	return s.write(w)
}

// listening is an API over a catalog of one organizer, with a key.
type listening struct {
	*api.API
	url, key string
	registry *prometheus.Registry
}

func listen(t *testing.T, config api.Config, parts api.Reports) *listening {
	t.Helper()
	log, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	catalogConfig := catalog.DefaultConfig()
	catalogConfig.Dir = t.TempDir()
	c, err := catalog.New(catalogConfig, catalog.Deps{Clock: time.Now, Log: log, Metrics: registry})
	must(t, err)
	must(t, c.Open(t.Context()))
	_, err = c.AddOrganizer(t.Context(), "test", admin.Organizer{Slug: "acme", Name: "Acme", Zone: "UTC", Currency: "EUR"})
	must(t, err)
	key, err := c.AddAPIKey(t.Context(), "test", admin.APIKeyAdd{Role: admin.RoleOwner})
	must(t, err)
	config.Listen = "127.0.0.1:0"
	a, err := api.New(config, api.Deps{Catalog: c, Reports: parts, Clock: time.Now, Log: log, Metrics: registry})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	must(t, a.OpenTCP(ctx))
	done := make(chan error, 1)
	go func() { done <- a.RunTCP(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, errors.Join(<-done, c.Close()))
	})
	return &listening{API: a, url: a.URL(), key: key.Key, registry: registry}
}

func (l *listening) get(t *testing.T, client *http.Client, key, path string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.url+path, nil)
	must(t, err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	return client.Do(r)
}

func (l *listening) counted(t *testing.T, name string) float64 {
	t.Helper()
	families, err := l.registry.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return -1
}

func fresh(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestNobodyTakesHalfAnAnswerForWhole: what fails before the first byte is a
// problem, what fails after it cuts the connection.
func TestNobodyTakesHalfAnAnswerForWhole(t *testing.T) {
	failure := errors.New("a file of the lake is gone: the secret path")
	for _, c := range []struct {
		name   string
		report func(context.Context, func(context.Context, *reports.Table) error) error
		write  func(io.Writer) error
		status int
		cut    bool
	}{
		{"whole", func(ctx context.Context, deliver func(context.Context, *reports.Table) error) error {
			return deliver(ctx, &reports.Table{})
		}, func(w io.Writer) error { _, err := io.WriteString(w, "a,b\r\n"); return err }, 200, false},
		{"before the first byte", func(ctx context.Context, deliver func(context.Context, *reports.Table) error) error {
			return deliver(ctx, &reports.Table{})
		}, func(io.Writer) error { return failure }, 500, false},
		{"after some", func(ctx context.Context, deliver func(context.Context, *reports.Table) error) error {
			return deliver(ctx, &reports.Table{})
		}, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Repeat("a,b\r\n", 10_000))
			return errors.Join(err, failure)
		}, 200, true},
		{"after all was written", func(ctx context.Context, deliver func(context.Context, *reports.Table) error) error {
			return errors.Join(deliver(ctx, &reports.Table{}), failure)
		}, func(w io.Writer) error { _, err := io.WriteString(w, "a,b\r\n"); return err }, 200, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := listen(t, api.DefaultConfig(), scripted{report: c.report, write: c.write})
			got, err := l.get(t, fresh(t), l.key, "/v1/report?format=csv")
			if c.cut && err != nil {
				return // cut before the head came
			}
			must(t, err)
			defer got.Body.Close()
			text, err := io.ReadAll(got.Body)
			if got.StatusCode != c.status || (err != nil) != c.cut {
				t.Errorf("%d, %d bytes, %v", got.StatusCode, len(text), err)
			}
			if strings.Contains(string(text), "secret path") {
				t.Errorf("a key's holder reads the server's own words: %s", text)
			}
			if cut := l.counted(t, "footfall_api_answers_cut_total"); (cut == 1) != c.cut {
				t.Errorf("%v answers were counted as cut", cut)
			}
			if failed := l.counted(t, "footfall_api_failures_total"); (failed == 1) != (c.status == 500) {
				t.Errorf("%v failures were counted", failed)
			}
		})
	}
}

func TestTooManyRequestsAreToldToComeAgain(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	config := api.DefaultConfig()
	config.Requests = 1
	l := listen(t, config, scripted{report: func(context.Context, func(context.Context, *reports.Table) error) error {
		close(entered)
		<-leave
		return admin.Refuse(admin.Busy, "", "the query reached a limit")
	}})
	client, first := fresh(t), make(chan int, 1)
	go func() {
		got, err := l.get(t, client, l.key, "/v1/report")
		if err != nil {
			first <- 0
			return
		}
		got.Body.Close()
		if got.Header.Get("Retry-After") == "" {
			first <- -1
			return
		}
		first <- got.StatusCode
	}()
	<-entered
	got, err := l.get(t, client, l.key, "/v1/me")
	must(t, err)
	got.Body.Close()
	if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") != "1" || l.counted(t, "footfall_api_busy_total") != 1 {
		t.Errorf("the second of one: %d, Retry-After %q", got.StatusCode, got.Header.Get("Retry-After"))
	}
	close(leave)
	if status := <-first; status != http.StatusServiceUnavailable {
		t.Errorf("a question that is too much: %d", status)
	}
}

// TestWrongKeysAreAnsweredAlikeAndThenToldToWait: byte for byte alike but for the
// request's id, and a good key from the same address is let in meanwhile.
func TestWrongKeysAreAnsweredAlikeAndThenToldToWait(t *testing.T) {
	l := listen(t, api.DefaultConfig(), nil)
	client := fresh(t)
	bodies := map[string]bool{}
	var statuses []int
	for i := range 25 {
		key := []string{"", "ffk_unknown", l.key + "x", l.key[:20], "Bearer " + l.key}[i%5]
		got, err := l.get(t, client, key, []string{"/v1/me", "/v1/nothing", "/v1/organizers/none"}[i%3])
		must(t, err)
		text, err := io.ReadAll(got.Body)
		must(t, err)
		got.Body.Close()
		statuses = append(statuses, got.StatusCode)
		bodies[strings.Replace(string(text), got.Header.Get("Footfall-Request-Id"), "", 1)] = true
		if got.StatusCode == http.StatusTooManyRequests && got.Header.Get("Retry-After") == "" {
			t.Error("429 without a time to wait")
		}
	}
	if len(bodies) != 2 || statuses[0] != 401 || statuses[19] != 401 || statuses[20] != 429 || statuses[24] != 429 {
		t.Errorf("%d different answers, %v", len(bodies), statuses)
	}
	if n := l.counted(t, "footfall_api_unauthorized_total"); n != 25 {
		t.Errorf("%v were counted", n)
	}
	got, err := l.get(t, client, l.key, "/v1/me")
	must(t, err)
	got.Body.Close()
	if got.StatusCode != http.StatusOK {
		t.Errorf("a good key: %d", got.StatusCode)
	}
}

// TestTheMemoryOfWrongKeysIsBounded by addresses and by time.
func TestTheMemoryOfWrongKeysIsBounded(t *testing.T) {
	b, now := api.NewBackoff(), time.Unix(1_800_000_000, 0)
	for i := range 100_000 {
		b.Failed(fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff), now)
	}
	if n := b.Len(); n > 10_000 {
		t.Errorf("%d addresses are remembered", n)
	}
	for range 21 {
		b.Failed("192.0.2.1:1", now)
	}
	if b.Failed("192.0.2.1:2", now) == 0 || b.Failed("192.0.2.2:1", now) != 0 {
		t.Error("one address waits, another does not")
	}
	for range 21 { // one customer has a whole network
		b.Failed("[2001:db8::1]:1", now)
	}
	if b.Failed("[2001:db8::ffff]:1", now) == 0 {
		t.Error("another address of the same network begins anew")
	}
	if b.Failed("192.0.2.1:1", now.Add(time.Minute)) != 0 {
		t.Error("it waits beyond the minute")
	}
}

func TestNoKeyCrossesTheNetworkInTheClear(t *testing.T) {
	for listen, good := range map[string]bool{
		"127.0.0.1:8602": true, "localhost:1": true, "[::1]:1": true, "": true,
		"0.0.0.0:8602": false, ":8602": false, "192.0.2.1:8602": false, "nothing": false,
	} {
		config := api.DefaultConfig()
		config.Listen = listen
		if err := config.Validate(); (err == nil) != good {
			t.Errorf("%q: %v", listen, err)
		}
	}
	config := api.DefaultConfig()
	config.TLSCert = "only.pem"
	if config.Validate() == nil {
		t.Error("a certificate without its key")
	}
	config.Listen, config.TLSKey = "0.0.0.0:8602", "key.pem"
	if err := config.Validate(); err != nil {
		t.Error(err)
	}
	config.Requests = 0
	if config.Validate() == nil {
		t.Error("no request at a time")
	}
}

func TestTLSIsServedWhereItIsConfigured(t *testing.T) {
	config := api.DefaultConfig()
	pool := x509.NewCertPool()
	config.TLSCert, config.TLSKey = certificate(t, pool)
	l := listen(t, config, nil)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	got, err := l.get(t, &http.Client{Transport: transport}, l.key, "/v1/me")
	must(t, err)
	got.Body.Close()
	if got.StatusCode != http.StatusOK || !strings.HasPrefix(l.url, "https://") {
		t.Errorf("%s: %d", l.url, got.StatusCode)
	}
	broken := api.DefaultConfig()
	broken.Listen, broken.TLSCert, broken.TLSKey = "127.0.0.1:0", "/nowhere/cert.pem", "/nowhere/key.pem"
	a, err := api.New(broken, api.Deps{Catalog: newCatalogOnly(t), Clock: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	must(t, err)
	if err := a.OpenTCP(t.Context()); err == nil || !strings.Contains(err.Error(), "tls_cert") {
		t.Errorf("a certificate that isn't there: %v", err)
	}
}

func newCatalogOnly(t *testing.T) *catalog.Catalog {
	t.Helper()
	config := catalog.DefaultConfig()
	config.Dir = t.TempDir()
	c, err := catalog.New(config, catalog.Deps{Clock: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	must(t, err)
	return c
}

// certificate makes one for 127.0.0.1 that pool trusts.
func certificate(t *testing.T, pool *x509.CertPool) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	pool.AddCert(parsed)
	text, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600))
	return cert, key
}

// TestOddRequestsGetAProblem sends what no client of ours does.
func TestOddRequestsGetAProblem(t *testing.T) {
	l := listen(t, api.DefaultConfig(), nil)
	for _, c := range []struct {
		name, request string
		status        int
		header        string
	}{
		{"another method", "DELETE /v1/codes HTTP/1.1", 405, "Allow"},
		{"CORS preflight", "OPTIONS /v1/codes HTTP/1.1", 405, "Allow"},
		{"a doubled slash", "GET /v1//codes HTTP/1.1", 404, ""},
		{"dots", "GET /v1/x/../codes HTTP/1.1", 404, ""},
		{"a broken query", "GET /v1/codes?organizer=%zz HTTP/1.1", 400, ""},
		{"a semicolon", "GET /v1/codes?a=1;b=2 HTTP/1.1", 400, ""},
		{"a long head", "GET /v1/codes HTTP/1.1\r\nX-Long: " + strings.Repeat("a", 64<<10), 431, ""},
	} {
		conn, err := net.Dial("tcp", l.Addr())
		must(t, err)
		_, err = fmt.Fprintf(conn, "%s\r\nHost: x\r\nOrigin: https://evil.example\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", c.request, l.key)
		must(t, err)
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		if got.StatusCode != c.status || c.header != "" && got.Header.Get(c.header) == "" {
			t.Errorf("%s: %d %v", c.name, got.StatusCode, got.Header)
		}
		if c.status != 431 && got.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: content type %s", c.name, got.Header.Get("Content-Type"))
		}
		for name := range got.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: another site may ask: %s", c.name, name)
			}
		}
		got.Body.Close()
		conn.Close()
	}
}

// TestTheLogHoldsNoQueryAndNoKey makes every kind of line.
func TestTheLogHoldsNoQueryAndNoKey(t *testing.T) {
	p := newProduct(t)
	for _, path := range []string{"/v1/report?by=code&where=sub1=s3cret", "/v1/report?by=nonsense&code=s3cret", "/v1/codes?limit=s3cret", "/v1/nothing?q=s3cret", "/v1/orders/x/explanation?as_of=s3cret"} {
		p.ask(p.keys["owner"], http.MethodGet, path, "")
		p.ask("ffk_wrong-s3cret", http.MethodGet, path, "")
	}
	text := p.log.String()
	for _, secret := range append([]string{"s3cret"}, slices.Collect(maps.Values(p.keys))...) {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

// TestTheDescriptionNeedsNoKey and says nothing that is anybody's.
func TestTheDescriptionNeedsNoKey(t *testing.T) {
	l := listen(t, api.DefaultConfig(), nil)
	got, err := l.get(t, fresh(t), "", "/v1/openapi.yaml")
	must(t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), "openapi: 3.0.3") {
		t.Errorf("%d %v", got.StatusCode, err)
	}
	w := httptest.NewRecorder()
	l.Keyed().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/openapi.yaml", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST to it: %d", w.Code)
	}
}
