package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// Code finds a code by its text or an alias.
func (c *Catalog) Code(ctx context.Context, ref admin.CodeRef) (admin.Code, error) {
	code, err := codeByRef(ctx, c.reader, ref)
	if err != nil {
		return admin.Code{}, err
	}
	return c.codeOf(ctx, code.ID)
}

// codeOf gives a code with its texts and owners.
func (c *Catalog) codeOf(ctx context.Context, id ids.CodeID) (code admin.Code, err error) {
	err = c.read(ctx, func(q querier) error {
		row, err := codeByID(ctx, q, id)
		if err != nil {
			return err
		}
		code, err = c.publicCode(ctx, q, row)
		return err
	})
	return code, err
}

// read runs do on one snapshot of the file.
func (c *Catalog) read(ctx context.Context, do func(q querier) error) error {
	tx, err := c.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		c.metrics.failure(stepRead)
		return c.explain(fmt.Errorf("beginning to read the catalog: %w", err))
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	err = do(tx)
	if _, refused := admin.AsRefusal(err); err == nil || refused || errors.Is(err, context.Canceled) {
		return err
	}
	c.metrics.failure(stepRead)
	return c.explain(err)
}

func (c *Catalog) publicCode(ctx context.Context, q querier, row codeRow) (admin.Code, error) {
	o, err := organizerByID(ctx, q, row.Organizer)
	if err != nil {
		return admin.Code{}, err
	}
	loc, err := loadZone(o.Zone)
	if err != nil {
		return admin.Code{}, err
	}
	code := admin.Code{
		ID: row.ID, Organizer: o.Slug, Scope: admin.ScopeCommon, Text: row.Text, Aliases: []string{},
		State: state(row.Paused), OwnerPaused: row.OwnerPaused, Owners: []admin.CodeOwner{},
	}
	if row.Event != 0 {
		code.Scope = admin.ScopeEvent
		if err := q.QueryRowContext(ctx, `SELECT slug FROM events WHERE id = ? ORDER BY revision DESC LIMIT 1`, row.Event).Scan(&code.Event); err != nil {
			return code, fmt.Errorf("reading event %d: %w", row.Event, err)
		}
	}
	texts, err := textsOf(ctx, q, row.ID)
	if err != nil {
		return code, err
	}
	for _, t := range texts {
		if routes.FoldString(t.text) != routes.FoldString(row.Text) {
			code.Aliases = append(code.Aliases, t.text)
		}
	}
	history, err := ownersOf(ctx, q, row.ID)
	if err != nil {
		return code, err
	}
	code.Affiliate = ownerAt(history, c.deps.Clock().UnixMilli())
	for _, h := range history {
		a, err := affiliateByID(ctx, q, h.Affiliate)
		if err != nil {
			return code, err
		}
		owner := admin.CodeOwner{Affiliate: h.Affiliate, Name: a.Name}
		if h.FromMS > 0 {
			owner.From = time.UnixMilli(h.FromMS).In(loc)
		}
		if h.Affiliate == code.Affiliate {
			code.AffiliateName = a.Name
		}
		code.Owners = append(code.Owners, owner)
	}
	return code, nil
}

// codeText is one text of a code and when it began to resolve.
type codeText struct {
	text   string
	fromMS int64
}

func textsOf(ctx context.Context, q querier, id ids.CodeID) ([]codeText, error) {
	rows, err := q.QueryContext(ctx, `SELECT t.text, min(t.from_ms, coalesce((SELECT min(from_ms) FROM code_claims k WHERE k.code = t.code AND k.folded = t.folded), t.from_ms))
	  FROM code_texts t WHERE t.code = ? ORDER BY t.revision, t.folded`, id)
	return collect(rows, err, func(r *sql.Rows) (t codeText, err error) {
		err = r.Scan(&t.text, &t.fromMS)
		return t, err
	})
}

// Codes lists codes by id, a page at a time.
func (c *Catalog) Codes(ctx context.Context, query admin.CodeQuery) (page admin.CodePage, err error) {
	limit := query.Limit
	if limit <= 0 || limit > pageLimit {
		limit = pageLimit
	}
	page.Codes = []admin.Code{}
	err = c.read(ctx, func(q querier) error {
		rows, err := c.codesFor(ctx, q, query, limit)
		if err != nil {
			return err
		}
		if len(rows) > limit {
			rows = rows[:limit]
			page.Next = rows[limit-1].ID
		}
		for _, row := range rows {
			code, err := c.publicCode(ctx, q, row)
			if err != nil {
				return err
			}
			page.Codes = append(page.Codes, code)
		}
		return nil
	})
	return page, err
}

// codesFor gives up to one row more than limit, so that the caller sees
// whether there are more.
func (c *Catalog) codesFor(ctx context.Context, q querier, query admin.CodeQuery, limit int) ([]codeRow, error) {
	o, err := organizerBySlug(ctx, q, query.Organizer)
	if err != nil {
		return nil, err
	}
	event := int64(-1)
	if query.Event != "" {
		e, err := eventOf(ctx, q, o, query.Event)
		if err != nil {
			return nil, err
		}
		event = int64(e.ID)
	}
	if query.Affiliate != "" {
		a, err := affiliateByRef(ctx, q, o.Slug, "/affiliate", query.Affiliate)
		if err != nil {
			return nil, err
		}
		owned, err := ownedCodes(ctx, q, a.ID, c.deps.Clock().UnixMilli(), query.After)
		if err != nil {
			return nil, err
		}
		var rows []codeRow
		for _, id := range owned {
			if len(rows) > limit {
				break
			}
			row, err := codeByID(ctx, q, id)
			if err != nil {
				return nil, err
			}
			if event < 0 || row.Event == 0 || int64(row.Event) == event {
				rows = append(rows, row)
			}
		}
		return rows, nil
	}
	rows, err := q.QueryContext(ctx, `SELECT `+codeColumns+` AND c.organizer = ?1 AND c.id > ?2 AND (?3 < 0 OR c.event IN (0, ?3)) ORDER BY c.id LIMIT ?4`, o.ID, query.After, event, limit+1)
	return collect(rows, err, func(r *sql.Rows) (codeRow, error) { return scanCode(r) })
}

// Aliases lists every text that leads to a code, in the order of their coming.
func (c *Catalog) Aliases(ctx context.Context, ref admin.CodeRef) ([]admin.Alias, error) {
	aliases := []admin.Alias{}
	err := c.read(ctx, func(q querier) error {
		code, err := codeByRef(ctx, q, ref)
		if err != nil {
			return err
		}
		o, err := organizerByID(ctx, q, code.Organizer)
		if err != nil {
			return err
		}
		loc, err := loadZone(o.Zone)
		if err != nil {
			return err
		}
		texts, err := textsOf(ctx, q, code.ID)
		for _, t := range texts {
			a := admin.Alias{Text: t.text, Since: time.UnixMilli(t.fromMS).In(loc)}
			if routes.FoldString(t.text) == routes.FoldString(code.Text) {
				a.Text, a.Current = code.Text, true
			}
			aliases = append(aliases, a)
		}
		return err
	})
	return aliases, err
}

// Link gives the link that the code's affiliate hands out for an event. An
// empty event is the code's own.
func (c *Catalog) Link(ctx context.Context, ref admin.CodeRef) (link admin.Link, err error) {
	err = c.read(ctx, func(q querier) error {
		code, err := codeByRef(ctx, q, ref)
		if err != nil {
			return err
		}
		var e eventRow
		switch {
		case ref.Event != "":
			e, err = eventBySlug(ctx, q, ref.Event)
		case code.Event != 0:
			e, err = scanEvent(q.QueryRowContext(ctx, `SELECT `+eventColumns+` AND e.id = ?`, code.Event))
		default:
			return admin.Refuse(admin.Invalid, "/event", "%s works for every event of the organizer: say which with --event: «footfall event list» shows them", code.Text)
		}
		if err != nil {
			return err
		}
		link = admin.Link{Path: "/e/" + e.Slug + "/?affiliate=" + url.QueryEscape(code.Text), Code: code.Text, Event: e.Slug}
		if code.Paused {
			link.Warnings = append(link.Warnings, "the code is paused: visits are kept but earn nothing until «footfall code resume»")
		}
		if code.OwnerPaused {
			link.Warnings = append(link.Warnings, "its affiliate is paused: visits are kept but earn nothing until «footfall affiliate resume»")
		}
		if c.deps.Clock().UnixMilli() >= e.EndMS {
			link.Warnings = append(link.Warnings, "the event has ended: visits are kept but earn nothing")
		}
		return nil
	})
	return link, err
}
