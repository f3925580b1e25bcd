package attribution

import (
	"context"
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed *.sql
var statements embed.FS

// foldMacro folds letters as everywhere: ASCII only.
const foldMacro = `CREATE TEMP MACRO fold(given) AS
translate(trim(given), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')`

const wantedInRange = "order_id IN (FROM wanted)"

// picked orders the visits of one rule, the one that is credited first.
const picked = `CASE WHEN first THEN visited_ms ELSE -visited_ms END,
    CASE WHEN first THEN collector ELSE -collector END, CASE WHEN first THEN epoch END, CASE WHEN NOT first THEN epoch END DESC,
    CASE WHEN first THEN shard ELSE -shard END, CASE WHEN first THEN sequence ELSE -sequence END`

// placeholders are the texts that stand for {name} in the statements: integers
// and words of this program, never what a person typed.
func (n *run) placeholders() map[string]string {
	number := func(i int64) string { return strconv.FormatInt(i, 10) }
	texts := map[string]string{
		"organizer": number(n.scope.organizer), "from_ms": number(n.scope.between[0]), "to_ms": number(n.scope.between[1]),
		"longest_window_ms": number(n.policies.longestWindowMS()), "policies": n.policies.values(), "picked": picked,
		"all_looked_up": "false", "limit": "1", "most": number(mostExplained), "wanted": wantedInRange, "rechecked": noneRechecked,
	}
	switch {
	case n.scope.orderID != "":
		texts["wanted"], texts["all_looked_up"] = "order_id = getvariable('order_id')", "true"
		texts["limit"] = number(mostExplained + 1)
	case n.scope.everything():
		texts["wanted"] = "true"
	}
	return texts
}

func (n *run) text(given string) string {
	for name, text := range n.texts {
		given = strings.ReplaceAll(given, "{"+name+"}", text)
	}
	return given
}

func (n *run) statement(name string) (string, error) {
	text, err := statements.ReadFile(name + ".sql")
	if err != nil {
		return "", fmt.Errorf("finding statement %s: %w", name, err)
	}
	return n.text(string(text)), nil
}

// make runs name.sql into the temporary table name and gives its number of rows.
func (n *run) make(ctx context.Context, name string) (rows int64, err error) {
	return n.makeFrom(ctx, name, name)
}

func (n *run) makeFrom(ctx context.Context, table, name string) (rows int64, err error) {
	text, err := n.statement(name)
	if err != nil {
		return 0, err
	}
	result, err := n.ExecContext(ctx, "CREATE TEMP TABLE "+table+" AS "+text)
	if err != nil {
		return 0, fmt.Errorf("making table %s: %w", table, err)
	}
	if rows, err = result.RowsAffected(); err != nil {
		return 0, fmt.Errorf("making table %s: %w", table, err)
	}
	return rows, nil
}
