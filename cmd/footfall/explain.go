package main

import (
	"context"
	"net/url"

	"github.com/spf13/cobra"
)

func newExplainCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "explain",
		Short: "Why an order is credited as it is",
	}
	var organizer, asOf, format string
	order := &cobra.Command{
		Use:   "order ID",
		Short: "The candidates for an order's credit, the winner, and why each other lost",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return e.explainOrder(c.Context(), organizer, args[0], asOf, format)
		},
	}
	order.Flags().StringVar(&organizer, "organizer", "", "organizer's slug; needed where there are several")
	order.Flags().StringVar(&asOf, "as-of", "", "what was known at this instant (default: the newest there is)")
	order.Flags().StringVar(&format, "format", "table", "table or json")
	c.AddCommand(order)
	return c
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
