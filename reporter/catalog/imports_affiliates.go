package catalog

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/imports"
)

// takeAffiliate adds or changes the affiliate of a row. One with an email is the
// affiliate with that email, and of several at one address the one of its name;
// one without is the affiliate of its name. An empty cell changes nothing.
func (im *importing) takeAffiliate(ctx context.Context, row *imports.Row) error {
	name, nickname, email := cell(row, imports.AffiliateName), cell(row, imports.AffiliateNickname), cell(row, imports.AffiliateEmail)
	if name == "" {
		return row.Fault(imports.AffiliateName, "the name is missing")
	}
	is, err := im.affiliateOf(ctx, row, name, email)
	if err != nil {
		return err
	}
	was := is
	is.Name = name
	if nickname != "" {
		is.Nickname = nickname
	}
	if email != "" {
		is.Email = email
	}
	if err := is.check(); err != nil {
		return fault(row, columnOf(err), err)
	}
	if is.ID == 0 {
		return im.addAffiliate(ctx, row, is)
	}
	before, err := im.first(ctx, uint32(is.ID), row.Line)
	if err != nil {
		return err
	}
	if is == was {
		im.result.Unchanged++
		return nil
	}
	if before != 0 {
		return row.Fault(imports.AffiliateName, "line %d says otherwise of the same affiliate", before)
	}
	im.result.Changed++
	return im.nameImported(ctx, is)
}

func cell(row *imports.Row, column int) string { return strings.TrimSpace(row.Text(column)) }

// columnOf is the column that a refusal of affiliateRow.check is about.
func columnOf(err error) int {
	if r, ok := admin.AsRefusal(err); ok {
		switch r.Pointer {
		case "/nickname":
			return imports.AffiliateNickname
		case "/email":
			return imports.AffiliateEmail
		}
	}
	return imports.AffiliateName
}

// affiliateOf finds the affiliate of a row; its id is 0 where there is none.
func (im *importing) affiliateOf(ctx context.Context, row *imports.Row, name, email string) (affiliateRow, error) {
	// The plus keeps SQLite from looking at every affiliate of the organizer.
	where, key, column := `n.email = ? COLLATE NOCASE AND +a.organizer = ?`, email, imports.AffiliateEmail
	if email == "" {
		if err := im.references(ctx); err != nil {
			return affiliateRow{}, err
		}
		where, key, column = `n.id IN (SELECT id FROM temp.import_refs WHERE ref = ?1) AND n.name = ?1 COLLATE NOCASE AND +a.organizer = ?2`, name, imports.AffiliateName
	}
	found, err := read(ctx, im, func(r *sql.Rows) (affiliateRow, error) { return scanAffiliate(r) },
		`SELECT `+affiliateColumns+` AND `+where+` ORDER BY a.id LIMIT 1000`, key, im.organizer.ID)
	if err != nil {
		return affiliateRow{}, err
	}
	if len(found) > 1 {
		found = slices.DeleteFunc(found, func(a affiliateRow) bool { return !strings.EqualFold(a.Name, name) })
		if len(found) != 1 || email == "" {
			return affiliateRow{}, row.Fault(column, "there are several affiliates with it: change them with «footfall affiliate edit»")
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case email == "":
		return affiliateRow{}, row.Fault(imports.AffiliateName, "no affiliate has the name %.64q: one that is added needs an email", name)
	}
	return affiliateRow{Organizer: im.organizer.ID, OrganizerSlug: im.organizer.Slug}, nil
}

func (im *importing) addAffiliate(ctx context.Context, row *imports.Row, a affiliateRow) error {
	id, err := im.next(ctx, kindAffiliate)
	if err != nil {
		return err
	}
	a.ID = ids.AffiliateID(id)
	if err := im.revise(ctx); err != nil {
		return err
	}
	if err := im.write(ctx, `INSERT INTO affiliates (id, revision, organizer, paused) VALUES (?, ?, ?, 0)`, id, int64(im.number), a.Organizer); err != nil {
		return err
	}
	im.result.Added++
	if _, err := im.first(ctx, id, row.Line); err != nil {
		return err
	}
	return im.nameImported(ctx, a)
}

func (im *importing) nameImported(ctx context.Context, a affiliateRow) error {
	im.names.affiliates = append(im.names.affiliates, a.ID)
	if im.refs {
		if err := im.write(ctx, `INSERT OR IGNORE INTO temp.import_refs VALUES (?, ?, ?, ?)`, a.Name, refName, a.ID, a.Paused); err != nil {
			return err
		}
	}
	return im.write(ctx, `INSERT INTO affiliate_names (id, name, nickname, email) VALUES (?, ?, ?, ?)
	  ON CONFLICT (id) DO UPDATE SET name = excluded.name, nickname = excluded.nickname, email = excluded.email`, a.ID, a.Name, a.Nickname, a.Email)
}
