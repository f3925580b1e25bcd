package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

// Kinds of one-time links.
const (
	linkSetup      = "setup"
	linkInvitation = "invitation"
	linkReset      = "reset"
)

const (
	// tokenBytes can't be guessed: 256 bits.
	tokenBytes = 32
	// setupLife is for the walk from the terminal to the browser; a start makes
	// another link.
	setupLife = 24 * time.Hour
	// invitationLife bridges a weekend and a holiday.
	invitationLife = 7 * 24 * time.Hour
)

// oneTime is a link that opens one thing once.
type oneTime struct {
	id          uint32
	kind        string
	organizer   ids.OrganizerID
	slug        string // of the organizer
	person      ids.PersonID
	email, name string
	role        admin.Role
	expires     time.Time
}

func (oneTime) gone() string {
	return "this link has been used, or its time is over: ask whoever gave it to you for another one"
}

// newLinkToken gives a token and what is kept of it.
func newLinkToken() (token string, hash []byte, err error) {
	random, err := randomBytes(tokenBytes)
	if err != nil {
		return "", nil, err
	}
	token = base64.RawURLEncoding.EncodeToString(random)
	return token, hashOf(token), nil
}

func hashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// oneTime writes a link and gives its token.
func (ch *change) oneTime(ctx context.Context, l oneTime) (token string, id uint32, err error) {
	token, hash, err := newLinkToken()
	if err != nil {
		return "", 0, err
	}
	if id, err = ch.mintID(ctx, kindOneTime); err != nil {
		return "", 0, err
	}
	// Whoever was invited and never came leaves no email.
	if err := ch.exec(ctx, `DELETE FROM one_time_links WHERE expires_us <= ?`, ch.now.UnixMicro()); err != nil {
		return "", 0, err
	}
	life := invitationLife
	if l.kind == linkSetup {
		life = setupLife
	}
	return token, id, ch.exec(ctx, `INSERT INTO one_time_links (id, kind, hash, organizer, person, email, name, role, created_us, expires_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, l.kind, hash, l.organizer, l.person, l.email, l.name, l.role, ch.now.UnixMicro(), ch.now.Add(life).UnixMicro())
}

const oneTimeColumns = `SELECT l.id, l.kind, l.organizer, coalesce((SELECT slug FROM organizers WHERE id = l.organizer ORDER BY revision DESC LIMIT 1), ''),
  l.person, l.email, l.name, l.role, l.expires_us FROM one_time_links l `

func scanOneTime(r interface{ Scan(...any) error }) (l oneTime, err error) {
	var expiresUS int64
	err = r.Scan(&l.id, &l.kind, &l.organizer, &l.slug, &l.person, &l.email, &l.name, &l.role, &expiresUS)
	l.expires = time.UnixMicro(expiresUS).UTC()
	return l, err
}

// oneTimeBy finds a link that still opens. Whatever is wrong with a token, the
// refusal is the same.
func oneTimeBy(ctx context.Context, q querier, kind, token string, now time.Time) (oneTime, error) {
	l, err := scanOneTime(q.QueryRowContext(ctx, oneTimeColumns+`WHERE l.hash = ? AND l.kind = ? AND l.expires_us > ?`, hashOf(token), kind, now.UnixMicro()))
	if errors.Is(err, sql.ErrNoRows) {
		return l, admin.Refuse(admin.NotFound, "", "%s", l.gone())
	}
	if err != nil {
		return l, fmt.Errorf("reading a one-time link: %w", err)
	}
	return l, nil
}

// take uses a link up.
func (ch *change) take(ctx context.Context, kind, token string) (oneTime, error) {
	l, err := oneTimeBy(ctx, ch, kind, token, ch.now)
	if err != nil {
		return l, err
	}
	return l, ch.exec(ctx, `DELETE FROM one_time_links WHERE id = ?`, l.id)
}

func (l oneTime) invitation(known bool) admin.Invitation {
	return admin.Invitation{ID: l.id, Organizer: l.slug, Email: l.email, Name: l.name, Role: l.role, Expires: l.expires, Known: known}
}

// Invite gives a one-time link with which somebody becomes a member.
func (c *Catalog) Invite(ctx context.Context, actor, organizer string, add admin.InviteAdd) (out admin.Invitation, err error) {
	err = c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		l := oneTime{kind: linkInvitation, organizer: o.ID, slug: o.Slug, email: strings.TrimSpace(add.Email), name: strings.TrimSpace(add.Name), role: add.Role, expires: ch.now.Add(invitationLife).UTC()}
		if err := errors.Join(checkEmail(l.email), checkRole(l.role)); err != nil {
			return err
		}
		if p, err := personBy(ctx, ch, byEmail, l.email); err == nil && p.RoleIn(o.Slug) != "" {
			return admin.Refuse(admin.Conflict, "/email", "%s is a member already, as %s", l.email, p.RoleIn(o.Slug))
		}
		if err := ch.exec(ctx, `DELETE FROM one_time_links WHERE kind = ? AND organizer = ? AND email = ? COLLATE NOCASE`, linkInvitation, o.ID, l.email); err != nil {
			return err
		}
		token, id, err := ch.oneTime(ctx, l)
		if err != nil {
			return err
		}
		l.id = id
		out = l.invitation(false)
		out.Token = token
		return ch.audit(ctx, "member invite", "organizer "+o.Slug, nil, fields{"invitation": id, "role": l.role})
	})
	return out, err
}

// Invitations lists those of an organizer that still open.
func (c *Catalog) Invitations(ctx context.Context, organizer string) ([]admin.Invitation, error) {
	o, err := organizerBySlug(ctx, c.reader, organizer)
	if err != nil {
		return nil, err
	}
	rows, err := c.reader.QueryContext(ctx, oneTimeColumns+`WHERE l.kind = ? AND l.organizer = ? AND l.expires_us > ? ORDER BY l.id`, linkInvitation, o.ID, c.deps.Clock().UnixMicro())
	return collect(rows, err, func(r *sql.Rows) (admin.Invitation, error) {
		l, err := scanOneTime(r)
		return l.invitation(false), err
	})
}

// EndInvitation takes an invitation back.
func (c *Catalog) EndInvitation(ctx context.Context, actor, organizer string, id uint32) error {
	return c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		if err := ch.execOne(ctx, "invitation", `DELETE FROM one_time_links WHERE kind = ? AND organizer = ? AND id = ?`, linkInvitation, o.ID, id); err != nil {
			return err
		}
		return ch.audit(ctx, "member invitation end", "organizer "+o.Slug, nil, fields{"invitation": id})
	})
}

// Invitation shows what a token invites to.
func (c *Catalog) Invitation(ctx context.Context, token string) (admin.Invitation, error) {
	l, err := oneTimeBy(ctx, c.reader, linkInvitation, token, c.deps.Clock())
	if err != nil {
		return admin.Invitation{}, err
	}
	_, err = personBy(ctx, c.reader, byEmail, l.email)
	if _, refused := admin.AsRefusal(err); err != nil && !refused {
		return admin.Invitation{}, err
	}
	return l.invitation(err == nil), nil
}

// AcceptInvitation makes whoever has the token a member: a new person with this
// name and password, or one who has the email's password already.
func (c *Catalog) AcceptInvitation(ctx context.Context, token string, accept admin.Accept) (admin.Person, error) {
	invitation, err := c.Invitation(ctx, token)
	if err != nil {
		return admin.Person{}, err
	}
	var hash string
	if invitation.Known {
		if _, err := c.verified(ctx, invitation.Email, accept.Password, insideOf(invitation.Email)); err != nil {
			return admin.Person{}, err
		}
	} else {
		if err := checkPassword(accept.Password); err != nil {
			return admin.Person{}, err
		}
		if hash, err = c.hasher.hash(ctx, accept.Password); err != nil {
			return admin.Person{}, err
		}
	}
	var id ids.PersonID
	err = c.change(ctx, "invitation", func(ch *change) error {
		l, err := ch.take(ctx, linkInvitation, token)
		if err != nil {
			return err
		}
		p, err := personBy(ctx, ch, byEmail, l.email)
		id = p.ID
		switch _, refused := admin.AsRefusal(err); {
		case err != nil && !refused:
			return err
		case (err == nil) != invitation.Known:
			return admin.Refuse(admin.Conflict, "", "somebody with this email has signed up meanwhile: open the link again")
		case err != nil:
			if id, err = ch.addPerson(ctx, strings.TrimSpace(accept.Name), l.email, hash); err != nil {
				return err
			}
		}
		return ch.addMember(ctx, id, admin.Organizer{ID: l.organizer, Slug: l.slug}, l.role)
	})
	if err != nil {
		return admin.Person{}, err
	}
	c.sessions.forget(id)
	p, err := personBy(ctx, c.reader, byPerson, id)
	return p.Person, err
}

// ResetLink gives a one-time link with which a person of one organizer sets a new
// password. For one of several an owner gets none: whoever has the link can sign
// in, and what is another organizer's is not this owner's to see.
func (c *Catalog) ResetLink(ctx context.Context, actor string, person ids.PersonID) (token string, err error) {
	return c.resetLink(ctx, actor, person, 1)
}

// OperatorResetLink is ResetLink for anybody.
func (c *Catalog) OperatorResetLink(ctx context.Context, actor string, person ids.PersonID) (token string, err error) {
	return c.resetLink(ctx, actor, person, math.MaxInt)
}

func (c *Catalog) resetLink(ctx context.Context, actor string, person ids.PersonID, most int) (token string, err error) {
	err = c.change(ctx, actor, func(ch *change) error {
		p, err := personBy(ctx, ch, byPerson, person)
		if err != nil {
			return err
		}
		if len(p.Memberships) > most {
			return admin.Refuse(admin.Conflict, "", "a new password of this person is not yours alone to give: whoever runs Footfall makes the link, with footfall person reset-link %d", person)
		}
		if err := ch.exec(ctx, `DELETE FROM one_time_links WHERE kind = ? AND person = ?`, linkReset, person); err != nil {
			return err
		}
		if token, _, err = ch.oneTime(ctx, oneTime{kind: linkReset, person: person}); err != nil {
			return err
		}
		return ch.audit(ctx, "password reset link", fmt.Sprintf("person %d", person), nil, nil)
	})
	return token, err
}

// ResetPassword sets a new password by a one-time link; every session of the
// person ends.
func (c *Catalog) ResetPassword(ctx context.Context, token, password string) (admin.Person, error) {
	if err := checkPassword(password); err != nil {
		return admin.Person{}, err
	}
	if _, err := oneTimeBy(ctx, c.reader, linkReset, token, c.deps.Clock()); err != nil {
		return admin.Person{}, err // before the work
	}
	hash, err := c.hasher.hash(ctx, password)
	if err != nil {
		return admin.Person{}, err
	}
	var p personRow
	err = c.change(ctx, "reset link", func(ch *change) error {
		l, err := ch.take(ctx, linkReset, token)
		if err != nil {
			return err
		}
		if p, err = personBy(ctx, ch, byPerson, l.person); err != nil {
			return err
		}
		return ch.setPassword(ctx, p.ID, hash)
	})
	c.sessions.forget(p.ID)
	return p.Person, err
}

// setPassword keeps a new hash, and ends every session and every link that sets
// another one.
func (ch *change) setPassword(ctx context.Context, person ids.PersonID, hash string) error {
	if err := ch.exec(ctx, `UPDATE people SET password = ? WHERE id = ?`, hash, person); err != nil {
		return err
	}
	if err := ch.exec(ctx, `DELETE FROM sessions WHERE person = ?`, person); err != nil {
		return err
	}
	if err := ch.exec(ctx, `DELETE FROM one_time_links WHERE kind = ? AND person = ?`, linkReset, person); err != nil {
		return err
	}
	return ch.audit(ctx, "password set", fmt.Sprintf("person %d", person), nil, nil)
}
