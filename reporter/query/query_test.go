package query_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"footfall/internal/testkit"
	"footfall/reporter/query"
	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// text gives rows as lines of cells.
func text(columns []reports.Column, list []reports.Row) string {
	var out strings.Builder
	for _, row := range list {
		for i, c := range row.Cells {
			if i > 0 {
				out.WriteString("|")
			}
			switch {
			case c.Empty:
			case columns[i].Kind.Textual() || columns[i].Kind == reports.KindFloat:
				out.WriteString(c.Text)
			default:
				out.WriteString(itoa(c.Number))
			}
		}
		out.WriteString("\n")
	}
	return out.String()
}

func TestOrdinaryStatementsAreAnswered(t *testing.T) {
	w := newWorld(t, 10, nil)
	for _, c := range []struct{ text, want string }{
		{"SELECT count(*) FROM visits", "20\n"},
		{"select VISITS.event, count(*) n from Visits group by all order by 1;", "fair|10\ngala|10\n"},
		{"FROM orders SELECT order_id, tickets, sales ORDER BY order_id", "a|2|2100\nb|2|2100\n"},
		{"SELECT o.order_id, c.rule, a.name FROM orders o LEFT JOIN credits c USING (order_id) LEFT JOIN affiliates a USING (affiliate_id) ORDER BY 1", "a|affiliate|Anna\nb||\n"},
		{"WITH v AS (SELECT * FROM visits WHERE event = 'fair'), n AS (SELECT count(*) AS n FROM v) SELECT n FROM n", "10\n"},
		{"WITH visits AS (SELECT event FROM visits WHERE event = 'gala') SELECT count(*) FROM visits", "10\n"},
		{"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT list(n ORDER BY n) FROM t", "[1, 2, 3, 4]\n"},
		{"SELECT order_id, row_number() OVER (ORDER BY order_id DESC) FROM orders QUALIFY row_number() OVER (ORDER BY order_id DESC) = 1", "b|1\n"},
		{"SELECT sum(amount) OVER w FROM order_lines WINDOW w AS (ORDER BY order_id) ORDER BY 1", "2100\n4200\n"},
		{"SELECT (SELECT max(visited_at) FROM visits v WHERE v.event_id = e.event_id) > starts_at FROM events e ORDER BY event_id", "0\n0\n"},
		{"SELECT x * 2, y FROM range(3) r(x), unnest(['p']) u(y) WHERE x IN (1, 2) ORDER BY 1", "2|p\n4|p\n"},
		{"SELECT list_transform([1, 2], lambda x: x + 1), [q FOR q IN [1, 2] IF q > 1], {'a': 1}.a, map {'k': 1}['k']", "[2, 3]|[2]|1|1\n"},
		{"SELECT 1 AS a, 'x' AS a, 1.50::DECIMAL(9,2), 0.5, true, DATE '1970-01-02', NULL, INTERVAL 1 DAY", "1|x|1.50|0.5|1|1||1 day\n"},
		{"SELECT date_trunc('hour', visited_at) = TIMESTAMP '2026-09-21 14:00:00' AS h, count(*) FROM visits GROUP BY h", "1|20\n"},
		{"SELECT strftime(visited_at AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Kathmandu', '%H:%M') FROM visits ORDER BY visited_at LIMIT 1", "19:58\n"},
		{"SELECT CASE WHEN count(*) FILTER (verdict = 'valid') > 5 THEN 'many' ELSE 'few' END FROM visits HAVING count(*) > 1", "many\n"},
		{"SELECT event FROM events EXCEPT SELECT event FROM visits WHERE event = 'fair'", "gala\n"},
		{"SELECT * EXCLUDE (currency, name), COLUMNS('zo.*') FROM organizers", "1|north|UTC|UTC\n"},
		{"VALUES (1, 'a')", "1|a\n"},
		{"SELECT \"or\".order_id FROM \"orders\" \"or\" WHERE order_id ILIKE 'A' -- a comment", "a\n"},
		{"SELECT count(*) FROM orders ASOF JOIN visits ON ordered_at >= visited_at", "2\n"},
		{"PIVOT", ""},
	} {
		if c.text == "PIVOT" {
			c.text, c.want = "SELECT * FROM (SELECT event, 1 AS n FROM visits) PIVOT (sum(n) FOR event IN ('fair', 'gala'))", "10|10\n"
		}
		table, list, err := w.ask(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := text(table.Columns, list); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

// Rows of another organizer are in no view.
func TestOtherOrganizersRowsAreNotToBeHad(t *testing.T) {
	w := newWorld(t, 2, nil)
	for _, name := range query.Names() {
		table, list, err := w.ask("SELECT * FROM " + name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := text(table.Columns, list)
		for _, foreign := range []string{"south", "South", "ecret", "hidden", "anna@", "x|", "y|"} {
			if strings.Contains(got, foreign) {
				t.Errorf("%s shows %q:\n%s", name, foreign, got)
			}
		}
		if len(list) == 0 && !slices.Contains([]string{"refunds", "coupons"}, name) {
			t.Errorf("%s is empty: the test shows nothing", name)
		}
	}
}

func TestEveryColumnIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testkit.ModuleRoot(t), "docs", "sql.md"))
	check(t, err)
	w := newWorld(t, 1, nil)
	for _, name := range query.Names() {
		_, section, found := strings.Cut(string(page), "\n### "+name+"\n")
		section, _, _ = strings.Cut(section, "\n#")
		if !found {
			t.Errorf("view %s has no section", name)
			continue
		}
		table, _, err := w.ask("FROM " + name)
		check(t, err)
		for _, c := range table.Columns {
			if !strings.Contains(section, "| `"+c.Name+"` |") {
				t.Errorf("%s.%s is not described", name, c.Name)
			}
		}
		if n := strings.Count(section, "\n| `"); n != len(table.Columns) {
			t.Errorf("%s: %d columns described of %d", name, n, len(table.Columns))
		}
	}
	_, functions, _ := strings.Cut(string(page), "\n## Functions\n")
	for name := range strings.FieldsSeq(query.Functions) {
		if name[0] >= 'a' && name[0] <= 'z' && !strings.Contains(functions, "`"+name+"`") {
			t.Errorf("function %s is not listed", name)
		}
	}
}

func TestRowsOfALongAnswerKeepTheirOrder(t *testing.T) {
	w := newWorld(t, 1, nil)
	_, list, err := w.ask("SELECT x FROM range(200000) r(x) ORDER BY hash(x) % 7, x DESC")
	check(t, err)
	_, again, err := w.ask("SELECT x, hash(x) % 7 AS h FROM range(200000) r(x) ORDER BY h, x DESC")
	check(t, err)
	if len(list) != 200_000 || len(again) != len(list) {
		t.Fatalf("%d and %d rows", len(list), len(again))
	}
	for i := range list {
		if list[i].Cells[0] != again[i].Cells[0] {
			t.Fatalf("row %d differs between two runs", i)
		}
		if i > 0 && again[i-1].Cells[1].Text == again[i].Cells[1].Text && again[i-1].Cells[0].Number <= again[i].Cells[0].Number {
			t.Fatalf("row %d is out of order", i)
		}
	}
}

func TestMistakeIsToldInTheAskersWords(t *testing.T) {
	w := newWorld(t, 1, nil)
	for _, c := range []struct{ text, want string }{
		{"SELEC 1", "can't be parsed: syntax error"},
		{"SELECT nothing FROM visits", "nothing"},
		{"SELECT 1 +", "can't be parsed"},
		{"SELECT a.b FROM visits", "a"},
		{"SELECT 'x'::INT", "Could not convert"},
		{"SELECT sum(event) FROM visits", "sum"},
		{"FROM visit", "there is no such table; there are visits, orders"},
		{"FROM information_schema.tables", `"information_schema.tables": there is no such table`},
		{"DESCRIBE visits", "docs/sql.md lists the columns"},
		{"SUMMARIZE visits", "docs/sql.md lists the columns"},
		{"", "these are 0 statements"},
		{strings.Repeat("(", 3000), "can't be parsed"},
		{"SELECT " + strings.Repeat("1+(", 2000) + "1" + strings.Repeat(")", 2000), ""},
		{"SELECT '" + strings.Repeat("x", 70_000) + "'", "bytes"},
	} {
		_, _, err := w.ask(c.text)
		refusal, ok := admin.AsRefusal(err)
		if !ok || !strings.Contains(refusal.Detail, c.want) || strings.Contains(refusal.Detail, "sql_") {
			t.Errorf("%.60s: %v", c.text, err)
		}
	}
	if _, _, err := w.ask("SELECT count(*) FROM visits"); err != nil {
		t.Fatalf("afterwards: %v", err)
	}
}

// TestRecipesOfTheManualRun as they are written.
func TestRecipesOfTheManualRun(t *testing.T) {
	w := newWorld(t, 5, nil)
	manual, err := os.ReadFile("../../docs/sql.md")
	check(t, err)
	blocks := strings.Split(string(manual), "```sql\n")[1:]
	if len(blocks) < 3 {
		t.Fatalf("%d recipes", len(blocks))
	}
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		if _, _, err := w.ask(text); err != nil {
			t.Errorf("%s%v", text, err)
		}
	}
}

func TestOrganizerMustBeNamedWhereThereAreSeveral(t *testing.T) {
	w := newWorld(t, 1, nil)
	for _, slug := range []string{"", "west"} {
		err := w.engine.Run(t.Context(), query.Question{Organizer: slug, Text: "SELECT 1"}, nil)
		if _, ok := admin.AsRefusal(err); !ok {
			t.Errorf("organizer %q: %v", slug, err)
		}
	}
}
