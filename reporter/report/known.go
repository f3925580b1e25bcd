package report

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// known remembers what reports of one reading found in its catalog: those of a
// page name the same organizer and event.
type known struct {
	conn       *sql.Conn
	organizers map[string][]tenant
	events     map[string]sale
}

// sale is an event; its id is 0 where there is none of the slug.
type sale struct {
	id, organizer  int64
	zone, currency string
}

func newKnown(conn *sql.Conn) *known {
	return &known{conn: conn, organizers: map[string][]tenant{}, events: map[string]sale{}}
}

// tenants finds organizers by a condition of ours.
func (k *known) tenants(ctx context.Context, where string, args ...any) ([]tenant, error) {
	key := fmt.Sprint(where, args)
	if list, ok := k.organizers[key]; ok {
		return list, nil
	}
	rows, err := k.conn.QueryContext(ctx, "SELECT organizer_id, slug, zone, currency FROM organizers WHERE "+where+" ORDER BY slug", args...)
	if err != nil {
		return nil, fmt.Errorf("finding the organizer: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []tenant
	for rows.Next() {
		var t tenant
		if err := rows.Scan(&t.id, &t.slug, &t.zone, &t.currency); err != nil {
			return nil, fmt.Errorf("finding the organizer: %w", err)
		}
		list = append(list, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("finding the organizer: %w", err)
	}
	k.organizers[key] = list
	return list, nil
}

// event finds one by its slug in lower case.
func (k *known) event(ctx context.Context, slug string) (s sale, err error) {
	if one, ok := k.events[slug]; ok {
		return one, nil
	}
	err = k.conn.QueryRowContext(ctx, "SELECT event_id, organizer_id, zone, currency FROM events WHERE slug = ?", slug).Scan(&s.id, &s.organizer, &s.zone, &s.currency)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s, fmt.Errorf("finding the event: %w", err)
	}
	k.events[slug] = s
	return s, nil
}
