package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"footfall/internal/ops"
	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

const (
	// sessionIdle and sessionLife end a session that nobody used for a fortnight,
	// and any after a quarter.
	sessionIdle = 14 * 24 * time.Hour
	sessionLife = 90 * 24 * time.Hour
	// sessionStep is how coarse the time of a session's last use is kept.
	sessionStep = 5 * time.Minute
	// keptSessions are answered without the file; beyond them all are forgotten,
	// and read again.
	keptSessions = 10_000
	// maxDevices is how many sessions a person has at a time; beyond it the one
	// that was used the longest ago ends.
	maxDevices = 100
	// maxLabelBytes bounds what a browser says it is.
	maxLabelBytes = 200
)

// sessions are those that asked lately, by the hash of their token. What a row
// says is looked up again when anything of its person changes.
type sessions struct {
	mu      sync.Mutex
	byHash  map[string]keptSession // guarded by mu
	changes uint64                 // guarded by mu: rises with every change that was forgotten for
	read    func()                 // a test's: between what is read and what is kept
}

type keptSession struct {
	session admin.Session
	readAt  time.Time
}

func newSessions() *sessions { return &sessions{byHash: map[string]keptSession{}} }

// mark is for keep: what is read after it is of now.
func (s *sessions) mark() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes
}

// get gives a session that was read less than a step ago.
func (s *sessions) get(hash string, now time.Time) (admin.Session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.byHash[hash]
	age := now.Sub(k.readAt)
	return k.session, ok && age >= 0 && age < sessionStep
}

// keep remembers what was read since mark, unless something changed meanwhile:
// what was read may be of before, and who signed out would still be let in.
func (s *sessions) keep(hash string, session admin.Session, mark uint64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes != mark {
		return
	}
	if len(s.byHash) >= keptSessions {
		clear(s.byHash)
	}
	s.byHash[hash] = keptSession{session, now}
}

// forget makes every session of a person be read again.
func (s *sessions) forget(person ids.PersonID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	for hash, k := range s.byHash {
		if k.session.Person.ID == person {
			delete(s.byHash, hash)
		}
	}
}

// errSignIn is one answer for an unknown email and for a wrong password.
func errSignIn() error {
	return admin.Refuse(admin.Invalid, "/password", "the email address and the password don't go together")
}

// verified gives the person of an email whose password this is. Whoever it is
// not, the work and the refusal are the same.
func (c *Catalog) verified(ctx context.Context, email, password string, who pair) (personRow, error) {
	if err := c.guard.admit(who, c.deps.Clock()); err != nil {
		c.metrics.refusals.WithLabelValues(string(admin.Busy)).Inc()
		return personRow{}, err
	}
	p, err := personBy(ctx, c.reader, byEmail, email)
	if _, refused := admin.AsRefusal(err); err != nil && !refused {
		return p, err
	}
	if len(password) > maxPasswordBytes {
		password = "" // nobody's
	}
	good, stale, err := c.hasher.matches(ctx, p.password, password)
	if err != nil {
		return p, err
	}
	if !good || p.ID == 0 {
		return p, errSignIn()
	}
	c.guard.good(who)
	if !stale {
		return p, nil
	}
	hash, err := c.hasher.hash(ctx, password)
	if err != nil {
		return p, err
	}
	err = c.change(ctx, "footfall", func(ch *change) error {
		return ch.exec(ctx, `UPDATE people SET password = ? WHERE id = ? AND password = ?`, hash, p.ID, p.password)
	})
	p.password = hash
	return p, err
}

// SignIn opens a session for who knows the password. The token is shown once; a
// browser keeps it. A refusal is Invalid for a wrong email or password, Busy for
// who has to wait.
func (c *Catalog) SignIn(ctx context.Context, email, password string, d admin.Device) (token string, _ admin.Session, err error) {
	email = strings.TrimSpace(email)
	p, err := c.verified(ctx, email, password, pairOf(email, ops.Network(d.Address)))
	if err != nil {
		return "", admin.Session{}, err
	}
	return c.openSession(ctx, p.ID, d.Label, p.password)
}

// OpenSession opens a session for a person who has just shown who it is.
func (c *Catalog) OpenSession(ctx context.Context, person ids.PersonID, label string) (token string, _ admin.Session, err error) {
	return c.openSession(ctx, person, label, "")
}

// openSession opens a session while the password that was shown (empty: none was)
// is still the person's: one that is changed at the same moment ends all sessions,
// this one too.
func (c *Catalog) openSession(ctx context.Context, person ids.PersonID, label, shown string) (token string, out admin.Session, err error) {
	token, hash, err := newLinkToken()
	if err != nil {
		return "", out, err
	}
	if len(label) > maxLabelBytes {
		label = label[:maxLabelBytes]
	}
	label = strings.ToValidUTF8(label, "")
	err = c.change(ctx, fmt.Sprintf("person %d", person), func(ch *change) error {
		p, err := personBy(ctx, ch, byPerson, person)
		if err != nil {
			return err
		}
		if shown != "" && shown != p.password {
			return errSignIn()
		}
		id, err := ch.mintID(ctx, kindSession)
		if err != nil {
			return err
		}
		now := ch.now.UTC().Truncate(time.Microsecond)
		out = admin.Session{ID: id, Person: p.Person, Label: label, Created: now, LastUsed: now}
		if err := ch.endSessions(ctx, person); err != nil {
			return err
		}
		if err := ch.exec(ctx, `INSERT INTO sessions (id, hash, person, label, created_us, used_us) VALUES (?, ?, ?, ?, ?, ?)`, id, hash, person, label, now.UnixMicro(), now.UnixMicro()); err != nil {
			return err
		}
		return ch.audit(ctx, "sign in", fmt.Sprintf("person %d", person), nil, fields{"session": id})
	})
	c.sessions.forget(person) // those that made room
	return token, out, err
}

// endSessions forgets everybody's that don't open any more, and of a person those
// that leave no room for one more.
func (ch *change) endSessions(ctx context.Context, person ids.PersonID) error {
	if err := ch.exec(ctx, `DELETE FROM sessions WHERE created_us <= ? OR used_us <= ?`, ch.now.Add(-sessionLife).UnixMicro(), ch.now.Add(-sessionIdle).UnixMicro()); err != nil {
		return err
	}
	return ch.exec(ctx, `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE person = ? ORDER BY used_us DESC, id DESC LIMIT -1 OFFSET ?)`, person, maxDevices-1)
}

const sessionColumns = `SELECT id, person, label, created_us, used_us FROM sessions `

func scanSession(r interface{ Scan(...any) error }) (s admin.Session, err error) {
	var createdUS, usedUS int64
	err = r.Scan(&s.ID, &s.Person.ID, &s.Label, &createdUS, &usedUS)
	s.Created, s.LastUsed = time.UnixMicro(createdUS).UTC(), time.UnixMicro(usedUS).UTC()
	return s, err
}

// live says whether a session still opens.
func live(s admin.Session, now time.Time) bool {
	return now.Sub(s.Created) < sessionLife && now.Sub(s.LastUsed) < sessionIdle
}

// Session says who asks with a token. An unknown, an ended and an expired one
// give the same refusal.
func (c *Catalog) Session(ctx context.Context, token string) (admin.Session, error) {
	hash, now := hashOf(token), c.deps.Clock()
	if s, ok := c.sessions.get(string(hash), now); ok && live(s, now) {
		return s, nil
	}
	gone := admin.Refuse(admin.NotFound, "", "nobody is signed in")
	mark := c.sessions.mark()
	s, err := scanSession(c.reader.QueryRowContext(ctx, sessionColumns+`WHERE hash = ?`, hash))
	if errors.Is(err, sql.ErrNoRows) {
		return s, gone
	}
	if err != nil {
		c.metrics.failure(stepRead)
		return s, c.explain(fmt.Errorf("reading a session: %w", err))
	}
	if !live(s, now) {
		return s, gone
	}
	p, err := personBy(ctx, c.reader, byPerson, s.Person.ID)
	if err != nil {
		return s, err
	}
	s.Person = p.Person
	if c.sessions.read != nil {
		c.sessions.read()
	}
	if now.Sub(s.LastUsed) >= sessionStep {
		s.LastUsed = now.UTC().Truncate(time.Microsecond)
		c.noteLastUse(ctx, "sessions", s.ID, s.LastUsed)
	}
	c.sessions.keep(string(hash), s, mark, now)
	return s, nil
}

// noteLastUse keeps when a session or a share link was used last. What can't be
// kept keeps nobody from reading.
func (c *Catalog) noteLastUse(ctx context.Context, table string, id uint32, at time.Time) {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.writer.ExecContext(ctx, `UPDATE `+table+` SET used_us = max(coalesce(used_us, 0), ?) WHERE id = ?`, at.UnixMicro(), id)
	if err != nil && ctx.Err() == nil {
		c.metrics.failure(stepKeyUse)
		c.deps.Log.Warn("keeping the time of a last use", "table", table, "id", id, "error", fmt.Errorf("writing: %w", err))
	}
}

// Sessions lists a person's signed-in devices, the last used first.
func (c *Catalog) Sessions(ctx context.Context, person ids.PersonID) ([]admin.Session, error) {
	rows, err := c.reader.QueryContext(ctx, sessionColumns+`WHERE person = ? ORDER BY used_us DESC, id DESC`, person)
	list, err := collect(rows, err, func(r *sql.Rows) (admin.Session, error) { return scanSession(r) })
	now := c.deps.Clock()
	out := list[:0]
	for _, s := range list {
		if live(s, now) {
			out = append(out, s)
		}
	}
	return out, err
}

// EndSession signs one device of a person out; 0: all of them.
func (c *Catalog) EndSession(ctx context.Context, actor string, person ids.PersonID, session uint32) error {
	err := c.change(ctx, actor, func(ch *change) error {
		if session == 0 {
			if err := ch.exec(ctx, `DELETE FROM sessions WHERE person = ?`, person); err != nil {
				return err
			}
		} else if err := ch.execOne(ctx, "signed-in device", `DELETE FROM sessions WHERE person = ? AND id = ?`, person, session); err != nil {
			return err
		}
		return ch.audit(ctx, "sign out", fmt.Sprintf("person %d", person), nil, fields{"session": session})
	})
	c.sessions.forget(person)
	return err
}

// ChangePassword sets a new password for who knows the old one, and ends every
// session of the person: the one that asks needs a new token too.
func (c *Catalog) ChangePassword(ctx context.Context, person ids.PersonID, old, password string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	p, err := personBy(ctx, c.reader, byPerson, person)
	if err != nil {
		return err
	}
	wrong := admin.Refuse(admin.Invalid, "/old", "this is not your password of today")
	p, err = c.verified(ctx, p.Email, old, insideOf(p.Email))
	if r, refused := admin.AsRefusal(err); refused && r.Reason == admin.Invalid {
		return wrong
	}
	if err != nil {
		return err
	}
	hash, err := c.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	err = c.change(ctx, fmt.Sprintf("person %d", person), func(ch *change) error {
		now, err := personBy(ctx, ch, byPerson, person)
		if err != nil {
			return err
		}
		if now.password != p.password { // a link has set another one meanwhile
			return wrong
		}
		return ch.setPassword(ctx, person, hash)
	})
	c.sessions.forget(person)
	return err
}
