package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// textOwner is a text that already leads to a code.
type textOwner struct {
	code  ids.CodeID
	event ids.EventID // 0: common
	text  string
}

// checkFree holds the rule that no link ever has two possible owners: a text is
// unique among an organizer's common codes, among an event's codes, and between
// the common codes and the codes of each event, without regard to case, aliases
// included. self's own texts are free for it. The refusal names the owner.
func checkFree(ctx context.Context, ch *change, code codeRow, self ids.CodeID) error {
	rows, err := ch.QueryContext(ctx, `SELECT code, event, text FROM code_texts WHERE organizer = ? AND folded = ? ORDER BY event`, code.Organizer, routes.FoldString(code.Text))
	taken, err := collect(rows, err, func(r *sql.Rows) (t textOwner, err error) {
		err = r.Scan(&t.code, &t.event, &t.text)
		return t, err
	})
	if err != nil {
		return err
	}
	for _, other := range taken {
		clash := ch.scopeRule && (code.Event == 0 || other.event == 0) || other.event == code.Event
		if !clash || other.code == self {
			continue
		}
		return refuseTaken(ctx, ch, code, other)
	}
	return nil
}

func refuseTaken(ctx context.Context, q *change, code codeRow, other textOwner) error {
	is, err := codeByID(ctx, q, other.code)
	if err != nil {
		return err
	}
	owner, err := describeOwner(ctx, q, other.code, q.now.UnixMilli())
	if err != nil {
		return err
	}
	what := "a common code"
	if other.event != 0 {
		var slug string
		if err := q.QueryRowContext(ctx, `SELECT slug FROM events WHERE id = ? ORDER BY revision DESC LIMIT 1`, other.event).Scan(&slug); err != nil {
			return fmt.Errorf("reading event %d: %w", other.event, err)
		}
		what = "a code of the event " + slug
	}
	if routes.FoldString(is.Text) != routes.FoldString(other.text) {
		what = fmt.Sprintf("an alias of %s, %s,", is.Text, what)
	}
	why := ""
	if (other.event == 0) != (code.Event == 0) {
		why = ", and a text may not be both a common code and an event's"
	}
	return admin.Refuse(admin.Conflict, "/text", "%s is taken: it is %s of %s%s", code.Text, what, owner, why)
}

// codeByRef finds the one code that a text means.
func codeByRef(ctx context.Context, q querier, ref admin.CodeRef) (codeRow, error) {
	o, err := organizerBySlug(ctx, q, ref.Organizer)
	if err != nil {
		return codeRow{}, err
	}
	rows, err := q.QueryContext(ctx, `SELECT code, event, text FROM code_texts WHERE organizer = ? AND folded = ? ORDER BY event`, o.ID, routes.FoldString(ref.Text))
	found, err := collect(rows, err, func(r *sql.Rows) (t textOwner, err error) {
		err = r.Scan(&t.code, &t.event, &t.text)
		return t, err
	})
	if err != nil {
		return codeRow{}, err
	}
	if ref.Event != "" {
		e, err := eventOf(ctx, q, o, ref.Event)
		if err != nil {
			return codeRow{}, err
		}
		for _, f := range found {
			if f.event == e.ID || f.event == 0 { // what the event's link would resolve to
				return codeByID(ctx, q, f.code)
			}
		}
		return codeRow{}, admin.Refuse(admin.NotFound, "/code", "no code %s works for the event %s: «footfall code list --organizer %s» shows them", ref.Text, e.Slug, o.Slug)
	}
	switch len(found) {
	case 0:
		return codeRow{}, admin.Refuse(admin.NotFound, "/code", "the organizer %s has no code %q: «footfall code list --organizer %s» shows them, «footfall code add» adds one", o.Slug, ref.Text, o.Slug)
	case 1:
		return codeByID(ctx, q, found[0].code)
	}
	slugs := make([]string, len(found))
	for i, f := range found {
		if err := q.QueryRowContext(ctx, `SELECT slug FROM events WHERE id = ? ORDER BY revision DESC LIMIT 1`, f.event).Scan(&slugs[i]); err != nil {
			return codeRow{}, fmt.Errorf("reading event %d: %w", f.event, err)
		}
	}
	return codeRow{}, admin.Refuse(admin.Conflict, "/code", "%s is a code of several events: say which with --event: %s", ref.Text, listed(slugs))
}

func codeByID(ctx context.Context, q querier, id ids.CodeID) (codeRow, error) {
	c, err := scanCode(q.QueryRowContext(ctx, `SELECT `+codeColumns+` AND c.id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return c, admin.Refuse(admin.NotFound, "/code", "there is no code with the id %d", id)
	}
	if err != nil {
		return c, fmt.Errorf("reading code %d: %w", id, err)
	}
	return c, nil
}
