package attribution

import (
	"context"
	"database/sql/driver"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"footfall/schemas/clickid"
)

// noneRechecked stands for the table rechecked where no click id needs it.
const noneRechecked = `(SELECT NULL::VARCHAR AS click_id, NULL::VARCHAR AS click_status, NULL::VARCHAR AS click_epoch, NULL::BIGINT AS click_shard,
  NULL::BIGINT AS click_sequence, NULL::BIGINT AS click_event_id, NULL::BIGINT AS click_code_id, NULL::VARCHAR AS click_code_state,
  NULL::BOOLEAN AS click_ended, NULL::BOOLEAN AS click_test, NULL::BIGINT AS clicked_ms WHERE false)`

// unlocked is a click id that is verified again: the consumer had no key for it,
// or its key got an end since.
type unlocked struct {
	id     string
	status clickid.Status
	fields clickid.Fields // where status is Valid
}

// verifyingKeys are the keys that the as-of knows.
func (n *run) verifyingKeys(ctx context.Context) ([]clickid.Key, error) {
	if n.Attribution.keys == nil {
		return nil, nil
	}
	known, err := n.Attribution.keys(ctx, n.AsOfUS)
	if err != nil {
		return nil, fmt.Errorf("reading click-id keys: %w", err)
	}
	return known, nil
}

// unlock verifies the click ids of unknown keys, and those of a time after the end
// of their key, which the consumer may not have known yet; those whose key is
// still unknown are left out.
func (n *run) unlock(ctx context.Context, known []clickid.Key) ([]unlocked, error) {
	list, err := n.lockedIDs(ctx, known)
	if err != nil {
		return nil, fmt.Errorf("finding click ids to verify again: %w", err)
	}
	if len(list) == 0 || len(known) == 0 {
		return nil, nil
	}
	keys, err := clickid.NewKeys(0, known)
	if err != nil {
		return nil, fmt.Errorf("reading click-id keys: %w", err)
	}
	var out []unlocked
	for _, id := range list {
		fields, status := keys.Decode([]byte(id))
		if status != clickid.UnknownKey {
			out = append(out, unlocked{id, status, fields})
		}
	}
	return out, nil
}

func (n *run) lockedIDs(ctx context.Context, known []clickid.Key) (ids []string, err error) {
	which := []string{"f.click_status = 'unknown_key'"}
	for _, k := range known {
		if k.EndsMS > 0 {
			which = append(which, fmt.Sprintf("f.click_status = 'valid' AND f.clicked_ms >= %d AND f.click_id[1:2] IN (%s)", k.EndsMS, beginnings(k.ID)))
		}
	}
	rows, err := n.QueryContext(ctx, `SELECT DISTINCT f.click_id FROM order_facts f JOIN order_versions v ON v.fact = f.rowid
		WHERE v.status = 'counts' AND (`+strings.Join(which, " OR ")+`)`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// beginnings are the first two characters that an id of a key can have, as a list
// of SQL: its first byte is the key's.
func beginnings(key uint8) string {
	var all []string
	for next := range 256 {
		text := "'" + base64.RawURLEncoding.EncodeToString([]byte{key, byte(next), 0})[:2] + "'"
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, ", ")
}

// recheck makes the table rechecked of the click ids that verify now, or no
// longer; without any there is no such table.
func (n *run) recheck(ctx context.Context, known []clickid.Key) error {
	found, err := n.unlock(ctx, known)
	if err != nil || len(found) == 0 {
		return err
	}
	if _, err := n.ExecContext(ctx, "CREATE TEMP TABLE rechecked AS "+noneRechecked); err != nil {
		return fmt.Errorf("making table rechecked: %w", err)
	}
	err = n.Raw(func(raw any) (err error) {
		c, ok := raw.(driver.Conn)
		if !ok {
			return errors.New("the connection is not DuckDB's")
		}
		appender, err := duckdb.NewAppender(c, "temp", "main", "rechecked")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, appender.Close()) }()
		for _, u := range found {
			if err := appender.AppendRow(u.row()...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("filling table rechecked: %w", err)
	}
	n.texts["rechecked"] = "rechecked"
	return nil
}

func (u *unlocked) row() []driver.Value {
	if u.status != clickid.Valid {
		return []driver.Value{u.id, u.status.String(), nil, nil, nil, nil, nil, nil, nil, nil, nil}
	}
	f, code := u.fields, driver.Value(nil)
	if f.Code != 0 {
		code = int64(f.Code)
	}
	return []driver.Value{
		u.id, u.status.String(), f.Epoch.String(), int64(f.Shard), int64(f.Sequence), int64(f.Event), code, //nolint:gosec // a sequence has 40 bits
		f.State.String(), f.Ended, f.Test, f.TimeMS,
	}
}
