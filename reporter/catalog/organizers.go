package catalog

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/order"
	"footfall/schemas/routes"
)

const organizerColumns = `o.id, o.slug, n.name, o.zone, o.currency, o.cookies
  FROM organizers o JOIN organizer_names n ON n.id = o.id
  WHERE o.revision = (SELECT max(revision) FROM organizers WHERE id = o.id)`

func scanOrganizer(row interface{ Scan(...any) error }) (o admin.Organizer, err error) {
	err = row.Scan(&o.ID, &o.Slug, &o.Name, &o.Zone, &o.Currency, &o.Cookies)
	return o, err
}

// AddOrganizer adds a tenant; ID of the request is ignored.
func (c *Catalog) AddOrganizer(ctx context.Context, actor string, o admin.Organizer) (admin.Organizer, error) {
	o.Slug, o.Name, o.Currency = strings.TrimSpace(o.Slug), strings.TrimSpace(o.Name), strings.ToUpper(strings.TrimSpace(o.Currency))
	err := c.change(ctx, actor, func(ch *change) error {
		if err := errFirst(checkSlug(o.Slug), checkName("/name", o.Name), checkZone(o.Zone), checkCurrency(o.Currency)); err != nil {
			return err
		}
		if other, err := organizerBySlug(ctx, ch, o.Slug); err == nil {
			return admin.Refuse(admin.Conflict, "/slug", "the slug %s is taken by the organizer %q", o.Slug, other.Name)
		} else if _, refused := admin.AsRefusal(err); !refused {
			return err
		}
		id, err := ch.mintID(ctx, kindOrganizer)
		if err != nil {
			return err
		}
		o.ID = ids.OrganizerID(id)
		if err := ch.writeOrganizer(ctx, o); err != nil {
			return err
		}
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return fmt.Errorf("drawing a visitor key: %w", err)
		}
		if err := ch.exec(ctx, `INSERT INTO visitor_keys (organizer, key, created_us) VALUES (?, ?, ?)`, o.ID, key, ch.now.UnixMicro()); err != nil {
			return err
		}
		return ch.audit(ctx, "organizer add", "organizer "+o.Slug, nil,
			fields{"id": o.ID, "slug": o.Slug, "name": "set", "zone": o.Zone, "currency": o.Currency, "cookies": o.Cookies})
	})
	return o, err
}

func (ch *change) writeOrganizer(ctx context.Context, o admin.Organizer) error {
	if err := ch.version(ctx, `INSERT INTO organizers (id, revision, slug, zone, currency, cookies) VALUES (?, ?, ?, ?, ?, ?)`,
		o.ID, ch.number, o.Slug, o.Zone, o.Currency, o.Cookies); err != nil {
		return err
	}
	return ch.nameOrganizer(ctx, o)
}

func (ch *change) nameOrganizer(ctx context.Context, o admin.Organizer) error {
	ch.names.organizers = append(ch.names.organizers, o.ID)
	return ch.exec(ctx, `INSERT INTO organizer_names (id, name) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name`, o.ID, o.Name)
}

// EditOrganizer changes a tenant.
func (c *Catalog) EditOrganizer(ctx context.Context, actor, slug string, edit admin.OrganizerEdit) (o admin.Organizer, err error) {
	err = c.change(ctx, actor, func(ch *change) error {
		if o, err = organizerBySlug(ctx, ch, slug); err != nil {
			return err
		}
		was := o
		set(&o.Name, edit.Name)
		set(&o.Currency, edit.Currency)
		o.Name, o.Currency = strings.TrimSpace(o.Name), strings.ToUpper(strings.TrimSpace(o.Currency))
		if edit.Cookies != nil {
			o.Cookies = *edit.Cookies
		}
		if err := errFirst(checkName("/name", o.Name), checkCurrency(o.Currency)); err != nil {
			return err
		}
		before, after := fields{}, fields{}
		if was.Name != o.Name {
			after["name"] = "changed"
			if err := ch.nameOrganizer(ctx, o); err != nil {
				return err
			}
		}
		differ(before, after, "currency", was.Currency, o.Currency)
		differ(before, after, "cookies", was.Cookies, o.Cookies)
		if len(before) > 0 {
			if err := ch.writeOrganizer(ctx, o); err != nil {
				return err
			}
		}
		if len(after) == 0 {
			return nil
		}
		return ch.audit(ctx, "organizer edit", "organizer "+o.Slug, before, after)
	})
	return o, err
}

// Organizers lists all tenants by slug.
func (c *Catalog) Organizers(ctx context.Context) ([]admin.Organizer, error) {
	rows, err := c.reader.QueryContext(ctx, `SELECT `+organizerColumns+` ORDER BY o.slug`)
	return collect(rows, err, func(r *sql.Rows) (admin.Organizer, error) { return scanOrganizer(r) })
}

// Organizer finds a tenant by its slug; an empty slug is the only one there is.
func (c *Catalog) Organizer(ctx context.Context, slug string) (admin.Organizer, error) {
	return organizerBySlug(ctx, c.reader, slug)
}

// organizerBySlug refuses with what there is to choose from. Slugs are in lower
// case, and asked for in any.
func organizerBySlug(ctx context.Context, q querier, slug string) (admin.Organizer, error) {
	if slug = foldSlug(slug); slug != "" {
		o, err := scanOrganizer(q.QueryRowContext(ctx, `SELECT `+organizerColumns+` AND o.slug = ?`, slug))
		if errors.Is(err, sql.ErrNoRows) {
			return o, admin.Refuse(admin.NotFound, "/organizer", "there is no organizer %q: «footfall organizer list» shows them, «footfall organizer add» adds one", slug)
		}
		if err != nil {
			return o, fmt.Errorf("reading an organizer: %w", err)
		}
		return o, nil
	}
	rows, err := q.QueryContext(ctx, `SELECT `+organizerColumns+` ORDER BY o.slug LIMIT 6`)
	all, err := collect(rows, err, func(r *sql.Rows) (admin.Organizer, error) { return scanOrganizer(r) })
	if err != nil {
		return admin.Organizer{}, err
	}
	switch len(all) {
	case 0:
		return admin.Organizer{}, admin.Refuse(admin.NotFound, "/organizer", "there is no organizer yet: add one with «footfall organizer add»")
	case 1:
		return all[0], nil
	}
	slugs := make([]string, len(all))
	for i, o := range all {
		slugs[i] = o.Slug
	}
	return admin.Organizer{}, admin.Refuse(admin.Invalid, "/organizer", "say which organizer is meant with --organizer: %s", listed(slugs))
}

func organizerByID(ctx context.Context, q querier, id ids.OrganizerID) (admin.Organizer, error) {
	o, err := scanOrganizer(q.QueryRowContext(ctx, `SELECT `+organizerColumns+` AND o.id = ?`, id))
	if err != nil {
		return o, fmt.Errorf("reading organizer %d: %w", id, err)
	}
	return o, nil
}

// slugGrammar is safe in a path, and in a host name but for its length.
const slugGrammar = `^[a-z0-9][a-z0-9-]{0,63}$`

func checkSlug(slug string) error {
	if ok, err := regexp.MatchString(slugGrammar, slug); err != nil || !ok {
		return admin.Refuse(admin.Invalid, "/slug", "the slug %q: want 1 to 64 of a-z 0-9 - beginning with a letter or digit", slug)
	}
	return nil
}

func foldSlug(slug string) string { return routes.FoldString(strings.TrimSpace(slug)) }

const maxNameChars = 200 // fits a table, and every name that people have

func checkName(pointer, name string) error {
	if name == "" || len([]rune(name)) > maxNameChars || strings.ContainsFunc(name, isControl) {
		return admin.Refuse(admin.Invalid, pointer, "the name %q: want 1 to %d characters on one line", name, maxNameChars)
	}
	return nil
}

func isControl(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufffd'
}

func checkZone(zone string) error {
	if _, err := loadZone(zone); err != nil {
		return admin.Refuse(admin.Invalid, "/zone", "the time zone %q is not known: want a name like Europe/Vienna or America/New_York", zone)
	}
	return nil
}

// loadZone is time.LoadLocation for names that mean the same on every machine.
func loadZone(zone string) (*time.Location, error) {
	if zone == "" || zone == "Local" {
		return nil, fmt.Errorf("time zone %q depends on the machine", zone)
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("loading the time zone: %w", err)
	}
	return loc, nil
}

func checkCurrency(currency string) error {
	if _, ok := order.Decimals(currency); !ok {
		return admin.Refuse(admin.Invalid, "/currency", "the currency %q is not known: want a code of ISO 4217 like EUR, USD or JPY", currency)
	}
	return nil
}

// errFirst is the first error: a person mends one field at a time.
func errFirst(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

func set(field, value *string) {
	if value != nil {
		*field = *value
	}
}

func differ[T comparable](before, after fields, name string, was, is T) {
	if was != is {
		before[name], after[name] = was, is
	}
}

// listed joins the first few of what there is to choose from.
func listed(all []string) string {
	const most = 5
	if len(all) > most {
		return strings.Join(all[:most], ", ") + ", …"
	}
	return strings.Join(all, ", ")
}
