package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"footfall/internal/testkit"
	"footfall/reporter"
)

const lakeSQLScript = `import json, sys
sys.path.insert(0, sys.argv[1])
from with_duckdb import affiliate_table
print(json.dumps(affiliate_table(sys.argv[2]), default=str))
`

// TestLakeSQLCreditsAsReportsDo: by all four rules and the organizers' own
// policies, over what happens in worlds of the recount.
func TestLakeSQLCreditsAsReportsDo(t *testing.T) {
	t.Parallel()
	data := recountDir(t)
	w, err := openRecountWorld(t.Context(), data, recountSeed(t)+40, recountCenters()[2])
	if err != nil {
		t.Fatal(err)
	}
	if err := w.run(t.Context(), func(ctx context.Context) error { return w.play(ctx, 6, 0) }); err != nil {
		t.Fatal(err)
	}
	if err := w.open(t.Context()); err != nil { // it publishes the catalog at once
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "affiliates.py")
	if err := os.WriteFile(script, []byte(lakeSQLScript), 0o600); err != nil {
		t.Fatal(err)
	}
	rules := map[string]int{}
	err = w.run(t.Context(), func(ctx context.Context) error {
		want := map[string]string{}
		for _, s := range w.list {
			if err := w.affiliateRows(ctx, s, want, rules); err != nil {
				return err
			}
		}
		for _, python := range []string{testkit.Python, testkit.PythonDuckDB2} {
			err := w.until(ctx, "lake.sql to say what reports say, with "+python, func() error {
				return differ(lakeSQLRows(t, python, script, data), want)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{"click_id", "affiliate", "coupon", "visitor"} {
		if rules[rule] == 0 {
			t.Errorf("no order is credited by %s: %v", rule, rules)
		}
	}
	t.Logf("%d organizers, orders by rule %v", len(w.list), rules)
}

// affiliateRows are what the report says by affiliate, and how many orders are
// credited by which rule.
func (w *recountWorld) affiliateRows(ctx context.Context, s *recountScenario, rows map[string]string, rules map[string]int) error {
	for by, columns := range map[string]string{"affiliate": "visits,orders,tickets_sold,total_sales,refunds,net_sales", "order": "orders"} {
		text, err := w.report(ctx, url.Values{"organizer": {s.slug}, "by": {by}, "columns": {columns}, "format": {"json"}})
		if err != nil {
			return err
		}
		var d reportDocument
		if err := json.Unmarshal(text, &d); err != nil {
			return err
		}
		for _, r := range d.Rows {
			if by == "order" {
				rules[plainText(r["rule"])]++
				continue
			}
			var figures []string
			for _, c := range []string{"visits", "orders", "tickets_sold", "total_sales", "refunds", "net_sales"} {
				figures = append(figures, strings.TrimLeft(strings.ReplaceAll(plainText(r[c]), ".", ""), "0"))
			}
			who := plainText(r["affiliate_id"])
			if who == "" {
				who = "null"
			}
			put(rows, s.slug+" "+who+" "+plainText(r["currency"]), figures)
		}
	}
	return nil
}

// put leaves out rows without a figure: a report has them for requests that count
// as nothing here.
func put(rows map[string]string, key string, figures []string) {
	if strings.Join(figures, "") != "" {
		rows[key] = strings.Join(figures, " ")
	}
}

func lakeSQLRows(t *testing.T, python, script, data string) map[string]string {
	t.Helper()
	var list []map[string]json.RawMessage
	text := testkit.RunPython(t, python, script, filepath.Join(testkit.ModuleRoot(t), "docs", "examples"), reporter.LakeDir(data))
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, r := range list {
		var figures []string
		for _, c := range []string{"visits", "orders", "tickets", "sales", "refunds", "net_sales"} {
			figures = append(figures, strings.TrimLeft(plainText(r[c]), "0"))
		}
		put(rows, plainText(r["organizer"])+" "+plainText(r["affiliate_id"])+" "+plainText(r["currency"]), figures)
	}
	return rows
}

func differ(have, want map[string]string) (err error) {
	for key := range maps.Keys(want) {
		if have[key] != want[key] {
			err = errors.Join(err, fmt.Errorf("%s: lake.sql has %q, the report %q", key, have[key], want[key]))
		}
	}
	for key := range have {
		if want[key] == "" {
			err = errors.Join(err, fmt.Errorf("%s: lake.sql has %q, the report nothing", key, have[key]))
		}
	}
	return err
}
