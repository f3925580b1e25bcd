package reporter_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter"
)

// opened is a reporter over an empty lake, with one organizer.
func opened(t *testing.T) http.Handler {
	t.Helper()
	config := reporter.DefaultConfig()
	config.Place(t.TempDir())
	clock := func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
	r, err := reporter.New(config, reporter.Deps{Clock: clock, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	for path, body := range map[string]string{
		"/v1/organizers": `{"slug":"acme","name":"Acme","zone":"America/New_York","currency":"USD"}`,
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		if w := ask(r.Handler(), request); w.Code != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	return r.Handler()
}

func ask(h http.Handler, request *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request)
	return w
}

func get(t *testing.T, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	return ask(h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody))
}

// TestWrongQuestionIs400WithTheFieldAndWhatIsAllowed: every mistake is the asker's,
// named, and nothing of it reaches a statement.
func TestWrongQuestionIs400WithTheFieldAndWhatIsAllowed(t *testing.T) {
	h := opened(t)
	for _, c := range []struct{ target, pointer, says string }{
		{"/v1/report?from=2026-12-01&to=2026-11-01", "/from", "not before"},
		{"/v1/report?from=2026-11-01&to=2026-11-01", "/from", "not before"},
		{"/v1/report?from=2026-02-30", "/from", "2026-11-22"},
		{"/v1/report?to=9999999-01-01", "/to", "2026-11-22"},
		{"/v1/report?by=secret", "/by", "affiliate, code, event, organizer, day"},
		{"/v1/report?sort=visits%3BDROP%20TABLE%20x", "/sort", "conversion_rate"},
		{"/v1/report?limit=-1", "/limit", "want 1 to"},
		{"/v1/report?limit=0", "/limit", "want 1 to"},
		{"/v1/report?page=-1", "/page", "want some of by, from"},
		{"/v1/report?zone=Mars/Base", "/zone", "IANA time zone"},
		{"/v1/report?zone=../../etc/passwd", "/zone", "IANA time zone"},
		{"/v1/report?by=day,day", "/by", "the same twice"},
		{"/v1/report?by=day,code,event", "/by", "two of them"},
		{"/v1/report?columns=visits,secret", "/columns", "at position 8"},
		{"/v1/report?where=secret%3D1", "/where", "conversion_rate"},
		{"/v1/report?where=visits%3E%3Dmany", "/where", "whole number"},
		{"/v1/report?where=visits%20or%201%3D1", "/where", "at position 8"},
		{"/v1/report?compare=month&from=2026-11-01&to=2026-12-01", "/compare", "previous"},
		{"/v1/report?compare=year", "/compare", "both ends"},
		{"/v1/report?basis=click", "/basis", "order"},
		{"/v1/report?policy=0", "/policy", "version"},
		{"/v1/report?by=ticket-type&columns=visits", "/columns", "not a ticket type's"},
		{"/v1/report?by=order&sort=visits", "/sort", "ordered_at"},
		{"/v1/report?by=day&by=code", "/by", "give it once"},
		{"/v1/report?as_of=tomorrow", "/as_of", "microseconds since 1970"},
		{"/v1/report?format=docx", "/format", "csv, json"},
		{"/v1/report?organizer=o'--", "/organizer", "there is acme"},
		{"/v1/report?event=nowhere", "/event", "not known"},
		{"/v1/report?affiliate='%20OR%201=1", "/affiliate", "and direct"},
		{"/v1/report?code=%25", "/code", "and direct"},
		{"/v1/report?from=%zz", "", "name=value"},
		{"/v1/orders/acme/A-1/explanation?format=csv", "/format", "table or json"},
		{"/v1/orders/acme/A-1/explanation?by=day", "/by", "as_of, policy or format"},
		{"/v1/orders/acme/A-1/explanation?as_of=-5", "/as_of", "microseconds"},
	} {
		w := get(t, h, c.target)
		var problem struct{ Detail, Pointer string }
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
			t.Errorf("%s: %v in %s", c.target, err, w.Body)
		}
		if w.Code != http.StatusBadRequest || w.Header().Get("Content-Type") != "application/problem+json" ||
			problem.Pointer != c.pointer || !strings.Contains(problem.Detail, c.says) {
			t.Errorf("%s: %d %s, want %s saying %q", c.target, w.Code, w.Body, c.pointer, c.says)
		}
	}
	if w := get(t, h, "/v1/orders/acme/A%2F1/explanation"); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), `A/1`) {
		t.Errorf("an unknown order: %d %s", w.Code, w.Body)
	}
}

// TestEmptyReportIsHeadersAndZeroes: no NaN, no rate, no failure, in any format.
func TestEmptyReportIsHeadersAndZeroes(t *testing.T) {
	h := opened(t)
	for format, want := range map[string]string{
		"csv":  "affiliate_id,affiliate,nickname,visits,unique_visitors,orders,credited_orders,tickets_sold,conversion_rate,total_sales,refunds,net_sales,currency\r\n",
		"json": `"rows": []`, "table": "total",
	} {
		w := get(t, h, "/v1/report?format="+format)
		if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, want) || strings.Contains(body, "NaN") {
			t.Errorf("%s: %d %s", format, w.Code, body)
		}
		if w.Header().Get("Footfall-Settled") != "false" || w.Header().Get("Footfall-Complete-To") != "unknown" {
			t.Errorf("%s: nothing has been committed, and yet %v", format, w.Header())
		}
		again := get(t, h, "/v1/report?format="+format+"&as_of="+w.Header().Get("Footfall-As-Of"))
		if again.Body.String() != w.Body.String() {
			t.Errorf("%s again:\n%s\nbefore:\n%s", format, again.Body, w.Body)
		}
	}
}
