package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// State names what Dimensions gives at an as-of.
type State struct {
	Revision  ids.Revision // zero: the as-of is before the catalog
	KnownAtUS int64        // of the revision, microseconds since 1970
	// Names rises when a name or an email changes: they are not versioned.
	Names uint64
}

// StateAt is the state of the last revision known at asOfUS; math.MaxInt64 is
// the newest.
func (c *Catalog) StateAt(ctx context.Context, asOfUS int64) (State, error) {
	c.mu.Lock()
	s := State{Names: c.names}
	c.mu.Unlock()
	var err error
	if s.Revision, err = revisionAt(ctx, c.reader, asOfUS); err != nil {
		c.metrics.failure(stepRead)
		return State{}, c.explain(err)
	}
	err = c.reader.QueryRowContext(ctx, `SELECT known_at_us FROM revisions WHERE number = ?`, s.Revision.Number).Scan(&s.KnownAtUS)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		c.metrics.failure(stepRead)
		return State{}, c.explain(fmt.Errorf("reading the revision of an as-of: %w", err))
	}
	return s, nil
}

// VerifyingKeys are the click-id keys that the catalog had at asOfUS, with the
// ends that it knew of then.
func (c *Catalog) VerifyingKeys(ctx context.Context, asOfUS int64) ([]clickid.Key, error) {
	rows, err := clickKeysAt(ctx, c.reader, asOfUS)
	if err != nil {
		c.metrics.failure(stepRead)
		return nil, c.explain(err)
	}
	keys := make([]clickid.Key, len(rows))
	for i, k := range rows {
		keys[i] = clickid.Key{ID: k.id, Secret: routes.Key(k.secret), EndsMS: k.endsMS}
	}
	return keys, nil
}
