package ops

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary notes what happens, in order.
type diary struct {
	mu   sync.Mutex
	text []string
}

func (d *diary) note(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text = append(d.text, text)
}

func (d *diary) part(name string, err error) Part {
	return Part{
		Name: name,
		Open: func(context.Context) error { d.note("open " + name); return nil },
		Run:  func(ctx context.Context) error { <-ctx.Done(); d.note("stop " + name); return err },
	}
}

func TestPartsStopInReverseEachWaitedFor(t *testing.T) {
	d, broken := &diary{}, errors.New("sync failed")
	ctx, cancel := context.WithCancel(t.Context())
	last := Part{Name: "last", Run: func(ctx context.Context) error { cancel(); <-ctx.Done(); d.note("stop last"); return ctx.Err() }}
	err := Run(ctx, d.part("journal", broken), d.part("consumer", nil), d.part("edge", nil), last)
	want := []string{"open journal", "open consumer", "open edge", "stop last", "stop edge", "stop consumer", "stop journal"}
	if !slices.Equal(d.text, want) {
		t.Errorf("got %v", d.text)
	}
	if !errors.Is(err, broken) || err.Error() != "running journal: sync failed" {
		t.Errorf("got %v", err)
	}
}

func TestAPartThatEndsEarlyStopsTheRoleAndIsNamed(t *testing.T) {
	d, broken := &diary{}, errors.New("disk gone")
	for name, c := range map[string]struct {
		part Part
		want error
		text string
	}{
		"error":        {Part{Name: "feed", Run: func(context.Context) error { return broken }}, broken, "running feed: disk gone"},
		"silent":       {Part{Name: "feed", Run: func(context.Context) error { return nil }}, ErrStopped, "running feed: stopped by itself"},
		"own deadline": {Part{Name: "feed", Run: func(context.Context) error { return context.Canceled }}, ErrStopped, "running feed: stopped by itself"},
		"open": {Part{Name: "feed", Open: func(context.Context) error { return broken }, Run: func(context.Context) error {
			t.Error("ran a part that could not open")
			return nil
		}}, broken, "starting feed: disk gone"},
	} {
		err := Run(t.Context(), d.part("journal", nil), c.part)
		if !errors.Is(err, c.want) || err.Error() != c.text {
			t.Errorf("%s: %v", name, err)
		}
		if d.text[len(d.text)-1] != "stop journal" {
			t.Errorf("%s: the journal was not stopped: %v", name, d.text)
		}
	}
}

func TestAStopDuringTheStartIsNoFailure(t *testing.T) {
	d := &diary{}
	ctx, cancel := context.WithCancel(t.Context())
	slow := Part{Name: "catalog", Open: func(ctx context.Context) error { cancel(); return ctx.Err() }, Run: d.part("", nil).Run}
	err := Run(ctx, d.part("journal", nil), slow, d.part("edge", nil))
	if err != nil || !slices.Equal(d.text, []string{"open journal", "stop journal"}) {
		t.Errorf("%v, %v", err, d.text)
	}
}

func TestASecondSignalAbandonsADrainThatHangs(t *testing.T) {
	signals := make(chan os.Signal)
	ctx, release := withSignals(t.Context(), signals)
	defer release()
	draining, letGo := make(chan struct{}), make(chan struct{})
	hangs := Part{Name: "consumer", Run: func(ctx context.Context) error {
		<-ctx.Done()
		close(draining)
		<-letGo
		return nil
	}}
	d, done := &diary{}, make(chan error, 1)
	go func() { done <- Run(ctx, d.part("journal", nil), hangs) }()
	signals <- syscall.SIGTERM
	<-draining
	signals <- syscall.SIGTERM
	err := <-done
	close(letGo)
	if !errors.Is(err, ErrAbandoned) || !strings.Contains(err.Error(), "journal, consumer") {
		t.Errorf("got %v", err)
	}
}

func TestOneSignalDrains(t *testing.T) {
	signals := make(chan os.Signal)
	ctx, release := withSignals(t.Context(), signals)
	d, done := &diary{}, make(chan error, 1)
	go func() { done <- Run(ctx, d.part("journal", nil)) }()
	signals <- syscall.SIGINT
	if err := <-done; err != nil {
		t.Errorf("got %v", err)
	}
	release()
	live, stop := Signals(t.Context())
	stop()
	if live.Err() == nil {
		t.Error("the context outlives its signals")
	}
}

func TestVersionIsNeverEmpty(t *testing.T) {
	build := &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"},
	}}
	for want, got := range map[string]Info{
		"footfall devel, commit unknown, unknown":         versionOf("", "", "", nil),
		"footfall devel, commit abc, modified, go1.26.0":  versionOf("", "", "", build),
		"footfall v0.1.0, commit def, modified, go1.26.0": versionOf("v0.1.0", "def", "", build),
		"footfall v0.2.0, commit unknown, go1.26.0":       versionOf("", "", "", &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "v0.2.0"}}),
		Version().String(): Version(),
	} {
		if got.String() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
