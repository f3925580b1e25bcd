package query_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"footfall/reporter/lake"
	"footfall/schemas/admin"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// hostile are statements that must all be refused. SECRET is a file outside of
// the lake, INSIDE a file of the lake, LINK a link in the lake to the secret.
func hostile() []string {
	return []string{
		// files
		"SELECT * FROM 'SECRET'", "SELECT * FROM \"SECRET\"", "FROM read_csv('SECRET')", "FROM read_csv_auto('SECRET')", "FROM read_text('SECRET')",
		"FROM read_blob('SECRET')", "FROM read_json('SECRET')", "FROM read_parquet('INSIDE')", "FROM parquet_scan('INSIDE')", "FROM 'INSIDE'",
		"FROM 'ROOT/../secret.csv'", "FROM read_text('LINK')", "FROM glob('/**')", "FROM sniff_csv('SECRET')", "FROM parquet_metadata('INSIDE')",
		"FROM parquet_schema('INSIDE')", "FROM read_ndjson_objects('SECRET')", "FROM read_duckdb('SECRET')", "FROM 'file://SECRET'",
		"SELECT * FROM Read_CSV('SECRET')", "SELECT * FROM /* x */ \"read_csv\" ('SECRET')", "SELECT * FROM main.read_csv('SECRET')", "SELECT * FROM system.main.read_csv('SECRET')",
		"SELECT content FROM read_text(['SECRET'])", "FROM 'SECRET' -- visits",
		// the network, other databases, extensions
		"FROM 'http://127.0.0.1:1/x.csv'", "FROM read_csv('https://example.com/x.csv')", "FROM 's3://bucket/x.parquet'", "ATTACH 'SECRET' AS x", "ATTACH ':memory:' AS x",
		"INSTALL httpfs", "LOAD httpfs", "INSTALL json FROM community", "DETACH memory", "USE memory", "FROM sqlite_scan('x', 'y')", "FROM postgres_query('x', 'y')",
		// writing
		"COPY visits TO 'ROOT/out.csv'", "COPY (SELECT 1) TO 'ROOT/visits/out.parquet' (FORMAT parquet)", "EXPORT DATABASE 'ROOT/x'", "IMPORT DATABASE 'ROOT/x'",
		"CREATE TABLE t (x INT)", "CREATE TEMP VIEW v AS SELECT 1", "CREATE MACRO m(a) AS a", "INSERT INTO orders VALUES (1)", "DELETE FROM orders", "UPDATE orders SET tickets = 1", "DROP VIEW orders",
		"ALTER TABLE orders ADD COLUMN x INT", "TRUNCATE orders", "VACUUM", "CHECKPOINT", "CREATE SECRET s (TYPE s3)", "CREATE TYPE t AS ENUM ('a')", "CREATE SEQUENCE s",
		"MERGE INTO orders USING visits ON true WHEN MATCHED THEN DELETE", "WITH x AS (INSERT INTO orders VALUES (1)) SELECT 1",
		// settings and what the database says of itself
		"SET memory_limit = '100GB'", "RESET threads", "PRAGMA database_list", "SELECT current_setting('temp_directory')", "SELECT getvariable('organizer')", "SELECT getenv('HOME')",
		"FROM duckdb_settings()", "FROM duckdb_tables()", "FROM duckdb_secrets()", "FROM duckdb_views()", "FROM duckdb_variables()", "FROM pragma_table_info('orders')", "FROM pragma_database_size()", "CALL pragma_version()",
		"SHOW TABLES", "SHOW ALL TABLES", "DESCRIBE orders", "SUMMARIZE visits", "FROM (SHOW TABLES)", "FROM (DESCRIBE orders)", "FROM (SUMMARIZE visits)", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1",
		"FROM information_schema.tables", "FROM sqlite_master", "FROM pg_catalog.pg_tables", "FROM duckdb_temporary_files()", "SET VARIABLE organizer = 2", "FROM which_secret('x', 's3')",
		// other rows than the organizer's
		"FROM order_rows", "FROM refund_rows", "FROM sql_visit_rows", "FROM sql_view_orders", "FROM sql_with_x", "FROM memory.catalog_1.organizers", "FROM catalog_1.affiliates", "FROM temp.orders", "FROM temp.main.order_rows",
		"FROM main.orders", "FROM \"temp\".\"main\".\"order_rows\"", "FROM order_facts", "FROM candidates", "FROM code_texts_all", "FROM kept_answer_1",
		"WITH order_rows AS (SELECT 1) SELECT * FROM (WITH x AS (SELECT 1) FROM x), temp.order_rows", "SELECT * FROM (WITH order_rows AS (SELECT 1 AS q) FROM order_rows) a, order_rows b",
		// hidden in what is allowed
		"SELECT 1; SELECT 2", "SELECT 1; COPY orders TO 'ROOT/x'", "SELECT 1;; DROP VIEW orders", "SELECT 1 /* ; */ ; SET threads = 1",
		"WITH x AS (FROM read_text('SECRET')) FROM x", "SELECT (SELECT content FROM read_text('SECRET'))", "SELECT * FROM orders, LATERAL (FROM read_text('SECRET'))",
		"SELECT * FROM orders WHERE EXISTS (FROM read_text('SECRET'))", "SELECT * FROM orders UNION ALL BY NAME FROM 'SECRET'", "SELECT * FROM orders ORDER BY (SELECT content FROM read_text('SECRET'))",
		"SELECT * FROM orders LIMIT (SELECT 1 FROM read_text('SECRET'))", "SELECT sum(tickets) OVER (ORDER BY (SELECT content FROM read_text('SECRET'))) FROM orders",
		"SELECT list_transform([1], lambda x: (SELECT content FROM read_text('SECRET')))", "SELECT * FROM (VALUES ((SELECT content FROM read_text('SECRET'))))", "SELECT CASE WHEN true THEN (FROM read_text('SECRET') SELECT content) END",
		"WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n FROM t, read_text('SECRET')) FROM t", "WITH a AS MATERIALIZED (WITH b AS (FROM 'SECRET') FROM b) FROM a",
		"SELECT * FROM orders PIVOT (count(*) FOR state IN (SELECT content FROM read_text('SECRET')))", "SELECT * REPLACE ((SELECT content FROM read_text('SECRET')) AS state) FROM orders",
		"SELECT max(tickets) FILTER (WHERE (SELECT true FROM read_text('SECRET'))) FROM orders", "SELECT * FROM range((SELECT count(*) FROM read_text('SECRET')))", "SELECT COLUMNS(c -> (SELECT true FROM read_text('SECRET'))) FROM orders",
		// text that becomes a statement
		"FROM query('SELECT 1')", "FROM query_table('orders')", "FROM query('FROM read_text(''SEC' || 'RET'')')", "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
		"SELECT json_serialize_sql('SELECT 1')", "SELECT json_deserialize_sql('{}')", "SELECT json_serialize_plan('SELECT 1')", "PREPARE p AS SELECT 1", "EXECUTE p", "EXECUTE IMMEDIATE 'SELECT 1'", "SELECT ?", "SELECT $name", "FROM python_map_function(1)",
		// the clock, chance, waiting, writing to the log
		"SELECT now()", "SELECT random()", "SELECT uuid()", "SELECT gen_random_uuid()", "SELECT today()", "SELECT current_timestamp", "SELECT get_current_timestamp()", "SELECT sleep_ms(100000)", "SELECT setseed(0.5)",
		"SELECT write_log('x')", "SELECT nextval('s')", "SELECT txid_current()", "SELECT current_query()", "SELECT error('x')", "FROM test_all_types()", "FROM repeat(1, 10)", "FROM checkpoint()", "FROM enable_logging()", "FROM truncate_duckdb_logs()",
		"SELECT * FROM orders AT (VERSION => 1)", "SELECT version()", "SELECT pg_sleep(1)", "SELECT * FROM seq_scan(orders)",
	}
}

func TestHostileStatementsAreRefused(t *testing.T) {
	w := newWorld(t, 1, nil)
	secret := filepath.Join(filepath.Dir(w.dir.Root()), "secret.csv")
	check(t, os.WriteFile(secret, []byte("secret\nhunter2\n"), 0o644))
	link := filepath.Join(w.dir.Root(), "link.csv")
	check(t, os.Symlink(secret, link))
	inside, err := filepath.Glob(w.dir.Root() + "/visits/v1/*/*.parquet")
	check(t, err)
	before := listing(t, w.dir.Root())
	names := strings.NewReplacer("SECRET", secret, "INSIDE", inside[0], "LINK", link, "ROOT", w.dir.Root())
	for _, text := range hostile() {
		table, list, err := w.ask(names.Replace(text))
		refusal, ok := admin.AsRefusal(err)
		if !ok {
			t.Errorf("%s: %v", text, err)
			if err == nil {
				t.Logf("it gave %v %v", table.Columns, list)
			}
			continue
		}
		if strings.Contains(refusal.Detail, "hunter2") {
			t.Errorf("%s: the refusal tells: %s", text, refusal.Detail)
		}
	}
	if after := listing(t, w.dir.Root()); after != before {
		t.Errorf("the lake changed:\n%s\n%s", before, after)
	}
	if n := testutil.ToFloat64(w.engine.Refusals()); int(n) != len(hostile()) {
		t.Errorf("%v refusals counted of %d", n, len(hostile()))
	}
	if len(hostile()) < 40 {
		t.Errorf("%d statements", len(hostile()))
	}
}

// Without the check there is something to be had: rows of others, and files of
// the lake that no entry names.
func TestWithoutTheCheckForeignRowsAreRead(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.engine.Unchecked()
	for _, text := range []string{"SELECT count(*) FROM order_rows", "SELECT count(*) FROM 'INSIDE'", "SELECT count(*) FROM duckdb_settings()"} {
		inside, err := filepath.Glob(w.dir.Root() + "/visits/v1/*/*.parquet")
		check(t, err)
		_, list, err := w.ask(strings.ReplaceAll(text, "INSIDE", inside[0]))
		if err != nil || list[0].Cells[0].Number < 3 {
			t.Errorf("%s: %v %v: the tests of refusals show nothing", text, list, err)
		}
	}
}

// Whatever is typed: it is refused, or it is answered without a word of another
// organizer's.
func FuzzStatementNeverShowsForeignRows(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text)
	}
	for _, text := range []string{
		"WITH v AS (FROM visits) SELECT * FROM v", "SELECT * FROM affiliates a, codes c", "SELECT COLUMNS(*) FROM events", "SELECT list(x) FROM range(3) t(x)",
		"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 4) FROM t", "SELECT \"a\"\"b\" FROM (SELECT 1 AS \"a\"\"b\")",
	} {
		f.Add(text)
	}
	w := newWorld(f, 1, func(c *lake.Config) { c.QuerySeconds, c.MemoryMiB, c.TempMiB = 1, 128, 16 })
	f.Fuzz(func(t *testing.T, typed string) {
		w.t = t
		table, list, err := w.ask(typed)
		if err != nil {
			return
		}
		for _, foreign := range []string{"south", "ecret", "hidden", "anna@"} {
			if !strings.Contains(strings.ToLower(typed), foreign) && strings.Contains(text(table.Columns, list), foreign) {
				t.Errorf("%q shows %q", typed, foreign)
			}
		}
		if _, _, err := w.ask("SELECT 1"); err != nil {
			t.Fatalf("after %q: %v", typed, err)
		}
	})
}

// listing names every file below a folder.
func listing(t *testing.T, root string) string {
	t.Helper()
	var out strings.Builder
	check(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		out.WriteString(path + "\n")
		return err
	}))
	return out.String()
}
