package query

import (
	"bytes"
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The prefixes of what a checked statement names: views of ours, and the tables
// that it makes itself by WITH. A person types neither.
const (
	viewPrefix = "sql_view_"
	withPrefix = "sql_with_"
)

//go:embed functions.txt
var functionsText string

// node is an object of DuckDB's tree.
type node = map[string]any

// walker checks a tree, and renames its tables.
type walker struct {
	functions map[string]bool
	used      map[string]bool // views
	depth     int
	// again: the tree is of our own text, whose tables are renamed already.
	again bool
}

func newWalker() *walker {
	w := &walker{functions: map[string]bool{}, used: map[string]bool{}}
	for name := range strings.FieldsSeq(functionsText) {
		w.functions[name] = true
	}
	return w
}

// checked gives the statement to run in the place of what was typed, and the
// views that it reads. What runs is parsed and checked once more as it is, so
// that nothing slips through in printing.
func checked(ctx context.Context, conn *sql.Conn, text string) (statement string, used []string, err error) {
	tree, err := parse(ctx, conn, text)
	if err != nil {
		return "", nil, err
	}
	w := newWalker()
	if err := w.statement(tree); err != nil {
		return "", nil, err
	}
	renamed, err := json.Marshal(tree)
	if err != nil {
		return "", nil, fmt.Errorf("writing a statement's tree: %w", err)
	}
	if err := conn.QueryRowContext(ctx, "SELECT json_deserialize_sql(?::VARCHAR::JSON)", string(renamed)).Scan(&statement); err != nil {
		return "", nil, refuse("the statement can't be taken apart: %v", err)
	}
	tree, err = parse(ctx, conn, statement)
	if err != nil {
		return "", nil, err
	}
	second := newWalker()
	second.again = true
	if err := second.statement(tree); err != nil {
		return "", nil, err
	}
	return statement, slices.Sorted(maps.Keys(w.used)), nil
}

// parse gives DuckDB's own tree of a text.
func parse(ctx context.Context, conn *sql.Conn, text string) (node, error) {
	var answer string
	if err := conn.QueryRowContext(ctx, "SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", text).Scan(&answer); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("parsing a statement: %w", err)
		}
		return nil, refuse("the statement can't be parsed: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(answer)))
	d.UseNumber() // places in the text don't fit a float
	var tree node
	if err := d.Decode(&tree); err != nil {
		return nil, refuse("the statement nests too deep or is no text: %v", err)
	}
	if failed, _ := tree["error"].(bool); failed {
		message, _ := tree["error_message"].(string)
		if strings.HasPrefix(message, "Only SELECT") {
			return nil, refuse("only one SELECT is run: this is another statement")
		}
		return nil, refuse("the statement can't be parsed: %s", message)
	}
	return tree, nil
}

// statement checks that there is one, and all of it.
func (w *walker) statement(tree node) error {
	statements, _ := tree["statements"].([]any)
	if len(statements) != 1 {
		return refuse("only one SELECT is run: these are %d statements", len(statements))
	}
	return w.walk(statements[0], nil)
}

// walk checks a part of the tree. tables are those made by WITH that it sees.
func (w *walker) walk(part any, tables []string) error {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > 8*maxDepth {
		return refuse("the statement nests deeper than %d", maxDepth)
	}
	switch part := part.(type) {
	case []any:
		for _, p := range part {
			if err := w.walk(p, tables); err != nil {
				return err
			}
		}
	case node:
		return w.object(part, tables)
	}
	return nil
}

// object checks one object: an expression (it has a class), a table, a query, or
// what belongs to one of them.
func (w *walker) object(n node, tables []string) error {
	if class, is := n["class"].(string); is {
		if err := w.expression(n, class); err != nil {
			return err
		}
		return w.children(n, tables)
	}
	kind, _ := n["type"].(string)
	switch kind {
	case "SELECT_NODE", "SET_OPERATION_NODE":
		return w.query(n, tables)
	case "RECURSIVE_CTE_NODE":
		return w.recursive(n, tables)
	case "BASE_TABLE":
		return w.table(n, tables)
	case "TABLE_FUNCTION":
		if err := w.tableFunction(n); err != nil {
			return err
		}
	case "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST", "PIVOT":
	case "SHOW_REF":
		return refuse("DESCRIBE, SHOW and SUMMARIZE are not run: docs/sql.md lists the columns of each view")
	case "ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER":
	case "", "ORDER_DEFAULT", "ASCENDING", "DESCENDING", "INVALID":
	default:
		if !strings.HasSuffix(kind, "_TYPE_INFO") {
			return refuse("%s is not allowed in a statement", shown(strings.ToLower(kind)))
		}
	}
	return w.children(n, tables)
}

// children walks the fields in a fixed order, so that of several mistakes the
// same is told each time.
func (w *walker) children(n node, tables []string) error {
	for _, key := range slices.Sorted(maps.Keys(n)) {
		if err := w.walk(n[key], tables); err != nil {
			return err
		}
	}
	return nil
}

// query checks a query: first what its WITH makes, each of which sees those before.
func (w *walker) query(n node, tables []string) error {
	all, _ := n["cte_map"].(node)
	tables, err := w.with(all, tables)
	if err != nil {
		return err
	}
	delete(n, "cte_map") // it is walked
	defer func() { n["cte_map"] = all }()
	return w.children(n, tables)
}

func (w *walker) with(all node, tables []string) ([]string, error) {
	list, _ := all["map"].([]any)
	for _, item := range list {
		entry, _ := item.(node)
		name, isText := entry["key"].(string)
		if !isText {
			return nil, refuse("a WITH of this kind is not allowed")
		}
		folded := strings.ToLower(name)
		entry["key"] = w.rename(name)
		if err := w.walk(entry["value"], withSelf(entry["value"], tables, folded)); err != nil {
			return nil, err
		}
		tables = append(slices.Clone(tables), folded)
	}
	return tables, nil
}

// withSelf lets a recursive table see itself.
func withSelf(value any, tables []string, name string) []string {
	v, _ := value.(node)
	query, _ := v["query"].(node)
	inner, _ := query["node"].(node)
	if inner["type"] == "RECURSIVE_CTE_NODE" {
		return append(slices.Clone(tables), name)
	}
	return tables
}

func (w *walker) recursive(n node, tables []string) error {
	name, isText := n["cte_name"].(string)
	if !isText {
		return refuse("a WITH of this kind is not allowed")
	}
	n["cte_name"] = w.rename(name)
	return w.query(n, tables)
}

// rename gives what a table made by WITH is called.
func (w *walker) rename(name string) string {
	if w.again {
		return name
	}
	return withPrefix + strings.ToLower(name)
}

// table checks and renames a table that is read.
func (w *walker) table(n node, tables []string) error {
	name, _ := n["table_name"].(string)
	folded := strings.ToLower(name)
	if n["schema_name"] != "" || n["catalog_name"] != "" {
		return refuseTable(fmt.Sprintf("%v.%v.%s", n["catalog_name"], n["schema_name"], name))
	}
	if n["at_clause"] != nil {
		return refuse("AT is not allowed: ask for an as-of beside the statement")
	}
	switch {
	case w.again && (slices.Contains(tables, folded) || strings.HasPrefix(folded, viewPrefix) && isView(folded[len(viewPrefix):])):
		return w.children(n, tables)
	case w.again:
		return refuseTable(name)
	case slices.Contains(tables, folded):
		n["table_name"] = withPrefix + folded
	case isView(folded):
		w.used[folded] = true
		n["table_name"] = viewPrefix + folded
	default:
		return refuseTable(name)
	}
	if n["alias"] == "" {
		n["alias"] = name
	}
	return w.children(n, tables)
}

// expression checks one expression; its parts are walked afterwards.
func (w *walker) expression(n node, class string) error {
	switch class {
	case "COLUMN_REF":
		return column(n)
	case "CONSTANT", "STAR", "CASE", "CAST", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN",
		"SUBQUERY", "LAMBDA", "LAMBDA_REF", "COLLATE", "POSITIONAL_REFERENCE", "TYPE":
		return nil
	case "FUNCTION", "WINDOW":
		return w.function(n)
	case "PARAMETER":
		return refuse("parameters are not allowed: write the value")
	}
	return refuse("%s is not allowed in a statement", shown(strings.ToLower(class)))
}

// column refuses what looks like a column and is a function.
func column(n node) error {
	parts, _ := n["column_names"].([]any)
	if len(parts) != 1 {
		return nil
	}
	name, _ := parts[0].(string)
	switch strings.ToLower(name) {
	case "current_timestamp", "current_date", "current_time", "localtime", "localtimestamp", "get_current_timestamp",
		"current_user", "session_user", "user", "current_role", "current_catalog", "current_schema", "current_database":
		return refuse("%s is not allowed: an answer hangs on the as-of alone", shown(name))
	}
	return nil
}

func (w *walker) function(n node) error {
	name, _ := n["function_name"].(string)
	schema, _ := n["schema"].(string)
	catalog, _ := n["catalog"].(string)
	if (schema != "" && schema != "main") || (catalog != "" && catalog != "system") {
		return refuse("function %s is not allowed: functions stand without a schema", shown(catalog+"."+schema+"."+name))
	}
	if !w.functions[strings.ToLower(name)] {
		return refuse("function %s is not allowed: it is unknown, or reaches files, settings, the clock or chance (docs/sql.md lists what there is)", shown(name))
	}
	return nil
}

// tableFunction checks a function in the place of a table.
func (w *walker) tableFunction(n node) error {
	f, _ := n["function"].(node)
	name, _ := f["function_name"].(string)
	switch strings.ToLower(name) {
	case "range", "generate_series", "unnest":
		return nil
	}
	return refuse("table function %s is not allowed: there are range, generate_series and unnest", shown(name))
}
