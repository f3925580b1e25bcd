package main

import (
	"context"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

// exceptionFlags are the list's parameters by the name that the API gives them.
type exceptionFlags struct {
	text   map[string]*string
	limit  int
	format string
	out    string
}

func newExceptionsCommand(e *env) *cobra.Command {
	flags := &exceptionFlags{text: map[string]*string{}}
	c := &cobra.Command{
		Use:   "exceptions",
		Short: "Orders and refunds that a person should look at",
		Long: `Lists what stands in no figure, or only in one of two ways: orders and refunds that
came again with other content, refunds set aside because they ask for more than is
left of their order, refunds that wait for their order, and what is dated ahead of
the clock. footfall explain order says more of each.`,
		Example: `  footfall exceptions
  footfall exceptions --kind refund_set_aside --from 2026-11-01 --to 2026-12-01
  footfall exceptions --format csv --out look-at.csv`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return e.exceptions(c.Context(), flags) },
	}
	for _, f := range []struct{ name, usage string }{
		{"organizer", "organizer's slug; needed where there are several"},
		{"kind", "only order_conflict, refund_conflict, refund_set_aside, refund_waiting, order_ahead or refund_ahead"},
		{"from", "first day, or an instant (RFC 3339); none: from the beginning"},
		{"to", "the day, or instant, that the range ends before; none: no end"},
		{"as-of", "what was known at this instant, as a report prints it (default: the newest there is)"},
	} {
		flags.text[f.name] = c.Flags().String(f.name, "", f.usage)
	}
	c.Flags().IntVar(&flags.limit, "limit", 0, "rows at most (default: all)")
	c.Flags().StringVar(&flags.out, "out", "", "file to write, whole or not at all")
	addExportFormat(c, &flags.format)
	return c
}

func (e *env) exceptions(ctx context.Context, flags *exceptionFlags) error {
	parameters := url.Values{"format": {flags.format}}
	for name, value := range flags.text {
		if *value != "" {
			parameters.Set(parameterOf(name), *value)
		}
	}
	if flags.limit != 0 {
		parameters.Set("limit", strconv.Itoa(flags.limit))
	}
	header, err := e.export(ctx, "/v1/exceptions?"+parameters.Encode(), flags.format, flags.out)
	if err != nil {
		return err
	}
	return e.sayStanding(header)
}
