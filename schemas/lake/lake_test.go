package lake_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	_ "modernc.org/sqlite"

	"footfall/internal/testkit"
	"footfall/schemas/lake"
)

func TestFileNameThatIsNoneIsRefused(t *testing.T) {
	name := lake.FileName{Table: lake.TableVisits, Date: "2026-11-22", Log: "c7-visits", Commit: 42, Random: 0xfeed}
	want := "visits/v1/date=2026-11-22/c7-visits-00000000000000000042-000000000000feed.parquet"
	if got := name.Path(); got != want {
		t.Fatalf("path %s, want %s", got, want)
	}
	if back, err := lake.ParseFileName(want); err != nil || back != name {
		t.Fatalf("parsed %+v, %v", back, err)
	}
	for _, bad := range []string{
		"", want + ".tmp", "/" + want, "../" + want, "visits/v2" + want[9:],
		"visits/v1/date=2026-13-22/c7-visits-00000000000000000042-000000000000feed.parquet",
		"visits/v1/date=2026-11-22/c7-visits-42-000000000000feed.parquet",
		"visits/v1/date=2026-11-22/../c7-visits-00000000000000000042-000000000000feed.parquet",
	} {
		if _, err := lake.ParseFileName(bad); !errors.Is(err, lake.ErrFileName) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestDayBelongsToOneDate(t *testing.T) {
	for _, c := range []struct {
		ms   int64
		date string
	}{
		{0, "1970-01-01"},
		{-1, "1969-12-31"},
		{86_399_999, "1970-01-01"},
		{86_400_000, "1970-01-02"},
		{1_795_305_600_000, "2026-11-22"},
	} {
		if got := lake.Date(lake.Day(c.ms)); got != c.date {
			t.Errorf("%d ms is in %s, want %s", c.ms, got, c.date)
		}
	}
}

// columns gives the names and types of a table's columns.
func columns() map[string]*parquet.Schema {
	return map[string]*parquet.Schema{
		lake.TableVisits:     parquet.SchemaOf(lake.VisitRow{}),
		lake.TableOrders:     parquet.SchemaOf(lake.OrderRow{}),
		lake.TableRefunds:    parquet.SchemaOf(lake.RefundRow{}),
		lake.TableQuarantine: parquet.SchemaOf(lake.QuarantineRow{}),
		lake.TableCatalog:    parquet.SchemaOf(lake.CatalogRow{}),
	}
}

func TestReleasedColumnNeverChanges(t *testing.T) {
	for table, schema := range columns() {
		testkit.Golden(t, table+".schema", []byte(schema.String()+"\n"))
	}
}

func TestEveryColumnIsInTheDataDictionary(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testkit.ModuleRoot(t), "docs", "format", "lake.md"))
	if err != nil {
		t.Fatal(err)
	}
	for table, schema := range columns() {
		_, section, found := strings.Cut(string(page), "### "+table+"\n")
		if !found {
			t.Errorf("table %s has no section", table)
			continue
		}
		section, _, _ = strings.Cut(section, "\n#")
		for _, column := range schema.Columns() {
			if !strings.Contains(section, "| `"+column[0]+"` |") {
				t.Errorf("%s.%s is not described", table, column[0])
			}
		}
		if rows := strings.Count(section, "\n| `"); rows != len(schema.Columns()) {
			t.Errorf("%s: %d columns described of %d", table, rows, len(schema.Columns()))
		}
	}
}

// What stands in the lake's folder is what the page says.
func TestDictionaryBesideTheTablesIsThePages(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testkit.ModuleRoot(t), "docs", "format", "lake.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, tables, found := strings.Cut(string(page), "\n## Tables\n")
	tables, _, end := strings.Cut(tables, "\n## Entry\n")
	if !found || !end {
		t.Fatal("docs/format/lake.md has no tables")
	}
	testkit.GoldenFile(t, "dictionary.md", []byte("# The tables of this lake\n"+tables))
}

func TestUnboundedColumnsExist(t *testing.T) {
	for table, names := range map[string][]string{
		lake.TableVisits: lake.VisitUnbounded(), lake.TableOrders: lake.OrderUnbounded(),
		lake.TableRefunds: lake.RefundUnbounded(), lake.TableQuarantine: lake.QuarantineUnbounded(),
	} {
		for _, name := range names {
			if _, found := columns()[table].Lookup(name); !found {
				t.Errorf("%s has no column %s", table, name)
			}
		}
	}
}

// Every combination of facts, against the order of semantics.md said in Go.
func TestVerdictIsTheFirstThatApplies(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	query, err := db.Prepare("SELECT " + lake.VerdictSQL +
		" FROM (SELECT ? AS test, ? AS ended, ? AS code_state, ? AS head, ? AS prefetch, ? AS bot)")
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	seen := map[string]bool{}
	for bits := range 1 << 5 {
		for _, state := range []string{"none", "resolved", "unknown", "paused"} {
			is := func(n int) bool { return bits>>n&1 == 1 }
			facts := []bool{
				is(0), is(1), state == "none", state == "unknown", state == "paused", is(2), is(3), is(4), true,
			}
			want := verdicts()[slices.Index(facts, true)]
			var got string
			if err := query.QueryRow(is(0), is(1), state, is(2), is(3), is(4)).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("facts %05b, code %s: %s, want %s", bits, state, got, want)
			}
			seen[got] = true
		}
	}
	if len(seen) != len(verdicts()) {
		t.Errorf("verdicts seen: %v", seen)
	}
}

// verdicts are the values of VerdictSQL, in the order in which they apply.
func verdicts() []string {
	return []string{"test", "ended", "no_code", "unknown_code", "paused", "head", "prefetch", "bot", "valid"}
}
