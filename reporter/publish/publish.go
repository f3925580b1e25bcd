// Package publish puts the catalog into the lake, so that the lake can be read
// by itself: its history as changed rows in the log `catalog`, and beside the
// tables a script of views, the data dictionary and a file of each table's
// columns.
//
//	catalog ──history since the last time──▶ file ──entry──▶ log catalog ──▶ merge
//
// Invariant: the log's files together hold each row of the catalog's history
// once, up to the revision that the last row of the newest file names. Of two
// incarnations of a catalog one is published.
//
// It refuses names of people and emails: they can be erased in the catalog, and
// in no file. The reporter answers without it.
package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// look is the pause between two looks at the catalog's revision.
const look = time.Second

// Catalog gives what is published.
type Catalog interface {
	// Newest names the newest revision.
	Newest(ctx context.Context) (ids.Revision, error)
	// History gives the rows that revisions above after brought, and last one of
	// the newest revision, which it returns.
	History(ctx context.Context, after uint64, visit func(*lake.CatalogRow) error) (ids.Revision, error)
}

// Deps of the publication.
type Deps struct {
	Dir     *lakelog.Dir
	Catalog Catalog
	Clock   func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Publisher publishes. Not safe for concurrent use.
type Publisher struct {
	config  Config
	deps    Deps
	metrics *metrics

	log  *lakelog.Writer // nil: to be opened (again)
	have ids.Revision    // what the lake has; zero: nothing
	torn bool            // what the lake has is damaged: everything is to be replaced
	at   time.Time       // of the last file

	logged   string
	loggedAt time.Time
}

// New gives a publisher that has opened nothing.
func New(config Config, deps Deps) (*Publisher, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the publication: %w", err)
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering the publication's metrics: %w", err)
	}
	return &Publisher{config: config, deps: deps, metrics: m}, nil
}

// Run publishes at once, and later changes as soon as an interval has passed since
// the last file, until ctx ends. What fails is tried again: nothing waits for it.
func (p *Publisher) Run(ctx context.Context) error {
	for {
		pause := look
		if step, err := p.round(ctx); err != nil && ctx.Err() == nil {
			p.fail(step, err)
			p.log = nil // where the log stands is looked up again
			pause = p.config.retry()
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// round brings the lake up to the catalog's newest revision. It gives the step
// that failed.
func (p *Publisher) round(ctx context.Context) (step string, err error) {
	if p.log == nil {
		if err := besides(p.deps.Dir); err != nil {
			return stepBeside, err
		}
		if err := p.open(); err != nil {
			return stepOpen, err
		}
	}
	newest, err := p.deps.Catalog.Newest(ctx)
	if err != nil {
		return stepPublish, fmt.Errorf("asking for the catalog's revision: %w", err)
	}
	since := p.deps.Clock().Sub(p.at)
	if due := since < 0 || since >= p.config.interval(); newest != p.have && due || p.torn {
		if err := p.publish(ctx, newest); err != nil {
			return stepPublish, err
		}
		if err := p.merge(ctx); err != nil {
			return stepMerge, err
		}
	}
	return stepHouse, p.keepHouse()
}

// open opens the log, clears what a crash left and looks up what is published.
func (p *Publisher) open() error {
	now := p.deps.Clock()
	if err := p.deps.Dir.Open(lakelog.CatalogLog, lakelog.KindCatalog, 0, now.UnixMicro()); err != nil {
		return err
	}
	w, err := p.deps.Dir.Writer(lakelog.CatalogLog)
	if err != nil {
		return err
	}
	if _, err := w.Sweep(); err != nil {
		return err
	}
	p.have = ids.Revision{}
	if files := ordered(w.Live(lake.TableCatalog)); len(files) > 0 {
		newest := files[len(files)-1]
		switch p.have, err = lastRevision(p.deps.Dir, newest); {
		case damaged(err):
			p.torn = true
			p.deps.Log.Warn("published catalog is damaged and is replaced", "file", newest.Path, "error", err)
		case err != nil:
			return err
		}
	}
	p.log = w
	p.observe()
	return nil
}

// damaged says whether a file is not what was committed. It can be made again.
func damaged(err error) bool {
	return errors.Is(err, lakelog.ErrMismatch) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrUnsound)
}

// publish commits what changed since the last time; of another incarnation, or
// after damage, everything, in one entry that removes what was there.
func (p *Publisher) publish(ctx context.Context, newest ids.Revision) error {
	after, removed := p.have.Number, []string(nil)
	whole := p.torn || p.have.Incarnation != newest.Incarnation || p.have.Number > newest.Number
	if whole {
		after = 0
		for _, f := range p.log.Live(lake.TableCatalog) {
			removed = append(removed, f.Path)
		}
	}
	number, knownUS := p.log.Next(p.deps.Clock())
	var have ids.Revision
	file, err := p.stage(number, 0, func(write func(*lake.CatalogRow) error) (err error) {
		have, err = p.deps.Catalog.History(ctx, after, write)
		return err
	})
	if err != nil {
		return err
	}
	if have.Incarnation != newest.Incarnation {
		return errors.Join(errors.New("the catalog became another one while it was read"), p.deps.Dir.Remove(file.staged()))
	}
	if err := p.commit(file, knownUS, removed); err != nil {
		return err
	}
	p.have, p.torn, p.at = have, false, p.deps.Clock()
	p.metrics.rows.Add(float64(file.Rows))
	p.metrics.files.Inc()
	if len(removed) > 0 {
		p.metrics.wholes.Inc()
	}
	p.observe()
	p.deps.Log.Debug("catalog published", "revision", have.Number, "rows", file.Rows)
	return nil
}

// commit enters a staged file under the number that its name holds, and takes
// others out in the same entry.
func (p *Publisher) commit(f staged, knownUS int64, removed []string) error {
	if err := p.deps.Dir.Place(p.deps.Dir.Abs(f.staged()), f.Path); err != nil {
		return err
	}
	return p.log.Append(lakelog.Entry{KnownAtUS: knownUS, Added: []lakelog.File{f.File}, Removed: removed})
}

// keepHouse writes a checkpoint when one is due and deletes what nobody reads any more.
func (p *Publisher) keepHouse() error {
	now := p.deps.Clock()
	if p.log.Due() {
		if err := p.log.Checkpoint(); err != nil {
			return err
		}
		if _, err := p.log.Prune(now); err != nil {
			return err
		}
	}
	_, err := p.log.EmptyTrash(now.Add(-p.config.trashAge()))
	return err
}

func (p *Publisher) observe() {
	p.metrics.revision.Set(float64(p.have.Number))
	p.metrics.live.Set(float64(len(p.log.Live(lake.TableCatalog))))
}

// fail counts trouble that is tried again; the same words are logged once a minute.
func (p *Publisher) fail(step string, err error) {
	p.metrics.failures.WithLabelValues(step).Inc()
	text, now := err.Error(), p.deps.Clock()
	if text == p.logged && now.Sub(p.loggedAt) < time.Minute && !now.Before(p.loggedAt) {
		return
	}
	p.logged, p.loggedAt = text, now
	p.deps.Log.Warn("catalog is not published into the lake, trying again", "step", step, "error", text)
}
