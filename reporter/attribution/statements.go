package attribution

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed *.sql
var statements embed.FS

// tempTable stands before the name of a table of one reading alone.
const tempTable = "TEMP TABLE "

const wantedInRange = "order_id IN (FROM wanted)"

// noLookups stands for lookups.sql where no click needs it.
const noLookups = "SELECT NULL::VARCHAR AS order_id, false AS found, NULL::BIGINT AS claimed WHERE false"

// noRefundSteps is the table refund_steps where nothing was refunded.
const noRefundSteps = `CREATE TEMP TABLE refund_steps (refund_id VARCHAR, refunded_ms BIGINT, order_id VARCHAR, line_id VARCHAR, ticket_type VARCHAR,
  quantity BIGINT, amount BIGINT, why VARCHAR)`

// placeholders are the texts that stand for {name} in the statements: integers
// and words of this program, never what a person typed.
func (n *run) placeholders() map[string]string {
	number := func(i int64) string { return strconv.FormatInt(i, 10) }
	texts := map[string]string{
		"organizer": number(n.scope.organizer), "from_ms": number(n.scope.between[0]), "to_ms": number(n.scope.between[1]),
		"longest_window_ms": number(n.policies.longestWindowMS()), "policies": n.policies.values(),
		"all_looked_up": "false", "given": "FROM given_codes", "rules": "FROM clicks", "lookups": noLookups,
		"ruled_out": "true", "fits": "false", "limit": "1", "most": number(mostExplained), "wanted": wantedInRange, "rechecked": noneRechecked,
	}
	if n.defences.noRuledOut {
		texts["ruled_out"] = "false"
	}
	if n.defences.noSetAside {
		texts["fits"] = "true"
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

// text puts the texts in. A statement may hold braces of its own.
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

// tables runs name.sql into the temporary table name, one after the other.
func (n *run) tables(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := n.table(ctx, name, name); err != nil {
			return err
		}
	}
	return nil
}

func (n *run) table(ctx context.Context, table, name string) error {
	text, err := n.statement(name)
	if err != nil {
		return err
	}
	made := tempTable
	if slices.Contains(credited(), table) {
		made = n.made
	}
	if _, err := n.ExecContext(ctx, "CREATE "+made+table+" AS "+text); err != nil {
		return fmt.Errorf("making table %s: %w", table, err)
	}
	return nil
}

// execute runs name.sql.
func (n *run) execute(ctx context.Context, name string) error {
	text, err := n.statement(name)
	if err != nil {
		return err
	}
	if _, err := n.ExecContext(ctx, text); err != nil {
		return fmt.Errorf("running %s: %w", name, err)
	}
	return nil
}
