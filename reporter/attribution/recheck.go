package attribution

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/duckdb/duckdb-go/v2"

	"footfall/schemas/clickid"
)

// unlocked is a click id that the consumer had no key for, verified again.
type unlocked struct {
	id     string
	status clickid.Status
	fields clickid.Fields // where status is Valid
}

// unlock verifies the click ids of some rows; those whose key is still unknown
// are left out. rows is all of a statement behind its SELECT list.
func (a *Attribution) unlock(ctx context.Context, conn *sql.Conn, rows string, asOfUS int64, args ...any) ([]unlocked, error) {
	list, err := clickIDs(ctx, conn, rows, args...)
	if err != nil {
		return nil, fmt.Errorf("finding click ids of unknown keys: %w", err)
	}
	if len(list) == 0 || a.keys == nil {
		return nil, nil
	}
	known, err := a.keys(ctx, asOfUS)
	if err != nil {
		return nil, fmt.Errorf("reading click-id keys: %w", err)
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

func clickIDs(ctx context.Context, conn *sql.Conn, from string, args ...any) (ids []string, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT DISTINCT click_id "+from, args...)
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

// recheck makes the table rechecked of the click ids that verify now, or that
// turn out to be forged.
func (a *Attribution) recheck(ctx context.Context, conn *sql.Conn, asOfUS int64) error {
	_, err := conn.ExecContext(ctx, `CREATE TEMP TABLE rechecked (click_id VARCHAR, click_status VARCHAR,
		click_epoch VARCHAR, click_shard BIGINT, click_sequence BIGINT, click_event_id BIGINT, click_code_id BIGINT,
		click_code_state VARCHAR, click_ended BOOLEAN, click_test BOOLEAN, clicked_ms BIGINT)`)
	if err != nil {
		return fmt.Errorf("making table rechecked: %w", err)
	}
	found, err := a.unlock(ctx, conn, "FROM order_versions WHERE status = 'counts' AND click_status = 'unknown_key'", asOfUS)
	if err != nil || len(found) == 0 {
		return err
	}
	err = conn.Raw(func(raw any) (err error) {
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
