package catalog

import (
	"context"
	"database/sql"
	"fmt"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

// standingPerson is a person as the catalog that stood knows it.
type standingPerson struct {
	id                    ids.PersonID
	email, name, password string
	createdUS             int64
	members               []standingMember
}

type standingMember struct {
	organizer ids.OrganizerID
	role      admin.Role
}

func standingPeople(ctx context.Context, q querier) ([]standingPerson, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, email, name, password, created_us FROM people ORDER BY id`)
	people, err := collect(rows, err, func(r *sql.Rows) (p standingPerson, err error) {
		err = r.Scan(&p.id, &p.email, &p.name, &p.password, &p.createdUS)
		return p, err
	})
	for i := range people {
		if err != nil {
			return nil, err
		}
		rows, failed := q.QueryContext(ctx, `SELECT organizer, role FROM members WHERE person = ?`, people[i].id)
		people[i].members, err = collect(rows, failed, func(r *sql.Rows) (m standingMember, err error) {
			err = r.Scan(&m.organizer, &m.role)
			return m, err
		})
	}
	return people, err
}

// carryPeople opens nothing that had been closed since the backup. What was signed
// out, used up or revoked stays so: people sign in anew, links are made anew. Whoever
// the catalog that stood knows is as it knows it: erased, of another password, no
// member any more. Who came after the backup is not brought along, as nothing says
// that the two catalogs' organizers are the same.
func (ch *change) carryPeople(ctx context.Context, before []standingPerson) error {
	for _, statement := range []string{`DELETE FROM sessions`, `DELETE FROM one_time_links`} {
		if err := ch.exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := ch.exec(ctx, `UPDATE share_links SET ended_us = ? WHERE ended_us IS NULL`, ch.now.UnixMicro()); err != nil {
		return err
	}
	var known []standingPerson
	for _, p := range before {
		var n int
		if err := ch.QueryRowContext(ctx, `SELECT count(*) FROM people WHERE id = ? AND created_us = ?`, p.id, p.createdUS).Scan(&n); err != nil {
			return fmt.Errorf("looking for a person: %w", err)
		}
		if n == 0 {
			continue
		}
		known = append(known, p)
		// Emails are unique, and may have changed hands.
		if err := ch.exec(ctx, `UPDATE people SET email = '' WHERE id = ?`, p.id); err != nil {
			return err
		}
	}
	for _, p := range known {
		if err := ch.exec(ctx, `UPDATE OR IGNORE people SET email = ?, name = ?, password = ? WHERE id = ?`, p.email, p.name, p.password, p.id); err != nil {
			return err
		}
		if err := ch.exec(ctx, `DELETE FROM members WHERE person = ?`, p.id); err != nil {
			return err
		}
		for _, m := range p.members {
			if err := ch.exec(ctx, `INSERT INTO members (person, organizer, role) SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM organizers WHERE id = ?2)`, p.id, m.organizer, m.role); err != nil {
				return err
			}
		}
		if p.email == "" {
			if err := ch.exec(ctx, `DELETE FROM saved_views WHERE person = ?`, p.id); err != nil {
				return err
			}
		}
	}
	return nil
}
