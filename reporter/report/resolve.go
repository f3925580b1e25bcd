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
	"footfall/schemas/routes"
)

// resolved is a query in the catalog's ids.
type resolved struct {
	kind      *kind
	organizer int64
	slug      string
	event     sql.NullInt64
	affiliate sql.NullInt64
	codes     []int64 // nil: every code
	direct    bool    // only orders without credit
	zone      *time.Location
	currency  string // of the event, else of the organizer
	between   [2]int64
}

// resolve looks up what the query names, in the catalog of the as-of.
func (q *Query) resolve(ctx context.Context, conn *sql.Conn, k *kind) (*resolved, error) {
	r := &resolved{kind: k}
	zone, err := r.findOrganizer(ctx, conn, q)
	if err != nil {
		return nil, err
	}
	if q.Event != "" {
		if zone, err = r.findEvent(ctx, conn, q); err != nil {
			return nil, err
		}
	}
	if r.zone, err = time.LoadLocation(zone); err != nil {
		return nil, fmt.Errorf("loading the zone %q of the catalog: %w", zone, err)
	}
	if err := r.findAffiliate(ctx, conn, q); err != nil {
		return nil, err
	}
	if err := r.findCodes(ctx, conn, q); err != nil {
		return nil, err
	}
	r.between, err = q.rangeOf(r.zone)
	return r, err
}

// findOrganizer takes the organizer that is named, the event's, or the only one.
func (r *resolved) findOrganizer(ctx context.Context, conn *sql.Conn, q *Query) (zone string, err error) {
	where, args := "true", []any(nil)
	switch {
	case q.Organizer != "":
		where, args = "slug = ?", []any{strings.ToLower(q.Organizer)}
	case q.Event != "":
		where, args = "organizer_id = (SELECT organizer_id FROM events WHERE slug = ?)", []any{strings.ToLower(q.Event)}
	}
	rows, err := conn.QueryContext(ctx, "SELECT organizer_id, slug, zone, currency FROM organizers WHERE "+where+" ORDER BY slug LIMIT 2", args...)
	if err != nil {
		return "", fmt.Errorf("finding the organizer: %w", err)
	}
	defer func() { _ = rows.Close() }()
	found := 0
	for rows.Next() {
		found++
		if err := rows.Scan(&r.organizer, &r.slug, &zone, &r.currency); err != nil {
			return "", fmt.Errorf("finding the organizer: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("finding the organizer: %w", err)
	}
	if found == 1 {
		return zone, nil
	}
	pointer, given := "/organizer", "no organizer is given"
	names, err := texts(ctx, conn, "SELECT slug FROM organizers ORDER BY slug")
	if q.Organizer != "" {
		given = fmt.Sprintf("organizer %q is not known", q.Organizer)
	} else if q.Event != "" {
		pointer, given = "/event", fmt.Sprintf("event %q is not known", q.Event)
		names, err = texts(ctx, conn, "SELECT slug FROM events ORDER BY slug")
	}
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", admin.Refuse(admin.Invalid, pointer, "%s: none is known at this as-of", given)
	}
	return "", admin.Refuse(admin.Invalid, pointer, "%s: %s", given, listed(names))
}

func (r *resolved) findEvent(ctx context.Context, conn *sql.Conn, q *Query) (zone string, err error) {
	err = conn.QueryRowContext(ctx, "SELECT event_id, zone, currency FROM events WHERE organizer_id = ? AND slug = ?", r.organizer, strings.ToLower(q.Event)).
		Scan(&r.event, &zone, &r.currency)
	if err == nil {
		return zone, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("finding the event: %w", err)
	}
	names, err := texts(ctx, conn, "SELECT slug FROM events WHERE organizer_id = ? ORDER BY slug", r.organizer)
	if err != nil {
		return "", err
	}
	return "", admin.Refuse(admin.Invalid, "/event", "event %q of organizer %s is not known: %s", q.Event, r.slug, listed(names))
}

// findAffiliate finds one by id, or by an email, nickname or name that only one has.
func (r *resolved) findAffiliate(ctx context.Context, conn *sql.Conn, q *Query) error {
	if q.Affiliate == "" {
		return nil
	}
	if strings.EqualFold(q.Affiliate, direct) {
		r.direct = true
		return nil
	}
	id, err := strconv.ParseInt(q.Affiliate, 10, 64)
	if err != nil {
		id = 0
	}
	rows, err := conn.QueryContext(ctx, `SELECT affiliate_id FROM affiliates
		WHERE organizer_id = ? AND (affiliate_id = ? OR lower(?) IN (lower(email), lower(nickname), lower(name))) ORDER BY affiliate_id`,
		r.organizer, id, q.Affiliate)
	if err != nil {
		return fmt.Errorf("finding the affiliate: %w", err)
	}
	found, err := numbers(rows)
	if err != nil {
		return fmt.Errorf("finding the affiliate: %w", err)
	}
	if len(found) == 1 {
		r.affiliate = sql.NullInt64{Int64: found[0], Valid: true}
		return nil
	}
	if len(found) > 1 {
		return admin.Refuse(admin.Invalid, "/affiliate", "affiliate %q may be any of several: give one of the ids %s", q.Affiliate, joined(found))
	}
	names, err := texts(ctx, conn, "SELECT affiliate_id || ' (' || name || ')' FROM affiliates WHERE organizer_id = ? ORDER BY affiliate_id", r.organizer)
	if err != nil {
		return err
	}
	return admin.Refuse(admin.Invalid, "/affiliate", "affiliate %q of organizer %s is not known: %s, and direct", q.Affiliate, r.slug, listed(names))
}

// findCodes finds every code that the text leads to: event codes of different
// events may have the same one.
func (r *resolved) findCodes(ctx context.Context, conn *sql.Conn, q *Query) error {
	if q.Code == "" {
		return nil
	}
	if strings.EqualFold(q.Code, direct) {
		r.direct = true
		return nil
	}
	rows, err := conn.QueryContext(ctx, `SELECT DISTINCT code_id FROM code_texts
		WHERE organizer_id = ? AND folded = ? AND (? IS NULL OR event_id = 0 OR event_id = ?) ORDER BY code_id`,
		r.organizer, routes.FoldString(strings.TrimSpace(q.Code)), r.event, r.event)
	if err != nil {
		return fmt.Errorf("finding the code: %w", err)
	}
	if r.codes, err = numbers(rows); err != nil {
		return fmt.Errorf("finding the code: %w", err)
	}
	if len(r.codes) > 0 {
		return nil
	}
	names, err := texts(ctx, conn, "SELECT DISTINCT code_text FROM codes WHERE organizer_id = ? ORDER BY 1", r.organizer)
	if err != nil {
		return err
	}
	return admin.Refuse(admin.Invalid, "/code", "code %q of organizer %s is not known: %s, and direct", q.Code, r.slug, listed(names))
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
