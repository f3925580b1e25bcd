package attribution

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/order"
	"footfall/schemas/reports"
)

// Lake gives connections on what is known at an as-of.
type Lake interface {
	Read(ctx context.Context, asOfUS int64, read func(context.Context, *reports.Reading) error) error
}

// Explain says who an order is credited to at an as-of (0: the newest) and why
// nobody else is. The organizer is a slug; it may be empty where there is only
// one. The error is an *admin.Refusal where the order or organizer is not known.
func (a *Attribution) Explain(ctx context.Context, lake Lake, organizer, orderID string, asOfUS int64) (*reports.Explanation, error) {
	e := &reports.Explanation{
		OrderID: orderID, PolicyVersion: a.policy.Version, Policy: a.policy.Words(),
		Candidates: []reports.Candidate{}, Versions: []reports.OrderVersion{}, Refunds: []reports.ExplainedRefund{},
	}
	err := lake.Read(ctx, asOfUS, func(ctx context.Context, r *reports.Reading) error {
		id, found, err := findOrganizer(ctx, r.Conn, organizer)
		if err != nil {
			return err
		}
		e.Organizer, e.CatalogRevision, e.AsOfUS, e.AsOf = found, r.CatalogRevision, r.AsOfUS, time.UnixMicro(r.AsOfUS).UTC()
		if err := a.credit(ctx, r, scope{organizer: id, orderID: orderID}); err != nil {
			return err
		}
		return explainOrder(ctx, r.Conn, e)
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

func findOrganizer(ctx context.Context, conn *sql.Conn, slug string) (id int64, found string, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT organizer_id, slug FROM organizers WHERE ? = '' OR slug = ? ORDER BY slug", slug, slug)
	if err != nil {
		return 0, "", fmt.Errorf("finding the organizer: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var slugs []string
	for rows.Next() {
		if err := rows.Scan(&id, &found); err != nil {
			return 0, "", fmt.Errorf("finding the organizer: %w", err)
		}
		slugs = append(slugs, found)
	}
	if err := rows.Err(); err != nil {
		return 0, "", fmt.Errorf("finding the organizer: %w", err)
	}
	switch {
	case len(slugs) == 1:
		return id, found, nil
	case slug != "":
		return 0, "", admin.Refuse(admin.NotFound, "/organizer", "organizer %q is not known at this as-of", slug)
	case len(slugs) == 0:
		return 0, "", admin.Refuse(admin.NotFound, "/organizer", "no organizer is known at this as-of")
	}
	const most = 20
	return 0, "", admin.Refuse(admin.Invalid, "/organizer", "no organizer is given: there is %s", strings.Join(slugs[:min(len(slugs), most)], ", "))
}

// explainOrder fills e from the tables of one order.
func explainOrder(ctx context.Context, conn *sql.Conn, e *reports.Explanation) error {
	text, err := statements.ReadFile("explain_order.sql")
	if err != nil {
		return fmt.Errorf("finding statement: %w", err)
	}
	var orderedMS int64
	err = conn.QueryRowContext(ctx, string(text)).
		Scan(&e.Version, &e.State, &e.Test, &e.Event, &orderedMS, &e.Currency, &e.Tickets, &e.Sales)
	if errors.Is(err, sql.ErrNoRows) {
		return admin.Refuse(admin.NotFound, "/id", "order %q of organizer %s is not known at this as-of: an order is in the lake about a second after it was answered",
			e.OrderID, e.Organizer)
	}
	if err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	e.Ordered = time.UnixMilli(orderedMS).UTC()
	e.Decimals, _ = order.Decimals(e.Currency)
	if err := each(ctx, conn, "explain_candidates", func(rows *sql.Rows) error { return addCandidate(rows, e) }); err != nil {
		return err
	}
	for i, c := range e.Candidates {
		if c.Wins {
			e.Winner = &e.Candidates[i]
		}
	}
	for i := range e.Candidates {
		lost(&e.Candidates[i], e.Winner)
	}
	err = each(ctx, conn, "explain_versions", func(rows *sql.Rows) error {
		var v reports.OrderVersion
		var knownUS int64
		err := rows.Scan(&v.Version, &v.State, &knownUS, &v.Collector, &v.Fingerprint, &v.Status)
		v.KnownAt = time.UnixMicro(knownUS).UTC()
		e.Versions = append(e.Versions, v)
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, conn, "explain_refunds", func(rows *sql.Rows) error {
		var r reports.ExplainedRefund
		var refundedMS int64
		err := rows.Scan(&r.ID, &refundedMS, &r.Currency, &r.Status, &r.Tickets, &r.Amount)
		r.Refunded = time.UnixMilli(refundedMS).UTC()
		e.Refunds = append(e.Refunds, r)
		return err
	})
}

func addCandidate(rows *sql.Rows, e *reports.Explanation) error {
	var c reports.Candidate
	var codeID, affiliateID, visitedMS, shard, sequence sql.NullInt64
	var code, affiliate, epoch sql.NullString
	var found sql.NullBool
	err := rows.Scan(&c.Rule, &c.Given, &codeID, &code, &affiliateID, &affiliate, &visitedMS, &epoch, &shard, &sequence, &found, &c.Reason, &c.Wins)
	if err != nil {
		return err
	}
	c.CodeID, c.Code, c.AffiliateID, c.Affiliate = codeID.Int64, code.String, affiliateID.Int64, affiliate.String
	if visitedMS.Valid {
		at := time.UnixMilli(visitedMS.Int64).UTC()
		c.ClickedAt = &at
		c.Visit = fmt.Sprintf("%s-%d-%d", epoch.String, shard.Int64, sequence.Int64)
		c.RowFound = &found.Bool
	}
	e.Candidates = append(e.Candidates, c)
	return nil
}

// lost puts the reason into words; a valid candidate that a stronger rule beat is outranked.
func lost(c, winner *reports.Candidate) {
	if c.Reason == reasonValid && !c.Wins {
		c.Reason = reasonOutranked
	}
	c.Why = why(c, winner)
}

// each runs name.sql and gives its rows one by one.
func each(ctx context.Context, conn *sql.Conn, name string, take func(*sql.Rows) error) error {
	text, err := statements.ReadFile(name + ".sql")
	if err != nil {
		return fmt.Errorf("finding statement %s: %w", name, err)
	}
	rows, err := conn.QueryContext(ctx, string(text))
	if err != nil {
		return fmt.Errorf("running %s: %w", name, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := take(rows); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("running %s: %w", name, err)
	}
	return nil
}
