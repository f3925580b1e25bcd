package ledger_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"footfall/bench/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOnlyAClickIDAcknowledgesAVisit(t *testing.T) {
	tests := []struct {
		status   int
		location string
		outcome  ledger.Outcome
		clickID  string
	}{
		{302, "https://t.example/x?a=1&click_id=abc", ledger.Acknowledged, "abc"},
		{302, "https://t.example/x?a=1", ledger.Degraded, ""},
		{302, "https://t.example/x?click_id=", ledger.Degraded, ""},
		{302, "://", ledger.Indeterminate, ""},
		{200, "https://t.example/x?click_id=abc", ledger.Indeterminate, ""},
		{301, "https://t.example/x?click_id=abc", ledger.Indeterminate, ""},
		{404, "", ledger.Refused, ""},
		{500, "", ledger.Indeterminate, ""},
		{0, "", ledger.Indeterminate, ""},
	}
	for _, test := range tests {
		outcome, clickID := ledger.VisitOutcome(test.status, test.location)
		if outcome != test.outcome || clickID != test.clickID {
			t.Errorf("%d %q: %s %q", test.status, test.location, outcome, clickID)
		}
	}
	for status, want := range map[int]ledger.Outcome{
		200: ledger.Acknowledged, 201: ledger.Acknowledged, 409: ledger.Refused, 422: ledger.Refused,
		429: ledger.Indeterminate, 503: ledger.Indeterminate, 302: ledger.Indeterminate,
	} {
		if got := ledger.OrderOutcome(status); got != want {
			t.Errorf("order %d: %s, want %s", status, got, want)
		}
	}
}

func TestLedgerReadsBackWhatWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	w, err := ledger.Create(path, ledger.Header{Seed: 3, World: ledger.World{
		Organizers: []ledger.Organizer{{Slug: "o", Zone: "UTC", Secret: "whsec_hidden"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Create(path, ledger.Header{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a ledger was written over: %v", err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				if err := w.Append(ledger.Record{Kind: ledger.KindVisit, ID: "x", Outcome: ledger.Unsent}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := errors.Join(w.End(ledger.Summary{Visits: ledger.Counts{Requests: 200}}), w.Close()); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(ledger.Record{}); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("appending after the end: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "whsec_") {
		t.Error("the ledger holds a secret")
	}
	whole, err := ledger.Parse(text)
	if err != nil || len(whole.Records) != 200 || whole.Header.Seed != 3 || whole.Summary == nil || whole.Summary.Visits.Requests != 200 {
		t.Fatalf("read %d records, %v, error %v", len(whole.Records), whole.Summary, err)
	}
	for cut := range 120 {
		torn, err := ledger.Parse(text[:len(text)-1-cut])
		if err != nil || torn.Summary != nil || len(torn.Records) > 200 || len(torn.Records) < 198 {
			t.Fatalf("cut by %d: %v", cut+1, err)
		}
	}
}

func TestBadLedgerIsRefusedWithTheLine(t *testing.T) {
	for _, text := range []string{"", "{}\n", `{"format":"other"}` + "\n"} {
		if _, err := ledger.Parse([]byte(text)); !errors.Is(err, ledger.ErrHeader) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, bad := range []string{"x", "{}", `{"id":"a"}`} {
		_, err := ledger.Parse([]byte(`{"format":"footfall-ledger/1"}` + "\n" + `{"kind":"visit"}` + "\n" + bad + "\n" + `{"kind":"visit"}` + "\n"))
		var line *ledger.LineError
		if !errors.As(err, &line) || line.Line != 3 {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := ledger.Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestSummaryCountsFromWhenARequestWasDue(t *testing.T) {
	var records []ledger.Record
	for i := range int64(1000) {
		records = append(records, ledger.Record{
			Kind: ledger.KindVisit, Outcome: ledger.Acknowledged, DueUS: 5, SentUS: 1e6, AnsweredUS: 5 + (i+1)*1000,
		})
	}
	records = append(records,
		ledger.Record{Kind: ledger.KindVisit, Outcome: ledger.Unsent, AnsweredUS: 1e9},
		ledger.Record{Kind: ledger.KindOrder, Outcome: ledger.Refused}, ledger.Record{Kind: ledger.KindRefund, Outcome: ledger.Degraded},
		ledger.Record{Kind: ledger.KindOrder, Outcome: ledger.Indeterminate})
	s := ledger.Summarize(records)
	want := ledger.Counts{Requests: 1001, Acknowledged: 1000, Unsent: 1, P50US: 500_000, P99US: 990_000, P999US: 999_000}
	if s.Visits != want {
		t.Errorf("visits %+v, want %+v", s.Visits, want)
	}
	if s.Orders.Refused != 1 || s.Orders.Indeterminate != 1 || s.Refunds.Degraded != 1 {
		t.Errorf("%+v", s)
	}
	if text := s.String(); !strings.Contains(text, "990.000") || strings.Count(text, "\n") != 4 {
		t.Error(text)
	}
}
