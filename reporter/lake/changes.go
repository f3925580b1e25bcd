package lake

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Changing is a Catalog that can tell two of its states apart, so that a change
// costs a report what it touched and not the whole catalog.
type Changing interface {
	// Changes gives of the state to what differs from the state from: all rows of
	// each organizer, event, affiliate, code and coupon that changed, and every
	// policy. Nil: it can't be told.
	Changes(ctx context.Context, from, to Revision) (*Dimensions, error)
}

// changedSQL makes the state {schema} of the state {base} and the changes in
// {delta}.
//
//go:embed changed.sql
var changedSQL string

// grow makes a state of the nearest earlier one that is loaded, where the
// catalog can tell what changed since.
func (c *catalogs) grow(ctx context.Context, entry *loadedCatalog) (grown bool, err error) {
	source, ok := c.source.(Changing)
	if !ok {
		return false, nil
	}
	earlier := slices.DeleteFunc(slices.Clone(c.loaded), func(e *loadedCatalog) bool { return e.revision.KnownAtUS > entry.revision.KnownAtUS })
	if len(earlier) == 0 {
		return false, nil
	}
	// The last one of equals was used last.
	slices.SortStableFunc(earlier, func(a, b *loadedCatalog) int { return cmp.Compare(a.revision.KnownAtUS, b.revision.KnownAtUS) })
	base := earlier[len(earlier)-1]
	changes, err := source.Changes(ctx, base.revision, entry.revision)
	if err != nil {
		return false, fmt.Errorf("reading the catalog's changes: %w", err)
	}
	if changes == nil {
		return false, nil
	}
	base.users++ // it must not make room for what is made of it
	err = c.evict(ctx)
	if err == nil {
		err = c.apply(ctx, base.schema, entry.schema, changes)
	}
	base.users--
	if err != nil {
		return false, fmt.Errorf("loading the catalog's changes: %w", err)
	}
	c.metrics.changes.Inc()
	return true, nil
}

// apply loads the changes into a schema of their own, joins them with the base's
// rows, and drops them.
func (c *catalogs) apply(ctx context.Context, base, schema string, changes *Dimensions) (err error) {
	delta := schema + "_changes"
	if err := c.load(ctx, delta, changes); err != nil {
		return err
	}
	statements := strings.NewReplacer("{schema}", schema, "{base}", base, "{delta}", delta).Replace(changedSQL)
	if _, err := c.db.ExecContext(ctx, statements); err != nil {
		rest := context.WithoutCancel(ctx)
		_, dropDelta := c.db.ExecContext(rest, "DROP SCHEMA IF EXISTS "+delta+" CASCADE")
		_, dropSchema := c.db.ExecContext(rest, "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
		return errors.Join(err, dropDelta, dropSchema)
	}
	return nil
}
