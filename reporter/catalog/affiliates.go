package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strconv"
	"strings"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

const affiliateColumns = `a.id, a.organizer, (SELECT slug FROM organizers WHERE id = a.organizer ORDER BY revision DESC LIMIT 1), a.paused, n.name, n.nickname, n.email
  FROM affiliates a JOIN affiliate_names n ON n.id = a.id
  WHERE a.revision = (SELECT max(revision) FROM affiliates WHERE id = a.id)`

type affiliateRow struct {
	ID                    ids.AffiliateID
	Organizer             ids.OrganizerID
	OrganizerSlug         string
	Paused                bool
	Name, Nickname, Email string
}

func scanAffiliate(row interface{ Scan(...any) error }) (a affiliateRow, err error) {
	err = row.Scan(&a.ID, &a.Organizer, &a.OrganizerSlug, &a.Paused, &a.Name, &a.Nickname, &a.Email)
	return a, err
}

func (a affiliateRow) public(warnings []string) admin.Affiliate {
	return admin.Affiliate{ID: a.ID, Organizer: a.OrganizerSlug, Name: a.Name, Nickname: a.Nickname, Email: a.Email, State: state(a.Paused), Warnings: warnings}
}

func state(paused bool) string {
	if paused {
		return admin.StatePaused
	}
	return admin.StateActive
}

// AddAffiliate adds a partner. One with the same email gives a warning, not a
// refusal: an agency may have several affiliates at one address.
func (c *Catalog) AddAffiliate(ctx context.Context, actor string, add admin.AffiliateAdd) (admin.Affiliate, error) {
	var a affiliateRow
	var warnings []string
	err := c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, add.Organizer)
		if err != nil {
			return err
		}
		a = affiliateRow{Organizer: o.ID, OrganizerSlug: o.Slug, Name: strings.TrimSpace(add.Name), Nickname: strings.TrimSpace(add.Nickname), Email: strings.TrimSpace(add.Email)}
		if err := a.check(); err != nil {
			return err
		}
		if warnings, err = sameEmail(ctx, ch, a); err != nil {
			return err
		}
		id, err := ch.mintID(ctx, kindAffiliate)
		if err != nil {
			return err
		}
		a.ID = ids.AffiliateID(id)
		if err := ch.writeAffiliate(ctx, a); err != nil {
			return err
		}
		if err := ch.nameAffiliate(ctx, a); err != nil {
			return err
		}
		return ch.audit(ctx, "affiliate add", a.subject(), nil, fields{"id": a.ID, "organizer": o.Slug, "name": "set", "email": "set", "state": admin.StateActive})
	})
	if err != nil {
		return admin.Affiliate{}, err
	}
	return a.public(warnings), nil
}

func (a affiliateRow) subject() string { return fmt.Sprintf("affiliate %d", a.ID) }

func (a affiliateRow) check() error {
	if err := checkName("/name", a.Name); err != nil {
		return err
	}
	if a.Nickname != "" {
		if err := checkName("/nickname", a.Nickname); err != nil {
			return err
		}
	}
	const most = 254 // RFC 5321
	address, err := mail.ParseAddress(a.Email)
	if err != nil || address.Address != a.Email || len(a.Email) > most || strings.ContainsFunc(a.Email, isControl) {
		return admin.Refuse(admin.Invalid, "/email", "the email %q: want an address like ann@example.com", a.Email)
	}
	return nil
}

func (ch *change) writeAffiliate(ctx context.Context, a affiliateRow) error {
	return ch.version(ctx, `INSERT INTO affiliates (id, revision, organizer, paused) VALUES (?, ?, ?, ?)`, a.ID, ch.number, a.Organizer, a.Paused)
}

func (ch *change) nameAffiliate(ctx context.Context, a affiliateRow) error {
	ch.names.affiliates = append(ch.names.affiliates, a.ID)
	return ch.exec(ctx, `INSERT INTO affiliate_names (id, name, nickname, email) VALUES (?, ?, ?, ?)
	  ON CONFLICT (id) DO UPDATE SET name = excluded.name, nickname = excluded.nickname, email = excluded.email`, a.ID, a.Name, a.Nickname, a.Email)
}

func sameEmail(ctx context.Context, q querier, a affiliateRow) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+affiliateColumns+` AND a.organizer = ? AND n.email = ? COLLATE NOCASE AND a.id <> ? ORDER BY a.id LIMIT 5`, a.Organizer, a.Email, a.ID)
	others, err := collect(rows, err, func(r *sql.Rows) (affiliateRow, error) { return scanAffiliate(r) })
	var warnings []string
	for _, other := range others {
		warnings = append(warnings, fmt.Sprintf("affiliate %d (%s) has the same email", other.ID, other.Name))
	}
	return warnings, err
}

// EditAffiliate changes name, nickname or email, which are not versioned.
func (c *Catalog) EditAffiliate(ctx context.Context, actor, organizer, ref string, edit admin.AffiliateEdit) (admin.Affiliate, error) {
	var a affiliateRow
	var warnings []string
	err := c.change(ctx, actor, func(ch *change) (err error) {
		if a, err = affiliateByRef(ctx, ch, organizer, "", ref); err != nil {
			return err
		}
		was := a
		set(&a.Name, edit.Name)
		set(&a.Nickname, edit.Nickname)
		set(&a.Email, edit.Email)
		a.Name, a.Nickname, a.Email = strings.TrimSpace(a.Name), strings.TrimSpace(a.Nickname), strings.TrimSpace(a.Email)
		if err := a.check(); err != nil {
			return err
		}
		after := fields{}
		for field, changed := range map[string]bool{"name": was.Name != a.Name, "nickname": was.Nickname != a.Nickname, "email": was.Email != a.Email} {
			if changed {
				after[field] = "changed"
			}
		}
		if len(after) == 0 {
			return nil
		}
		if warnings, err = sameEmail(ctx, ch, a); err != nil {
			return err
		}
		if err := ch.nameAffiliate(ctx, a); err != nil {
			return err
		}
		return ch.audit(ctx, "affiliate edit", a.subject(), nil, after)
	})
	if err != nil {
		return admin.Affiliate{}, err
	}
	return a.public(warnings), nil
}

// PauseAffiliate pauses or resumes an affiliate and, with it, every code that
// it owns now: their visits get the verdict paused.
func (c *Catalog) PauseAffiliate(ctx context.Context, actor, organizer, ref string, paused bool) (admin.Affiliate, error) {
	var a affiliateRow
	err := c.change(ctx, actor, func(ch *change) (err error) {
		if a, err = affiliateByRef(ctx, ch, organizer, "", ref); err != nil || a.Paused == paused {
			return err
		}
		a.Paused = paused
		if err := ch.writeAffiliate(ctx, a); err != nil {
			return err
		}
		owned, err := ownedCodes(ctx, ch, a.ID, ch.now.UnixMilli(), 0)
		if err != nil {
			return err
		}
		if err := ch.pauseCodes(ctx, owned, paused); err != nil {
			return err
		}
		return ch.audit(ctx, "affiliate "+verb(paused), a.subject(), fields{"state": state(!paused)}, fields{"state": state(paused), "codes": len(owned)})
	})
	if err != nil {
		return admin.Affiliate{}, err
	}
	return a.public(nil), nil
}

// pauseCodes writes a version of each code whose owner is paused, or no longer, in
// one statement: an affiliate may have hundreds of thousands.
func (ch *change) pauseCodes(ctx context.Context, owned []ids.CodeID, paused bool) error {
	list, err := json.Marshal(owned)
	if err != nil {
		return fmt.Errorf("listing codes: %w", err)
	}
	return ch.version(ctx, `INSERT INTO codes (id, revision, organizer, event, text, paused, owner_paused)
	  SELECT c.id, ?, c.organizer, c.event, c.text, c.paused, ?
	  FROM (SELECT value FROM json_each(?)) o CROSS JOIN codes c ON c.id = o.value
	  WHERE c.revision = (SELECT max(revision) FROM codes WHERE id = c.id)`, ch.number, paused, string(list))
}

func verb(paused bool) string {
	if paused {
		return "pause"
	}
	return "resume"
}

// Affiliates lists an organizer's partners by name.
func (c *Catalog) Affiliates(ctx context.Context, organizer string) ([]admin.Affiliate, error) {
	o, err := organizerBySlug(ctx, c.reader, organizer)
	if err != nil {
		return nil, err
	}
	rows, err := c.reader.QueryContext(ctx, `SELECT `+affiliateColumns+` AND a.organizer = ? ORDER BY n.name COLLATE NOCASE, a.id`, o.ID)
	return collect(rows, err, func(r *sql.Rows) (admin.Affiliate, error) {
		a, err := scanAffiliate(r)
		return a.public(nil), err
	})
}

// Affiliate finds a partner by id, email, nickname or name.
func (c *Catalog) Affiliate(ctx context.Context, organizer, ref string) (admin.Affiliate, error) {
	a, err := affiliateByRef(ctx, c.reader, organizer, "", ref)
	return a.public(nil), err
}

// affiliateByRef finds the one affiliate that ref means: an id, else an email,
// else a nickname, else a name, without regard to case.
func affiliateByRef(ctx context.Context, q querier, organizer, pointer, ref string) (affiliateRow, error) {
	o, err := organizerBySlug(ctx, q, organizer)
	if err != nil {
		return affiliateRow{}, err
	}
	if ref = strings.TrimSpace(ref); ref == "" {
		return affiliateRow{}, admin.Refuse(admin.Invalid, pointer, "say which affiliate is meant: its id, email, nickname or name")
	}
	id, notID := strconv.ParseUint(ref, 10, 32)
	if notID == nil {
		a, err := scanAffiliate(q.QueryRowContext(ctx, `SELECT `+affiliateColumns+` AND a.organizer = ? AND a.id = ?`, o.ID, id))
		if err == nil || !errors.Is(err, sql.ErrNoRows) {
			return a, err
		}
	}
	rows, err := q.QueryContext(ctx, `SELECT `+affiliateColumns+` AND a.organizer = ?1 AND (n.email = ?2 COLLATE NOCASE OR n.nickname = ?2 COLLATE NOCASE OR n.name = ?2 COLLATE NOCASE) ORDER BY a.id`, o.ID, ref)
	found, err := collect(rows, err, func(r *sql.Rows) (affiliateRow, error) { return scanAffiliate(r) })
	if err != nil {
		return affiliateRow{}, err
	}
	for _, field := range []func(affiliateRow) string{
		func(a affiliateRow) string { return a.Email },
		func(a affiliateRow) string { return a.Nickname },
		func(a affiliateRow) string { return a.Name },
	} {
		same := slices.DeleteFunc(slices.Clone(found), func(a affiliateRow) bool { return !strings.EqualFold(field(a), ref) })
		if len(same) == 1 {
			return same[0], nil
		}
		if len(same) > 1 {
			who := make([]string, len(same))
			for i, a := range same {
				who[i] = fmt.Sprintf("%d (%s, %s)", a.ID, a.Name, a.Email)
			}
			return affiliateRow{}, admin.Refuse(admin.Conflict, pointer, "%q may be any of %s: say the id", ref, listed(who))
		}
	}
	return affiliateRow{}, admin.Refuse(admin.NotFound, pointer, "the organizer %s has no affiliate %q: «footfall affiliate list» shows them, «footfall affiliate add» adds one", o.Slug, ref)
}

func affiliateByID(ctx context.Context, q querier, id ids.AffiliateID) (affiliateRow, error) {
	a, err := scanAffiliate(q.QueryRowContext(ctx, `SELECT `+affiliateColumns+` AND a.id = ?`, id))
	if err != nil {
		return a, fmt.Errorf("reading affiliate %d: %w", id, err)
	}
	return a, nil
}
