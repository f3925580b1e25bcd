package main

import (
	"context"
	"net/url"

	"github.com/spf13/cobra"
)

func newExplainCommand(e *env) *cobra.Command {
	var organizer, asOf, format string
	order := &cobra.Command{
		Use:   "order ID",
		Short: "The candidates for an order's credit, the winner, and why each other lost",
		Long: `Prints who an order is credited to, every candidate with the reason that it won
or lost by, the versions and refunds that were received, and what the answer
stands on: policy, catalog revision, as-of. ID is the ticketing site's.`,
		Example: `  footfall explain order A-1001
  footfall explain order A-1001 --organizer acme --format json`,
		Args: takes("order's ID"),
		RunE: func(c *cobra.Command, args []string) error {
			return e.explainOrder(c.Context(), organizer, args[0], asOf, format)
		},
	}
	order.Flags().StringVar(&organizer, "organizer", "", "organizer's slug; needed where there are several")
	order.Flags().StringVar(&asOf, "as-of", "", "what was known at this instant (default: the newest there is)")
	format = "table"
	order.Flags().Var(&choice{&format, []string{"table", "json"}}, "format", "table or json")
	return group("explain", "Why an order is credited as it is",
		"Says of one order who it is credited to, and why nobody else is.", order)
}

func (e *env) explainOrder(ctx context.Context, organizer, id, asOf, format string) error {
	parameters := url.Values{"format": {format}}
	if asOf != "" {
		parameters.Set("as_of", asOf)
	}
	path := "/v1/orders/"
	if organizer != "" {
		path += url.PathEscape(organizer) + "/"
	}
	_, body, err := e.fetch(ctx, path+url.PathEscape(id)+"/explanation?"+parameters.Encode())
	if err != nil {
		return err
	}
	return e.deliver("", body)
}
