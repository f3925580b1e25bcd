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

// mostExplained bounds each list of an explanation: more than a person reads.
const mostExplained = 100

// Lake gives connections on what is known at an as-of.
type Lake interface {
	Read(ctx context.Context, asOfUS int64, read func(context.Context, *reports.Reading) error) error
}

// Question is which order is to be explained.
type Question struct {
	Organizer string // slug; may be empty where there is only one
	OrderID   string
	AsOfUS    int64 // 0: the newest
	Policy    int   // credit by this version; 0: by the one in force at the order date
}

// Explain says who an order is credited to and why nobody else is. The error is an
// *admin.Refusal where the order, organizer or policy is not known.
func (a *Attribution) Explain(ctx context.Context, lake Lake, q Question) (*reports.Explanation, error) {
	e := &reports.Explanation{
		OrderID: q.OrderID, Candidates: []reports.Candidate{}, Versions: []reports.OrderVersion{}, Refunds: []reports.ExplainedRefund{},
	}
	err := lake.Read(ctx, q.AsOfUS, func(ctx context.Context, r *reports.Reading) error {
		id, found, err := findOrganizer(ctx, r.Conn, q.Organizer)
		if err != nil {
			return err
		}
		e.Organizer, e.CatalogRevision, e.AsOfUS, e.AsOf = found, r.CatalogRevision, r.AsOfUS, time.UnixMicro(r.AsOfUS).UTC()
		p, err := readPolicies(ctx, r.Conn, reports.Crediting{Organizer: id, Policy: q.Policy})
		if err != nil {
			return err
		}
		n := a.newRun(r, scope{organizer: id, orderID: q.OrderID}, p)
		if err := n.setUp(ctx); err != nil {
			return err
		}
		if _, err := n.credit(ctx, tempTable); err != nil {
			return err
		}
		return n.explain(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

func findOrganizer(ctx context.Context, conn *sql.Conn, slug string) (id int64, found string, err error) {
	slug = strings.ToLower(slug)
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

// explain fills e from the tables of one order.
func (n *run) explain(ctx context.Context, e *reports.Explanation) error {
	var orderedMS int64
	err := n.QueryRowContext(ctx, `SELECT o.version, o.state, o.test, coalesce(e.slug, ''), o.ordered_ms, o.currency, o.tickets, o.sales, o.policy_version
		FROM orders o LEFT JOIN events e USING (event_id)`).
		Scan(&e.Version, &e.State, &e.Test, &e.Event, &orderedMS, &e.Currency, &e.Tickets, &e.Sales, &e.PolicyVersion)
	if errors.Is(err, sql.ErrNoRows) {
		return admin.Refuse(admin.NotFound, "/id", "order %q of organizer %s is not known at this as-of: an order is in the lake about a second after it was answered",
			e.OrderID, e.Organizer)
	}
	if err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	e.Ordered = time.UnixMilli(orderedMS).UTC()
	e.Decimals, _ = order.Decimals(e.Currency)
	inForce := n.policies.at(orderedMS)
	e.PolicyInForce, e.PolicyInForceWords = inForce.Version, inForce.Words()
	for _, s := range n.policies.credits {
		if s.Policy.Version == e.PolicyVersion {
			e.Policy = s.Policy.Words()
		}
	}
	if err := n.explainCandidates(ctx, e); err != nil {
		return err
	}
	err = n.each(ctx, "explain_versions", func(rows *sql.Rows) error {
		var v reports.OrderVersion
		var knownUS, all int64
		err := rows.Scan(&v.Version, &v.State, &knownUS, &v.Collector, &v.Fingerprint, &v.Normalization, &v.Status, &all)
		v.KnownAt = time.UnixMicro(knownUS).UTC()
		e.Versions = append(e.Versions, v)
		e.VersionsLeftOut = all - int64(len(e.Versions))
		return err
	})
	if err != nil {
		return err
	}
	return n.each(ctx, "explain_refunds", func(rows *sql.Rows) error {
		var r reports.ExplainedRefund
		var refundedMS, all int64
		var why string
		err := rows.Scan(&r.ID, &refundedMS, &r.Currency, &r.Status, &why, &r.Tickets, &r.Amount, &all)
		r.Refunded, r.Why = time.UnixMilli(refundedMS).UTC(), refundWhy(r.Status, why)
		r.Decimals, _ = order.Decimals(r.Currency)
		e.Refunds = append(e.Refunds, r)
		e.RefundsLeftOut = all - int64(len(e.Refunds))
		return err
	})
}

// explainCandidates reads them and says of each why it wins or lost.
func (n *run) explainCandidates(ctx context.Context, e *reports.Explanation) error {
	visits := 0
	var unnamed []bool
	err := n.each(ctx, "explain_candidates", func(rows *sql.Rows) error {
		c, named, err := scanCandidate(rows)
		if err != nil {
			return err
		}
		if c.Rule == ruleVisitor {
			if visits++; visits > mostExplained {
				e.MoreCandidates = true
				return nil
			}
		}
		e.Candidates, unnamed = append(e.Candidates, c), append(unnamed, !named)
		return nil
	})
	if err != nil {
		return err
	}
	for i, c := range e.Candidates {
		if c.Wins {
			e.Winner = &e.Candidates[i]
		}
	}
	for i := range e.Candidates {
		c := &e.Candidates[i]
		c.Reason = lost(c, e.Winner, unnamed[i])
		c.Why = n.why(c, e)
	}
	return nil
}

func scanCandidate(rows *sql.Rows) (c reports.Candidate, named bool, err error) {
	var codeID, affiliateID, visitedMS, shard, sequence sql.NullInt64
	var code, affiliate, epoch sql.NullString
	var found sql.NullBool
	err = rows.Scan(&c.Rule, &c.Given, &codeID, &code, &affiliateID, &affiliate, &visitedMS, &epoch, &shard, &sequence, &found, &c.Reason, &named, &c.Wins)
	if err != nil {
		return c, false, err
	}
	c.CodeID, c.Code, c.AffiliateID, c.Affiliate = codeID.Int64, code.String, affiliateID.Int64, affiliate.String
	if visitedMS.Valid {
		at := time.UnixMilli(visitedMS.Int64).UTC()
		c.ClickedAt = &at
		c.Visit = fmt.Sprintf("%s-%d-%d", epoch.String, shard.Int64, sequence.Int64)
	}
	if found.Valid {
		c.RowFound = &found.Bool
	}
	return c, named, nil
}

// each runs name.sql and gives its rows one by one.
func (n *run) each(ctx context.Context, name string, take func(*sql.Rows) error) error {
	text, err := n.statement(name)
	if err != nil {
		return err
	}
	rows, err := n.QueryContext(ctx, text)
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
