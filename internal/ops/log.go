// Package ops is what every role needs to be operated: its log, its admin
// listener, ordered start and stop, signals, and its version.
//
// Its invariant: a role that stops says why, and stops its parts in the reverse
// of the order in which they started, each waited for; only a second signal
// cuts that short.
//
// It refuses to serve the admin pages beyond the machine unless told to, and
// knows nothing of what Footfall counts.
package ops

import (
	"errors"
	"fmt"
	"io"
	stdlog "log" //nolint:depguard // the kind that net/http complains to
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// LogConfig says how the log is written.
type LogConfig struct {
	Format string `koanf:"format" doc:"form of the log's lines: auto, text or json; auto is text on a terminal and JSON elsewhere"`
	Level  string `koanf:"level" doc:"least level that is logged: debug, info, warn or error"`
}

// DefaultLogConfig is what a role starts from.
func DefaultLogConfig() LogConfig { return LogConfig{Format: "auto", Level: "info"} }

// Validate names the values that are allowed.
func (c *LogConfig) Validate() error {
	var errs []error
	switch c.Format {
	case "auto", "text", "json":
	default:
		errs = append(errs, fmt.Errorf("format: %q is none of auto, text, json", c.Format))
	}
	if _, err := c.level(); err != nil {
		errs = append(errs, fmt.Errorf("level: %q is none of debug, info, warn, error", c.Level))
	}
	return errors.Join(errs...)
}

func (c *LogConfig) level() (slog.Level, error) {
	var level slog.Level
	switch c.Level {
	case "debug", "info", "warn", "error":
	default:
		return level, fmt.Errorf("reading log level %q: %w", c.Level, ErrConfig)
	}
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return level, fmt.Errorf("reading log level %q: %w", c.Level, err)
	}
	return level, nil
}

// Logger writes to w, one line a record, times in UTC. Both forms escape what
// could end a line or reach a terminal, so text from outside cannot forge one.
func Logger(w io.Writer, c LogConfig) (*slog.Logger, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("building the log: %w", err)
	}
	level, err := c.level()
	if err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: utcTime}
	if c.Format == "text" || c.Format == "auto" && IsTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return slog.New(slog.NewJSONHandler(w, options)), nil
}

// ServerLog is where a net/http server may complain: at debug level, since
// strangers can make it, and without the addresses that it names them by.
func ServerLog(log *slog.Logger) *stdlog.Logger {
	return stdlog.New(complaints{log}, "", 0)
}

type complaints struct{ log *slog.Logger }

// Write takes one complaint.
func (c complaints) Write(text []byte) (int, error) {
	words := strings.Fields(string(text))
	for i, word := range words {
		if _, err := netip.ParseAddrPort(strings.TrimSuffix(word, ":")); err == nil {
			words[i] = "somebody:"
		}
	}
	c.log.Debug("http server complains", "complaint", strings.Join(words, " "))
	return len(text), nil
}

func utcTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}

// IsTerminal says that a person may be looking at what is written.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// limiterMessages bounds what a Limiter remembers. Messages are constants, so a
// part has a few dozen at most; beyond the bound all share one count.
const limiterMessages = 256

// Limiter logs a message when it first comes and then at most once an interval,
// with the number of those held back since. It is safe for concurrent use.
type Limiter struct {
	log      *slog.Logger
	clock    func() time.Time
	interval time.Duration

	mu   sync.Mutex
	seen map[string]*held // under mu, by message
}

type held struct {
	next  time.Time // when the message may be logged again
	count int64     // how many were held back
}

// Every makes a Limiter over log. Messages are told apart by their text, which
// must be constant.
func Every(interval time.Duration, clock func() time.Time, log *slog.Logger) *Limiter {
	return &Limiter{log: log, clock: clock, interval: interval, seen: map[string]*held{}}
}

// Info logs at info level, or counts.
func (l *Limiter) Info(message string, args ...any) { l.emit(l.log.Info, message, args) }

// Warn logs at warn level, or counts: degraded but serving.
func (l *Limiter) Warn(message string, args ...any) { l.emit(l.log.Warn, message, args) }

// Error logs at error level, or counts: someone must act.
func (l *Limiter) Error(message string, args ...any) { l.emit(l.log.Error, message, args) }

func (l *Limiter) emit(log func(string, ...any), message string, args []any) {
	suppressed, ok := l.admit(message)
	if !ok {
		return
	}
	if suppressed > 0 {
		args = append(slices.Clip(args), "suppressed", suppressed)
	}
	log(message, args...)
}

// admit says whether the message may be logged now, and how many were held back
// since it last was.
func (l *Limiter) admit(message string) (suppressed int64, ok bool) {
	now := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[message] == nil && len(l.seen) >= limiterMessages {
		message = ""
	}
	h := l.seen[message]
	if h == nil {
		l.seen[message] = &held{next: now.Add(l.interval)}
		return 0, true
	}
	// A clock that was set back must not silence a message for hours.
	if now.Before(h.next) && h.next.Sub(now) <= l.interval {
		h.count++
		return 0, false
	}
	suppressed = h.count
	h.next, h.count = now.Add(l.interval), 0
	return suppressed, true
}
