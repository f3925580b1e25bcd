package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"footfall/schemas/admin"
)

// Audit lists up to limit entries of the audit log before the given id, newest
// first; before 0: from the newest on, limit 0: 1,000, which is also the most.
func (c *Catalog) Audit(ctx context.Context, before int64, limit int) ([]admin.AuditEntry, error) {
	if before <= 0 {
		before = newestUS
	}
	if limit <= 0 || limit > pageLimit {
		limit = pageLimit
	}
	rows, err := c.reader.QueryContext(ctx, `SELECT a.id, a.at_us, a.actor, a.action, a.subject, a.before, a.after,
	    coalesce((SELECT incarnation || '/' || number FROM revisions WHERE number = a.revision), '')
	  FROM audit a WHERE a.id < ? ORDER BY a.id DESC LIMIT ?`, before, limit)
	return collect(rows, err, func(r *sql.Rows) (e admin.AuditEntry, err error) {
		var us int64
		var was, is string
		if err := r.Scan(&e.ID, &us, &e.Actor, &e.Action, &e.Subject, &was, &is, &e.Revision); err != nil {
			return e, err
		}
		e.At = time.UnixMicro(us).UTC()
		if err := json.Unmarshal([]byte(was), &e.Before); err != nil {
			return e, fmt.Errorf("reading audit entry %d: %w", e.ID, err)
		}
		if err := json.Unmarshal([]byte(is), &e.After); err != nil {
			return e, fmt.Errorf("reading audit entry %d: %w", e.ID, err)
		}
		return e, nil
	})
}
