package ops

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// Part is something that runs as long as its role does.
type Part struct {
	Name string
	// Open, where set, is called before Run, after the Open of every part
	// before it. It returns once the parts after this one may rely on it. What
	// it opened is closed by Run, which is called even when a later Open fails.
	Open func(ctx context.Context) error
	// Run blocks until ctx ends and the part is drained.
	Run func(ctx context.Context) error
}

// running is a part that was started.
type running struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // read after done is closed
}

// Run starts the parts in order and waits until ctx ends or one of them does.
// Then it stops them in the reverse order, each waited for before the next. The
// error joins those of all parts; a part that ends before it is told to is
// ErrStopped or its own error. With a ctx from Signals a second signal makes it
// return at once, with ErrAbandoned.
func Run(ctx context.Context, parts ...Part) error {
	base := context.WithoutCancel(ctx)
	ended := make(chan *running, len(parts))
	started := make([]*running, 0, len(parts))
	var errs []error
	for _, part := range parts {
		if part.Open != nil {
			err := part.Open(ctx)
			if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
				break // told to stop while it started: no failure
			}
			if err != nil {
				errs = append(errs, Starting(part.Name, err))
				break
			}
		}
		started = append(started, start(base, part, ended))
	}
	if len(errs) == 0 {
		select {
		case <-ctx.Done():
		case r := <-ended:
			if r.err == nil || errors.Is(r.err, context.Canceled) {
				errs = append(errs, fmt.Errorf("running %s: %w", r.name, ErrStopped))
			}
		}
	}
	return errors.Join(append(errs, stop(abandoned(ctx), started)...)...)
}

func start(base context.Context, part Part, ended chan<- *running) *running {
	ctx, cancel := context.WithCancel(base)
	r := &running{name: part.Name, cancel: cancel, done: make(chan struct{})}
	go func() {
		r.err = part.Run(ctx)
		close(r.done)
		ended <- r
	}()
	return r
}

// stop ends the parts from the last to the first.
func stop(abandon <-chan struct{}, started []*running) []error {
	var errs []error
	for i, r := range slices.Backward(started) {
		r.cancel()
		select {
		case <-r.done:
		case <-abandon:
			names := []string{}
			for _, left := range started[:i+1] {
				left.cancel()
				names = append(names, left.name)
			}
			return append(errs, fmt.Errorf("stopping %s: %w", strings.Join(names, ", "), ErrAbandoned))
		}
		if r.err != nil && !errors.Is(r.err, context.Canceled) {
			errs = append(errs, fmt.Errorf("running %s: %w", r.name, r.err))
		}
	}
	return errs
}

type abandonKey struct{}

// Signals gives a context that ends at the first SIGINT or SIGTERM. A second one
// makes a Run under it abandon its drain. The function returned gives the
// signals back and waits for the helper.
func Signals(ctx context.Context) (context.Context, func()) {
	incoming := make(chan os.Signal, 2)
	signal.Notify(incoming, syscall.SIGINT, syscall.SIGTERM)
	ctx, release := withSignals(ctx, incoming)
	return ctx, func() {
		signal.Stop(incoming)
		release()
	}
}

func withSignals(ctx context.Context, incoming <-chan os.Signal) (context.Context, func()) {
	abandon, quit, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(context.WithValue(ctx, abandonKey{}, abandon))
	go func() {
		defer close(gone)
		for _, act := range []func(){cancel, func() { close(abandon) }} {
			select {
			case <-incoming:
				act()
			case <-quit:
				return
			}
		}
	}()
	return ctx, func() {
		cancel()
		close(quit)
		<-gone
	}
}

// abandoned is the channel that a second signal closes; nil, so never ready,
// for a context that is not from Signals.
func abandoned(ctx context.Context) <-chan struct{} {
	abandon, _ := ctx.Value(abandonKey{}).(chan struct{})
	return abandon
}
