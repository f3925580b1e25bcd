package lake

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// column is one column of a view: its SQL over the file's columns, and its type,
// which a view over no files needs.
type column struct {
	name, sql, kind string
	later           bool // files of before the column was there are read as if it were null
}

func plain(kind string, names ...string) []column {
	out := make([]column, len(names))
	for i, name := range names {
		out[i] = column{name: name, sql: name, kind: kind}
	}
	return out
}

func millis(name, of string) column {
	return column{name: name, sql: "epoch_ms(" + of + ")", kind: "BIGINT"}
}

func concat(parts ...[]column) []column {
	var out []column
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func position() []column {
	return concat(
		[]column{{name: "known_us", sql: "epoch_us(known_at)", kind: "BIGINT"}},
		plain("BIGINT", "collector"), plain("VARCHAR", "epoch"), plain("BIGINT", "shard", "sequence"))
}

func visitColumns() []column {
	return concat([]column{millis("visited_ms", "visited_at")}, position(),
		plain("BIGINT", "organizer_id", "event_id", "code_id"),
		plain("VARCHAR", "code_text", "code_state"),
		plain("BOOLEAN", "ended", "test", "head", "prefetch", "bot"),
		plain("VARCHAR", "bot_rules"),
		plain("BIGINT", "visitor_key"), plain("VARCHAR", "visitor_source", "referrer", "sub1", "sub2", "sub3", "sub4", "sub5",
			"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"))
}

func orderColumns() []column {
	return concat(plain("VARCHAR", "order_id"), plain("BIGINT", "version"), plain("VARCHAR", "state"),
		[]column{millis("ordered_ms", "ordered_at")}, position(),
		plain("BIGINT", "organizer_id", "event_id"), plain("VARCHAR", "currency"), plain("BOOLEAN", "test", "future"),
		plain("VARCHAR", "click_id", "click_status", "click_epoch"),
		plain("BIGINT", "click_shard", "click_sequence", "click_event_id", "click_code_id"),
		plain("VARCHAR", "click_code_state"), plain("BOOLEAN", "click_ended", "click_test"),
		[]column{millis("clicked_ms", "clicked_at")},
		plain("VARCHAR", "affiliate_text", "coupon_text", "fingerprint"), plain("BIGINT", "normalization", "line_number"),
		plain("VARCHAR", "line_id", "ticket_type"), plain("BIGINT", "quantity", "unit_price"),
		[]column{{name: "visitor_key", sql: "visitor_key", kind: "BIGINT", later: true}})
}

func refundColumns() []column {
	return concat(plain("VARCHAR", "refund_id", "order_id"),
		[]column{millis("refunded_ms", "refunded_at")}, position(),
		plain("BIGINT", "organizer_id"), plain("VARCHAR", "currency", "reason"), plain("BOOLEAN", "future", "whole"),
		plain("VARCHAR", "fingerprint"), plain("BIGINT", "normalization", "line_number"), plain("VARCHAR", "line_id"),
		plain("BIGINT", "quantity", "amount"))
}

// view is one temporary view over committed files.
type view struct {
	name    string
	table   string
	columns []column
	timed   string     // the file's column that between bounds; empty: rows of all times
	timedMS string     // the view's own of it
	between [][2]int64 // milliseconds, half-open; rising and apart
}

func visitRows(name string, between [][2]int64) view {
	return view{name: name, table: lake.TableVisits, columns: visitColumns(), timed: "visited_at", timedMS: "visited_ms", between: apart(between)}
}

// apart joins ranges that touch, leaves out empty ones, and sorts them: no row is
// in two of them.
func apart(list [][2]int64) (out [][2]int64) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	for _, r := range list {
		switch last := len(out) - 1; {
		case r[0] >= r[1]:
		case last >= 0 && r[0] <= out[last][1]:
			out[last][1] = max(out[last][1], r[1])
		default:
			out = append(out, r)
		}
	}
	return out
}

// holds says whether a file can have a row of the view's ranges.
func (v view) holds(f lakelog.File) bool {
	return v.timed == "" || slices.ContainsFunc(v.between, func(r [2]int64) bool { return f.MaxTimeMS >= r[0] && f.MinTimeMS < r[1] })
}

// timedSQL keeps to the ranges, by a column of times; each end is written as at
// writes it.
func (v view) timedSQL(column string, at func(ms int64) string) string {
	if len(v.between) == 0 {
		return "false"
	}
	list := make([]string, len(v.between))
	for i, r := range v.between {
		list[i] = fmt.Sprintf("%[1]s >= %[2]s AND %[1]s < %[3]s", column, at(r[0]), at(r[1]))
	}
	return "(" + strings.Join(list, " OR ") + ")"
}

func orderRows() view {
	return view{name: "order_rows", table: lake.TableOrders, columns: orderColumns()}
}

func refundRows() view {
	return view{name: "refund_rows", table: lake.TableRefunds, columns: refundColumns()}
}

// files are those that can hold a row of the view.
func (v view) files(all []lakelog.File, asOfUS int64) []lakelog.File {
	var out []lakelog.File
	for _, f := range all {
		if f.Table != v.table || f.MinKnownAtUS > asOfUS || !v.holds(f) {
			continue
		}
		out = append(out, f)
	}
	return out
}

// rows reads the files, each row with its file's name where that is asked for. A
// column that came later is null in those without it.
func (v view) rows(files string, named bool) string {
	options := "hive_partitioning = false"
	if named {
		options += ", filename = true"
	}
	var later []string
	for _, c := range v.columns {
		if c.later {
			later = append(later, fmt.Sprintf("NULL::%s AS %s", c.kind, c.name))
		}
	}
	if len(later) == 0 {
		return fmt.Sprintf("read_parquet([%s], %s)", files, options)
	}
	return fmt.Sprintf("(FROM read_parquet([%s], %s, union_by_name = true) UNION ALL BY NAME SELECT %s WHERE false)",
		files, options, strings.Join(later, ", "))
}

// create makes the view on a connection, over files in memory and on disk. Rows
// that the as-of doesn't know are never in it, whatever the files hold.
func (v view) create(ctx context.Context, conn *sql.Conn, p pinned, root string, asOfUS int64) error {
	names, selected := make([]string, len(v.columns)), make([]string, len(v.columns))
	for i, c := range v.columns {
		names[i] = c.name
		selected[i] = fmt.Sprintf("CAST(%s AS %s) AS %s", c.sql, c.kind, c.name)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "CREATE TEMP VIEW %s AS SELECT %s FROM %s WHERE %s AND known_us <= %d", v.name, strings.Join(names, ", "), p.table.name, p.where, asOfUS)
	if v.timed != "" {
		text.WriteString(" AND " + v.timedSQL(v.timedMS, func(ms int64) string { return strconv.FormatInt(ms, 10) }))
	}
	if len(p.cold) > 0 {
		quoted := make([]string, len(p.cold))
		for i, f := range p.cold {
			quoted[i] = quote(absolute(root, f.Path))
		}
		fmt.Fprintf(&text, " UNION ALL SELECT %s FROM %s WHERE known_at <= make_timestamptz(%d)",
			strings.Join(selected, ", "), v.rows(strings.Join(quoted, ", "), false), asOfUS)
		if v.timed != "" {
			text.WriteString(" AND " + v.timedSQL(v.timed, func(ms int64) string { return fmt.Sprintf("make_timestamptz(%d)", ms*1000) }))
		}
	}
	if _, err := conn.ExecContext(ctx, text.String()); err != nil {
		return fmt.Errorf("making view %s: %w", v.name, err)
	}
	return nil
}
