package report

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/filter"
	"footfall/schemas/routes"
)

// tenant is one organizer whose figures a report has.
type tenant struct {
	id             int64
	slug           string
	zone, currency string
}

// resolve looks up what the query names, in the catalog of the as-of.
func (p *plan) resolve(ctx context.Context, k *known) error {
	if err := p.findOrganizers(ctx, k); err != nil {
		return err
	}
	zone, err := p.resolveFilters(ctx, k)
	if err != nil {
		return err
	}
	switch {
	case p.query.Zone != "":
		zone = p.query.Zone
	case len(p.tenants) > 1:
		zone = "UTC"
	}
	if p.zone, err = loadZone(zone); err != nil {
		return err
	}
	if p.query.Currency != "" {
		p.currency = p.query.Currency
	}
	if p.periods[0], err = p.query.rangeOf(p.zone); err != nil {
		return err
	}
	if p.query.Compare != "" {
		before, err := earlier(p.query.Compare, p.periods[0], p.zone)
		if err != nil {
			return err
		}
		p.periods = append(p.periods, before)
	}
	return nil
}

// resolveFilters turns event, affiliate, code and where into conditions, and gives
// the zone that the report is in unless another is asked for.
func (p *plan) resolveFilters(ctx context.Context, k *known) (zone string, err error) {
	conn := k.conn
	p.organizer, zone, p.currency = p.tenants[0].id, p.tenants[0].zone, p.tenants[0].currency
	event := strings.ToLower(p.query.Event)
	if p.query.Event != "" {
		e, err := k.event(ctx, event)
		if err != nil {
			return "", err
		}
		if e.id == 0 || e.organizer != p.organizer {
			_, err = p.slugs(ctx, conn, "event", event, fmt.Sprintf("organizer_id = %d", p.organizer)) // refuses it
			return "", err
		}
		p.event = e.id
		p.filter(keyEvent, []int64{e.id})
	}
	if p.query.Affiliate != "" {
		key, ok := nobody(p.query.Affiliate)
		ids := []int64{key}
		if !ok {
			if ids, err = p.affiliates(ctx, conn, p.query.Affiliate); err != nil {
				return "", err
			}
		}
		p.filter(keyAffiliate, ids)
	}
	if p.query.Code != "" {
		key, ok := nobody(p.query.Code)
		ids := []int64{key}
		if !ok {
			if ids, err = p.codesOf(ctx, conn, p.query.Code); err != nil {
				return "", err
			}
		}
		p.filter(keyCode, ids)
	}
	for _, t := range p.where {
		if _, ok := dimensionOf(t.Field); !ok {
			continue
		}
		if err := p.condition(ctx, conn, t); err != nil {
			return "", err
		}
		if t.Field == "event" && t.Op == filter.Equal && len(t.Values) == 1 {
			event = strings.ToLower(t.Values[0])
		}
	}
	if event == "" {
		return zone, nil
	}
	e, err := k.event(ctx, event)
	if err != nil {
		return "", err
	}
	p.currency = e.currency
	return e.zone, nil
}

// filter keeps figures of some keys.
func (p *plan) filter(column string, keys []int64) {
	p.conditions.figures = append(p.conditions.figures, fmt.Sprintf("coalesce(%s IN (%s), false)", column, joined(keys)))
}

// nobody gives the key of a reserved word.
func nobody(word string) (int64, bool) {
	switch strings.ToLower(word) {
	case direct:
		return keyDirect, true
	case unknownCode:
		return keyUnknownCode, true
	}
	return 0, false
}

func foldCode(text string) string { return routes.FoldString(strings.Trim(text, " ")) }

// loadZone finds a zone by its IANA name.
func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, admin.Refuse(admin.Invalid, "/zone", "zone is %q: want an IANA time zone such as Europe/Vienna, America/New_York or UTC", name)
	}
	return zone, nil
}

// findOrganizers takes the organizer that is named, the event's, the only one, or,
// by organizer, all of them.
func (p *plan) findOrganizers(ctx context.Context, k *known) error {
	q := p.query
	where, args := "true", []any(nil)
	switch {
	case q.Organizer != "":
		where, args = "slug = ?", []any{strings.ToLower(q.Organizer)}
	case q.Event != "":
		where, args = "organizer_id = (SELECT organizer_id FROM events WHERE slug = ?)", []any{strings.ToLower(q.Event)}
	}
	var err error
	if p.tenants, err = k.tenants(ctx, where, args...); err != nil {
		return err
	}
	if len(p.tenants) == 1 {
		return nil
	}
	if len(p.tenants) > 1 && p.has("organizer") {
		return p.checkMany()
	}
	return p.refuseOrganizer(ctx, k.conn)
}

// checkMany refuses what only one organizer can have.
func (p *plan) checkMany() error {
	if p.query.Affiliate != "" || p.query.Code != "" || p.query.Policy != 0 || p.has("order") {
		return admin.Refuse(admin.Invalid, "/organizer", "affiliate, code, policy and order are one organizer's: give the organizer too")
	}
	for _, t := range p.where {
		if (t.Field == "affiliate" || t.Field == "code" || t.Field == "event") && (t.Op == filter.Equal || t.Op == filter.Unequal) {
			return badTerm(t, "%s is one organizer's: give the organizer too, or use ~", t.Field)
		}
	}
	return nil
}

func (p *plan) refuseOrganizer(ctx context.Context, conn *sql.Conn) error {
	q := p.query
	pointer, given := "/organizer", "no organizer is given"
	names, err := texts(ctx, conn, "SELECT slug FROM organizers ORDER BY slug")
	if q.Organizer != "" {
		given = fmt.Sprintf("organizer %q is not known", q.Organizer)
	} else if q.Event != "" {
		pointer, given = "/event", fmt.Sprintf("event %q is not known", q.Event)
		names, err = texts(ctx, conn, "SELECT slug FROM events ORDER BY slug")
	}
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return admin.Refuse(admin.Invalid, pointer, "%s: none is known at this as-of", given)
	}
	return admin.Refuse(admin.Invalid, pointer, "%s: %s", given, listed(names))
}

// slugs finds an event or an organizer; scope keeps to those that may be named.
func (p *plan) slugs(ctx context.Context, conn *sql.Conn, table, slug, scope string) ([]int64, error) {
	var id int64
	err := conn.QueryRowContext(ctx, fmt.Sprintf("SELECT %[1]s_id FROM %[1]ss WHERE slug = ? AND %[2]s", table, scope), strings.ToLower(slug)).Scan(&id)
	if err == nil {
		return []int64{id}, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("finding the %s: %w", table, err)
	}
	names, err := texts(ctx, conn, fmt.Sprintf("SELECT slug FROM %ss WHERE %s ORDER BY slug", table, scope))
	if err != nil {
		return nil, err
	}
	return nil, admin.Refuse(admin.Invalid, "/"+table, "%s %q is not known: %s", table, slug, listed(names))
}

// affiliates finds one by id, or by an email, nickname or name that only one has.
func (p *plan) affiliates(ctx context.Context, conn *sql.Conn, ref string) ([]int64, error) {
	id, err := strconv.ParseInt(ref, 10, 64)
	if err != nil {
		id = 0
	}
	rows, err := conn.QueryContext(ctx, `SELECT affiliate_id FROM affiliates
		WHERE organizer_id = ? AND (affiliate_id = ? OR lower(?) IN (lower(email), lower(nickname), lower(name))) ORDER BY affiliate_id`,
		p.organizer, id, ref)
	if err != nil {
		return nil, fmt.Errorf("finding the affiliate: %w", err)
	}
	found, err := numbers(rows)
	if err != nil {
		return nil, fmt.Errorf("finding the affiliate: %w", err)
	}
	if len(found) == 1 {
		return found, nil
	}
	if len(found) > 1 {
		return nil, admin.Refuse(admin.Invalid, "/affiliate", "affiliate %q may be any of several: give one of the ids %s", ref, joined(found))
	}
	names, err := texts(ctx, conn, "SELECT affiliate_id || ' (' || name || ')' FROM affiliates WHERE organizer_id = ? ORDER BY affiliate_id", p.organizer)
	if err != nil {
		return nil, err
	}
	return nil, admin.Refuse(admin.Invalid, "/affiliate", "affiliate %q of organizer %s is not known: %s, and direct, unknown_code", ref, p.tenants[0].slug, listed(names))
}

// codesOf finds every code that a text leads to, or led to: event codes of
// different events may have the same one. A number that is no text is an id.
func (p *plan) codesOf(ctx context.Context, conn *sql.Conn, ref string) ([]int64, error) {
	event := sql.NullInt64{Int64: p.event, Valid: p.event != 0}
	rows, err := conn.QueryContext(ctx, `SELECT DISTINCT code_id FROM code_texts
		WHERE organizer_id = ? AND folded = ? AND (? IS NULL OR event_id = 0 OR event_id = ?) ORDER BY code_id`,
		p.organizer, foldCode(ref), event, event)
	if err != nil {
		return nil, fmt.Errorf("finding the code: %w", err)
	}
	found, err := numbers(rows)
	if err != nil {
		return nil, fmt.Errorf("finding the code: %w", err)
	}
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil && len(found) == 0 {
		if rows, err = conn.QueryContext(ctx, "SELECT code_id FROM codes WHERE organizer_id = ? AND code_id = ?", p.organizer, id); err != nil {
			return nil, fmt.Errorf("finding the code: %w", err)
		}
		if found, err = numbers(rows); err != nil {
			return nil, fmt.Errorf("finding the code: %w", err)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	names, err := texts(ctx, conn, "SELECT DISTINCT code_text FROM codes WHERE organizer_id = ? ORDER BY 1", p.organizer)
	if err != nil {
		return nil, err
	}
	return nil, admin.Refuse(admin.Invalid, "/code", "code %q of organizer %s is not known: %s, and direct, unknown_code", ref, p.tenants[0].slug, listed(names))
}

func texts(ctx context.Context, conn *sql.Conn, query string, args ...any) (out []string, err error) {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("listing what is known: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("listing what is known: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

func numbers(rows *sql.Rows) (out []int64, err error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

func joined(numbers []int64) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(words, ", ")
}
