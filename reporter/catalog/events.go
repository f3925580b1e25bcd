package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

// eventRow is an event as it is stored.
type eventRow struct {
	ID             ids.EventID
	Organizer      ids.OrganizerID
	OrganizerSlug  string
	Slug, Name     string
	Destination    string
	Zone, Currency string
	StartMS, EndMS int64
}

const eventColumns = `e.id, e.organizer, (SELECT slug FROM organizers WHERE id = e.organizer ORDER BY revision DESC LIMIT 1), e.slug, e.name, e.destination, e.zone, e.currency, e.start_ms, e.end_ms
  FROM events e
  WHERE e.revision = (SELECT max(revision) FROM events WHERE id = e.id)`

func scanEvent(row interface{ Scan(...any) error }) (e eventRow, err error) {
	err = row.Scan(&e.ID, &e.Organizer, &e.OrganizerSlug, &e.Slug, &e.Name, &e.Destination, &e.Zone, &e.Currency, &e.StartMS, &e.EndMS)
	return e, err
}

func (e eventRow) public() (admin.Event, error) {
	loc, err := loadZone(e.Zone)
	if err != nil {
		return admin.Event{}, fmt.Errorf("reading event %s: %w", e.Slug, err)
	}
	return admin.Event{
		ID: e.ID, Organizer: e.OrganizerSlug, Slug: e.Slug, Name: e.Name, Destination: e.Destination, Zone: e.Zone, Currency: e.Currency,
		Start: time.UnixMilli(e.StartMS).In(loc), End: time.UnixMilli(e.EndMS).In(loc),
	}, nil
}

// AddEvent adds a dated thing on sale.
func (c *Catalog) AddEvent(ctx context.Context, actor string, add admin.EventAdd) (admin.Event, error) {
	var e eventRow
	err := c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, add.Organizer)
		if err != nil {
			return err
		}
		e = eventRow{
			Organizer: o.ID, OrganizerSlug: o.Slug, Slug: strings.TrimSpace(add.Slug), Name: add.Name,
			Zone: or(add.Zone, o.Zone), Currency: strings.ToUpper(or(add.Currency, o.Currency)),
		}
		if err := errFirst(checkSlug(e.Slug), checkZone(e.Zone), checkCurrency(e.Currency)); err != nil {
			return err
		}
		if err := e.change(admin.EventEdit{Name: &add.Name, Destination: &add.Destination, Start: &add.Start, End: &add.End}, c.config.OwnHosts); err != nil {
			return err
		}
		if other, err := eventBySlug(ctx, ch, e.Slug); err == nil {
			return admin.Refuse(admin.Conflict, "/slug", "the slug %s is taken by the event %q of the organizer %s: slugs are unique in the installation, as they are in the link", e.Slug, other.Name, other.OrganizerSlug)
		} else if _, refused := admin.AsRefusal(err); !refused {
			return err
		}
		id, err := ch.mintID(ctx, kindEvent)
		if err != nil {
			return err
		}
		e.ID = ids.EventID(id)
		if err := ch.writeEvent(ctx, e); err != nil {
			return err
		}
		return ch.audit(ctx, "event add", "event "+e.Slug, nil, fields{
			"id": e.ID, "organizer": o.Slug, "slug": e.Slug, "name": e.Name, "destination": e.Destination,
			"zone": e.Zone, "currency": e.Currency, "start_ms": e.StartMS, "end_ms": e.EndMS,
		})
	})
	if err != nil {
		return admin.Event{}, err
	}
	return e.public()
}

func (ch *change) writeEvent(ctx context.Context, e eventRow) error {
	return ch.version(ctx, `INSERT INTO events (id, revision, organizer, slug, name, destination, zone, currency, start_ms, end_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.ID, ch.number, e.Organizer, e.Slug, e.Name, e.Destination, e.Zone, e.Currency, e.StartMS, e.EndMS)
}

// change applies an edit and checks what it gives.
func (e *eventRow) change(edit admin.EventEdit, ownHosts []string) error {
	loc, err := loadZone(e.Zone)
	if err != nil {
		return err
	}
	if edit.Name != nil {
		e.Name = strings.TrimSpace(*edit.Name)
		if err := checkName("/name", e.Name); err != nil {
			return err
		}
	}
	if edit.Destination != nil {
		if e.Destination, err = cleanDestination(*edit.Destination, ownHosts); err != nil {
			return err
		}
	}
	for _, t := range []struct {
		pointer string
		text    *string
		ms      *int64
	}{{"/start", edit.Start, &e.StartMS}, {"/end", edit.End, &e.EndMS}} {
		if t.text == nil {
			continue
		}
		instant, err := parseInstant(t.pointer, strings.TrimSpace(*t.text), loc)
		if err != nil {
			return err
		}
		*t.ms = instant.UnixMilli()
	}
	if e.StartMS >= e.EndMS {
		return admin.Refuse(admin.Invalid, "/end", "the event's end is not after its start")
	}
	return nil
}

// EditEvent changes an event; the slug stays, as it is in links already handed
// out.
func (c *Catalog) EditEvent(ctx context.Context, actor, slug string, edit admin.EventEdit) (admin.Event, error) {
	var e eventRow
	err := c.change(ctx, actor, func(ch *change) (err error) {
		if e, err = eventBySlug(ctx, ch, slug); err != nil {
			return err
		}
		was := e
		if err := e.change(edit, c.config.OwnHosts); err != nil {
			return err
		}
		if was == e {
			return nil
		}
		before, after := fields{}, fields{}
		differ(before, after, "name", was.Name, e.Name)
		differ(before, after, "destination", was.Destination, e.Destination)
		differ(before, after, "start_ms", was.StartMS, e.StartMS)
		differ(before, after, "end_ms", was.EndMS, e.EndMS)
		if err := ch.writeEvent(ctx, e); err != nil {
			return err
		}
		return ch.audit(ctx, "event edit", "event "+e.Slug, before, after)
	})
	if err != nil {
		return admin.Event{}, err
	}
	return e.public()
}

// Events lists an organizer's events by start, or all with an empty slug.
func (c *Catalog) Events(ctx context.Context, organizer string) ([]admin.Event, error) {
	query, args := `SELECT `+eventColumns+` ORDER BY e.start_ms, e.slug`, []any(nil)
	if organizer != "" {
		o, err := organizerBySlug(ctx, c.reader, organizer)
		if err != nil {
			return nil, err
		}
		query, args = `SELECT `+eventColumns+` AND e.organizer = ? ORDER BY e.start_ms, e.slug`, []any{o.ID}
	}
	rows, err := c.reader.QueryContext(ctx, query, args...)
	return collect(rows, err, func(r *sql.Rows) (admin.Event, error) {
		e, err := scanEvent(r)
		if err != nil {
			return admin.Event{}, err
		}
		return e.public()
	})
}

// Event finds an event by its slug.
func (c *Catalog) Event(ctx context.Context, slug string) (admin.Event, error) {
	e, err := eventBySlug(ctx, c.reader, slug)
	if err != nil {
		return admin.Event{}, err
	}
	return e.public()
}

func eventBySlug(ctx context.Context, q querier, slug string) (eventRow, error) {
	e, err := scanEvent(q.QueryRowContext(ctx, `SELECT `+eventColumns+` AND e.slug = ?`, foldSlug(slug)))
	if errors.Is(err, sql.ErrNoRows) {
		return e, admin.Refuse(admin.NotFound, "/event", "there is no event %q: «footfall event list» shows them, «footfall event add» adds one", slug)
	}
	if err != nil {
		return e, fmt.Errorf("reading an event: %w", err)
	}
	return e, nil
}

// eventOf finds an event of one organizer: another's is as if it weren't there.
func eventOf(ctx context.Context, q querier, o admin.Organizer, slug string) (eventRow, error) {
	e, err := eventBySlug(ctx, q, slug)
	if err == nil && e.Organizer != o.ID {
		return e, admin.Refuse(admin.NotFound, "/event", "the organizer %s has no event %q: «footfall event list --organizer %s» shows its events", o.Slug, slug, o.Slug)
	}
	return e, err
}

func or(value, otherwise string) string {
	if value = strings.TrimSpace(value); value != "" {
		return value
	}
	return otherwise
}
