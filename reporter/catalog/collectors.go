package catalog

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
)

// tokenPrefix makes a leaked token easy to find: ffc_<collector>_<random>.
const tokenPrefix = "ffc_"

type collectorRow struct {
	id                           ids.CollectorID
	name                         string
	orders                       bool
	hash                         []byte
	enrolledUS                   int64
	openedUS, retiredUS, closeUS sql.NullInt64
}

func collectors(ctx context.Context, q querier, where string, args ...any) ([]collectorRow, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, name, orders, token_hash, enrolled_us, opened_us, retired_us, closed_us FROM collectors `+where+` ORDER BY id`, args...)
	return collect(rows, err, func(r *sql.Rows) (k collectorRow, err error) {
		err = r.Scan(&k.id, &k.name, &k.orders, &k.hash, &k.enrolledUS, &k.openedUS, &k.retiredUS, &k.closeUS)
		return k, err
	})
}

func (k collectorRow) public() admin.Collector {
	out := admin.Collector{ID: k.id, Name: k.name, Orders: k.orders, State: admin.StateActive, Enrolled: time.UnixMicro(k.enrolledUS).UTC()}
	if k.retiredUS.Valid {
		retired := time.UnixMicro(k.retiredUS.Int64).UTC()
		out.State, out.Retired = admin.StateRetired, &retired
	}
	return out
}

// EmbeddedName is the name of the one-process product's own collector.
const EmbeddedName = "embedded"

// Embedded is the one-process product's own collector, enrolled at its first
// start. It runs in this process from now on, and can't be retired meanwhile.
func (c *Catalog) Embedded(ctx context.Context, actor string) (ids.CollectorID, error) {
	own, err := collectors(ctx, c.reader, `WHERE name = ? AND retired_us IS NULL`, EmbeddedName)
	if err != nil {
		return 0, fmt.Errorf("looking for the embedded collector: %w", err)
	}
	var id ids.CollectorID
	if len(own) > 0 {
		id = own[0].id
	} else {
		k, err := c.enrol(ctx, actor, admin.CollectorEnrol{Name: EmbeddedName, Orders: true})
		if err != nil {
			return 0, fmt.Errorf("enrolling the embedded collector: %w", err)
		}
		id = k.ID
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.embedded = id
	return id, nil
}

// EnrolCollector gives a collector its id and its token, which only this answer
// shows, and opens its source logs. The embedded one's name is nobody else's: two
// would write under one id.
func (c *Catalog) EnrolCollector(ctx context.Context, actor string, enrol admin.CollectorEnrol) (admin.Collector, error) {
	if strings.EqualFold(strings.TrimSpace(enrol.Name), EmbeddedName) {
		c.metrics.refusals.WithLabelValues(string(admin.Conflict)).Inc()
		return admin.Collector{}, admin.Refuse(admin.Conflict, "/name", "%s is the name of the collector inside «footfall all»: choose another", EmbeddedName)
	}
	return c.enrol(ctx, actor, enrol)
}

func (c *Catalog) enrol(ctx context.Context, actor string, enrol admin.CollectorEnrol) (admin.Collector, error) {
	var row collectorRow
	var token string
	err := c.change(ctx, actor, func(ch *change) error {
		name := strings.TrimSpace(enrol.Name)
		if err := checkName("/name", name); err != nil {
			return err
		}
		same, err := collectors(ctx, ch, `WHERE name = ? COLLATE NOCASE AND retired_us IS NULL`, name)
		if err != nil {
			return err
		}
		if len(same) > 0 {
			return admin.Refuse(admin.Conflict, "/name", "collector %d is called %s: choose another name, or retire it first", same[0].id, same[0].name)
		}
		id, err := ch.mintID(ctx, kindCollector)
		if err != nil {
			return err
		}
		row = collectorRow{id: ids.CollectorID(id), name: name, orders: enrol.Orders, enrolledUS: ch.now.UnixMicro()}
		if token, row.hash, err = newToken(row.id); err != nil {
			return err
		}
		ch.wake = true
		if err := ch.exec(ctx, `INSERT INTO collectors (id, name, orders, token_hash, enrolled_us) VALUES (?, ?, ?, ?, ?)`, row.id, row.name, row.orders, row.hash, row.enrolledUS); err != nil {
			return err
		}
		return ch.audit(ctx, "collector enrol", row.subject(), nil, fields{"id": row.id, "name": row.name, "orders": row.orders})
	})
	if err != nil {
		return admin.Collector{}, err
	}
	c.settleLogsOrLater(ctx)
	out := row.public()
	out.Token = token
	return out, nil
}

func (k collectorRow) subject() string { return fmt.Sprintf("collector %d", k.id) }

// RenewToken gives a collector another token; the old one ends at once.
func (c *Catalog) RenewToken(ctx context.Context, actor string, id ids.CollectorID) (admin.Collector, error) {
	var row collectorRow
	var token string
	err := c.change(ctx, actor, func(ch *change) (err error) {
		if row, err = activeCollector(ctx, ch, id); err != nil {
			return err
		}
		if token, row.hash, err = newToken(row.id); err != nil {
			return err
		}
		if err := ch.exec(ctx, `UPDATE collectors SET token_hash = ? WHERE id = ?`, row.hash, row.id); err != nil {
			return err
		}
		return ch.audit(ctx, "collector token", row.subject(), nil, fields{"token": "renewed"})
	})
	if err != nil {
		return admin.Collector{}, err
	}
	out := row.public()
	out.Token = token
	return out, nil
}

// RetireCollector ends a collector for good: its token no longer works and its
// logs are closed, so what it still held is never taken. Retire one whose
// journals are drained, or lost.
func (c *Catalog) RetireCollector(ctx context.Context, actor string, id ids.CollectorID) (admin.Collector, error) {
	var row collectorRow
	err := c.change(ctx, actor, func(ch *change) (err error) {
		if row, err = activeCollector(ctx, ch, id); err != nil {
			return err
		}
		if c.runsHere(id) {
			return admin.Refuse(admin.Conflict, "/id", "collector %d runs in this process, and what it takes in would be lost: stop «footfall all», then retire it", id)
		}
		row.retiredUS = sql.NullInt64{Int64: ch.now.UnixMicro(), Valid: true}
		ch.wake = true
		if err := ch.exec(ctx, `UPDATE collectors SET retired_us = ?, token_hash = x'' WHERE id = ?`, row.retiredUS.Int64, row.id); err != nil {
			return err
		}
		return ch.audit(ctx, "collector retire", row.subject(), fields{"state": admin.StateActive}, fields{"state": admin.StateRetired})
	})
	if err != nil {
		return admin.Collector{}, err
	}
	c.settleLogsOrLater(ctx)
	return row.public(), nil
}

func (c *Catalog) runsHere(id ids.CollectorID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return id == c.embedded
}

func activeCollector(ctx context.Context, q querier, id ids.CollectorID) (collectorRow, error) {
	rows, err := collectors(ctx, q, `WHERE id = ?`, id)
	if err != nil {
		return collectorRow{}, err
	}
	if len(rows) == 0 {
		return collectorRow{}, admin.Refuse(admin.NotFound, "/id", "there is no collector %d: «footfall collector list» shows them", id)
	}
	if rows[0].retiredUS.Valid {
		return collectorRow{}, admin.Refuse(admin.Conflict, "/id", "collector %d (%s) is retired: enrol a new one with «footfall collector enrol»", id, rows[0].name)
	}
	return rows[0], nil
}

// Collectors lists all collectors that were ever enrolled.
func (c *Catalog) Collectors(ctx context.Context) ([]admin.Collector, error) {
	rows, err := collectors(ctx, c.reader, ``)
	list := make([]admin.Collector, len(rows))
	for i, row := range rows {
		list[i] = row.public()
	}
	return list, err
}

// settleLogsOrLater opens and closes logs now; what fails is tried again by Run.
func (c *Catalog) settleLogsOrLater(ctx context.Context) {
	if err := c.settleLogs(ctx); err != nil {
		c.metrics.failure(stepLogs)
		c.deps.Log.Error("settling source logs: trying again", "error", err)
	}
}

// settleLogs opens the logs of enrolled collectors and closes those of retired
// ones, as far as that isn't done.
func (c *Catalog) settleLogs(ctx context.Context) error {
	if c.deps.Logs == nil {
		return nil
	}
	pending, err := collectors(ctx, c.reader, `WHERE opened_us IS NULL OR (retired_us IS NOT NULL AND closed_us IS NULL)`)
	if err != nil || len(pending) == 0 {
		return err
	}
	// Under the writers' lock no newer watermark is noted in between.
	c.writing.Lock()
	defer c.writing.Unlock()
	nowUS := c.deps.Clock().UnixMicro()
	knownUS := max(nowUS, c.watermarkUS+1)
	if c.deps.Lake != nil {
		if err := c.deps.Lake.Refresh(); err != nil {
			return fmt.Errorf("looking at the lake: %w", err)
		}
		// A report that looks at the lake this moment can't have seen more.
		knownUS = max(knownUS, c.deps.Lake.Snapshot().NewestUS+1)
	}
	for _, k := range pending {
		column := "opened_us"
		for log, kind := range map[string]string{lakelog.VisitsLog(k.id): lakelog.KindVisits, lakelog.OrdersLog(k.id): lakelog.KindOrders} {
			if k.retiredUS.Valid {
				column = "closed_us"
				if !k.openedUS.Valid {
					continue // never opened: nothing to close
				}
				err = c.deps.Logs.Close(log, "retired", nowUS)
			} else {
				err = c.deps.Logs.Open(log, kind, k.id, knownUS)
			}
			if err != nil && !errors.Is(err, lakelog.ErrClosed) {
				return fmt.Errorf("settling the logs of collector %d: %w", k.id, err)
			}
		}
		if _, err := c.writer.ExecContext(ctx, `UPDATE collectors SET opened_us = coalesce(opened_us, ?1), closed_us = CASE WHEN ?2 THEN ?1 END WHERE id = ?3`, nowUS, column == "closed_us", k.id); err != nil {
			return fmt.Errorf("noting the logs of collector %d: %w", k.id, err)
		}
	}
	return nil
}

func newToken(id ids.CollectorID) (token string, hash []byte, err error) {
	secret, err := randomBytes(32)
	if err != nil {
		return "", nil, err
	}
	token = tokenPrefix + strconv.FormatUint(uint64(id), 10) + "_" + base64.RawURLEncoding.EncodeToString(secret)
	sum := sha256.Sum256([]byte(token))
	return token, sum[:], nil
}

// CollectorByToken finds the active collector that the token is of, else
// ErrUnknownToken. An unknown collector costs the same comparison.
func (c *Catalog) CollectorByToken(ctx context.Context, token string) (admin.Collector, error) {
	sum := sha256.Sum256([]byte(token))
	text, _, _ := strings.Cut(strings.TrimPrefix(token, tokenPrefix), "_")
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		id = 0
	}
	rows, err := collectors(ctx, c.reader, `WHERE id = ? AND retired_us IS NULL`, id)
	if err != nil {
		return admin.Collector{}, err
	}
	row := collectorRow{hash: make([]byte, len(sum))}
	if len(rows) > 0 {
		row = rows[0]
	}
	if subtle.ConstantTimeCompare(sum[:], row.hash) != 1 || len(rows) == 0 {
		return admin.Collector{}, ErrUnknownToken
	}
	return row.public(), nil
}
