package catalog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// codeRow is a code's newest version.
type codeRow struct {
	ID          ids.CodeID
	Organizer   ids.OrganizerID
	Event       ids.EventID // 0: common
	Text        string
	Paused      bool
	OwnerPaused bool
}

const codeColumns = `c.id, c.organizer, c.event, c.text, c.paused, c.owner_paused
  FROM codes c WHERE c.revision = (SELECT max(revision) FROM codes WHERE id = c.id)`

func scanCode(row interface{ Scan(...any) error }) (c codeRow, err error) {
	err = row.Scan(&c.ID, &c.Organizer, &c.Event, &c.Text, &c.Paused, &c.OwnerPaused)
	return c, err
}

func (c codeRow) subject() string { return fmt.Sprintf("code %d %s", c.ID, c.Text) }

func (ch *change) writeCode(ctx context.Context, c codeRow) error {
	return ch.version(ctx, `INSERT INTO codes (id, revision, organizer, event, text, paused, owner_paused) VALUES (?, ?, ?, ?, ?, ?, ?)`, c.ID, ch.number, c.Organizer, c.Event, c.Text, c.Paused, c.OwnerPaused)
}

// AddCode adds a tracking code, or, with ClaimFrom, claims one that visits came
// with while it was unknown: only a claim reaches back in time. A code that the
// affiliate owned for all of the time that the claim reaches back may be claimed
// later, too.
func (c *Catalog) AddCode(ctx context.Context, actor string, add admin.CodeAdd) (admin.Code, error) {
	var id ids.CodeID
	err := c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, add.Organizer)
		if err != nil {
			return err
		}
		code := codeRow{Organizer: o.ID, Text: strings.TrimSpace(add.Text)}
		if err := routes.ValidCode(code.Text); err != nil {
			return admin.Refuse(admin.Invalid, "/text", "%s", strings.TrimPrefix(err.Error(), routes.ErrCode.Error()+": "))
		}
		if add.Event != "" {
			e, err := eventOf(ctx, ch, o, add.Event)
			if err != nil {
				return err
			}
			code.Event = e.ID
		}
		owner, err := affiliateByRef(ctx, ch, o.Slug, "/affiliate", add.Affiliate)
		if err != nil {
			return err
		}
		var claim *time.Time
		if add.ClaimFrom != "" {
			if claim, err = claimFrom(add.ClaimFrom, o.Zone, ch.now); err != nil {
				return err
			}
			if id, err = codeOfText(ctx, ch, code); err != nil {
				return err
			} else if id != 0 {
				return ch.claimKnown(ctx, id, code.Text, *claim, owner)
			}
		}
		if err := checkFree(ctx, ch, code, 0); err != nil {
			return err
		}
		id, err = ch.insertCode(ctx, code, owner, claim)
		return err
	})
	if err != nil {
		return admin.Code{}, err
	}
	return c.codeOf(ctx, id)
}

// insertCode writes a new code with its text and its first owner.
func (ch *change) insertCode(ctx context.Context, code codeRow, owner affiliateRow, claim *time.Time) (ids.CodeID, error) {
	id, err := ch.mintID(ctx, kindCode)
	if err != nil {
		return 0, err
	}
	code.ID, code.OwnerPaused = ids.CodeID(id), owner.Paused
	if err := ch.writeCode(ctx, code); err != nil {
		return 0, err
	}
	if err := ch.addText(ctx, code, code.Text); err != nil {
		return 0, err
	}
	if err := ch.version(ctx, `INSERT INTO code_owners (code, revision, from_ms, affiliate) VALUES (?, ?, 0, ?)`, code.ID, ch.number, owner.ID); err != nil {
		return 0, err
	}
	if err := ch.audit(ctx, "code add", code.subject(), nil, fields{"id": code.ID, "organizer": code.Organizer, "event": code.Event, "text": code.Text, "affiliate": owner.ID}); err != nil {
		return 0, err
	}
	if claim != nil {
		return code.ID, ch.claim(ctx, code.ID, code.Text, *claim, owner)
	}
	return code.ID, nil
}

func (ch *change) addText(ctx context.Context, code codeRow, text string) error {
	return ch.version(ctx, `INSERT INTO code_texts (organizer, folded, event, text, code, from_ms, revision) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		code.Organizer, routes.FoldString(text), code.Event, text, code.ID, ch.knownUS/1000, ch.number)
}

// PauseCode pauses or resumes a code; its links still redirect.
func (c *Catalog) PauseCode(ctx context.Context, actor string, ref admin.CodeRef, paused bool) (admin.Code, error) {
	return c.changeCode(ctx, actor, ref, func(ch *change, code codeRow) error {
		if code.Paused == paused {
			return nil
		}
		code.Paused = paused
		if err := ch.writeCode(ctx, code); err != nil {
			return err
		}
		return ch.audit(ctx, "code "+verb(paused), code.subject(), fields{"state": state(!paused)}, fields{"state": state(paused)})
	})
}

// RenameCode gives a code another text; the old one stays an alias, so links
// that are out go on working.
func (c *Catalog) RenameCode(ctx context.Context, actor string, ref admin.CodeRef, rename admin.CodeRename) (admin.Code, error) {
	return c.changeCode(ctx, actor, ref, func(ch *change, code codeRow) error {
		was := code.Text
		if code.Text = strings.TrimSpace(rename.Text); code.Text == was {
			return nil
		}
		if err := routes.ValidCode(code.Text); err != nil {
			return admin.Refuse(admin.Invalid, "/text", "%s", strings.TrimPrefix(err.Error(), routes.ErrCode.Error()+": "))
		}
		if err := checkFree(ctx, ch, code, code.ID); err != nil {
			return err
		}
		if err := ch.writeCode(ctx, code); err != nil {
			return err
		}
		own, err := hasText(ctx, ch, code)
		if err == nil && !own {
			err = ch.addText(ctx, code, code.Text)
		}
		if err != nil {
			return err
		}
		return ch.audit(ctx, "code rename", fmt.Sprintf("code %d %s", code.ID, was), fields{"text": was}, fields{"text": code.Text, "alias": was})
	})
}

func hasText(ctx context.Context, q querier, code codeRow) (bool, error) {
	var n int
	err := q.QueryRowContext(ctx, `SELECT count(*) FROM code_texts WHERE organizer = ? AND folded = ? AND event = ? AND code = ?`,
		code.Organizer, routes.FoldString(code.Text), code.Event, code.ID).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("looking for the text: %w", err)
	}
	return n > 0, nil
}

// ReassignCode gives a code to another affiliate from a coming midnight of the
// organizer's zone on; visits before it stay the former owner's.
func (c *Catalog) ReassignCode(ctx context.Context, actor string, ref admin.CodeRef, to admin.CodeReassign) (admin.Code, error) {
	return c.changeCode(ctx, actor, ref, func(ch *change, code codeRow) error {
		o, err := organizerByID(ctx, ch, code.Organizer)
		if err != nil {
			return err
		}
		loc, err := loadZone(o.Zone)
		if err != nil {
			return err
		}
		from, err := ch.comingMidnight("/from", to.From, "a code changes hands at a coming midnight", loc)
		if err != nil {
			return err
		}
		owner, err := affiliateByRef(ctx, ch, o.Slug, "/affiliate", to.Affiliate)
		if err != nil {
			return err
		}
		history, err := ownersOf(ctx, ch, code.ID)
		if err != nil {
			return err
		}
		after := appendOwner(append([]CodeOwner(nil), history...), CodeOwner{Code: code.ID, Affiliate: owner.ID, FromMS: from.UnixMilli()})
		if ownerAt(history, from.UnixMilli()) == owner.ID && len(after) > len(history) {
			return admin.Refuse(admin.Conflict, "/affiliate", "the code %s is already affiliate %s's (%d) at that midnight", code.Text, owner.Name, owner.ID)
		}
		if err := ch.version(ctx, `INSERT INTO code_owners (code, revision, from_ms, affiliate) VALUES (?, ?, ?, ?)`, code.ID, ch.number, from.UnixMilli(), owner.ID); err != nil {
			return err
		}
		return ch.audit(ctx, "code reassign", code.subject(), fields{"affiliate": ownerAt(history, from.UnixMilli())},
			fields{"affiliate": owner.ID, "from": from.Format(time.RFC3339)})
	})
}

func (c *Catalog) changeCode(ctx context.Context, actor string, ref admin.CodeRef, do func(*change, codeRow) error) (admin.Code, error) {
	var id ids.CodeID
	err := c.change(ctx, actor, func(ch *change) error {
		code, err := codeByRef(ctx, ch, ref)
		if err != nil {
			return err
		}
		id = code.ID
		return do(ch, code)
	})
	if err != nil {
		return admin.Code{}, err
	}
	return c.codeOf(ctx, id)
}
