package ops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAStartThatOnlyAnOperatorCanMendIsABadSetting keeps a service manager from
// trying for ever what can't work.
func TestAStartThatOnlyAnOperatorCanMendIsABadSetting(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}()
	listen := func(address string) error {
		_, err := Listen(t.Context(), "edge.listen", address)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		mend bool
	}{
		"port taken":      {listen(taken.Addr().String()), true},
		"foreign address": {listen("192.0.2.1:0"), true},
		"no port":         {listen("127.0.0.1"), true},
		"read-only":       {&os.PathError{Op: "mkdir", Path: "/data", Err: syscall.EROFS}, true},
		"no directory":    {&os.PathError{Op: "mkdir", Path: "/data", Err: syscall.ENOTDIR}, true},
		"no right":        {&os.PathError{Op: "open", Path: "/data", Err: syscall.EACCES}, true},
		"disk full":       {&os.PathError{Op: "write", Path: "/data", Err: syscall.ENOSPC}, false},
		"another process": {errors.New("in use by process 7"), false},
	} {
		part := Part{Name: "edge", Open: func(context.Context) error { return fmt.Errorf("opening: %w", c.err) }, Run: func(context.Context) error { return nil }}
		err := Run(t.Context(), part)
		if !errors.Is(err, c.err) || errors.Is(err, ErrConfig) != c.mend || !strings.HasPrefix(err.Error(), "starting edge: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, a bad setting: %t", name, err, errors.Is(err, ErrConfig))
		}
	}
	// The same fault of a part that ran is no setting: trying again may help.
	broken := Part{Name: "journal", Run: func(context.Context) error { return syscall.EROFS }}
	if err := Run(t.Context(), broken); errors.Is(err, ErrConfig) {
		t.Errorf("a part that ran: %v", err)
	}
}

func TestAClockBeforeTheBuildIsWarnedOf(t *testing.T) {
	build := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		clock time.Time
		info  Info
		warns bool
	}{
		{build.Add(-time.Second), Info{committed: build}, true},
		{build, Info{committed: build}, false},
		{time.Unix(0, 0), Info{}, false}, // nobody knows when it was built
	} {
		var log bytes.Buffer
		r, err := NewRole(&log, func() time.Time { return c.clock }, LogConfig{Format: "json", Level: "info"}, AdminConfig{})
		if err != nil {
			t.Fatal(err)
		}
		r.checkClock(c.info)
		if got := strings.Contains(log.String(), "clock is before"); got != c.warns {
			t.Errorf("clock %v, build %v: %s", c.clock, c.info.committed, log.String())
		}
	}
	if got := versionOf("", "", "2026-11-22T13:00:00+01:00", nil).committed; !got.Equal(build) {
		t.Errorf("the commit's time is %v", got)
	}
}
