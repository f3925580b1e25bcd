package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"

	"footfall/schemas/ids"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/routes"
)

// feed is the catalog as one collector follows it, in process or behind the
// control listener.
type feed struct {
	catalog   *Catalog
	collector ids.CollectorID
}

// Feed is what the collector follows. Only a collector that is enrolled with
// orders gets webhook secrets.
func (c *Catalog) Feed(collector ids.CollectorID) routes.Feed {
	return &feed{catalog: c, collector: collector}
}

// Routes waits for something newer than have.
func (f *feed) Routes(ctx context.Context, have ids.Revision) (update routes.Update, err error) {
	err = f.catalog.wait(ctx, func(ctx context.Context) (newer bool, err error) {
		update, newer, err = f.catalog.updateSince(ctx, have)
		return newer, err
	})
	return update, err
}

// Secrets waits for another version than have.
func (f *feed) Secrets(ctx context.Context, have string) (secrets routes.Secrets, err error) {
	err = f.catalog.wait(ctx, func(ctx context.Context) (other bool, err error) {
		secrets, err = f.catalog.secretsFor(ctx, f.collector)
		return secrets.Version != have, err
	})
	return secrets, err
}

// wait tries look after every change until it finds something; it looks once
// even if ctx has ended, which only bounds the waiting.
func (c *Catalog) wait(ctx context.Context, look func(context.Context) (bool, error)) error {
	c.metrics.waiting.Inc()
	defer c.metrics.waiting.Dec()
	for {
		changed := c.Changed() // before the look: a change in between wakes
		found, err := look(context.WithoutCancel(ctx))
		if err != nil || found {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Covered reads the marks from the lake's logs.
func (f *feed) Covered(context.Context) (routes.Covered, error) {
	covered := routes.Covered{Journals: []routes.CoveredJournal{}}
	lake := f.catalog.deps.Lake
	if lake == nil {
		return covered, nil
	}
	if err := lake.Refresh(); err != nil {
		f.catalog.metrics.failure(stepCovered)
		return covered, fmt.Errorf("looking at the lake: %w", err)
	}
	logs := lake.Snapshot().Logs
	for _, log := range []string{lakelog.VisitsLog(f.collector), lakelog.OrdersLog(f.collector)} {
		head, ok := logs[log]
		if !ok || head.State == nil {
			continue
		}
		journal := routes.CoveredJournal{Journal: head.Kind, Epochs: []routes.CoveredEpoch{}}
		for _, e := range head.State.Epochs {
			epoch, err := ids.ParseEpoch(e.Epoch)
			if err != nil {
				f.catalog.metrics.failure(stepCovered)
				return covered, fmt.Errorf("reading the marks of %s: %w", log, err)
			}
			marks := make([]uint64, len(e.Shards))
			for i, s := range e.Shards {
				marks[i] = s.Mark
			}
			journal.Epochs = append(journal.Epochs, routes.CoveredEpoch{Epoch: epoch, Closed: e.Closed, Shards: marks})
		}
		covered.Journals = append(covered.Journals, journal)
	}
	return covered, nil
}

// updateSince is what a collector at have needs: a delta within the
// incarnation, else a snapshot. newer is false when there is nothing.
func (c *Catalog) updateSince(ctx context.Context, have ids.Revision) (update routes.Update, newer bool, err error) {
	err = c.read(ctx, func(q querier) error {
		now, _, err := lastRevision(ctx, q)
		if err != nil || now == have {
			return err
		}
		newer = true
		since := int64(-1)
		if now.Incarnation == have.Incarnation && have.Number > 0 && have.Number < now.Number {
			since = int64(min(have.Number, math.MaxInt64))
		}
		snapshot := routes.Snapshot{Revision: now}
		if snapshot.Organizers, err = routeOrganizers(ctx, q, since); err != nil {
			return err
		}
		if snapshot.Events, err = routeEvents(ctx, q, since); err != nil {
			return err
		}
		if snapshot.Codes, err = routeCodes(ctx, q, since); err != nil {
			return err
		}
		if since < 0 {
			update.Snapshot = &snapshot
			return nil
		}
		update.Delta = &routes.Delta{From: have, To: now, Organizers: snapshot.Organizers, Events: snapshot.Events, Codes: snapshot.Codes}
		return nil
	})
	return update, newer, err
}

func routeOrganizers(ctx context.Context, q querier, since int64) ([]routes.Organizer, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, slug, cookies FROM organizers o
	  WHERE revision > ? AND revision = (SELECT max(revision) FROM organizers WHERE id = o.id) ORDER BY id`, since)
	return collect(rows, err, func(r *sql.Rows) (o routes.Organizer, err error) {
		err = r.Scan(&o.ID, &o.Slug, &o.Cookies)
		return o, err
	})
}

func routeEvents(ctx context.Context, q querier, since int64) ([]routes.Event, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, organizer, slug, destination, start_ms, end_ms, currency FROM events e
	  WHERE revision > ? AND revision = (SELECT max(revision) FROM events WHERE id = e.id) ORDER BY id`, since)
	return collect(rows, err, func(r *sql.Rows) (e routes.Event, err error) {
		err = r.Scan(&e.ID, &e.Organizer, &e.Slug, &e.Destination, &e.StartMS, &e.EndMS, &e.Currency)
		return e, err
	})
}

// routeCodes gives every text of every code that changed, as a rename changes
// the canonical text of its aliases too.
func routeCodes(ctx context.Context, q querier, since int64) ([]routes.Code, error) {
	rows, err := q.QueryContext(ctx, routeCodesQuery(since), since)
	return collect(rows, err, func(r *sql.Rows) (c routes.Code, err error) {
		err = r.Scan(&c.ID, &c.Organizer, &c.Event, &c.Text, &c.Canonical, &c.Paused)
		c.Common = c.Event == 0
		if routes.FoldString(c.Text) == routes.FoldString(c.Canonical) {
			c.Text = c.Canonical // the same text in other letters, by a rename
		}
		return c, err
	})
}

// secretsFor is the collector's document of secrets, named by its content.
func (c *Catalog) secretsFor(ctx context.Context, collector ids.CollectorID) (routes.Secrets, error) {
	s := routes.Secrets{VisitorKeys: []routes.VisitorKey{}}
	var keys []clickKeyRow
	err := c.read(ctx, func(q querier) (err error) {
		if keys, err = clickKeys(ctx, q); err != nil {
			return err
		}
		s.ClickKeys, s.MintKey = servedClickKeys(keys), mintingKey(keys)
		visitors, err := visitorKeys(ctx, q)
		for _, k := range visitors {
			s.VisitorKeys = append(s.VisitorKeys, routes.VisitorKey{Organizer: k.organizer, Key: routes.Key(k.key)})
		}
		if err != nil {
			return err
		}
		own, err := collectors(ctx, q, `WHERE id = ? AND orders AND retired_us IS NULL`, collector)
		if err != nil || len(own) == 0 {
			return err
		}
		secrets, err := webhookSecrets(ctx, q, `WHERE ended_us IS NULL`)
		for _, w := range secrets {
			s.WebhookSecrets = append(s.WebhookSecrets, routes.WebhookSecret{Organizer: w.organizer, Secret: w.secret})
		}
		return err
	})
	if err != nil {
		return s, err
	}
	if s.DayKeys, err = c.servedDayKeys(c.deps.Clock()); err != nil {
		return s, err
	}
	doc, err := json.Marshal(s)
	if err != nil {
		return s, fmt.Errorf("encoding secrets: %w", err)
	}
	sum := sha256.Sum256(doc)
	s.Version = hex.EncodeToString(sum[:16])
	return s, c.noteServed(ctx, keys)
}

// routeCodesQuery lets a delta cost what it holds, however many codes there
// are: SQLite is told to begin with the revisions, which it would not do by
// itself.
func routeCodesQuery(since int64) string {
	begin := `codes c INDEXED BY codes_revision`
	if since < 0 {
		begin = `codes c`
	}
	return `SELECT c.id, c.organizer, c.event, t.text, c.text, c.paused OR c.owner_paused
	  FROM ` + begin + ` CROSS JOIN code_texts t ON t.code = c.id
	  WHERE c.revision > ? AND c.revision = (SELECT max(revision) FROM codes WHERE id = c.id) ORDER BY c.id, t.revision, t.folded`
}
