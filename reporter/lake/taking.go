package lake

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// taking bounds a reading's time: what the query works, waiting for its turn
// included, by query_seconds; what whoever takes the rows needs, by taker_seconds
// for every so many rows. So a long answer to a slow client isn't cut by the
// query's limit, and a client that hangs holds a turn for taker_seconds at most.
type taking struct {
	config Config
	clock  func() time.Time
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	working bool
	since   time.Time     // when it began to work, or to be taken
	worked  time.Duration // before that
	taken   time.Duration // of the taker's present allowance, before that
	rows    int           // given in the taker's present allowance
	timer   *time.Timer
}

// takenRows of an answer may take taker_seconds.
const takenRows = 65_536

// bounded gives a context that ends when one of the limits is reached, and what
// counts the time.
func bounded(ctx context.Context, config Config, clock func() time.Time) (context.Context, *taking) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &taking{config: config, clock: clock, cancel: cancel, working: true, since: clock()}
	t.timer = time.AfterFunc(config.queryTime(), t.spent)
	return ctx, t
}

// spent ends the reading: the time of whoever has it is over.
func (t *taking) spent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.working {
		t.cancel(fmt.Errorf("%w: %d seconds; ask for a shorter range or raise query_seconds", ErrLimit, t.config.QuerySeconds))
		return
	}
	t.cancel(fmt.Errorf("%w: the answer was not taken within %d seconds; raise taker_seconds for clients as slow as this", ErrLimit, t.config.TakerSeconds))
}

// work says that the query works from now on.
func (t *taking) work() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.working {
		return
	}
	now := t.clock()
	t.taken += now.Sub(t.since)
	t.working, t.since = true, now
	t.timer.Reset(t.config.queryTime() - t.worked)
}

// give says that the taker has what the query gave.
func (t *taking) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.working {
		return
	}
	now := t.clock()
	t.worked += now.Sub(t.since)
	t.working, t.since = false, now
	t.timer.Reset(t.config.takerTime() - t.taken)
}

// gave counts rows; after so many the taker's allowance begins anew.
func (t *taking) gave(rows int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows += rows
	if t.rows >= takenRows {
		t.rows, t.taken = 0, 0
	}
}

// end stops the count.
func (t *taking) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer.Stop()
	t.cancel(context.Canceled)
}
