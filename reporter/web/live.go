package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// liveEvery is how often is looked for something new, and a view that is watched
	// computed again if there is.
	liveEvery = time.Second
	// liveIdle is how often a stream says that it is there.
	liveIdle = 15 * time.Second
	// liveLife ends a stream, whose page comes back: so nobody who was signed out
	// watches on.
	liveLife = 5 * time.Minute
)

// watched computes each view once for all who watch it.
type watched struct {
	mu    sync.Mutex
	views map[string]*watch // guarded by mu, by organizer and query
}

type watch struct {
	readers int           // guarded by watched.mu
	next    chan struct{} // guarded by watched.mu: closed when there is news
	last    []byte        // guarded by watched.mu
	stop    context.CancelFunc
}

// news is what a page is told: the figures that it shows, by what they are of.
type news struct {
	Evidence string               `json:"evidence"`
	AsOf     string               `json:"as_of"`
	Strip    map[string][2]string `json:"strip"` // value and change
	Rows     map[string][]string  `json:"rows"`
	All      int64                `json:"all"`
}

// follow adds a reader of a view.
func (l *watched) follow(ctx context.Context, key string, newest func(context.Context) (int64, error), compute func(context.Context) ([]byte, error)) *watch {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.views[key]
	if v == nil {
		running, stop := context.WithCancel(context.WithoutCancel(ctx))
		v = &watch{next: make(chan struct{}), stop: stop}
		l.views[key] = v
		go l.keep(running, v, newest, compute)
	}
	v.readers++
	return v
}

// leave takes a reader away; the last one ends the computing.
func (l *watched) leave(key string, v *watch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v.readers--; v.readers == 0 {
		v.stop()
		delete(l.views, key)
	}
}

// keep computes a view until nobody watches it.
func (l *watched) keep(ctx context.Context, v *watch, newest func(context.Context) (int64, error), compute func(context.Context) ([]byte, error)) {
	var last int64
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	for {
		if at, err := newest(ctx); err == nil && at != last {
			if text, err := compute(ctx); err == nil {
				last = at
				l.tell(v, text)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tell is news to all who watch.
func (l *watched) tell(v *watch, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !bytes.Equal(text, v.last) {
		v.last = text
		close(v.next)
		v.next = make(chan struct{})
	}
}

// state is the last news, and what is closed at the next.
func (l *watched) state(v *watch) ([]byte, chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return v.last, v.next
}

// live streams what moves on a Performance page.
func (w *Web) live(a *ask) error {
	v := readView(a.URL.Query())
	v.AsOf = ""
	key := a.organizer.Slug + "?" + v.with()
	organizer := a.organizer
	follow := w.watched.follow(a.Context(), key, w.deps.Reports.Newest, func(ctx context.Context) ([]byte, error) {
		w.metrics.views.Inc()
		p, err := w.performanceOf(ctx, organizer, v, "/o/"+organizer.Slug+"/performance")
		if err != nil {
			return nil, err
		}
		return json.Marshal(newsOf(p))
	})
	defer w.watched.leave(key, follow)
	w.metrics.streams.Inc()
	defer w.metrics.streams.Dec()
	h := a.rw.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	control := http.NewResponseController(a.rw)
	_ = control.SetWriteDeadline(time.Time{}) // a writer without deadlines is a test's
	end, beat := time.NewTimer(liveLife), time.NewTicker(liveIdle)
	defer end.Stop()
	defer beat.Stop()
	var told []byte
	for {
		text, next := w.watched.state(follow)
		message := ": here\n\n"
		if text != nil && !bytes.Equal(text, told) {
			message, told = fmt.Sprintf("data: %s\n\n", text), text
		}
		if _, err := fmt.Fprint(a.rw, message); err != nil {
			return nil // the page has gone
		}
		if err := control.Flush(); err != nil {
			return nil // likewise
		}
		select {
		case <-a.Context().Done():
			return nil
		case <-end.C:
			return nil
		case <-next:
		case <-beat.C:
		}
	}
}

// newsOf is what a page shows that can move.
func newsOf(p performance) news {
	n := news{Evidence: p.Evidence.Text(), AsOf: p.Evidence.AsOf, Strip: map[string][2]string{}, Rows: map[string][]string{}, All: p.Table.All}
	for _, f := range p.Strip {
		n.Strip[f.Name] = [2]string{f.Value, f.Change}
	}
	for _, l := range append(append([]line{}, p.Table.Rows...), p.Table.Totals...) {
		for _, c := range l.Cells {
			if !c.Left {
				n.Rows[l.Key] = append(n.Rows[l.Key], c.Text)
			}
		}
	}
	return n
}

// Text is the evidence line.
func (e evidence) Text() string {
	return "Days in " + e.Zone + " · " + e.Basis + " · as of " + e.AsOf + " · " + e.Settled
}
