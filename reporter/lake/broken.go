package lake

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// checkTime is the most that looking at a database may take: it does nothing
// else, but the machine may be busy.
const checkTime = 10 * time.Second

// done gives a database back after a reading that ended with err. After an
// internal or fatal error DuckDB refuses every further statement: such a database
// is given up, so that the next reading opens a new one.
func (l *Lake) done(ctx context.Context, d *database, err error) error {
	broken := err != nil && l.failed(context.WithoutCancel(ctx), d, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	d.users--
	if broken && l.database == d {
		l.database = nil
		l.metrics.broken.Inc()
		l.deps.Log.Error("duckdb failed for good and is started anew", "error", err)
	}
	if broken {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if d.users == 0 && l.database != d {
		err = errors.Join(err, d.close())
	}
	return err
}

// failed says whether a database is of no more use. It asks the database: what an
// error says may be what a statement of somebody's made it say.
func (l *Lake) failed(ctx context.Context, d *database, err error) bool {
	if result := resultOf(limited(err)); l.trusting || result == resultRefused || result == resultLimit {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	_, err = d.db.ExecContext(ctx, "SELECT 1")
	return err != nil && ctx.Err() == nil && !errors.Is(limited(err), ErrLimit)
}
