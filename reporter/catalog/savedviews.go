package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

const (
	// maxViewBytes bounds a view's query: longer than any that a page makes.
	maxViewBytes = 4 << 10
	// maxViews and maxShares are more than a page can list: of one person in an
	// organizer, and of those of an organizer that still open.
	maxViews  = 200
	maxShares = 500
	// maxShareDays bounds how long a share link lives.
	maxShareDays = 366
	day          = 24 * time.Hour
)

func checkView(query string) error {
	if _, err := url.ParseQuery(query); err != nil || len(query) > maxViewBytes {
		return admin.Refuse(admin.Invalid, "/query", "the view is %d bytes long: want at most %d that are a list of name=value", len(query), maxViewBytes)
	}
	return nil
}

// SaveView keeps a view of the dashboard under a name of its own; one of the same
// name by the same person is replaced.
func (c *Catalog) SaveView(ctx context.Context, organizer string, v admin.SavedView) (admin.SavedView, error) {
	v.Name = strings.TrimSpace(v.Name)
	if err := errors.Join(checkName("/name", v.Name), checkView(v.Query)); err != nil {
		return v, err
	}
	err := c.change(ctx, fmt.Sprintf("person %d", v.Person), func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		if err := ch.exec(ctx, `DELETE FROM saved_views WHERE organizer = ? AND person = ? AND name = ?`, o.ID, v.Person, v.Name); err != nil {
			return err
		}
		if err := ch.atMost(ctx, maxViews, "saved views: delete one that you need no longer", `SELECT count(*) FROM saved_views WHERE organizer = ? AND person = ?`, o.ID, v.Person); err != nil {
			return err
		}
		if v.ID, err = ch.mintID(ctx, kindView); err != nil {
			return err
		}
		return ch.exec(ctx, `INSERT INTO saved_views (id, organizer, person, name, query, shared, created_us) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			v.ID, o.ID, v.Person, v.Name, v.Query, v.Shared, ch.now.UnixMicro())
	})
	return v, err
}

// SavedViews lists a person's views of an organizer, and those that others share.
func (c *Catalog) SavedViews(ctx context.Context, organizer string, person ids.PersonID) ([]admin.SavedView, error) {
	o, err := organizerBySlug(ctx, c.reader, organizer)
	if err != nil {
		return nil, err
	}
	rows, err := c.reader.QueryContext(ctx, `SELECT id, person, name, query, shared FROM saved_views WHERE organizer = ? AND (person = ? OR shared) ORDER BY name, id`, o.ID, person)
	return collect(rows, err, func(r *sql.Rows) (v admin.SavedView, err error) {
		err = r.Scan(&v.ID, &v.Person, &v.Name, &v.Query, &v.Shared)
		return v, err
	})
}

// DeleteView forgets a view; person 0 is an owner, who may forget anybody's.
func (c *Catalog) DeleteView(ctx context.Context, actor, organizer string, person ids.PersonID, id uint32) error {
	return c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		return ch.execOne(ctx, "saved view of yours", `DELETE FROM saved_views WHERE organizer = ?1 AND id = ?2 AND (?3 = 0 OR person = ?3)`, o.ID, id, person)
	})
}

// atMost refuses one more of what there are many of.
func (ch *change) atMost(ctx context.Context, most int, what, query string, args ...any) error {
	var n int
	if err := ch.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		return fmt.Errorf("counting: %w", err)
	}
	if n >= most {
		return admin.Refuse(admin.Conflict, "", "there are %d %s", n, what)
	}
	return nil
}

// AddShare makes a read-only link to one view. The answer alone shows its token.
func (c *Catalog) AddShare(ctx context.Context, actor, organizer string, add admin.ShareAdd) (out admin.ShareLink, err error) {
	label := strings.TrimSpace(add.Label)
	if err := errors.Join(checkName("/label", label), checkView(add.Query)); err != nil {
		return out, err
	}
	token, hash, err := newLinkToken()
	if err != nil {
		return out, err
	}
	err = c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		zone, err := loadZone(o.Zone)
		if err != nil {
			return err
		}
		last, err := time.ParseInLocation(time.DateOnly, strings.TrimSpace(add.Expires), zone)
		expires := last.AddDate(0, 0, 1)
		if err != nil || !expires.After(ch.now) || expires.Sub(ch.now) > maxShareDays*day {
			return admin.Refuse(admin.Invalid, "/expires", "the link's last day is %q: want a coming day like %s, within a year", add.Expires, ch.now.In(zone).AddDate(0, 0, 30).Format(time.DateOnly))
		}
		out = admin.ShareLink{Organizer: o.Slug, Label: label, Query: add.Query, Created: ch.now.UTC().Truncate(time.Microsecond), Expires: expires.UTC()}
		if err := ch.atMost(ctx, maxShares, "share links that still open: end one that nobody needs", `SELECT count(*) FROM share_links WHERE organizer = ? AND ended_us IS NULL AND expires_us > ?`, o.ID, ch.now.UnixMicro()); err != nil {
			return err
		}
		if out.ID, err = ch.mintID(ctx, kindShare); err != nil {
			return err
		}
		if err := ch.exec(ctx, `INSERT INTO share_links (id, organizer, hash, label, query, created_us, expires_us) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			out.ID, o.ID, hash, label, out.Query, out.Created.UnixMicro(), out.Expires.UnixMicro()); err != nil {
			return err
		}
		return ch.audit(ctx, "share add", "organizer "+o.Slug, nil, fields{"id": out.ID, "expires": out.Expires})
	})
	out.Token = token
	return out, err
}

const shareColumns = `SELECT s.id, (SELECT slug FROM organizers WHERE id = s.organizer ORDER BY revision DESC LIMIT 1), s.label, s.query, s.created_us, s.expires_us, s.used_us, s.ended_us FROM share_links s `

func scanShare(r interface{ Scan(...any) error }) (s admin.ShareLink, err error) {
	var createdUS, expiresUS int64
	var usedUS, endedUS sql.NullInt64
	err = r.Scan(&s.ID, &s.Organizer, &s.Label, &s.Query, &createdUS, &expiresUS, &usedUS, &endedUS)
	s.Created, s.Expires = time.UnixMicro(createdUS).UTC(), time.UnixMicro(expiresUS).UTC()
	s.LastUsed, s.Ended = momentOrNone(usedUS), momentOrNone(endedUS)
	return s, err
}

// Shares lists an organizer's share links, the newest first.
func (c *Catalog) Shares(ctx context.Context, organizer string) ([]admin.ShareLink, error) {
	o, err := organizerBySlug(ctx, c.reader, organizer)
	if err != nil {
		return nil, err
	}
	rows, err := c.reader.QueryContext(ctx, shareColumns+`WHERE s.organizer = ? ORDER BY s.id DESC`, o.ID)
	return collect(rows, err, func(r *sql.Rows) (admin.ShareLink, error) { return scanShare(r) })
}

// EndShare revokes a share link.
func (c *Catalog) EndShare(ctx context.Context, actor, organizer string, id uint32) error {
	return c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		if err := ch.execOne(ctx, "share link", `UPDATE share_links SET ended_us = coalesce(ended_us, ?) WHERE organizer = ? AND id = ?`, ch.now.UnixMicro(), o.ID, id); err != nil {
			return err
		}
		return ch.audit(ctx, "share end", "organizer "+o.Slug, nil, fields{"id": id})
	})
}

// Share finds what a token shares. An unknown, an ended and an expired one give
// the same refusal.
func (c *Catalog) Share(ctx context.Context, token string) (admin.ShareLink, error) {
	now := c.deps.Clock()
	s, err := scanShare(c.reader.QueryRowContext(ctx, shareColumns+`WHERE s.hash = ?`, hashOf(token)))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		c.metrics.failure(stepRead)
		return s, c.explain(fmt.Errorf("reading a share link: %w", err))
	}
	if err != nil || s.Ended != nil || !now.Before(s.Expires) {
		return admin.ShareLink{}, admin.Refuse(admin.NotFound, "", "there is no such page")
	}
	hour := now.Truncate(lastUsedStep)
	if s.LastUsed == nil || s.LastUsed.Before(hour) {
		c.noteLastUse(ctx, "share_links", s.ID, hour)
	}
	return s, nil
}
