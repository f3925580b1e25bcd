package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// change is one write transaction and the revision it makes, if it makes one.
type change struct {
	*sql.Tx
	actor   string
	now     time.Time
	knownUS int64  // of the revision
	number  uint64 // of the revision
	inc     ids.Incarnation

	versioned bool    // a versioned row was written: the revision stands
	names     renamed // whose name or email was written
	wake      bool    // something else that is served was written
	scopeRule bool    // false only where a test takes the rule away
}

// change runs do in one transaction. All of it stands or nothing. A change that
// wrote no versioned row makes no revision.
func (c *Catalog) change(ctx context.Context, actor string, do func(*change) error) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	tx, err := c.writer.BeginTx(ctx, nil)
	if err != nil {
		c.metrics.failure(stepChange)
		return c.explain(fmt.Errorf("beginning a change: %w", err))
	}
	ch := &change{Tx: tx, actor: actor, now: c.deps.Clock(), scopeRule: !c.without.scopeRule}
	if err := c.inChange(ctx, ch, do); err != nil {
		err = errors.Join(err, tx.Rollback())
		if r, ok := admin.AsRefusal(err); ok {
			c.metrics.refusals.WithLabelValues(string(r.Reason)).Inc()
			return r
		}
		c.metrics.failure(stepChange)
		return c.explain(err)
	}
	if err := tx.Commit(); err != nil {
		c.metrics.failure(stepChange)
		return c.explain(fmt.Errorf("committing a change: %w", err))
	}
	if ch.versioned {
		c.metrics.revisions.Inc()
	}
	if ch.versioned || ch.names.len() > 0 || ch.wake {
		c.broadcast(ch.names)
	}
	return nil
}

func (c *Catalog) inChange(ctx context.Context, ch *change, do func(*change) error) error {
	last, lastUS, err := lastRevision(ctx, ch)
	if err != nil {
		return err
	}
	// A report answered with a watermark stays true, so what comes now is known
	// above it, whatever the clock says.
	ch.knownUS = max(ch.now.UnixMicro(), lastUS+1)
	if !c.without.watermark {
		ch.knownUS = max(ch.knownUS, c.watermarkUS+1)
	}
	ch.number = last.Number + 1
	ch.inc = last.Incarnation
	return do(ch)
}

func (ch *change) exec(ctx context.Context, query string, args ...any) error {
	for i, a := range args {
		if n, ok := a.(uint64); ok {
			args[i] = int64(n)
		}
	}
	if _, err := ch.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// execOne changes what must be there.
func (ch *change) execOne(ctx context.Context, what, query string, args ...any) error {
	done, err := ch.ExecContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	n, err := done.RowsAffected()
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if n == 0 {
		return admin.Refuse(admin.NotFound, "", "there is no such %s", what)
	}
	return nil
}

// version writes a row of a versioned table. The revision itself comes first:
// written after its rows, SQLite would look for them in whole tables.
func (ch *change) version(ctx context.Context, query string, args ...any) error {
	if err := ch.revise(ctx); err != nil {
		return err
	}
	return ch.exec(ctx, query, args...)
}

// revise writes the revision where the change has none yet.
func (ch *change) revise(ctx context.Context) error {
	if ch.versioned {
		return nil
	}
	ch.versioned = true
	return ch.exec(ctx, `INSERT INTO revisions (number, incarnation, known_at_us) VALUES (?, ?, ?)`, ch.number, ch.inc.String(), ch.knownUS)
}

// Kinds of ids.
const (
	kindOrganizer     = "organizer"
	kindEvent         = "event"
	kindAffiliate     = "affiliate"
	kindCode          = "code"
	kindCollector     = "collector"
	kindWebhookSecret = "webhook_secret"
	kindCoupon        = "coupon"
	kindPerson        = "person"
	kindOneTime       = "one_time_link"
	kindSession       = "session"
	kindView          = "saved_view"
	kindShare         = "share_link"
)

func idKinds() []string {
	return []string{kindOrganizer, kindEvent, kindAffiliate, kindCode, kindCollector, kindWebhookSecret, kindCoupon, kindAPIKey, kindPerson, kindOneTime, kindSession, kindView, kindShare}
}

func maxID(kind string) uint64 {
	if kind == kindEvent {
		return uint64(ids.MaxEventID)
	}
	return 1<<32 - 1
}

// mintID gives the next id of the kind.
func (ch *change) mintID(ctx context.Context, kind string) (uint32, error) {
	var id uint64
	if err := ch.QueryRowContext(ctx, `UPDATE id_counters SET last = last + 1 WHERE kind = ? RETURNING last`, kind).Scan(&id); err != nil {
		return 0, fmt.Errorf("minting an id of %s: %w", kind, err)
	}
	if id > maxID(kind) {
		return 0, fmt.Errorf("%w for a new %s: the last is %d", ErrIDsExhausted, kind, maxID(kind))
	}
	return uint32(id), nil
}

// fields of an audit entry. A name or an email never stands in one, as it
// could not be erased: only that it was set.
type fields map[string]any

// audit writes one entry. It goes with the change or not at all.
func (ch *change) audit(ctx context.Context, action, subject string, before, after fields) error {
	b, err := json.Marshal(before)
	if err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	a, err := json.Marshal(after)
	if err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	var revision any
	if ch.versioned {
		revision = ch.number
	}
	return ch.exec(ctx, `INSERT INTO audit (at_us, actor, action, subject, before, after, revision) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		ch.now.UnixMicro(), ch.actor, action, subject, string(b), string(a), revision)
}

func lastRevision(ctx context.Context, q querier) (ids.Revision, int64, error) {
	var number uint64
	var incarnation string
	var knownUS int64
	err := q.QueryRowContext(ctx, `SELECT r.number, m.value, r.known_at_us FROM revisions r, meta m WHERE m.key = 'incarnation' ORDER BY r.number DESC LIMIT 1`).Scan(&number, &incarnation, &knownUS)
	if err != nil {
		return ids.Revision{}, 0, fmt.Errorf("reading the last revision: %w", err)
	}
	i, err := ids.ParseIncarnation(incarnation)
	if err != nil {
		return ids.Revision{}, 0, fmt.Errorf("reading the last revision: %w", err)
	}
	return ids.Revision{Incarnation: i, Number: number}, knownUS, nil
}

// revisionAt is the last revision known at asOfUS, named by the incarnation
// that made it.
func revisionAt(ctx context.Context, q querier, asOfUS int64) (ids.Revision, error) {
	var number uint64
	var incarnation string
	err := q.QueryRowContext(ctx, `SELECT number, incarnation FROM revisions WHERE known_at_us <= ? ORDER BY known_at_us DESC LIMIT 1`, asOfUS).Scan(&number, &incarnation)
	if errors.Is(err, sql.ErrNoRows) {
		return ids.Revision{}, nil
	}
	if err != nil {
		return ids.Revision{}, fmt.Errorf("reading the revision of an as-of: %w", err)
	}
	i, err := ids.ParseIncarnation(incarnation)
	if err != nil {
		return ids.Revision{}, fmt.Errorf("reading the revision of an as-of: %w", err)
	}
	return ids.Revision{Incarnation: i, Number: number}, nil
}

// collect reads every row of a query.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	all := []T{}                        // a list in JSON, also when empty
	for rows.Next() {
		t, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("reading the catalog: %w", err)
		}
		all = append(all, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	return all, nil
}
