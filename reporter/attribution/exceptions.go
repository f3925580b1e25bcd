package attribution

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// Kinds are what the list of exceptions may hold.
func Kinds() []string {
	return []string{"order_conflict", "refund_conflict", "refund_set_aside", "refund_waiting", "order_ahead", "refund_ahead"}
}

// Exceptions is which of them are asked for.
type Exceptions struct {
	Organizer string // slug; may be empty where there is only one
	Kind      string // one of Kinds; empty: all
	From, To  string // as of a report
	Limit     int    // rows at most; 0: all
	AsOfUS    int64  // 0: the newest
	// Range reads From and To in the organizer's zone, in milliseconds, half-open.
	Range func(from, to string, zone *time.Location) ([2]int64, error)
}

// Exceptions lists the orders and refunds that a person should look at, and hands
// the list to deliver. The error is an *admin.Refusal where the question is wrong.
func (a *Attribution) Exceptions(ctx context.Context, lake Lake, q Exceptions, deliver func(context.Context, *reports.Table) error) error {
	if q.Kind != "" && !slices.Contains(Kinds(), q.Kind) {
		return admin.Refuse(admin.Invalid, "/kind", "kind is %q: want one of %s", q.Kind, strings.Join(Kinds(), ", "))
	}
	return lake.Read(ctx, q.AsOfUS, func(ctx context.Context, r *reports.Reading) error {
		id, slug, err := findOrganizer(ctx, r.Conn, q.Organizer)
		if err != nil {
			return err
		}
		var zoneName string
		if err := r.QueryRowContext(ctx, "SELECT zone FROM organizers WHERE organizer_id = ?", id).Scan(&zoneName); err != nil {
			return fmt.Errorf("reading the organizer's zone: %w", err)
		}
		zone, err := time.LoadLocation(zoneName)
		if err != nil {
			return fmt.Errorf("reading the organizer's zone: %w", err)
		}
		between, err := q.Range(q.From, q.To, zone)
		if err != nil {
			return err
		}
		p, err := readPolicies(ctx, r.Conn, reports.Crediting{Organizer: id})
		if err != nil {
			return err
		}
		n := a.newRun(r, scope{organizer: id, between: between}, p)
		t := &reports.Table{Columns: exceptionColumns(), Freshness: r.Freshness, Facts: reports.Facts{
			By: "exceptions", Organizer: slug, Zone: zoneName, FromMS: between[0], ToMS: between[1],
			AsOfUS: r.AsOfUS, CatalogRevision: r.CatalogRevision,
		}}
		if t.Batches, t.AllRows, err = n.exceptions(ctx, q, t.Columns); err != nil {
			return err
		}
		return deliver(ctx, t)
	})
}

// exceptions makes the list and gives its rows with their number.
func (n *run) exceptions(ctx context.Context, q Exceptions, columns []reports.Column) (rows reports.Batches, all int64, err error) {
	if err := n.setUp(ctx); err != nil {
		return nil, 0, err
	}
	if err := n.orders(ctx); err != nil {
		return nil, 0, err
	}
	if err := n.refunds(ctx); err != nil {
		return nil, 0, err
	}
	if err := n.tables(ctx, "exceptions"); err != nil {
		return nil, 0, err
	}
	const ofKind = "FROM exceptions WHERE ? = '' OR kind = ?"
	if err := n.QueryRowContext(ctx, "SELECT count(*) "+ofKind, q.Kind, q.Kind).Scan(&all); err != nil {
		return nil, 0, fmt.Errorf("counting exceptions: %w", err)
	}
	limit := ""
	if q.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	_, rows, err = n.Query(ctx, reports.Statement{
		Text: `SELECT kind, own_ms * 1000 AS dated, order_id, refund_id, version, amount, currency, known_us AS known_at, collector, detail ` + ofKind + `
			ORDER BY own_ms, kind, order_id, refund_id, known_us, collector, epoch, shard, sequence` + limit,
		Args: []any{q.Kind, q.Kind}, Columns: columns, Currency: "currency", Large: true,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("listing exceptions: %w", err)
	}
	return rows, all, nil
}

func exceptionColumns() []reports.Column {
	return []reports.Column{
		{Name: "kind", Title: "Kind", Kind: reports.KindText},
		{Name: "dated", Title: "Dated", Kind: reports.KindTime},
		{Name: "order_id", Title: "Order", Kind: reports.KindText},
		{Name: "refund_id", Title: "Refund", Kind: reports.KindText},
		{Name: "version", Title: "Version", Kind: reports.KindCount},
		{Name: "amount", Title: "Amount", Kind: reports.KindMoney},
		{Name: "currency", Title: "Currency", Kind: reports.KindText},
		{Name: "known_at", Title: "Known at", Kind: reports.KindTime},
		{Name: "collector", Title: "Collector", Kind: reports.KindID},
		{Name: "detail", Title: "Detail", Kind: reports.KindText},
	}
}
