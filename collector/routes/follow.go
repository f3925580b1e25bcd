package routes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// firstBackoff is the pause after the first failure in a row; it doubles up to
// Config.BackoffMaxSeconds.
const firstBackoff = 100 * time.Millisecond

// follow repeats step until ctx ends, with a growing pause while it fails.
func (t *Table) follow(ctx context.Context, step func(context.Context) error) {
	pause := firstBackoff
	for ctx.Err() == nil {
		if step(ctx) == nil {
			pause = firstBackoff
			continue
		}
		pause = t.pause(ctx, pause)
	}
}

// insist repeats step until it holds; when ctx ends first it gives the last
// error of the step.
func (t *Table) insist(ctx context.Context, step func(context.Context) error) error {
	pause := firstBackoff
	for {
		err := step(ctx)
		if err == nil {
			return nil
		}
		pause = t.pause(ctx, pause)
		if ctx.Err() != nil {
			return err
		}
	}
}

// pause waits for half to all of d, so that collectors that lost one reporter
// together don't come back together, and gives the next pause.
func (t *Table) pause(ctx context.Context, d time.Duration) time.Duration {
	sleep(ctx, d/2+rand.N(d/2))
	return min(2*d, time.Duration(t.config.BackoffMaxSeconds)*time.Second)
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// failed counts and logs a failure of the feed, unless it is the stop.
func (t *Table) failed(ctx context.Context, document string, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	t.metrics.feedErrors.WithLabelValues(document).Inc()
	t.deps.Log.Warn("reporter does not answer, serving what is known", "document", document, "error", err)
	return err
}

func (t *Table) hear() { t.heard.Store(t.deps.Clock().UnixMilli()) }

// followRoutes takes the next update of the routes.
func (t *Table) followRoutes(ctx context.Context) error {
	have := t.View().revision
	update, err := t.deps.Feed.Routes(ctx, have)
	if err != nil {
		return t.failed(ctx, "routes", err)
	}
	if reason, err := t.apply(update); err != nil {
		t.metrics.refused.WithLabelValues(reason).Inc()
		t.deps.Log.Warn("update of the routes refused", "reason", reason, "error", err)
		if reason != "delta_gap" {
			return err
		}
		// What is between is lost to us: only a snapshot brings it.
		if update, err = t.deps.Feed.Routes(ctx, ids.Revision{}); err != nil {
			return t.failed(ctx, "routes", err)
		}
		if reason, err := t.apply(update); err != nil {
			t.metrics.refused.WithLabelValues(reason).Inc()
			return err
		}
	}
	t.hear()
	return nil
}

// apply takes an update, or says why not: it is of another incarnation or
// revision than a delta can follow, or older than what is known.
func (t *Table) apply(u routes.Update) (refused string, err error) {
	v := t.View()
	have, to := v.revision, u.Revision()
	switch {
	case (u.Snapshot == nil) == (u.Delta == nil):
		return "invalid", fmt.Errorf("%w: neither snapshot nor delta", ErrFeed)
	case u.Delta != nil && (u.Delta.From != have || to.Incarnation != have.Incarnation || to.Number <= have.Number):
		return "delta_gap", fmt.Errorf("%w: delta from %s to %s on top of %s", ErrFeed, u.Delta.From, to, have)
	case u.Snapshot != nil && to.Incarnation == have.Incarnation && to.Number < have.Number:
		return "older", fmt.Errorf("%w: snapshot %s while %s is known", ErrFeed, to, have)
	}
	if u.Delta != nil {
		t.view.Store(v.with(to, u.Delta.Organizers, u.Delta.Events, u.Delta.Codes))
		t.metrics.updates.WithLabelValues("delta").Inc()
	} else {
		t.view.Store(fromSnapshot(u.Snapshot))
		t.metrics.updates.WithLabelValues("snapshot").Inc()
		t.deps.Log.Info("routes taken from the reporter", "revision", to.String(), "codes", t.View().codes.n)
	}
	select {
	case t.changed <- struct{}{}:
	default:
	}
	return "", nil
}

func fromSnapshot(s *routes.Snapshot) *View {
	v := emptyView().with(s.Revision, s.Organizers, s.Events, nil)
	for codes := s.Codes; len(codes) > 0; {
		n := min(len(codes), loadBatch)
		v = v.with(s.Revision, nil, nil, codes[:n])
		codes = codes[n:]
	}
	return v
}

// followSecrets takes the next version of the secrets.
func (t *Table) followSecrets(ctx context.Context) error {
	t.mu.Lock()
	have := t.secrets.Version
	t.mu.Unlock()
	s, err := t.deps.Feed.Secrets(ctx, have)
	if err != nil {
		return t.failed(ctx, "secrets", err)
	}
	t.hear()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.useSecrets(s); err != nil {
		t.metrics.refused.WithLabelValues("invalid").Inc()
		t.deps.Log.Error("secrets of the reporter refused", "error", err)
		return err
	}
	t.metrics.updates.WithLabelValues("secrets").Inc()
	t.saveSecrets()
	return nil
}

// followCovered asks for the covered marks once, then waits for the next turn.
func (t *Table) followCovered(ctx context.Context) error {
	covered, err := t.deps.Feed.Covered(ctx)
	if err != nil {
		return t.failed(ctx, "covered", err)
	}
	t.hear()
	if t.deps.OnCovered != nil {
		t.deps.OnCovered(covered)
	}
	sleep(ctx, time.Duration(t.config.CoveredPollSeconds)*time.Second)
	return nil
}
