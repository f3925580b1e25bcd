package catalog

import (
	"context"
	"database/sql"
	"strings"

	"footfall/schemas/ids"
	"footfall/schemas/imports"
	"footfall/schemas/routes"
)

// takeCode adds the code of a row. One that is there already must be the same
// affiliate's: reassigning a code is dated, and not done by a table.
func (im *importing) takeCode(ctx context.Context, row *imports.Row) error {
	code := codeRow{Organizer: im.organizer.ID, Text: cell(row, imports.CodeText)}
	if err := routes.ValidCode(code.Text); err != nil {
		return row.Fault(imports.CodeText, "%s", strings.TrimPrefix(err.Error(), routes.ErrCode.Error()+": "))
	}
	if slug := cell(row, imports.CodeEvent); slug != "" {
		e, err := im.eventIs(ctx, slug)
		if err != nil {
			return fault(row, imports.CodeEvent, err)
		}
		code.Event = e
	}
	owner, err := im.ownerIs(ctx, cell(row, imports.CodeAffiliate))
	if err != nil {
		return fault(row, imports.CodeAffiliate, err)
	}
	taken, err := read(ctx, im, scanTextOwner, `SELECT code, event, text FROM code_texts WHERE organizer = ? AND folded = ? ORDER BY event`, code.Organizer, routes.FoldString(code.Text))
	if err != nil {
		return err
	}
	for _, other := range taken {
		if other.event == code.Event {
			return im.sameCode(ctx, row, code, other, owner)
		}
		if code.Event == 0 || other.event == 0 {
			return fault(row, imports.CodeText, refuseTaken(ctx, im.change, code, other))
		}
	}
	return im.addCode(ctx, code, owner)
}

func scanTextOwner(r *sql.Rows) (t textOwner, err error) {
	err = r.Scan(&t.code, &t.event, &t.text)
	return t, err
}

// sameCode leaves a code that is there as it is.
func (im *importing) sameCode(ctx context.Context, row *imports.Row, code codeRow, is textOwner, owner affiliateRow) error {
	all, err := read(ctx, im, scanOwner, `SELECT code, affiliate, from_ms FROM code_owners WHERE code = ? ORDER BY revision`, is.code)
	if err != nil {
		return err
	}
	var history []CodeOwner
	for _, o := range all {
		history = appendOwner(history, o)
	}
	if ownerAt(history, im.now.UnixMilli()) != owner.ID {
		return fault(row, imports.CodeText, refuseTaken(ctx, im.change, code, is))
	}
	im.result.Unchanged++
	return nil
}

// addCode writes a new code as insertCode does.
func (im *importing) addCode(ctx context.Context, code codeRow, owner affiliateRow) error {
	id, err := im.next(ctx, kindCode)
	if err != nil {
		return err
	}
	if err := im.revise(ctx); err != nil {
		return err
	}
	number := int64(im.number)
	if err := im.write(ctx, `INSERT INTO codes (id, revision, organizer, event, text, paused, owner_paused) VALUES (?, ?, ?, ?, ?, 0, ?)`,
		id, number, code.Organizer, code.Event, code.Text, owner.Paused); err != nil {
		return err
	}
	if err := im.write(ctx, `INSERT INTO code_texts (organizer, folded, event, text, code, from_ms, revision) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		code.Organizer, routes.FoldString(code.Text), code.Event, code.Text, id, im.knownUS/1000, number); err != nil {
		return err
	}
	im.result.Added++
	return im.write(ctx, `INSERT INTO code_owners (code, revision, from_ms, affiliate) VALUES (?, ?, 0, ?)`, id, number, owner.ID)
}

// eventIs finds an event of the organizer's.
func (im *importing) eventIs(ctx context.Context, slug string) (ids.EventID, error) {
	found, err := read(ctx, im, scanEventID, `SELECT id FROM events e
	  WHERE e.slug = ? AND e.organizer = ? AND e.revision = (SELECT max(revision) FROM events WHERE id = e.id)`, foldSlug(slug), im.organizer.ID)
	if err != nil {
		return 0, err
	}
	if len(found) == 1 {
		return found[0], nil
	}
	e, err := eventOf(ctx, im, im.organizer, slug) // it says why not
	return e.ID, err
}

func scanEventID(r *sql.Rows) (id ids.EventID, err error) {
	err = r.Scan(&id)
	return id, err
}

// refName is the rank of a name among the references to an affiliate: an id is
// tried first, then an email, a nickname, a name.
const refName = 3

// references makes a table of all of them: a search in the names would look at
// every affiliate for every row.
func (im *importing) references(ctx context.Context) error {
	if im.refs {
		return nil
	}
	im.refs = true
	if err := im.exec(ctx, `CREATE TEMP TABLE import_refs (ref TEXT NOT NULL COLLATE NOCASE, rank INTEGER NOT NULL, id INTEGER NOT NULL, paused INTEGER NOT NULL, PRIMARY KEY (ref, rank, id)) STRICT, WITHOUT ROWID`); err != nil {
		return err
	}
	for rank, column := range []string{"CAST(a.id AS TEXT)", "n.email", "n.nickname", refName: "n.name"} {
		if err := im.exec(ctx, `INSERT INTO temp.import_refs SELECT `+column+`, ?, a.id, a.paused FROM affiliates a JOIN affiliate_names n ON n.id = a.id
		  WHERE a.revision = (SELECT max(revision) FROM affiliates WHERE id = a.id) AND a.organizer = ?`, rank, im.organizer.ID); err != nil {
			return err
		}
	}
	return nil
}

// ownerIs finds the affiliate that a reference means, as affiliateByRef does.
func (im *importing) ownerIs(ctx context.Context, ref string) (affiliateRow, error) {
	if is, ok := im.owners[ref]; ok {
		return is, nil
	}
	is, err := im.findOwner(ctx, ref)
	if err == nil {
		if len(im.owners) == mostOwners {
			clear(im.owners)
		}
		im.owners[ref] = is
	}
	return is, err
}

// mostOwners are kept at hand: codes of one affiliate stand near each other.
const mostOwners = 4096

func (im *importing) findOwner(ctx context.Context, ref string) (affiliateRow, error) {
	if err := im.references(ctx); err != nil {
		return affiliateRow{}, err
	}
	all, err := read(ctx, im, scanReference, `SELECT rank, id, paused FROM temp.import_refs WHERE ref = ? ORDER BY rank, id LIMIT 2`, ref)
	if err != nil {
		return affiliateRow{}, err
	}
	if ref != "" && (len(all) == 1 || len(all) == 2 && all[0].rank < all[1].rank) {
		return all[0].is, nil
	}
	return affiliateByRef(ctx, im, im.organizer.Slug, "/affiliate", ref) // it says why not
}

// reference is one that an affiliate can be meant by.
type reference struct {
	rank int
	is   affiliateRow
}

func scanReference(r *sql.Rows) (f reference, err error) {
	err = r.Scan(&f.rank, &f.is.ID, &f.is.Paused)
	return f, err
}
