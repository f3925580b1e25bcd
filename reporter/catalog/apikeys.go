package catalog

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

const (
	kindAPIKey = "api_key"
	// apiKeyPrefix makes a leaked key easy to find: ffk_<random>.
	apiKeyPrefix = "ffk_"
	// apiKeyBytes can't be guessed, so one hash, without a salt, is enough at rest.
	apiKeyBytes = 32
	// apiKeyShown is how much of a key a list shows: tells keys apart, and leaves
	// more than 200 bits.
	apiKeyShown = len(apiKeyPrefix) + 6
	// lastUsedStep is how coarse the time of the last use is: a write an hour and
	// key, however much it asks.
	lastUsedStep = time.Hour
)

type apiKeyRow struct {
	admin.APIKey
	organizer              ids.OrganizerID
	hash                   []byte
	lastUS, expiresUS, end sql.NullInt64
}

const apiKeyColumns = `k.id, k.organizer, (SELECT slug FROM organizers WHERE id = k.organizer ORDER BY revision DESC LIMIT 1),
  k.role, k.affiliate, k.label, k.prefix, k.hash, k.created_us, k.last_used_us, k.expires_us, k.ended_us FROM api_keys k`

func apiKeys(ctx context.Context, q querier, where string, args ...any) ([]apiKeyRow, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+apiKeyColumns+` `+where+` ORDER BY k.id`, args...)
	return collect(rows, err, func(r *sql.Rows) (k apiKeyRow, err error) {
		var createdUS int64
		err = r.Scan(&k.ID, &k.organizer, &k.Organizer, &k.Role, &k.Affiliate, &k.Label, &k.Prefix, &k.hash, &createdUS, &k.lastUS, &k.expiresUS, &k.end)
		k.Created = time.UnixMicro(createdUS).UTC()
		k.LastUsed, k.Expires, k.Ended = momentOrNone(k.lastUS), momentOrNone(k.expiresUS), momentOrNone(k.end)
		return k, err
	})
}

func momentOrNone(us sql.NullInt64) *time.Time {
	if !us.Valid {
		return nil
	}
	t := time.UnixMicro(us.Int64).UTC()
	return &t
}

// AddAPIKey makes a key. The answer is the only one that shows it.
func (c *Catalog) AddAPIKey(ctx context.Context, actor string, add admin.APIKeyAdd) (out admin.APIKey, err error) {
	random, err := randomBytes(apiKeyBytes)
	if err != nil {
		return out, err
	}
	secret := apiKeyPrefix + base64.RawURLEncoding.EncodeToString(random)
	hash := sha256.Sum256([]byte(secret))
	err = c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, add.Organizer)
		if err != nil {
			return err
		}
		out = admin.APIKey{
			Organizer: o.Slug, Role: add.Role, Label: strings.TrimSpace(add.Label), Prefix: secret[:apiKeyShown], Created: ch.now.UTC().Truncate(time.Microsecond),
		}
		if err := ch.checkAPIKey(ctx, &out, o, add); err != nil {
			return err
		}
		if out.ID, err = ch.mintID(ctx, kindAPIKey); err != nil {
			return err
		}
		var expires any
		if out.Expires != nil {
			expires = out.Expires.UnixMicro()
		}
		if err := ch.exec(ctx, `INSERT INTO api_keys (id, organizer, role, affiliate, label, prefix, hash, created_us, expires_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			out.ID, o.ID, out.Role, out.Affiliate, out.Label, out.Prefix, hash[:], out.Created.UnixMicro(), expires); err != nil {
			return err
		}
		// A label may name a person, so it stands in the list alone.
		return ch.audit(ctx, "api key add", "organizer "+o.Slug, nil, fields{"id": out.ID, "prefix": out.Prefix, "role": out.Role, "affiliate": out.Affiliate, "expires": out.Expires})
	})
	if err != nil {
		return admin.APIKey{}, err
	}
	out.Key = secret
	return out, nil
}

// checkAPIKey fills in what a request for a key says in words.
func (ch *change) checkAPIKey(ctx context.Context, out *admin.APIKey, o admin.Organizer, add admin.APIKeyAdd) error {
	if out.Label != "" {
		if err := checkName("/label", out.Label); err != nil {
			return err
		}
	}
	switch add.Role {
	case admin.RoleOwner, admin.RoleManager, admin.RoleAnalyst, admin.RoleViewer:
		if add.Affiliate != "" {
			return admin.Refuse(admin.Invalid, "/affiliate", "only a key of role affiliate is of one affiliate: leave it out, or choose that role")
		}
	case admin.RoleAffiliate:
		a, err := affiliateByRef(ctx, ch, o.Slug, "/affiliate", add.Affiliate)
		if err != nil {
			return err
		}
		out.Affiliate = a.ID
	case admin.RoleOperator:
		return admin.Refuse(admin.Invalid, "/role", "no key is an operator's: operators ask on the machine itself, with the command footfall")
	default:
		return admin.Refuse(admin.Invalid, "/role", "the role %q: want owner, manager, analyst, viewer or affiliate", add.Role)
	}
	if text := strings.TrimSpace(add.Expires); text != "" {
		loc, err := loadZone(o.Zone)
		if err != nil {
			return err
		}
		expires, err := parseInstant("/expires", text, loc)
		if err != nil {
			return err
		}
		if !expires.After(ch.now) {
			return admin.Refuse(admin.Invalid, "/expires", "%s has passed: a key needs a time to come, or none", text)
		}
		expires = expires.UTC()
		out.Expires = &expires
	}
	return nil
}

// EndAPIKey ends a key: from now on it opens nothing.
func (c *Catalog) EndAPIKey(ctx context.Context, actor, organizer string, id uint32) (out admin.APIKey, err error) {
	err = c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		rows, err := apiKeys(ctx, ch, `WHERE k.organizer = ? AND k.id = ?`, o.ID, id)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return admin.Refuse(admin.NotFound, "/id", "the organizer %s has no API key %d: «footfall key api list» shows them", o.Slug, id)
		}
		if out = rows[0].APIKey; out.Ended != nil {
			return nil
		}
		ended := ch.now.UTC().Truncate(time.Microsecond)
		out.Ended = &ended
		if err := ch.exec(ctx, `UPDATE api_keys SET ended_us = ? WHERE id = ?`, ended.UnixMicro(), id); err != nil {
			return err
		}
		return ch.audit(ctx, "api key end", "organizer "+o.Slug, nil, fields{"id": id, "prefix": out.Prefix})
	})
	return out, err
}

// APIKeys lists an organizer's keys, without the keys.
func (c *Catalog) APIKeys(ctx context.Context, organizer string) ([]admin.APIKey, error) {
	o, err := organizerBySlug(ctx, c.reader, organizer)
	if err != nil {
		return nil, err
	}
	rows, err := apiKeys(ctx, c.reader, `WHERE k.organizer = ?`, o.ID)
	list := make([]admin.APIKey, len(rows))
	for i, row := range rows {
		list[i] = row.APIKey
	}
	return list, err
}

// Authenticate says who asks with a key. An unknown key, an ended and an expired
// one give the same refusal after the same work.
func (c *Catalog) Authenticate(ctx context.Context, key string) (admin.Principal, error) {
	sum := sha256.Sum256([]byte(key))
	rows, err := apiKeys(ctx, c.reader, `WHERE k.hash = ?`, sum[:])
	if err != nil {
		c.metrics.failure(stepRead)
		return admin.Principal{}, c.explain(err)
	}
	row := apiKeyRow{hash: make([]byte, len(sum))}
	if len(rows) > 0 {
		row = rows[0]
	}
	now := c.deps.Clock()
	good := subtle.ConstantTimeCompare(sum[:], row.hash) == 1
	good = good && !row.end.Valid
	good = good && (!row.expiresUS.Valid || now.UnixMicro() < row.expiresUS.Int64)
	if !good {
		return admin.Principal{}, admin.Refuse(admin.NotFound, "", "the key is not valid")
	}
	c.noteUse(ctx, row, now)
	return admin.Principal{Actor: "key " + row.Prefix, Role: row.Role, Organizer: row.Organizer, Affiliate: row.Affiliate}, nil
}

// endedAPIKeys are the keys that opened something once; none where the schema is of
// before keys.
func endedAPIKeys(ctx context.Context, q querier) ([]apiKeyRow, error) {
	var tables int
	if err := q.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'api_keys'`).Scan(&tables); err != nil {
		return nil, fmt.Errorf("looking for API keys: %w", err)
	}
	if tables == 0 {
		return nil, nil
	}
	return apiKeys(ctx, q, `WHERE k.ended_us IS NOT NULL`)
}

// noteUse keeps the hour of a key's last use. One that can't be kept keeps nobody
// from asking.
func (c *Catalog) noteUse(ctx context.Context, row apiKeyRow, now time.Time) {
	hourUS := now.Truncate(lastUsedStep).UnixMicro()
	if row.lastUS.Valid && row.lastUS.Int64 >= hourUS {
		return
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.writer.ExecContext(ctx, `UPDATE api_keys SET last_used_us = max(coalesce(last_used_us, 0), ?) WHERE id = ?`, hourUS, row.ID)
	if err != nil && ctx.Err() == nil {
		c.metrics.failure(stepKeyUse)
		c.deps.Log.Warn("keeping the time of a key's last use", "key", row.Prefix, "error", fmt.Errorf("writing: %w", err))
	}
}
