package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReportInEveryFormatIsTheSameBytesTwice: through the command, into a file and
// to standard output.
func TestReportInEveryFormatIsTheSameBytesTwice(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	try := func(args ...string) (out, errs string) {
		t.Helper()
		var o, e bytes.Buffer
		if code := run(append(args, "--data", data), &o, &e); code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, e.String())
		}
		return o.String(), e.String()
	}
	try("organizer", "add", "acme", "--name", "Acme", "--zone", "Europe/Rome", "--currency", "EUR")
	_, errs := try("report")
	asOf := strings.TrimSpace(errs[strings.LastIndex(errs, " ")+1:])
	for _, format := range []string{"table", "csv", "json", "ndjson", "xlsx", "parquet"} {
		file := filepath.Join(t.TempDir(), "report")
		out, errs := try("report", "--as-of", asOf, "--format", format, "--out", file)
		if out != "" || strings.Contains(errs, "\x1b") {
			t.Errorf("%s: with --out %q is written to standard output and %q to standard error", format, out, errs)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := try("report", "--as-of", asOf, "--format", format); again != string(text) || again == "" && format != "ndjson" {
			t.Errorf("%s: %d bytes in the file, %d other ones on standard output", format, len(text), len(again))
		}
	}
}

// TestProgressCountsRowsNotLines: a line's end within a cell is none of a row.
func TestProgressCountsRowsNotLines(t *testing.T) {
	for _, c := range []struct{ format, text, want string }{
		{"csv", "a,b\r\n1,\"two\nlines\"\r\n2,\"say \"\"hi\"\"\n\"\r\n", "2 rows, 0.0 MB"},
		{"csv", "a,b\r\n", "0 rows, 0.0 MB"},
		{"ndjson", "{\"a\":\"\\n\"}\n{}\n{}\n", "3 rows, 0.0 MB"},
		{"xlsx", strings.Repeat("\n", 2_500_000), "2.5 MB"},
	} {
		var terminal bytes.Buffer
		now := time.Unix(0, 0)
		count := &rowCount{
			from: strings.NewReader(c.text), to: &terminal, lines: c.format != "xlsx", quotes: c.format == "csv",
			now: func() time.Time { now = now.Add(progressPause); return now },
		}
		if text, err := io.ReadAll(count); err != nil || string(text) != c.text {
			t.Fatalf("%d bytes of %d came through, %v", len(text), len(c.text), err)
		}
		if count.String() != c.want || !strings.Contains(terminal.String(), c.want) {
			t.Errorf("%s %.20q: %s, on the terminal %q, want %s", c.format, c.text, count, terminal.String(), c.want)
		}
		count.end()
		if !strings.HasSuffix(terminal.String(), "\r\x1b[K") {
			t.Error("the line stays on the terminal")
		}
	}
}

// TestAnswerMadeHereIsReadWhileItIsMade: a long one is never held whole, one that
// fails underway is no whole one, and who stops reading ends it.
func TestAnswerMadeHereIsReadWhileItIsMade(t *testing.T) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://footfall/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	ended := 0
	ask := func(h http.HandlerFunc) (*http.Response, error) {
		return streamHandler(h, func() error { ended++; return nil })(request)
	}
	first := make(chan struct{})
	answer, err := ask(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Kind", "long")
		w.WriteHeader(http.StatusAccepted)
		<-first
		_, _ = io.WriteString(w, "all of it")
	})
	if err != nil || answer.StatusCode != http.StatusAccepted || answer.Header.Get("Kind") != "long" {
		t.Fatalf("%+v, %v", answer, err)
	}
	close(first)
	if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "all of it" {
		t.Errorf("%q, %v", text, err)
	}
	check := func(want int) {
		t.Helper()
		if err := answer.Body.Close(); err != nil || ended != want {
			t.Errorf("%v, ended %d times, want %d", err, ended, want)
		}
	}
	check(1)
	answer, err = ask(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half of it")
		panic(http.ErrAbortHandler)
	})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(answer.Body); !errors.Is(err, errCut) {
		t.Errorf("%q, %v: half was taken for whole", text, err)
	}
	check(2)
	answer, err = ask(func(w http.ResponseWriter, _ *http.Request) {
		for err := error(nil); err == nil; {
			_, err = io.WriteString(w, "without an end")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	check(3)
	if answer, err = ask(func(http.ResponseWriter, *http.Request) {}); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", answer, err)
	}
	check(4)
}
