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
	yes    map[string]*bool
	limit  int
	offset int
	policy int
	format string
	out    string
}

func newReportCommand(e *env) *cobra.Command {
	flags := &reportFlags{text: map[string]*string{}, yes: map[string]*bool{}}
	c := &cobra.Command{
		Use:   "report",
		Short: "Visits, orders, tickets and sales by affiliate, code, event, day, source and more",
		Long: `Prints one row for each affiliate, tracking code, event, day or other thing that
--by names, or for each two of them, in each currency.

A range is half-open: --from 2026-11-01 --to 2026-12-01 is November, in the
event's zone with --event, else in the organizer's. The report says its as-of;
asked again with --as-of it gives the same bytes. What is true of the lake only
now (settled or provisional, complete to) is written to standard error.`,
		Example: `  footfall report
  footfall report --by day --event summer-night --from 2026-11-01 --to 2026-12-01
  footfall report --by code --sort -visits --limit 10 --format csv --out codes.csv
  footfall report --by affiliate,month --where 'visits>=10 and source!=(none)' --columns default,share
  footfall report --by week --from 2026-11-02 --to 2026-11-23 --compare previous`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return e.report(c.Context(), flags) },
	}
	flags.add(c, "affiliate", "")
	return c
}

// newWaterfallCommand is a report whose columns lead from requests to orders.
func newWaterfallCommand(e *env) *cobra.Command {
	flags := &reportFlags{text: map[string]*string{}, yes: map[string]*bool{}}
	c := &cobra.Command{
		Use:   "waterfall",
		Short: "What became of every request: by verdict, valid visits, visitors, orders, tickets",
		Long: `Prints for each tracking code, or what --by names, how many requests there were,
how many of them fell to each verdict, and what is left: valid visits, unique
visitors, orders and tickets. It is "footfall report --columns waterfall"; every
flag of a report is one of it too.`,
		Example: `  footfall waterfall --event summer-night
  footfall waterfall --by affiliate --from 2026-11-01 --to 2026-12-01`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return e.report(c.Context(), flags) },
	}
	flags.add(c, "code", "waterfall")
	return c
}

// add gives a command a report's flags.
func (flags *reportFlags) add(c *cobra.Command, by, columns string) {
	for _, f := range []struct{ name, value, usage string }{
		{"by", by, "affiliate, code, event, organizer, day, hour, minute, week, month, source, verdict, ticket-type, typed, order, sub1 to sub5, utm-source, utm-medium, utm-campaign, utm-term or utm-content; or two, by a comma"},
		{"from", "", "first day, or an instant (RFC 3339); none: from the beginning"},
		{"to", "", "the day, or instant, that the range ends before; none: no end"},
		{"organizer", "", "organizer's slug; needed where there are several and no --event"},
		{"event", "", "only this event (slug)"},
		{"affiliate", "", "only this affiliate (id, email, nickname or name), direct: without credit, or unknown_code"},
		{"code", "", "only this tracking code, direct or unknown_code"},
		{"where", "", "conditions, such as 'source=google.com and visits>=10'"},
		{"sort", "", "columns, each with - before it for descending (default -total_sales, or the time)"},
		{"columns", columns, "figures by commas, or default, waterfall or all"},
		{"currency", "", "rows and totals of this currency alone"},
		{"nobody", "", "last: direct and unknown codes stand behind all others"},
		{"compare", "", "with previous (the range just before), year (a year before) or FROM/TO (a range of its own)"},
		{"basis", "", "order (default: an order counts on its date) or visit (on its credited visit's)"},
		{"zone", "", "IANA time zone (default: the event's, else the organizer's)"},
		{"as-of", "", "what was known at this instant, as a report prints it (default: the newest there is)"},
	} {
		flags.text[f.name] = c.Flags().String(f.name, f.value, f.usage)
	}
	c.Flags().IntVar(&flags.offset, "offset", 0, "rows that come before the first: with --limit and --as-of, a page")
	c.Flags().IntVar(&flags.limit, "limit", 0, "rows at most; the totals are of all (default: all)")
	c.Flags().IntVar(&flags.policy, "policy", 0, "what if every order were credited by this version of the policy (default: the one in force at its date)")
	c.Flags().StringVar(&flags.out, "out", "", "file to write, whole or not at all")
	for _, f := range []struct{ name, usage string }{
		{"settled", "only if nothing of it can change any more; without --as-of the newest that is so"},
		{"bom", "with --format csv: a byte order mark first, for spreadsheets that need it"},
		{"raw", "with --format csv: texts as they are, not safe from formulas"},
	} {
		flags.yes[f.name] = c.Flags().Bool(f.name, false, f.usage)
	}
	addExportFormat(c, &flags.format)
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
	if flags.offset != 0 {
		parameters.Set("offset", strconv.Itoa(flags.offset))
	}
	if flags.policy != 0 {
		parameters.Set("policy", strconv.Itoa(flags.policy))
	}
	for name, yes := range flags.yes {
		if *yes {
			parameters.Set(name, "1")
		}
	}
	header, err := e.export(ctx, "/v1/report?"+parameters.Encode(), flags.format, flags.out)
	if err != nil {
		return err
	}
	return e.sayStanding(header)
}

// sayStanding says beside an answer how the lake stood when it was made.
func (e *env) sayStanding(header http.Header) error {
	state := "provisional: what is still on its way may change it"
	if header.Get("Footfall-Settled") == "true" {
		state = "settled: it will never change"
	}
	_, err := fmt.Fprintf(e.Err, "%s; complete to %s; the same bytes again with --as-of %s\n",
		state, header.Get("Footfall-Complete-To"), header.Get("Footfall-As-Of"))
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
