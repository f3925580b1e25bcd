package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"footfall/schemas/policy"
)

func policySheet() sheet[policy.Listed] {
	return sheet[policy.Listed]{
		columns: []string{"Organizer", "Version", "From", "Until", "In force", "Policy"},
		row: func(p policy.Listed) []string {
			from, until := "the beginning", ""
			if p.From != nil {
				from = moment(*p.From)
			}
			if p.Until != nil {
				until = moment(*p.Until)
			}
			return []string{p.Organizer, strconv.Itoa(p.Version), from, until, yesNo(p.InForce), p.Words}
		},
	}
}

func newPolicyCommand(e *env) *cobra.Command {
	return group("policy", "How orders are credited: show, list, set",
		`An organizer's attribution policy says by which rules an order is credited to a
visit or a tracking code. It is versioned and dated: an order is credited by the
version in force at its date, and a report or an explanation can ask what another
version would have given with --policy.`,
		policyShow(e), policyList(e), policySet(e))
}

func (e *env) policies(c *cobra.Command, organizer string) ([]policy.Listed, error) {
	return listAll[policy.Listed](c.Context(), e.call, address([]string{"policies"}, "organizer", organizer))
}

func policyShow(e *env) *cobra.Command {
	var organizer, format string
	c := &cobra.Command{
		Use: "show [VERSION] [--organizer SLUG]", Short: "Show the policy in force now, or a version", Args: cobra.MaximumNArgs(1),
		Example: `  footfall policy show
  footfall policy show 2 --format json`,
		RunE: func(c *cobra.Command, args []string) error {
			list, err := e.policies(c, organizer)
			if err != nil {
				return err
			}
			for _, p := range list {
				if len(args) == 0 && p.InForce || len(args) == 1 && strconv.Itoa(p.Version) == args[0] {
					return policySheet().one(e, format, p)
				}
			}
			return usagef("policy version %s is not known: footfall policy list says which there are", strings.Join(args, ""))
		},
	}
	addOrganizerFlag(c, &organizer)
	addFormat(c, &format)
	return c
}

func policyList(e *env) *cobra.Command {
	var organizer, format string
	c := &cobra.Command{
		Use: "list [--organizer SLUG]", Short: "List every version of an organizer's policy", Args: takes(),
		Example: "  footfall policy list --format csv",
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := e.policies(c, organizer)
			if err != nil {
				return err
			}
			return policySheet().all(e, format, list)
		},
	}
	addOrganizerFlag(c, &organizer)
	addFormat(c, &format)
	return c
}

func policySet(e *env) *cobra.Command {
	var set policy.Set
	var windowDays int
	var cut bool
	var pick, format string
	c := &cobra.Command{
		Use:   "set [--window-days N] [--pick first|last] [--rules RULE,…] [--cut-at-event-end=false] [--from DATE]",
		Short: "Set a further version, for orders from a coming day on", Args: takes(),
		Long: `Set a further version of the policy, for orders dated from the midnight on at which
--from begins in the organizer's zone. What is left out stays as it is then.

Rules, the strongest first: click_id (the click id on the order), affiliate (the
tracking code on the order), coupon (the code that the order's coupon is bound to),
visitor (an earlier visit by the same cookie). A rule that isn't named credits nothing.`,
		Example: `  footfall policy set --window-days 14
  footfall policy set --rules click_id,coupon,affiliate --pick first --from 2027-01-01`,
		RunE: func(c *cobra.Command, _ []string) error {
			changed := c.Flags().Changed
			if changed("window-days") {
				set.WindowDays = &windowDays
			}
			if changed("pick") {
				set.Pick = &pick
			}
			if changed("cut-at-event-end") {
				set.CutAtEventEnd = &cut
			}
			if set.WindowDays == nil && set.Pick == nil && set.CutAtEventEnd == nil && set.Rules == nil {
				return usagef("nothing is changed: give --window-days, --pick, --rules or --cut-at-event-end")
			}
			var p policy.Listed
			if err := e.call(c.Context(), "POST", address([]string{"policies"}), set, &p); err != nil {
				return err
			}
			return policySheet().one(e, format, p)
		},
	}
	addOrganizerFlag(c, &set.Organizer)
	c.Flags().IntVar(&windowDays, "window-days", 0, "a visit credits orders up to so many times 24 hours later")
	c.Flags().StringVar(&pick, "pick", "", "first or last: which of the visits that one rule finds is credited")
	c.Flags().StringSliceVar(&set.Rules, "rules", nil, "some of click_id, affiliate, coupon, visitor, the strongest first")
	c.Flags().BoolVar(&cut, "cut-at-event-end", true, "orders from the event's end on are not credited to visits")
	c.Flags().StringVar(&set.From, "from", "", "coming day of the organizer's zone, like 2026-12-01, or beginning while it has no event; left out: the next day")
	addFormat(c, &format)
	return c
}
