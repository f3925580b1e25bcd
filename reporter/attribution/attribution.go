// Package attribution credits orders to visits and codes, by the organizer's
// policy, and explains each credit.
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
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"

	"footfall/schemas/clickid"
	"footfall/schemas/lake"
	"footfall/schemas/reports"
)

// Keys gives the click-id keys known at an as-of. Keys are never deleted.
type Keys func(ctx context.Context, asOfUS int64) ([]clickid.Key, error)

// Attribution credits orders. Safe for concurrent use.
type Attribution struct {
	keys     Keys
	defences defences
}

// defences are switched off by tests alone, which show that others then fail.
type defences struct {
	noRuledOut, noLookup, noSetAside, noContents bool
}

// New gives an attribution. keys may be nil: then an order whose click id the
// consumer had no key for stays without that credit.
func New(keys Keys) *Attribution { return &Attribution{keys: keys} }

// Credit makes the tables that reports.Crediting names. The error is an
// *admin.Refusal where the policy's version is not known.
func (a *Attribution) Credit(ctx context.Context, r *reports.Reading, ask reports.Crediting) (reports.Credited, error) {
	p, err := readPolicies(ctx, r.Conn, ask)
	if err != nil {
		return reports.Credited{}, err
	}
	run := a.newRun(r, scope{organizer: ask.Organizer, between: ask.Between, byVisit: ask.ByVisit}, p)
	if err := run.setUp(ctx); err != nil {
		return reports.Credited{}, err
	}
	key := run.key(ask.Policy)
	if err := r.Keep(ctx, reports.Keeping{Key: key, Tables: credited()}, run.credit); err != nil {
		return reports.Credited{}, err
	}
	return reports.Credited{Key: key, PolicyVersions: p.versions(), WhatIf: ask.Policy != 0}, nil
}

// scope is whose orders are looked at, and which of them.
type scope struct {
	organizer int64
	orderID   string   // empty: all of them
	between   [2]int64 // what the range needs, half-open, in milliseconds
	byVisit   bool     // between is of the credited visit
}

func (s scope) everything() bool { return s.between == [2]int64{reports.RangeFrom, reports.RangeTo} }

// run is one crediting on one reading.
type run struct {
	*Attribution
	*reports.Reading
	scope    scope
	policies *policies
	texts    map[string]string // what stands for the names in braces in the statements
	refunded bool              // the organizer has refunds
	known    []clickid.Key     // that the as-of knows
	made     string            // what stands before the name of a table that reports read
}

func (a *Attribution) newRun(r *reports.Reading, s scope, p *policies) *run {
	n := &run{Attribution: a, Reading: r, scope: s, policies: p, made: tempTable}
	n.texts = n.placeholders()
	return n
}

// credited are the tables that reports.Crediting names.
func credited() []string {
	return []string{"orders", "order_lines", "credits", "refunds", "refund_lines", "order_versions", "refund_versions"}
}

// key is all that a crediting depends on beside the rows and the catalog's tables.
func (n *run) key(policyVersion int) string {
	hash := sha256.New()
	for _, k := range n.known {
		_, _ = fmt.Fprintln(hash, k.ID, k.EndsMS, k.Secret) // a hash takes all
	}
	return fmt.Sprintf("credit %d %v %t %d %+v %x", n.scope.organizer, n.scope.between, n.scope.byVisit, policyVersion, n.defences, hash.Sum(nil))
}

// setUp makes what the statements stand on, and reads the click-id keys.
func (n *run) setUp(ctx context.Context) (err error) {
	if n.known, err = n.verifyingKeys(ctx); err != nil {
		return err
	}
	setup := fmt.Sprintf("%s; SET VARIABLE organizer = %d::BIGINT", lake.FoldMacroSQL, n.scope.organizer)
	if _, err := n.ExecContext(ctx, setup); err != nil {
		return fmt.Errorf("setting up attribution: %w", err)
	}
	return nil
}

// credit makes every table, those that reports read as table says.
func (n *run) credit(ctx context.Context, table string) (rows int64, err error) {
	n.made = table
	if err := n.orders(ctx); err != nil {
		return 0, err
	}
	if err := n.candidates(ctx); err != nil {
		return 0, err
	}
	if err := n.tables(ctx, "credits"); err != nil {
		return 0, err
	}
	return 0, n.refunds(ctx)
}

// orders makes refund_versions and the tables of orders.
func (n *run) orders(ctx context.Context) error {
	if n.scope.orderID != "" {
		if _, err := n.ExecContext(ctx, "SET VARIABLE order_id = ?::VARCHAR", n.scope.orderID); err != nil {
			return fmt.Errorf("setting up attribution: %w", err)
		}
	}
	if err := n.tables(ctx, "refund_versions"); err != nil {
		return err
	}
	if n.texts["wanted"] == wantedInRange {
		from := "wanted"
		if n.scope.byVisit {
			from = "wanted_by_visit"
		}
		if err := n.table(ctx, "wanted", from); err != nil {
			return err
		}
	}
	if err := n.tables(ctx, "order_facts", "order_versions"); err != nil {
		return err
	}
	if err := n.second(ctx); err != nil {
		return err
	}
	return n.tables(ctx, "order_lines", "orders")
}

// second takes a second look at the rare versions that need one: whose
// fingerprints can't be compared, and whose click id the consumer had no key for.
func (n *run) second(ctx context.Context) error {
	var orders, refunds, locked bool
	err := n.QueryRowContext(ctx, `SELECT EXISTS (FROM order_versions WHERE status = 'to_compare'),
		EXISTS (FROM refund_versions WHERE status = 'to_compare'), EXISTS (FROM order_facts WHERE click_status = 'unknown_key'),
		EXISTS (FROM refund_versions)`).Scan(&orders, &refunds, &locked, &n.refunded)
	if err != nil {
		return fmt.Errorf("looking for what needs a second look: %w", err)
	}
	if n.defences.noContents {
		return nil
	}
	if orders {
		if err := n.execute(ctx, "compare_orders"); err != nil {
			return err
		}
	}
	if refunds {
		if err := n.execute(ctx, "compare_refunds"); err != nil {
			return err
		}
	}
	if !locked && !slices.ContainsFunc(n.known, func(k clickid.Key) bool { return k.EndsMS > 0 }) {
		return nil
	}
	return n.recheck(ctx, n.known)
}

// candidates makes the table of that name. The visits of unknown codes, and that
// of the one order that is explained, are looked up.
func (n *run) candidates(ctx context.Context) error {
	var between [2]int64
	var codes, coupons, visitors bool
	err := n.QueryRowContext(ctx, n.text(`SELECT
		coalesce(min(CASE WHEN looked THEN clicked_ms END), 0), coalesce(max(CASE WHEN looked THEN clicked_ms END) + 1, 0),
		coalesce(bool_or(affiliate_text IS NOT NULL), false), coalesce(bool_or(coupon_text IS NOT NULL), false),
		coalesce(bool_or(visitor_key IS NOT NULL OR click_status = 'valid'), false)
		FROM (SELECT *, click_status = 'valid' AND (click_code_state = 'unknown' OR {all_looked_up}) AS looked FROM orders)`)).
		Scan(&between[0], &between[1], &codes, &coupons, &visitors)
	if err != nil {
		return fmt.Errorf("looking for clicks of unknown codes: %w", err)
	}
	// What no order has is not planned for.
	if coupons {
		n.texts["given"] = "FROM given_codes UNION ALL FROM given_coupons"
	}
	if codes || coupons {
		n.texts["rules"] = "FROM clicks UNION ALL FROM given"
	}
	if between[0] < between[1] {
		if err := n.Visits(ctx, "clicked_rows", between); err != nil {
			return err
		}
		if n.texts["lookups"], err = n.statement("lookups"); err != nil {
			return err
		}
	}
	if err := n.tables(ctx, "candidates"); err != nil {
		return err
	}
	if !visitors || n.scope.orderID == "" && !n.policies.names(ruleVisitor) || n.defences.noLookup {
		return nil
	}
	return n.visitors(ctx)
}

// visitors adds the candidates of rule visitor. It looks at visits only where an
// order needs it, and only for visitors that there are.
func (n *run) visitors(ctx context.Context) error {
	if err := n.tables(ctx, "needy"); err != nil {
		return err
	}
	needy, clicks, err := n.span(ctx, "SELECT count(*), min(clicked_ms), max(clicked_ms) + 1 FROM needy")
	if err != nil || !needy {
		return err
	}
	if err := n.Visits(ctx, "visitor_clicks", clicks); err != nil {
		return err
	}
	if err := n.tables(ctx, "visitor_keys"); err != nil {
		return err
	}
	// An explanation shows visits before the window too, of one more window.
	windows := 1
	if n.scope.orderID != "" {
		windows = 2
	}
	known, visits, err := n.span(ctx, fmt.Sprintf(
		"SELECT count(*), min(ordered_ms - %d * window_ms), max(ordered_ms) + 1 FROM needy SEMI JOIN visitor_keys USING (order_id)", windows))
	if err != nil || !known {
		return err
	}
	if err := n.Visits(ctx, "visitor_visits", visits); err != nil {
		return err
	}
	text, err := n.statement("visitors")
	if err != nil {
		return err
	}
	if _, err := n.ExecContext(ctx, "INSERT INTO candidates BY NAME "+text); err != nil {
		return fmt.Errorf("adding candidates of rule visitor: %w", err)
	}
	return nil
}

// span reads a count and a range; false: nothing was counted.
func (n *run) span(ctx context.Context, query string) (some bool, between [2]int64, err error) {
	var count int64
	var from, to sql.NullInt64
	if err := n.QueryRowContext(ctx, query).Scan(&count, &from, &to); err != nil {
		return false, between, fmt.Errorf("finding the range of a visitor's visits: %w", err)
	}
	return count > 0, [2]int64{from.Int64, to.Int64}, nil
}

// refunds makes refund_steps, refunds and refund_lines.
func (n *run) refunds(ctx context.Context) error {
	if !n.refunded {
		if _, err := n.ExecContext(ctx, noRefundSteps); err != nil {
			return fmt.Errorf("making table refund_steps: %w", err)
		}
	} else if err := n.tables(ctx, "refund_steps"); err != nil {
		return err
	}
	return n.tables(ctx, "refunds", "refund_lines")
}
