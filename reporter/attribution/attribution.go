// Package attribution credits orders to visits and codes, by a policy, and
// explains each credit.
//
// Invariant: a credit is a pure function of the rows and the catalog at the
// as-of and of the policy: reports and explanations run the same statements. An
// order has at most one credit; one without any is direct.
//
// It refuses to credit by anything that the policy doesn't name, and to change
// money: a refund that asks for too much is set aside whole.
package attribution

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"slices"
	"strings"

	"footfall/schemas/clickid"
	"footfall/schemas/reports"
)

//go:embed *.sql
var statements embed.FS

// dayMS is a day of the window: 24 hours, whatever the clocks do.
const dayMS = 24 * 60 * 60 * 1000

// foldMacro folds letters as everywhere: ASCII only.
const foldMacro = `CREATE TEMP MACRO fold(given) AS
translate(trim(given), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')`

// Keys gives the click-id keys known at an as-of. Keys are never deleted.
type Keys func(ctx context.Context, asOfUS int64) ([]clickid.Key, error)

// Attribution credits orders.
type Attribution struct {
	policy Policy
	keys   Keys
}

// New gives an attribution by a policy. keys may be nil: then an order whose
// click id the consumer had no key for stays without that credit.
func New(policy Policy, keys Keys) *Attribution { return &Attribution{policy: policy, keys: keys} }

// PolicyVersion is the version of the policy that credits.
func (a *Attribution) PolicyVersion() int { return a.policy.Version }

// scope is whose orders are looked at, and which of them.
type scope struct {
	organizer int64
	orderID   string   // empty: all of them
	between   [2]int64 // what the range needs, half-open, in milliseconds
}

// wanted is the condition on order_id that keeps the orders of the scope.
func (s scope) wanted() string {
	switch {
	case s.orderID != "":
		return "order_id = getvariable('order_id')"
	case s.between == [2]int64{reports.RangeFrom, reports.RangeTo}:
		return "true"
	}
	return wantedInRange
}

const wantedInRange = "order_id IN (FROM wanted)"

// orders makes the tables refund_versions, order_versions, order_lines and orders
// on a connection that has the lake's views.
func (a *Attribution) orders(ctx context.Context, r *reports.Reading, s scope) error {
	conn, order := r.Conn, any(s.orderID)
	if s.orderID == "" {
		order = nil
	}
	setup := []struct {
		text string
		args []any
	}{
		{foldMacro, nil},
		{"SET VARIABLE organizer = ?::BIGINT", []any{s.organizer}},
		{"SET VARIABLE order_id = ?::VARCHAR", []any{order}},
		{"SET VARIABLE window_ms = ?::BIGINT", []any{int64(a.policy.WindowDays) * dayMS}},
		{"SET VARIABLE cut_at_event_end = ?::BOOLEAN", []any{a.policy.CutAtEventEnd}},
		{"SET VARIABLE pick = ?::VARCHAR", []any{a.policy.Pick}},
		{"SET VARIABLE credit_from_ms = ?::BIGINT", []any{s.between[0]}},
		{"SET VARIABLE credit_to_ms = ?::BIGINT", []any{s.between[1]}},
		{"CREATE TEMP TABLE policy_rules (rule VARCHAR, rank BIGINT)", nil},
	}
	for _, s := range setup {
		if _, err := conn.ExecContext(ctx, s.text, s.args...); err != nil {
			return fmt.Errorf("setting up attribution: %w", err)
		}
	}
	for i, rule := range a.policy.Rules {
		if _, err := conn.ExecContext(ctx, "INSERT INTO policy_rules VALUES (?, ?)", rule, i); err != nil {
			return fmt.Errorf("setting up attribution: %w", err)
		}
	}
	names := []string{"refund_versions", "wanted", "order_versions", "order_lines"}
	if s.wanted() != wantedInRange {
		names = slices.Delete(names, 1, 2)
	}
	if err := makeTables(ctx, conn, s, names...); err != nil {
		return err
	}
	if err := a.recheck(ctx, conn, r.AsOfUS); err != nil {
		return err
	}
	return makeTables(ctx, conn, s, "orders")
}

// Credit makes the tables orders, candidates, credits and refunds, and those
// that they stand on, of the orders that are dated or refunded in a range of time,
// in milliseconds, half-open; some others may be among them.
func (a *Attribution) Credit(ctx context.Context, r *reports.Reading, organizer int64, between [2]int64) error {
	return a.credit(ctx, r, scope{organizer: organizer, between: between})
}

func (a *Attribution) credit(ctx context.Context, r *reports.Reading, s scope) error {
	if err := a.orders(ctx, r, s); err != nil {
		return err
	}
	between, err := clickedRange(ctx, r.Conn)
	if err != nil {
		return err
	}
	if err := r.Visits(ctx, "clicked_rows", between); err != nil {
		return err
	}
	return makeTables(ctx, r.Conn, s, "clicks", "given_codes", "candidates", "credits", "refunds")
}

// clickedRange gives the range of time, in milliseconds and half-open, of the
// visits that crediting looks up: those of unknown codes, and that of the one
// order that is explained. Equal ends: none.
func clickedRange(ctx context.Context, conn *sql.Conn) (between [2]int64, err error) {
	err = conn.QueryRowContext(ctx, `SELECT coalesce(min(clicked_ms), 0), coalesce(max(clicked_ms) + 1, 0) FROM orders
		WHERE click_status = 'valid' AND (click_code_state = 'unknown' OR getvariable('order_id') IS NOT NULL)`).Scan(&between[0], &between[1])
	if err != nil {
		return between, fmt.Errorf("looking for clicks of unknown codes: %w", err)
	}
	return between, nil
}

// makeTables runs name.sql into the temporary table name.
func makeTables(ctx context.Context, conn *sql.Conn, s scope, names ...string) error {
	for _, name := range names {
		text, err := statements.ReadFile(name + ".sql")
		if err != nil {
			return fmt.Errorf("making table %s: %w", name, err)
		}
		if _, err := conn.ExecContext(ctx, "CREATE TEMP TABLE "+name+" AS "+strings.ReplaceAll(string(text), "{wanted}", s.wanted())); err != nil {
			return fmt.Errorf("making table %s: %w", name, err)
		}
	}
	return nil
}
