package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

// personRow is a person and what is kept of the password.
type personRow struct {
	admin.Person
	password string
}

// How a person is found. One who was erased is found by nothing.
const (
	byPerson = `id = ? AND email <> ''`
	byEmail  = `email = ? COLLATE NOCASE AND email <> ''`
)

// personBy reads one person with the memberships.
func personBy(ctx context.Context, q querier, where string, arg any) (p personRow, err error) {
	var createdUS int64
	err = q.QueryRowContext(ctx, `SELECT id, email, name, password, created_us FROM people WHERE `+where, arg).Scan(&p.ID, &p.Email, &p.Name, &p.password, &createdUS)
	if errors.Is(err, sql.ErrNoRows) {
		return p, admin.Refuse(admin.NotFound, "", "there is no such person")
	}
	if err != nil {
		return p, fmt.Errorf("reading a person: %w", err)
	}
	p.Created = time.UnixMicro(createdUS).UTC()
	rows, err := q.QueryContext(ctx, `SELECT (SELECT slug FROM organizers WHERE id = m.organizer ORDER BY revision DESC LIMIT 1) AS slug, m.role
		FROM members m WHERE m.person = ? ORDER BY slug`, p.ID)
	p.Memberships, err = collect(rows, err, func(r *sql.Rows) (m admin.Membership, err error) {
		err = r.Scan(&m.Organizer, &m.Role)
		return m, err
	})
	return p, err
}

func anybody(ctx context.Context, q querier) (bool, error) {
	var n int
	if err := q.QueryRowContext(ctx, `SELECT count(*) FROM people WHERE email <> ''`).Scan(&n); err != nil {
		return false, fmt.Errorf("counting people: %w", err)
	}
	return n > 0, nil
}

func checkEmail(email string) error {
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email {
		return admin.Refuse(admin.Invalid, "/email", "the email address %q: want one like ann@example.com", email)
	}
	return nil
}

// addPerson writes a new person with a password's hash.
func (ch *change) addPerson(ctx context.Context, name, email, hash string) (ids.PersonID, error) {
	if err := errors.Join(checkName("/name", name), checkEmail(email)); err != nil {
		return 0, err
	}
	id, err := ch.mintID(ctx, kindPerson)
	if err != nil {
		return 0, err
	}
	return ids.PersonID(id), ch.exec(ctx, `INSERT INTO people (id, email, name, password, created_us) VALUES (?, ?, ?, ?, ?)`, id, email, name, hash, ch.now.UnixMicro())
}

// addMember makes somebody a member who is none. An invitation to the same, which
// may say less, ends: the last owner would be demoted by it.
func (ch *change) addMember(ctx context.Context, person ids.PersonID, o admin.Organizer, role admin.Role) error {
	if err := checkRole(role); err != nil {
		return err
	}
	if err := ch.exec(ctx, `INSERT INTO members (person, organizer, role) VALUES (?, ?, ?)`, person, o.ID, role); err != nil {
		return err
	}
	if err := ch.exec(ctx, `DELETE FROM one_time_links WHERE kind = ? AND organizer = ? AND email = (SELECT email FROM people WHERE id = ?) COLLATE NOCASE`, linkInvitation, o.ID, person); err != nil {
		return err
	}
	// A link that an owner made to set this person's password would open this
	// organizer too.
	if err := ch.exec(ctx, `DELETE FROM one_time_links WHERE kind = ? AND person = ?`, linkReset, person); err != nil {
		return err
	}
	return ch.audit(ctx, "member add", "organizer "+o.Slug, nil, fields{"person": person, "role": role})
}

func checkRole(role admin.Role) error {
	if !slices.Contains(personRoles(), role) {
		return admin.Refuse(admin.Invalid, "/role", "the role %q: want owner, manager, analyst or viewer", role)
	}
	return nil
}

// personRoles are what a person can be for an organizer.
func personRoles() []admin.Role {
	return []admin.Role{admin.RoleOwner, admin.RoleManager, admin.RoleAnalyst, admin.RoleViewer}
}

// SetupNeeded says whether nobody can sign in yet.
func (c *Catalog) SetupNeeded(ctx context.Context) (bool, error) {
	there, err := anybody(ctx, c.reader)
	return !there && err == nil, err
}

// SetupLink gives a new one-time token with which the first person is made; those
// given before end. It is empty once somebody can sign in.
func (c *Catalog) SetupLink(ctx context.Context) (token string, err error) {
	err = c.change(ctx, "footfall", func(ch *change) error {
		there, err := anybody(ctx, ch)
		if err != nil || there {
			return err
		}
		if err := ch.exec(ctx, `DELETE FROM one_time_links WHERE kind = ?`, linkSetup); err != nil {
			return err
		}
		token, _, err = ch.oneTime(ctx, oneTime{kind: linkSetup})
		return err
	})
	return token, err
}

// SetUp makes the first person, owner of every organizer that there is.
func (c *Catalog) SetUp(ctx context.Context, token string, ask admin.SetUp) (admin.Person, error) {
	if _, err := oneTimeBy(ctx, c.reader, linkSetup, token, c.deps.Clock()); err != nil {
		return admin.Person{}, err // before the work
	}
	ask.Name, ask.Email = strings.TrimSpace(ask.Name), strings.TrimSpace(ask.Email)
	if err := errors.Join(checkName("/name", ask.Name), checkEmail(ask.Email), checkPassword(ask.Password)); err != nil {
		return admin.Person{}, err
	}
	hash, err := c.hasher.hash(ctx, ask.Password)
	if err != nil {
		return admin.Person{}, err
	}
	if ask.NewOrganizer != nil {
		// An organizer has rules of its own, and is a revision of its own: what
		// fails behind it leaves an organizer without an owner, who the next try is.
		_, err := c.AddOrganizer(ctx, "setup", *ask.NewOrganizer)
		if r, refused := admin.AsRefusal(err); err != nil && (!refused || r.Reason != admin.Conflict) {
			return admin.Person{}, err
		}
	}
	var id ids.PersonID
	err = c.change(ctx, "setup", func(ch *change) error {
		link, err := ch.take(ctx, linkSetup, token)
		if err != nil {
			return err
		}
		if there, err := anybody(ctx, ch); err != nil || there {
			return errors.Join(err, admin.Refuse(admin.NotFound, "", "%s", link.gone()))
		}
		if id, err = ch.addPerson(ctx, ask.Name, ask.Email, hash); err != nil {
			return err
		}
		list, err := organizersOf(ctx, ch)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return admin.Refuse(admin.Invalid, "/new_organizer", "there is no organizer yet: name the one whose events you sell")
		}
		for _, o := range list {
			if err := ch.addMember(ctx, id, o, admin.RoleOwner); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return admin.Person{}, err
	}
	p, err := personBy(ctx, c.reader, byPerson, id)
	return p.Person, err
}

// People lists who may do something for an organizer.
func (c *Catalog) People(ctx context.Context, organizer string) ([]admin.Person, error) {
	o, err := organizerBySlug(ctx, c.reader, organizer)
	if err != nil {
		return nil, err
	}
	rows, err := c.reader.QueryContext(ctx, `SELECT person FROM members WHERE organizer = ? ORDER BY person`, o.ID)
	list, err := collect(rows, err, func(r *sql.Rows) (id ids.PersonID, err error) {
		err = r.Scan(&id)
		return id, err
	})
	if err != nil {
		return nil, err
	}
	people := make([]admin.Person, len(list))
	for i, id := range list {
		p, err := personBy(ctx, c.reader, byPerson, id)
		if err != nil {
			return nil, err
		}
		p.Memberships = slices.DeleteFunc(p.Memberships, func(m admin.Membership) bool { return m.Organizer != o.Slug }) // others are not this one's business
		people[i] = p.Person
	}
	return people, nil
}

// AddMember makes a member of who signs in already. It is an operator's: an owner
// would be told who has an account, and invites instead.
func (c *Catalog) AddMember(ctx context.Context, actor, organizer string, add admin.MemberAdd) (admin.Person, error) {
	var p personRow
	err := c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		p, err = personBy(ctx, ch, byEmail, strings.TrimSpace(add.Email))
		if _, refused := admin.AsRefusal(err); refused {
			return admin.Refuse(admin.NotFound, "/email", "nobody signs in as %q yet: «footfall person invite» makes the link for it", add.Email)
		}
		if err != nil {
			return err
		}
		if role := p.RoleIn(o.Slug); role != "" {
			return admin.Refuse(admin.Conflict, "/email", "%s is a member already, as %s", p.Email, role)
		}
		if err := ch.addMember(ctx, p.ID, o, add.Role); err != nil {
			return err
		}
		p, err = personBy(ctx, ch, byPerson, p.ID)
		return err
	})
	c.sessions.forget(p.ID)
	return p.Person, err
}

// SetRole changes what a member may do; an empty role ends the membership. The
// last owner stays one.
func (c *Catalog) SetRole(ctx context.Context, actor, organizer string, person ids.PersonID, role admin.Role) error {
	if role != "" {
		if err := checkRole(role); err != nil {
			return err
		}
	}
	err := c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		var before admin.Role
		err = ch.QueryRowContext(ctx, `SELECT role FROM members WHERE person = ? AND organizer = ?`, person, o.ID).Scan(&before)
		if errors.Is(err, sql.ErrNoRows) {
			return admin.Refuse(admin.NotFound, "/person", "there is no such member")
		}
		if err != nil {
			return fmt.Errorf("reading a membership: %w", err)
		}
		var owners int
		if err := ch.QueryRowContext(ctx, `SELECT count(*) FROM members WHERE organizer = ? AND role = ? AND person <> ?`, o.ID, admin.RoleOwner, person).Scan(&owners); err != nil {
			return fmt.Errorf("counting owners: %w", err)
		}
		if owners == 0 && before == admin.RoleOwner && role != admin.RoleOwner {
			return admin.Refuse(admin.Conflict, "/role", "this is the last owner: make somebody else an owner first")
		}
		if role == "" {
			err = ch.exec(ctx, `DELETE FROM members WHERE person = ? AND organizer = ?`, person, o.ID)
		} else {
			err = ch.exec(ctx, `UPDATE members SET role = ? WHERE person = ? AND organizer = ?`, role, person, o.ID)
		}
		if err != nil {
			return err
		}
		return ch.audit(ctx, "member change", "organizer "+o.Slug, fields{"person": person, "role": before}, fields{"person": person, "role": role})
	})
	c.sessions.forget(person)
	return err
}

// ErasePerson ends everything of a person and blanks name and email.
func (c *Catalog) ErasePerson(ctx context.Context, actor string, person ids.PersonID) error {
	err := c.change(ctx, actor, func(ch *change) error {
		if _, err := personBy(ctx, ch, byPerson, person); err != nil {
			return err
		}
		var sole int
		if err := ch.QueryRowContext(ctx, `SELECT count(*) FROM members m WHERE m.person = ? AND m.role = ? AND NOT EXISTS (
			SELECT 1 FROM members o WHERE o.organizer = m.organizer AND o.role = m.role AND o.person <> m.person)`, person, admin.RoleOwner).Scan(&sole); err != nil {
			return fmt.Errorf("counting owners: %w", err)
		}
		if sole > 0 {
			return admin.Refuse(admin.Conflict, "/person", "this is the last owner of an organizer: make somebody else an owner first")
		}
		for _, statement := range []string{
			`DELETE FROM members WHERE person = ?`, `DELETE FROM sessions WHERE person = ?`, `DELETE FROM saved_views WHERE person = ?`,
			`DELETE FROM one_time_links WHERE person = ?1 OR email <> '' AND email = (SELECT email FROM people WHERE id = ?1) COLLATE NOCASE`,
			`UPDATE people SET email = '', name = '', password = '' WHERE id = ?`,
		} {
			if err := ch.exec(ctx, statement, person); err != nil {
				return err
			}
		}
		return ch.audit(ctx, "person erase", fmt.Sprintf("person %d", person), nil, nil)
	})
	c.sessions.forget(person)
	return err
}

// organizersOf lists the organizers within a change.
func organizersOf(ctx context.Context, q querier) ([]admin.Organizer, error) {
	rows, err := q.QueryContext(ctx, `SELECT o.id, o.slug FROM organizers o WHERE o.revision = (SELECT max(revision) FROM organizers WHERE id = o.id) ORDER BY o.id`)
	return collect(rows, err, func(r *sql.Rows) (o admin.Organizer, err error) {
		err = r.Scan(&o.ID, &o.Slug)
		return o, err
	})
}
