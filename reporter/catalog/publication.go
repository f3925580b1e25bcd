package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/policy"
)

// History gives every row of the catalog's history that revisions above after
// brought, kind by kind and in the order of revisions, and last a row of the
// newest revision itself: without names of people and without emails. It gives
// the newest revision. visit may keep nothing of a row. One moment of the catalog
// is read, as long as visit takes.
func (c *Catalog) History(ctx context.Context, after uint64, visit func(*lake.CatalogRow) error) (newest ids.Revision, err error) {
	err = c.read(ctx, func(q querier) error {
		var knownUS int64
		if newest, knownUS, err = lastRevision(ctx, q); err != nil {
			return err
		}
		for _, part := range historyParts() {
			if err := part.read(ctx, q, after, visit); err != nil {
				return fmt.Errorf("reading the history of %s: %w", part.kind, err)
			}
		}
		return visit(&lake.CatalogRow{
			Kind: lake.KindRevision, ID: int64(newest.Number), Revision: int64(newest.Number), Incarnation: newest.Incarnation.String(),
			KnownAtUS: knownUS, ValidFromMS: knownUS / 1000,
		})
	})
	return newest, err
}

// historyPart is one kind of row: a query over its table t, joined with its
// revision r, whose columns scan takes after id, revision, incarnation, known_at.
type historyPart struct {
	kind string
	from string // what stands between the columns and the condition on the revision
	give string // further columns
	scan func(*lake.CatalogRow) []any
}

func (p historyPart) read(ctx context.Context, q querier, after uint64, visit func(*lake.CatalogRow) error) error {
	rows, err := q.QueryContext(ctx, fmt.Sprintf(
		`SELECT t.revision, r.incarnation, r.known_at_us, %s FROM %s JOIN revisions r ON r.number = t.revision WHERE t.revision > ? ORDER BY t.revision`,
		p.give, p.from), int64(after))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	for rows.Next() {
		row := lake.CatalogRow{Kind: p.kind}
		if err := rows.Scan(append([]any{&row.Revision, &row.Incarnation, &row.KnownAtUS}, p.scan(&row)...)...); err != nil {
			return err
		}
		if err := visit(&row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// inForce is when a version of what has no dates of its own began, in milliseconds.
const inForce = `r.known_at_us / 1000`

// common is a scope as the lake has it: null for every event.
const common = `nullif(t.event, 0)`

func historyParts() []historyPart {
	type row = lake.CatalogRow
	return []historyPart{
		{lake.KindOrganizer, `organizers t`, `t.id, t.id, ` + inForce + `, t.slug, t.zone, t.currency, t.cookies`, func(r *row) []any {
			return []any{&r.ID, &r.OrganizerID, &r.ValidFromMS, &r.Slug, &r.Zone, &r.Currency, &r.Cookies}
		}},
		{lake.KindEvent, `events t`, `t.id, t.id, ` + inForce + `, t.organizer, t.slug, t.name, t.zone, t.currency, t.start_ms, t.end_ms`, func(r *row) []any {
			return []any{&r.ID, &r.EventID, &r.ValidFromMS, &r.OrganizerID, &r.Slug, &r.Name, &r.Zone, &r.Currency, &r.StartsAtMS, &r.EndsAtMS}
		}},
		{lake.KindAffiliate, `affiliates t`, `t.id, t.id, ` + inForce + `, t.organizer, t.paused`, func(r *row) []any {
			return []any{&r.ID, &r.AffiliateID, &r.ValidFromMS, &r.OrganizerID, &r.Paused}
		}},
		{lake.KindCode, `codes t`, `t.id, t.id, ` + inForce + `, t.organizer, ` + common + `, t.text, t.paused`, func(r *row) []any {
			return []any{&r.ID, &r.CodeID, &r.ValidFromMS, &r.OrganizerID, &r.EventID, &r.Text, &r.Paused}
		}},
		{lake.KindCodeText, `code_texts t`, `t.code, t.code, t.from_ms, t.organizer, ` + common + `, t.text, t.folded`, historyText},
		// A claim says a text again, from an earlier instant on.
		{
			lake.KindCodeText, `code_claims t JOIN code_texts x ON x.code = t.code AND x.folded = t.folded`,
			`t.code, t.code, t.from_ms, x.organizer, nullif(x.event, 0), x.text, x.folded`, historyText,
		},
		{lake.KindCodeOwner, `code_owners t`, `t.code, t.code, t.from_ms, t.affiliate, (SELECT organizer FROM codes c WHERE c.id = t.code LIMIT 1)`, func(r *row) []any {
			return []any{&r.ID, &r.CodeID, &r.ValidFromMS, &r.AffiliateID, &r.OrganizerID}
		}},
		{lake.KindCoupon, `coupons t`, `t.id, t.organizer, t.code, t.from_ms, t.until_ms, t.text, t.folded`, func(r *row) []any {
			return []any{&r.ID, &r.OrganizerID, &r.CodeID, &r.ValidFromMS, &r.ValidUntilMS, &r.Text, &r.Folded}
		}},
		{lake.KindPolicy, `policies t`, `t.organizer, t.organizer, t.from_ms, t.policy`, historyPolicy},
	}
}

func historyText(r *lake.CatalogRow) []any {
	return []any{&r.ID, &r.CodeID, &r.ValidFromMS, &r.OrganizerID, &r.EventID, &r.Text, &r.Folded}
}

// historyPolicy takes a policy apart.
func historyPolicy(r *lake.CatalogRow) []any {
	return []any{&r.ID, &r.OrganizerID, &r.ValidFromMS, scanFunc(func(given any) error {
		text, _ := given.(string)
		p, err := policy.Parse([]byte(text))
		if err != nil {
			return err
		}
		version, days, rules := int64(p.Version), int64(p.WindowDays), strings.Join(p.Rules, ",")
		r.PolicyVersion, r.WindowDays, r.CutAtEventEnd, r.Pick, r.Rules = &version, &days, &p.CutAtEventEnd, &p.Pick, &rules
		return nil
	})}
}

// scanFunc is a sql.Scanner that takes a value apart.
type scanFunc func(any) error

var _ sql.Scanner = scanFunc(nil)

// Scan takes one value.
func (f scanFunc) Scan(given any) error { return f(given) }
