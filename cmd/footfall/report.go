package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"
)

// reportFlags are a report's parameters by the name that the API gives them.
type reportFlags struct {
	text   map[string]*string
	limit  int
	format string
	out    string
}

func newReportCommand(e *env) *cobra.Command {
	flags := &reportFlags{text: map[string]*string{}}
	c := &cobra.Command{
		Use:   "report",
		Short: "Visits, orders, tickets and sales by affiliate, code, event or day",
		Long: `Prints one row for each affiliate, tracking code, event or day, in each currency.

A range is half-open: --from 2026-11-01 --to 2026-12-01 is November, in the
event's zone with --event, else in the organizer's. The report says its as-of;
asked again with --as-of it gives the same bytes. What is true of the lake only
now (settled or provisional, complete to) is written to standard error.`,
		Example: `  footfall report
  footfall report --by day --event summer-night --from 2026-11-01 --to 2026-12-01
  footfall report --by code --sort -visits --limit 10 --format csv --out codes.csv`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return e.report(c.Context(), flags) },
	}
	for _, f := range []struct{ name, value, usage string }{
		{"by", "affiliate", "affiliate, code, event or day"},
		{"from", "", "first day, or an instant (RFC 3339); none: from the beginning"},
		{"to", "", "the day, or instant, that the range ends before; none: no end"},
		{"organizer", "", "organizer's slug; needed where there are several and no --event"},
		{"event", "", "only this event (slug)"},
		{"affiliate", "", "only this affiliate (id, email, nickname or name), or direct: orders without credit"},
		{"code", "", "only this tracking code, or direct"},
		{"sort", "", "column, with - before it for descending (default -total_sales, or day)"},
		{"as-of", "", "what was known at this instant, as a report prints it (default: the newest there is)"},
	} {
		flags.text[f.name] = c.Flags().String(f.name, f.value, f.usage)
	}
	c.Flags().IntVar(&flags.limit, "limit", 0, "rows at most; the totals are of all (default: all)")
	c.Flags().StringVar(&flags.out, "out", "", "file to write, whole or not at all")
	addFormat(c, &flags.format)
	return c
}

func (e *env) report(ctx context.Context, flags *reportFlags) error {
	parameters := url.Values{"format": {flags.format}}
	for name, value := range flags.text {
		if *value != "" {
			parameters.Set(parameterOf(name), *value)
		}
	}
	if flags.limit != 0 {
		parameters.Set("limit", strconv.Itoa(flags.limit))
	}
	answer, body, err := e.fetch(ctx, "/v1/report?"+parameters.Encode())
	if err != nil {
		return err
	}
	if err := e.deliver(flags.out, body); err != nil {
		return err
	}
	state := "provisional: what is still on its way may change it"
	if answer.Get("Footfall-Settled") == "true" {
		state = "settled: it will never change"
	}
	_, err = fmt.Fprintf(e.Err, "%s; complete to %s; the same bytes again with --as-of %s\n",
		state, answer.Get("Footfall-Complete-To"), answer.Get("Footfall-As-Of"))
	return err
}

// parameterOf is a flag's name in the API.
func parameterOf(flag string) string {
	if flag == "as-of" {
		return "as_of"
	}
	return flag
}

// fetch gets a whole answer before any of it is written, so that a failure
// leaves no half a report behind.
func (e *env) fetch(ctx context.Context, path string) (http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://footfall"+path, http.NoBody)
	if err != nil {
		return nil, nil, fmt.Errorf("making the request %s: %w", path, err)
	}
	answer, err := e.roundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusMultipleChoices {
		return nil, nil, readProblem(answer)
	}
	var body bytes.Buffer
	if _, err := io.Copy(&body, answer.Body); err != nil {
		return nil, nil, fmt.Errorf("reading the answer to %s: %w", path, err)
	}
	return answer.Header, body.Bytes(), nil
}

// deliver writes to standard output, or to a file that is there whole or not at all.
func (e *env) deliver(file string, body []byte) error {
	if file == "" {
		_, err := e.Out.Write(body)
		return err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	const readable = 0o644
	if err := renameio.WriteFile(path, body, readable); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}
