package testkit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAnAnswerPromisesNoMoreThanItSays(t *testing.T) {
	for name, c := range map[string]struct {
		entry Entry
		want  Outcome
	}{
		"redirect with click id":    {Entry{Kind: KindVisit, Status: 302, ClickID: "c"}, Acknowledged},
		"redirect without click id": {Entry{Kind: KindVisit, Status: 302}, Degraded},
		"visit answered 200":        {Entry{Kind: KindVisit, Status: 200, ClickID: "c"}, Indeterminate},
		"no answer":                 {Entry{Kind: KindVisit}, Indeterminate},
		"order stored":              {Entry{Kind: KindOrder, Status: 201, ID: "o"}, Acknowledged},
		"order repeated":            {Entry{Kind: KindOrder, Status: 200, ID: "o"}, Acknowledged},
		"order in conflict":         {Entry{Kind: KindOrder, Status: 409, ID: "o"}, Indeterminate},
		"refund, server failed":     {Entry{Kind: KindRefund, Status: 500, ID: "r"}, Indeterminate},
		"order redirected":          {Entry{Kind: KindOrder, Status: 302, ID: "o", ClickID: "c"}, Indeterminate},
	} {
		if got := c.entry.Outcome(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestALedgerOutlivesItsClient(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	l, err := OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ledgerSyncEntries + 2 {
		if err := l.Append(Entry{Kind: KindVisit, SentMS: int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	before := l.Entries()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"kind":"vis`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(Entry{Kind: KindOrder, ID: "o"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Entries(); !slices.Equal(got, append(before, Entry{Kind: KindOrder, ID: "o"})) {
		t.Errorf("%d entries, then %d", len(before), len(got))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("not an entry\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLedger(path); err == nil {
		t.Error("took a foreign file for a ledger")
	}
}

func TestReconcileFindsEveryKindOfError(t *testing.T) {
	acked := Entry{Kind: KindVisit, Status: 302, ClickID: "a"}
	again := Entry{Kind: KindVisit, Status: 302, ClickID: "b"}
	degraded := Entry{Kind: KindVisit, Status: 302}
	unanswered := Entry{Kind: KindVisit}
	order := Entry{Kind: KindOrder, ID: "a", Status: 500}
	visits := []Entry{acked, again, degraded, order}
	for name, c := range map[string]struct {
		entries []Entry
		kind    Kind
		found   map[string]int
		want    string
	}{
		"exact":                       {visits, KindVisit, map[string]int{"a": 1, "b": 1}, "lost=0 [] duplicated=0 [] phantom=0 []"},
		"lost":                        {visits, KindVisit, map[string]int{"a": 1}, `lost=1 ["b"] duplicated=0 [] phantom=0 []`},
		"doubled":                     {visits, KindVisit, map[string]int{"a": 1, "b": 2}, `lost=0 [] duplicated=1 ["b"] phantom=0 []`},
		"phantom":                     {visits, KindVisit, map[string]int{"a": 1, "b": 1, "x": 1}, `lost=0 [] duplicated=0 [] phantom=1 ["x"]`},
		"unanswered, found":           {append(visits, unanswered), KindVisit, map[string]int{"a": 1, "b": 1, "x": 1}, "lost=0 [] duplicated=0 [] phantom=0 []"},
		"unanswered, two found":       {append(visits, unanswered), KindVisit, map[string]int{"a": 1, "b": 1, "x": 1, "y": 1}, `lost=0 [] duplicated=0 [] phantom=2 ["x" "y"]`},
		"unanswered, found twice":     {append(visits, unanswered), KindVisit, map[string]int{"a": 1, "b": 1, "x": 2}, `lost=0 [] duplicated=1 ["x"] phantom=0 []`},
		"indeterminate order, absent": {visits, KindOrder, nil, "lost=0 [] duplicated=0 [] phantom=0 []"},
		"indeterminate order, stored": {visits, KindOrder, map[string]int{"a": 1}, "lost=0 [] duplicated=0 [] phantom=0 []"},
	} {
		r := Reconcile(c.entries, c.kind, c.found)
		if !strings.HasSuffix(r.String(), c.want) || (r.Err() == nil) != strings.HasSuffix(c.want, "lost=0 [] duplicated=0 [] phantom=0 []") {
			t.Errorf("%s: %s, %v", name, r, r.Err())
		}
	}
}
