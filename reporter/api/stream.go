package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// The headers that say how the lake stood when an answer was made. They are no
// part of it: asked again for its as-of, it has the same bytes beside other
// headers.
const (
	headerAsOf       = "Footfall-As-Of"       // microseconds since 1970
	headerSettled    = "Footfall-Settled"     // true: at or below the watermark, so it never changes
	headerCompleteTo = "Footfall-Complete-To" // RFC 3339, or unknown
)

// stream sends its head with the first piece of the answer: until then, a failure
// is still told as a problem.
type stream struct {
	w     http.ResponseWriter
	head  func(http.Header)
	began bool
}

// Write sends a piece of the answer.
func (s *stream) Write(p []byte) (int, error) {
	s.begin()
	return s.w.Write(p)
}

func (s *stream) begin() {
	if !s.began {
		s.began = true
		s.head(s.w.Header())
	}
}

// tables makes answers of rows: a report's, a list's, a statement's.
type tables func(ctx context.Context, deliver func(context.Context, *reports.Table) error) error

// serveTable streams an answer in the format that is asked for. name is what a
// file of it is called. One that fails underway is cut, so that nobody takes half
// for whole.
func (a *API) serveTable(w http.ResponseWriter, r *http.Request, name string, f reports.Format, media string, give tables) {
	s := &stream{w: w}
	err := give(r.Context(), func(ctx context.Context, table *reports.Table) error {
		s.head = func(h http.Header) { tableHead(h, name, f.Name, media, table) }
		if err := a.deps.Reports.WriteTable(ctx, s, f, table); err != nil {
			return fmt.Errorf("writing the answer: %w", err)
		}
		s.begin()
		return nil
	})
	switch {
	case err != nil && s.began:
		a.sent(r, err)
		panic(http.ErrAbortHandler)
	case err != nil:
		a.fail(w, r, asked(err))
	default:
		a.sent(r, nil)
	}
}

func tableHead(h http.Header, name, format, media string, t *reports.Table) {
	complete := "unknown"
	if ms := t.Freshness.CompleteMS; ms > 0 {
		complete = time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
	}
	h.Set(headerAsOf, strconv.FormatInt(t.Facts.AsOfUS, 10))
	h.Set(headerSettled, strconv.FormatBool(t.Freshness.Settled(t.Facts.AsOfUS)))
	h.Set(headerCompleteTo, complete)
	h.Set("Content-Type", media)
	disposition := "attachment"
	if format == "json" || format == "table" {
		disposition = "inline"
	}
	h.Set("Content-Disposition", disposition+`; filename="footfall-`+fileName(name, t.Facts)+extension(format)+`"`)
}

// fileName is safe in a header and on every file system.
func fileName(name string, f reports.Facts) string {
	parts := []string{name}
	for _, part := range []string{f.Organizer, f.Event, f.By} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	parts = append(parts, time.UnixMicro(f.AsOfUS).UTC().Format("20060102T150405.000000Z"))
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, strings.Join(parts, "-"))
}

func extension(format string) string {
	if format == "table" {
		return ".txt"
	}
	return "." + format
}

// format takes the parameters that say how an answer is written out of the others:
// format (JSON where it isn't given), bom and raw.
func (a *API) format(q url.Values) (f reports.Format, media string, err error) {
	f.Name = q.Get("format")
	if f.Name == "" {
		f.Name = "json"
	}
	if media, err = a.deps.Reports.ContentType(f.Name); err != nil {
		return f, "", &problemError{status: http.StatusBadRequest, pointer: "/format", detail: err.Error()}
	}
	for name, into := range map[string]*bool{"bom": &f.BOM, "raw": &f.Raw} {
		switch text := q.Get(name); {
		case slices.Contains([]string{"", "0", "false"}, text):
		case slices.Contains([]string{"1", "true"}, text):
			*into = true
		default:
			return f, "", &problemError{status: http.StatusBadRequest, pointer: "/" + name, detail: fmt.Sprintf("%s is %q: want 1 or 0", name, text)}
		}
		if *into && f.Name != "csv" {
			return f, "", &problemError{status: http.StatusBadRequest, pointer: "/" + name, detail: name + " is of CSV alone: want format=csv"}
		}
	}
	for _, name := range []string{"format", "bom", "raw"} {
		if len(q[name]) > 1 {
			return f, "", &problemError{status: http.StatusBadRequest, pointer: "/" + name, detail: name + " is given more than once"}
		}
		q.Del(name)
	}
	return f, media, nil
}

// asked gives what is wrong with a question the status 400: nothing was sent
// that could be unprocessable.
func asked(err error) error {
	if refusal, ok := admin.AsRefusal(err); ok && refusal.Reason == admin.Invalid {
		bad := *refusal
		bad.Reason = admin.Question
		return &bad
	}
	return err
}

// sent counts an answer, and one that was cut because the asker went away or
// because it failed underway.
func (a *API) sent(r *http.Request, err error) {
	a.metrics.answers.Inc()
	if err != nil {
		a.metrics.cut.Inc()
		a.deps.Log.Warn("an answer was cut", "request_id", requestID(r), "pattern", r.Pattern, "error", err)
	}
}
