package catalog

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// secretBytes is what a drawn webhook secret has.
const secretBytes = 32

type secretRow struct {
	id        uint32
	organizer ids.OrganizerID
	secret    string
	createdUS int64
	endedUS   sql.NullInt64
}

func webhookSecrets(ctx context.Context, q querier, where string, args ...any) ([]secretRow, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, organizer, secret, created_us, ended_us FROM webhook_secrets `+where+` ORDER BY id`, args...)
	return collect(rows, err, func(r *sql.Rows) (s secretRow, err error) {
		err = r.Scan(&s.id, &s.organizer, &s.secret, &s.createdUS, &s.endedUS)
		return s, err
	})
}

func (s secretRow) public() admin.WebhookSecret {
	w := admin.WebhookSecret{ID: s.id, Hint: "…" + s.secret[max(0, len(s.secret)-4):], Created: time.UnixMicro(s.createdUS).UTC()}
	if s.endedUS.Valid {
		ended := time.UnixMicro(s.endedUS.Int64).UTC()
		w.Ended = &ended
	}
	return w
}

// AddWebhookSecret adds a secret that the organizer's orders may be signed
// with, beside those it has; an empty one is drawn. The answer is the only one
// that shows it.
func (c *Catalog) AddWebhookSecret(ctx context.Context, actor, organizer, secret string) (added admin.WebhookSecret, err error) {
	if secret == "" {
		raw, err := randomBytes(secretBytes)
		if err != nil {
			return added, err
		}
		secret = routes.WebhookSecretPrefix + base64.StdEncoding.EncodeToString(raw)
	}
	err = c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		if err := checkSecret(secret); err != nil {
			return err
		}
		have, err := webhookSecrets(ctx, ch, `WHERE organizer = ? AND ended_us IS NULL`, o.ID)
		if err != nil {
			return err
		}
		for _, s := range have {
			if s.secret == secret {
				return admin.Refuse(admin.Conflict, "/secret", "the organizer %s has that secret already, as number %d", o.Slug, s.id)
			}
		}
		if len(have) >= routes.MaxWebhookSecrets {
			return admin.Refuse(admin.Conflict, "/secret", "the organizer %s has %d secrets: end one with «footfall organizer secret end ID»", o.Slug, len(have))
		}
		id, err := ch.mintID(ctx, kindWebhookSecret)
		if err != nil {
			return err
		}
		row := secretRow{id: id, organizer: o.ID, secret: secret, createdUS: ch.now.UnixMicro()}
		ch.wake = true
		if err := ch.exec(ctx, `INSERT INTO webhook_secrets (id, organizer, secret, created_us) VALUES (?, ?, ?, ?)`, row.id, row.organizer, row.secret, row.createdUS); err != nil {
			return err
		}
		added = row.public()
		added.Secret = secret
		return ch.audit(ctx, "secret add", "organizer "+o.Slug, nil, fields{"id": id})
	})
	return added, err
}

func checkSecret(secret string) error {
	encoded, ok := strings.CutPrefix(secret, routes.WebhookSecretPrefix)
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(raw) < routes.MinWebhookSecretBytes || len(raw) > routes.MaxWebhookSecretBytes {
		return admin.Refuse(admin.Invalid, "/secret", "a webhook secret is whsec_ and the base64 of %d to %d bytes; leave it out and one is drawn", routes.MinWebhookSecretBytes, routes.MaxWebhookSecretBytes)
	}
	return nil
}

// EndWebhookSecret ends a secret: orders signed with it are refused from now on.
func (c *Catalog) EndWebhookSecret(ctx context.Context, actor, organizer string, id uint32) (ended admin.WebhookSecret, err error) {
	err = c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		rows, err := webhookSecrets(ctx, ch, `WHERE organizer = ? AND id = ?`, o.ID, id)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return admin.Refuse(admin.NotFound, "/id", "the organizer %s has no secret %d: «footfall organizer secret list» shows them", o.Slug, id)
		}
		row := rows[0]
		if !row.endedUS.Valid {
			row.endedUS = sql.NullInt64{Int64: ch.now.UnixMicro(), Valid: true}
			ch.wake = true
			// The number stays for the audit log; the secret itself goes.
			if err := ch.exec(ctx, `UPDATE webhook_secrets SET ended_us = ?, secret = substr(secret, -4) WHERE id = ?`, row.endedUS.Int64, id); err != nil {
				return err
			}
			if err := ch.audit(ctx, "secret end", "organizer "+o.Slug, nil, fields{"id": id}); err != nil {
				return err
			}
		}
		ended = row.public()
		return nil
	})
	return ended, err
}

// WebhookSecrets lists an organizer's secrets, without the secrets.
func (c *Catalog) WebhookSecrets(ctx context.Context, organizer string) ([]admin.WebhookSecret, error) {
	o, err := organizerBySlug(ctx, c.reader, organizer)
	if err != nil {
		return nil, err
	}
	rows, err := webhookSecrets(ctx, c.reader, `WHERE organizer = ?`, o.ID)
	list := make([]admin.WebhookSecret, len(rows))
	for i, row := range rows {
		list[i] = row.public()
	}
	return list, err
}

// visitorKeys are the organizers' long-lived keys for visitors with a cookie.
func visitorKeys(ctx context.Context, q querier) (keys []organizerKey, err error) {
	rows, err := q.QueryContext(ctx, `SELECT organizer, key FROM visitor_keys ORDER BY organizer`)
	keys, err = collect(rows, err, func(r *sql.Rows) (k organizerKey, err error) {
		err = r.Scan(&k.organizer, &k.key)
		return k, err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading visitor keys: %w", err)
	}
	return keys, nil
}

type organizerKey struct {
	organizer ids.OrganizerID
	key       []byte
}
