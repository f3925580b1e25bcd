package query

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"footfall/schemas/lake"
	"footfall/schemas/reports"
)

//go:embed views/*.sql
var viewTexts embed.FS

// Names are the views, in the order in which they are documented.
func Names() []string {
	return []string{
		"visits", "orders", "order_lines", "order_versions", "credits", "refunds",
		"organizers", "events", "affiliates", "codes", "code_texts", "code_owners", "code_states", "coupons", "policies",
	}
}

func isView(name string) bool { return slices.Contains(Names(), name) }

// credited are the views that stand on what crediting makes.
func credited() []string {
	return []string{"orders", "order_lines", "order_versions", "credits", "refunds"}
}

// source makes the views on a reading, of one organizer's rows.
type source struct {
	*reports.Reading
	credits       Credits
	organizer     int64
	policyVersion int
}

// prepare makes the views that a statement reads, and what they stand on.
func (s *source) prepare(ctx context.Context, used []string) error {
	between := [2]int64{reports.RangeFrom, reports.RangeTo}
	if slices.ContainsFunc(used, func(name string) bool { return slices.Contains(credited(), name) }) {
		c, err := s.credits.Credit(ctx, s.Reading, reports.Crediting{Organizer: s.organizer, Between: between})
		if err != nil {
			return err
		}
		s.policyVersion = c.PolicyVersions[len(c.PolicyVersions)-1]
	}
	if slices.Contains(used, "visits") {
		if err := s.Visits(ctx, "sql_visit_rows", between); err != nil {
			return err
		}
	}
	for _, name := range used {
		text, err := s.view(name)
		if err != nil {
			return err
		}
		if _, err := s.ExecContext(ctx, "CREATE TEMP VIEW "+viewPrefix+name+" AS "+text); err != nil {
			return fmt.Errorf("making view %s: %w", name, err)
		}
	}
	return nil
}

func (s *source) view(name string) (string, error) {
	text, err := viewTexts.ReadFile("views/" + name + ".sql")
	if err != nil {
		return "", fmt.Errorf("making view %s: %w", name, err)
	}
	return strings.NewReplacer(
		"{organizer}", strconv.FormatInt(s.organizer, 10)+"::BIGINT",
		"{verdict}", lake.VerdictSQL,
		"{folded}", "translate(trim(code_text), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')",
		// A span's open ends are no instants.
		"{from}", "CASE WHEN from_ms > 0 THEN make_timestamp(from_ms * 1000) END",
		"{until}", "CASE WHEN until_ms BETWEEN 0 AND 253402300800000 THEN make_timestamp(until_ms * 1000) END",
	).Replace(string(text)), nil
}

// described gives the columns of a statement and the text that gives them as
// kinds that can be written out: what has no kind, such as a list, is its text.
func described(ctx context.Context, conn *sql.Conn, text string) (columns []reports.Column, statement string, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT column_name, column_type FROM (DESCRIBE "+text+")")
	if err != nil {
		return nil, "", mistake(ctx, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var selected, places []string
	taken := map[string]bool{}
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return nil, "", fmt.Errorf("describing a statement: %w", err)
		}
		place := "c" + strconv.Itoa(len(columns))
		column := reports.Column{Name: unique(taken, name), Kind: reports.KindText}
		column.Title = column.Name
		column.Kind, kind = kindOf(kind)
		selected = append(selected, fmt.Sprintf("CAST(%s AS %s) AS %s", place, kind, place))
		places = append(places, place)
		columns = append(columns, column)
	}
	if err := rows.Err(); err != nil {
		return nil, "", mistake(ctx, err)
	}
	return columns, fmt.Sprintf("SELECT %s FROM (%s) AS answer(%s)", strings.Join(selected, ", "), text, strings.Join(places, ", ")), nil
}

// unique gives a column a name that no other has: two of one name are no table.
func unique(taken map[string]bool, name string) string {
	given := name
	for n := 2; taken[strings.ToLower(given)]; n++ {
		given = name + "_" + strconv.Itoa(n)
	}
	taken[strings.ToLower(given)] = true
	return given
}

// kindOf gives the kind of a column of a DuckDB type, and the type that it is
// read as.
func kindOf(kind string) (reports.Kind, string) {
	switch kind {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER":
		return reports.KindCount, "BIGINT"
	case "UBIGINT", "HUGEINT":
		return reports.KindDecimal, "HUGEINT"
	case "FLOAT", "DOUBLE":
		return reports.KindFloat, "DOUBLE"
	case "BOOLEAN":
		return reports.KindBool, "BOOLEAN"
	case "DATE":
		return reports.KindDate, "DATE"
	case "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
		return reports.KindTime, "TIMESTAMP"
	case "TIMESTAMP WITH TIME ZONE":
		return reports.KindTime, "TIMESTAMP WITH TIME ZONE"
	}
	if strings.HasPrefix(kind, "DECIMAL") && !strings.HasSuffix(kind, "]") {
		return reports.KindDecimal, kind
	}
	return reports.KindText, "VARCHAR"
}

var (
	ownNames = regexp.MustCompile(`\b(` + viewPrefix + `|` + withPrefix + `)`)
	// told are DuckDB's words on the statement itself; its limits, its stop and
	// faults of the lake are told by other words.
	told = regexp.MustCompile(`(?s)\b((?:Binder|Catalog|Conversion|Invalid Input|Out of Range|Parser|Syntax|Mismatch Type|Divide by Zero|Not implemented|Decimal|Invalid type|Invalid|Parameter Not Resolved) Error: .*)`)
)

// mistake makes a refusal of what DuckDB says about the statement itself.
func mistake(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	m := told.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	first, _, _ := strings.Cut(ownNames.ReplaceAllString(m[1], ""), "\n\nLINE")
	return refuse("%s", first)
}

// batches gives a statement's rows; a mistake may show only in the midst of them.
type batches struct{ reports.Batches }

// Next gives the next rows.
func (b batches) Next(ctx context.Context) (*reports.Batch, error) {
	batch, err := b.Batches.Next(ctx)
	return batch, mistake(ctx, err)
}
