package main

import (
	"context"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

func newExplainCommand(e *env) *cobra.Command {
	var organizer, asOf, format string
	var policy int
	order := &cobra.Command{
		Use:   "order ID",
		Short: "The candidates for an order's credit, the winner, and why each other lost",
		Long: `Prints who an order is credited to, every candidate with the reason that it won
or lost by, the versions and refunds that were received, and what the answer
stands on: policy, catalog revision, as-of. ID is the ticketing site's. With
--policy it is credited by that version, whatever was in force at its date.`,
		Example: `  footfall explain order A-1001
  footfall explain order A-1001 --organizer acme --format json
  footfall explain order A-1001 --policy 2`,
		Args: takes("order's ID"),
		RunE: func(c *cobra.Command, args []string) error {
			return e.explainOrder(c.Context(), organizer, args[0], asOf, policy, format)
		},
	}
	order.Flags().StringVar(&organizer, "organizer", "", "organizer's slug; needed where there are several")
	order.Flags().StringVar(&asOf, "as-of", "", "what was known at this instant (default: the newest there is)")
	order.Flags().IntVar(&policy, "policy", 0, "what if: credit by this version of the policy (default: the one in force at the order's date)")
	format = "table"
	order.Flags().Var(&choice{&format, []string{"table", "json"}}, "format", "table or json")
	return group("explain", "Why an order is credited as it is",
		"Says of one order who it is credited to, and why nobody else is.", order)
}

func (e *env) explainOrder(ctx context.Context, organizer, id, asOf string, policy int, format string) error {
	parameters := url.Values{"format": {format}}
	if asOf != "" {
		parameters.Set("as_of", asOf)
	}
	if policy != 0 {
		parameters.Set("policy", strconv.Itoa(policy))
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
