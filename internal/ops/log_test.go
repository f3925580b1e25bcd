package ops

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestTextFromOutsideNeverForgesALogLine(t *testing.T) {
	const evil = "curl\nlevel=ERROR msg=\"forged\"\x1b[2J\r\u2028end\xff"
	for _, format := range []string{"text", "json", "auto"} {
		out := bytes.Buffer{}
		log, err := Logger(&out, LogConfig{Format: format, Level: "info"})
		if err != nil {
			t.Fatal(err)
		}
		log.Info("visit refused", "user_agent", evil)
		log.Debug("not at this level")
		line := out.String()
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || strings.ContainsAny(line, "\x1b\r") {
			t.Errorf("%s: wrote %q", format, line)
		}
		if format != "text" && !json.Valid(out.Bytes()) {
			t.Errorf("%s: not JSON where there is no terminal: %q", format, line)
		}
	}
}

func TestAWrongLogSettingIsRefusedWithWhatIsAllowed(t *testing.T) {
	c := LogConfig{Format: "xml", Level: "INFO"}
	err := c.Validate()
	if err == nil || !strings.Contains(err.Error(), "auto, text, json") || !strings.Contains(err.Error(), "debug, info, warn, error") {
		t.Errorf("got %v", err)
	}
	if _, err := Logger(&bytes.Buffer{}, c); err == nil {
		t.Error("built a log from it")
	}
	c = DefaultLogConfig()
	if err := c.Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	if _, err := (&LogConfig{Level: "x"}).level(); !errors.Is(err, ErrConfig) {
		t.Errorf("level: %v", err)
	}
}

func TestARepeatedMessageIsCountedNotLogged(t *testing.T) {
	now, out := time.Unix(1_800_000_000, 0), bytes.Buffer{}
	log := slog.New(slog.NewTextHandler(&out, nil))
	every := Every(time.Minute, func() time.Time { return now }, log)
	lines := func() int { return strings.Count(out.String(), "\n") }
	for range 1000 {
		every.Warn("disk full", "free_bytes", 0)
	}
	every.Error("disk gone")
	if lines() != 2 {
		t.Fatalf("1,000 repeats and another message gave\n%s", out.String())
	}
	now = now.Add(time.Minute)
	every.Warn("disk full", "free_bytes", 0)
	if lines() != 3 || !strings.Contains(out.String(), "suppressed=999") {
		t.Errorf("after the interval\n%s", out.String())
	}
	now = now.Add(-time.Hour)
	every.Warn("disk full")
	if lines() != 4 {
		t.Errorf("a clock set back an hour silenced the message\n%s", out.String())
	}
	for i := range 10 * limiterMessages {
		every.Info(strings.Repeat("x", i))
	}
	if len(every.seen) > limiterMessages+1 {
		t.Errorf("remembers %d messages", len(every.seen))
	}
}

func TestNoServersComplaintNamesAnAddress(t *testing.T) {
	var out bytes.Buffer
	log, err := Logger(&out, LogConfig{Format: "json", Level: "debug"})
	if err != nil {
		t.Fatal(err)
	}
	complaint := ServerLog(log)
	complaint.Printf("http: TLS handshake error from %s: EOF", "203.0.113.7:51234")
	complaint.Printf("http: panic serving %v: %v", "[2001:db8::7]:51234", "boom")
	if got := out.String(); strings.Contains(got, "203.0.113.7") || strings.Contains(got, "2001:db8") ||
		!strings.Contains(got, "handshake error from somebody: EOF") || !strings.Contains(got, "serving somebody: boom") {
		t.Errorf("the log has %s", got)
	}
}
